// The fields of the experiment file as columns of the table of runs: every leaf of its JSON Schema, named by its path without
// brackets (`guest.memory`, `devices.type`). A field below a list has several values in one run.
import type { ColumnType } from '../contract/runs.ts';
import { experimentJsonSchema } from '../../engine/experiment/jsonschema.ts';

/** A list on the way. */
export const EACH = '[]';

export interface ConfigColumn {
  readonly name: string;
  readonly title: string;
  readonly help: string;
  readonly type: ColumnType;
  /** Of an enumeration or a switch. */
  readonly values: readonly string[];
  /** Keys from the root; EACH stands for the items of a list. */
  readonly path: readonly string[];
}

/** What of JSON Schema is looked at. */
interface Schema {
  readonly type?: unknown;
  readonly title?: unknown;
  readonly description?: unknown;
  readonly enum?: unknown;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly 'x-quantity'?: unknown;
}

/** Not fields of the machine that is simulated, or held elsewhere; `populated` becomes `filled`. */
const LEFT_OUT = new Set([
  'version',
  'name',
  'question',
  'notes',
  'tags',
  'seed',
  'expect',
  'costs',
  'guest.populated',
  'changes',
]);

const QUANTITIES: Readonly<Record<string, ColumnType>> = {
  size: 'size',
  pages: 'size',
  duration: 'duration',
  cost: 'duration',
  rate: 'rate',
  'page-rate': 'page-rate',
  share: 'share',
  percent: 'percent',
  number: 'count',
};

let known: readonly ConfigColumn[] | undefined;

export function configColumns(): readonly ConfigColumn[] {
  if (known !== undefined) return known;
  const found = new Map<string, ConfigColumn>();
  collect(experimentJsonSchema() as Schema, [], found);
  known = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return known;
}

function collect(schema: Schema, path: readonly string[], found: Map<string, ConfigColumn>): void {
  const name = path.filter((step) => step !== EACH).join('.');
  if (LEFT_OUT.has(name)) return;
  const quantity = typeof schema['x-quantity'] === 'string' ? QUANTITIES[schema['x-quantity']] : undefined;
  if (quantity !== undefined) {
    add(found, name, schema, quantity, [], path);
    return;
  }
  for (const [key, inner] of Object.entries(schema.properties ?? {})) collect(inner, [...path, key], found);
  if (schema.items !== undefined) collect({ ...about(schema), ...schema.items }, [...path, EACH], found);
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  // A switch is `true`, `false` or a group; the result always is the group, with `enabled`.
  const isGroup = branches.some(({ properties }) => properties !== undefined);
  for (const branch of branches) {
    if (!isGroup || branch.properties !== undefined) collect({ ...about(schema), ...branch }, path, found);
  }
  if (path.length === 0 || schema.properties !== undefined || schema.items !== undefined || branches.length > 0) return;
  if (schema.type === 'boolean') add(found, name, schema, 'text', ['true', 'false'], path);
  else if (schema.type === 'integer' || schema.type === 'number') add(found, name, schema, 'count', [], path);
  else if (schema.type === 'string') add(found, name, schema, 'text', valuesOf(schema), path);
}

function about({ title, description }: Schema): Schema {
  return { ...(title === undefined ? {} : { title }), ...(description === undefined ? {} : { description }) };
}

function valuesOf(schema: Schema): string[] {
  const values = Array.isArray(schema.enum) ? schema.enum : schema.const === undefined ? [] : [schema.const];
  return values.filter((value) => typeof value === 'string');
}

function add(
  found: Map<string, ConfigColumn>,
  name: string,
  schema: Schema,
  type: ColumnType,
  values: readonly string[],
  path: readonly string[],
): void {
  const before = found.get(name);
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
  found.set(name, {
    name,
    title: before?.title ?? text(schema.title, name),
    help: before?.help ?? text(schema.description, ''),
    // Branches of one choice may disagree (a rate of pages here, of bytes there): then the first holds.
    type: before?.type ?? type,
    values: [...new Set([...(before?.values ?? []), ...values])],
    path,
  });
}
