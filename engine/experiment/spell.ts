// The other way: a validated experiment as a file's text, with only what differs from the defaults.
//
// Walks the JSON Schema beside the values, because it is plain data and knows each field's unit and default. What was
// resolved (regions, rings, page sizes) is written out. parse(experimentText(e)) gives e again: a property test says so.

import { stringify } from 'yaml';
import { invariant } from '../core/invariant.ts';
import { GOVERNS_KEYWORD } from './field.ts';
import { experimentJsonSchema } from './jsonschema.ts';
import type { JsonSchema } from './jsonschema.ts';
import { QUANTITY_KEYWORD, readQuantity, spellQuantity } from './quantity.ts';
import type { QuantityKind } from './quantity.ts';
import type { Experiment } from './schema.ts';

let schema: JsonSchema | undefined;

/** The experiment as YAML: names as in the file, values with units, defaults left out. */
export function experimentText(experiment: Experiment): string {
  return stringify(experimentFields(experiment), { lineWidth: 0 });
}

/** The same as plain values, as a program would hand them in. */
export function experimentFields(experiment: Experiment): Record<string, unknown> {
  schema ??= experimentJsonSchema();
  return (spell(schema, experiment) ?? {}) as Record<string, unknown>;
}

type Fields = Readonly<Record<string, unknown>>;

/** The written form of a value; undefined where it is the default. */
function spell(at: JsonSchema, value: unknown): unknown {
  if (value === undefined) return undefined;
  const kind = at[QUANTITY_KEYWORD] as QuantityKind | undefined;
  if (kind !== undefined) {
    if (at.default !== undefined && readQuantity(kind, at.default as string | number) === value) return undefined;
    return spellQuantity(kind, value as number);
  }
  if (at.oneOf) return spellObject(variant(at.oneOf, value as Fields), value as Fields);
  if (at.anyOf) return spellSwitch(at, value as Fields);
  if (at.type === 'array') {
    const items = value as readonly unknown[];
    if (items.length === 0 && Array.isArray(at.default)) return undefined;
    return items.map((item) => spellAlways(at.items as JsonSchema, item));
  }
  if (at.type === 'object') {
    const fields = spellObject(at, value as Fields);
    return Object.keys(fields).length === 0 && at.default !== undefined ? undefined : fields;
  }
  // A condition of `expect` keeps its text.
  if (typeof value === 'object' && value !== null) return (value as { text: string }).text;
  return value === at.default ? undefined : value;
}

/** Items of lists are written whether or not they are the default. */
function spellAlways(at: JsonSchema, value: unknown): unknown {
  const { default: byDefault, ...rest } = at;
  return spell(byDefault === undefined ? at : rest, value);
}

function spellObject(at: JsonSchema, value: Fields): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(at.properties ?? {})) {
    const written = spell(property as JsonSchema, value[name]);
    if (written !== undefined) fields[name] = written;
  }
  if (Object.keys(fields).length === 0) return fields;
  const governing = Object.entries(at.properties ?? {}).filter(
    ([, property]) => (property as JsonSchema)[GOVERNS_KEYWORD],
  );
  return { ...Object.fromEntries(governing.map(([name]) => [name, value[name]])), ...fields };
}

/** `false`, `true`, or the fields that differ. */
function spellSwitch(at: JsonSchema, value: Fields): unknown {
  const group = at.anyOf?.find((option) => option.type === 'object');
  invariant(group !== undefined, 'a choice without a discriminator is a switch');
  const enabled = value['enabled'] === true;
  const { enabled: off, ...fields } = spellObject(group, value);
  if (Object.keys(fields).length > 0) return off === undefined ? fields : { enabled, ...fields };
  return enabled === at.default ? undefined : enabled;
}

function variant(options: readonly JsonSchema[], value: Fields): JsonSchema {
  const found = options.find((option) =>
    Object.entries(option.properties ?? {}).every(([name, property]) => {
      const { const: constant } = property as JsonSchema;
      return constant === undefined || constant === value[name];
    }),
  );
  invariant(found !== undefined, 'a validated value has its variant');
  return found;
}
