// The tables of docs/experiment-file.md, made from the JSON Schema, so that the page cannot say anything else than the
// program. In the page a table stands between `<!-- fields: SECTION -->` and `<!-- end -->`; `top` is the top level.
// A table has one row a field, nested ones by their path; a field that only some device types, patterns or changes have
// names them, and so does a default that differs.

import { experimentJsonSchema } from '../../engine/experiment/jsonschema.ts';
import type { JsonSchema } from '../../engine/experiment/jsonschema.ts';

interface Place {
  readonly field: JsonSchema;
  readonly required: boolean;
  /** The variant (`nic`, `hotcold`, `unmap`) in which it stands. */
  readonly variant: string;
}

const schema = experimentJsonSchema();
const TOP_LEVEL_GROUPS = Object.entries(schema.properties ?? {})
  .filter(([, property]) => isGroup(property as JsonSchema))
  .map(([name]) => name);
/** Sections with a table each. Workloads have one of their own: they are the largest part of the guest. */
export const SECTIONS: readonly string[] = ['top', ...TOP_LEVEL_GROUPS, 'guest.workloads'];

function isGroup(field: JsonSchema): boolean {
  const inner = (field.items ?? field) as JsonSchema;
  return inner.properties !== undefined || inner.oneOf !== undefined;
}

export function fieldTable(section: string): string {
  const places = new Map<string, Place[]>();
  if (section === 'top') {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const required = schema.required?.includes(name) ?? false;
      places.set(name, [{ field: property as JsonSchema, required, variant: '' }]);
    }
  } else {
    let at = schema;
    for (const step of section.split('.')) at = (at.properties as Record<string, JsonSchema>)[step]!;
    collect(at, '', '', places, section === 'guest' ? ['workloads'] : []);
  }
  const rows = [...places].map(([path, found]) => row(path, found, section));
  return ['| field | default | what it is | source |', '|---|---|---|---|', ...rows].join('\n');
}

/** Every field below `at` with its path; lists and switches are looked into. */
function collect(
  at: JsonSchema,
  path: string,
  variant: string,
  places: Map<string, Place[]>,
  skip: readonly string[] = [],
): void {
  if (at.items !== undefined) {
    collect(at.items as JsonSchema, path === '' ? '' : `${path}[]`, variant, places);
    return;
  }
  if (at.oneOf) {
    for (const option of at.oneOf) {
      const kind = Object.values(option.properties ?? {}).find((each) => (each as JsonSchema).const !== undefined);
      collect(option, path, variant === '' ? String((kind as JsonSchema).const) : variant, places);
    }
    return;
  }
  const group = at.anyOf?.find((option) => option.type === 'object') ?? at;
  for (const [name, property] of Object.entries(group.properties ?? {})) {
    const field = property as JsonSchema;
    if (name === 'enabled' || field.const !== undefined || skip.includes(name)) continue;
    const here = path === '' ? name : `${path}.${name}`;
    const required = group.required?.includes(name) ?? false;
    const known = places.get(here);
    if (known) known.push({ field, required, variant });
    else places.set(here, [{ field, required, variant }]);
    collect(field, here, variant, places);
  }
}

function row(path: string, found: readonly Place[], section: string): string {
  const { field } = found[0]!;
  const variants = [...new Set(found.map(({ variant }) => variant))].filter((variant) => variant !== '');
  const all = variants.length === 0 || variants.length === variantsOf(section);
  const only = all ? '' : ` (${variants.join(', ')})`;
  const text = [field.description ?? '', allowed(field)].filter((part) => part !== '').join(' ');
  return `| \`${path}\`${only} | ${defaults(found)} | ${escape(text)} | ${escape((field['x-source'] as string | undefined) ?? '')} |`;
}

function variantsOf(section: string): number {
  if (section === 'devices') return ((schema.properties!['devices'] as JsonSchema).items as JsonSchema).oneOf!.length;
  if (section === 'changes') return ((schema.properties!['changes'] as JsonSchema).items as JsonSchema).oneOf!.length;
  const guest = schema.properties!['guest'] as JsonSchema;
  return ((guest.properties!['workloads'] as JsonSchema).items as JsonSchema).oneOf!.length;
}

/** One default, or one for each variant where they differ. */
function defaults(found: readonly Place[]): string {
  const shown = new Map<string, string[]>();
  for (const place of found) {
    const text = byDefault(place);
    shown.set(text, [...(shown.get(text) ?? []), place.variant]);
  }
  if (shown.size === 1) return [...shown.keys()][0]!;
  return [...shown].map(([text, variants]) => `${variants.join(', ')}: ${text}`).join('; ');
}

function byDefault({ field, required }: Place): string {
  if (required) return '*required*';
  const value = (field.default ?? field['x-default']) as string | number | boolean | object | undefined;
  if (value === undefined) return '–';
  if (Array.isArray(value)) return '`[]`';
  return typeof value === 'object' ? '' : `\`${value}\``;
}

function allowed(field: JsonSchema): string {
  if (field.enum) return `One of ${field.enum.map((value) => `\`${String(value)}\``).join(', ')}.`;
  const [min, max] = [field['x-min'] ?? field.minimum, field['x-max'] ?? field.maximum] as (string | undefined)[];
  if (min !== undefined && max !== undefined) return `From ${min} to ${max}.`;
  if (min !== undefined) return `At least ${min}.`;
  return max === undefined ? '' : `At most ${max}.`;
}

const escape = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const TABLE = /<!-- fields: (\S+) -->\n[\s\S]*?<!-- end -->/g;

/** The page with all its tables made anew. */
export function withTables(page: string): string {
  return page.replace(TABLE, (_, section: string) => {
    return `<!-- fields: ${section} -->\n\n<!-- prettier-ignore -->\n${fieldTable(section)}\n\n<!-- end -->`;
  });
}

/** The sections that the page has a table for. */
export function sectionsOf(page: string): string[] {
  return [...page.matchAll(TABLE)].map(([, section]) => section!);
}
