// The experiment's JSON Schema as a form needs it: fields with their kind, title, unit, default, bounds and source.
//
// Quantities are texts with a unit (`x-quantity`); a group that is also a switch (`multifd: true`) is one; variants are told
// apart by the field that is constant in each of them (`type`, `pattern`, `do`).
import * as z from 'zod';
import { valueAt, isGroup, type Path } from '../document/edits.ts';

export type Kind =
  'text' | 'quantity' | 'number' | 'boolean' | 'choice' | 'fixed' | 'group' | 'switch' | 'list' | 'variants';

export interface Field {
  readonly key: string;
  readonly kind: Kind;
  readonly title: string;
  readonly description: string;
  readonly source: string;
  readonly required: boolean;
  /** As it is written in a file; '' where there is none, or where it depends on others. */
  readonly byDefault: string;
  readonly unit: string;
  readonly quantity: string;
  /** `4MiB to 4TiB`; '' without bounds. */
  readonly range: string;
  readonly integer: boolean;
  /** A number may be meant (`0` is no text). */
  readonly numeric: boolean;
  readonly choices: readonly string[];
  /** Of a group and a switch. */
  readonly fields: readonly Field[];
  /** Of a list. */
  readonly item: Field | null;
  /** Of variants: the field that tells them apart, and each one's fields by its value. */
  readonly by: string;
  readonly variants: ReadonlyMap<string, readonly Field[]>;
  readonly multiline: boolean;
}

