// What the form of a new sweep holds, as the `sweep` section of a file.
import type { OfferedField } from '../../../main/contract/sweeps.ts';

export interface FieldDraft {
  readonly field: OfferedField;
  readonly mode: 'list' | 'range';
  /** Values separated by commas. */
  readonly list: string;
  readonly from: string;
  readonly to: string;
  readonly steps: number;
  readonly scale: 'linear' | 'log';
}

export interface SweepDraft {
  readonly method: 'grid' | 'latin-hypercube';
  readonly points: number;
  readonly seeds: number;
  readonly fields: readonly FieldDraft[];
}

const RANGED: ReadonlySet<string> = new Set([
  ...['size', 'duration', 'rate', 'page-rate', 'pages', 'share', 'percent', 'cost', 'number', 'integer'],
]);

export const canRange = ({ kind }: Pick<OfferedField, 'kind'>): boolean => RANGED.has(kind);

/** A field as it is first put into the form: all choices, or the value that it has. */
export function draftOf(field: OfferedField): FieldDraft {
  const list = field.choices.length > 0 ? field.choices.join(', ') : field.value;
  const mode = canRange(field) && field.choices.length === 0 ? 'range' : 'list';
  return { field, mode, list, from: field.value, to: '', steps: 5, scale: 'linear' };
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export function sectionOf({ method, points, seeds, fields }: SweepDraft): Record<string, Json> {
  const varied = Object.fromEntries(
    fields.map(({ field, mode, list, from, to, steps, scale }): [string, Json] => {
      if (mode === 'list') return [field.name, list.split(',').flatMap((text) => valueOf(field, text) ?? [])];
      const range: Record<string, Json> = { from: valueOf(field, from) ?? '', to: valueOf(field, to) ?? '' };
      if (method === 'grid') range['steps'] = steps;
      if (scale === 'log') range['scale'] = scale;
      return [field.name, range];
    }),
  );
  return {
    ...(method === 'grid' ? {} : { method, points }),
    fields: varied,
    ...(seeds === 1 ? {} : { seeds }),
  };
}

/** As it would be written in a file: plain numbers and switches are no texts. */
function valueOf({ kind }: OfferedField, text: string): Json | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (kind === 'switch' && (trimmed === 'true' || trimmed === 'false')) return trimmed === 'true';
  if ((kind === 'integer' || kind === 'number' || trimmed === '0') && !Number.isNaN(Number(trimmed)))
    return Number(trimmed);
  return trimmed;
}
