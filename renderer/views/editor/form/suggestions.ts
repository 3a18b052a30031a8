// Names that a field can mean: devices and memory modules of the file, moments of the migration.
import { isGroup, valueAt } from '../document/edits.ts';
import type { Field } from '../schema/fields.ts';

const MOMENTS = ['setup', 'precopy', 'round 2', 'round 3', 'switchover', 'stop', 'resume', 'end'];

export function suggestionsFor({ key, kind }: Field, file: unknown): readonly string[] {
  if (kind !== 'text') return [];
  if (key === 'device') return names(valueAt(file, ['devices']));
  if (key === 'dimm') return names(valueAt(file, ['guest', 'dimms']));
  if (key === 'on') return MOMENTS;
  if (key === 'outcome') return ['completed', 'timed-out', 'cancelled', 'failed'];
  return [];
}

function names(list: unknown): readonly string[] {
  if (!Array.isArray(list)) return [];
  return [
    ...new Set(list.flatMap((one: unknown) => (isGroup(one) && typeof one['name'] === 'string' ? [one['name']] : []))),
  ];
}