const nodeSchema = z.looseObject({
  title: z.string().optional(),
  description: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  default: z.unknown().optional(),
  required: z.array(z.string()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  maxLength: z.number().optional(),
  'x-quantity': z.string().optional(),
  'x-unit': z.string().optional(),
  'x-source': z.string().optional(),
  'x-default': z.string().optional(),
  'x-min': z.string().optional(),
  'x-max': z.string().optional(),
});
type Node = z.infer<typeof nodeSchema>;

/** The whole file as one group. */
export function readSchema(schema: unknown): Field {
  return fieldOf('', nodeSchema.parse(schema), true);
}

function fieldOf(key: string, node: Node, required: boolean): Field {
  const shape = shapeOf(node);
  return {
    key,
    title: node.title ?? key.replaceAll('_', ' '),
    description: (node.description ?? '').replace(/`([^`]+)`/gu, '“$1”'),
    source: node['x-source'] ?? '',
    required: required && node.default === undefined,
    byDefault: defaultText(node),
    unit: node['x-unit'] ?? '',
    quantity: node['x-quantity'] ?? '',
    range: rangeOf(node),
    integer: node.type === 'integer',
    numeric:
      node['x-quantity'] !== undefined || node.type === 'number' || node.type === 'integer' || Array.isArray(node.type),
    choices: (node.enum ?? []).map(String),
    fields: [],
    item: null,
    by: '',
    variants: new Map(),
    multiline: (node.maxLength ?? 0) >= 1000,
    ...shape,
  };
}

function shapeOf(node: Node): Pick<Field, 'kind'> & Partial<Field> {
  if (node['x-quantity'] !== undefined) return { kind: node['x-quantity'] === 'number' ? 'number' : 'quantity' };
  if (node.const !== undefined) return { kind: 'fixed' };
  if (node.enum !== undefined) return { kind: 'choice' };
  if (node.oneOf !== undefined) return variantsOf(node.oneOf.map((one) => nodeSchema.parse(one)));
  if (node.anyOf !== undefined) {
    const group = node.anyOf.map((one) => nodeSchema.parse(one)).find(({ properties }) => properties !== undefined);
    return group === undefined ? { kind: 'text' } : { kind: 'switch', fields: fieldsOf(group) };
  }
  if (node.properties !== undefined) return { kind: 'group', fields: fieldsOf(node) };
  if (node.type === 'array') {
    const item = nodeSchema.parse(node.items ?? {});
    return { kind: 'list', item: fieldOf('', item, true) };
  }
  if (node.type === 'boolean') return { kind: 'boolean' };
  return { kind: node.type === 'integer' || node.type === 'number' ? 'number' : 'text' };
}

function fieldsOf({ properties = {}, required = [] }: Node): Field[] {
  return Object.entries(properties).map(([key, node]) => fieldOf(key, nodeSchema.parse(node), required.includes(key)));
}

function variantsOf(nodes: readonly Node[]): Pick<Field, 'kind' | 'by' | 'variants' | 'choices'> {
  const first = nodes[0]?.properties ?? {};
  const constantIn = (node: Node, key: string): unknown => nodeSchema.parse(node.properties?.[key] ?? {}).const;
  const by = Object.keys(first).find((key) => nodes.every((node) => constantIn(node, key) !== undefined)) ?? '';
  const variants = new Map(nodes.map((node) => [String(constantIn(node, by)), fieldsOf(node)]));
  return { kind: 'variants', by, variants, choices: [...variants.keys()] };
}

function defaultText(node: Node): string {
  if (node['x-default'] !== undefined) return node['x-default'];
  const given = node.default;
  return typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean' ? String(given) : '';
}

function rangeOf(node: Node): string {
  const least = node['x-min'] ?? node.minimum?.toString();
  const most = node['x-max'] ?? node.maximum?.toString();
  if (least !== undefined && most !== undefined) return `${least} to ${most}`;
  if (most !== undefined) return `at most ${most}`;
  return least === undefined ? '' : `at least ${least}`;
}

/** The fields of a group in a certain state: of variants, those of the one that is chosen. */
export function fieldsIn(field: Field, value: unknown): readonly Field[] {
  if (field.kind !== 'variants') return field.fields;
  const chosen = isGroup(value) ? value[field.by] : undefined;
  return (typeof chosen === 'string' ? field.variants.get(chosen) : undefined) ?? [];
}

/** The field at a path; `value` (of the whole file) decides between variants. Undefined where the schema has none. */
export function fieldAt(root: Field, path: Path, value: unknown): Field | undefined {
  let field: Field | undefined = root;
  for (const [i, step] of path.entries()) {
    if (field === undefined) return undefined;
    if (typeof step === 'number') field = field.item ?? undefined;
    else {
      const here: Field = field;
      if (here.kind === 'variants' && step === here.by) field = discriminator(here);
      else field = fieldsIn(here, valueAt(value, path.slice(0, i))).find(({ key }) => key === step);
    }
  }
  return field;
}

/** The field that chooses between variants, as a choice. */
export function discriminator(field: Field): Field {
  const fixed = [...field.variants.values()][0]?.find(({ key }) => key === field.by) ?? field;
  return {
    ...fixed,
    key: field.by,
    title: field.by,
    kind: 'choice',
    choices: field.choices,
    required: true,
    byDefault: '',
  };
}

/** Keys of a group in the order of the schema: where a new one is put. */
export function keysAt(root: Field, path: Path, value: unknown): readonly string[] {
  const field = fieldAt(root, path, value);
  if (field === undefined) return [];
  if (field.kind === 'variants') {
    const names = fieldsIn(field, valueAt(value, path)).map(({ key }) => key);
    // `name` and the choice come first, as people write it.
    return [...new Set([...names.filter((key) => key === 'name'), field.by, ...names])];
  }
  return field.fields.map(({ key }) => key);
}

/** Is a field of this kind a place for single values? */
export function isPlain({ kind }: Field): boolean {
  return kind !== 'group' && kind !== 'switch' && kind !== 'list' && kind !== 'variants';
}

/** Whether what stands there may be left out as a whole. */
export function isOptionalGroup(schema: Field, path: Path): boolean {
  let fields: readonly Field[] = schema.fields;
  let field: Field | undefined;
  for (const step of path) {
    if (typeof step === 'number') return false;
    field = fields.find(({ key }) => key === step);
    fields = field?.fields ?? [];
  }
  return field?.kind === 'group' && !field.required;
}
