// What differs between the configurations of several experiments, and nothing else.
//
// Walks the JSON Schema beside the validated values (as spell.ts does) and the values as they were written. A field that is the
// same everywhere is no row. Items of lists that have names (devices, workloads) are matched by name, others by position. Of two
// devices of different types only what both have is compared. A value is shown as its file has it; a default as the schema has
// it; what the lab derived (where a ring lies, what is filled) as a quantity with its unit.
import { formatDuration, formatPageRate, formatPercentage, formatRate, formatSize } from '../../core/units.ts';
import { experimentJsonSchema, type JsonSchema } from '../jsonschema.ts';
import { plainJson, LEFT_OUT_OF_FILE } from '../identity.ts';
import { QUANTITY_KEYWORD, type QuantityKind } from '../quantity.ts';
import type { Experiment } from '../schema.ts';

export interface Configured {
  readonly experiment: Experiment;
  /** The values as the file has them (ExperimentSource.value), to tell what was set from what is default. */
  readonly written: unknown;
}

export interface DifferenceCell {
  readonly text: string;
  /** In base units, where it is a number. */
  readonly value: number | null;
  /** `absent`: there is no such device, switch or field here. */
  readonly origin: 'set' | 'default' | 'absent';
}

export interface Difference {
  /** As in the file; items of lists by name: `devices[nic0].rate`. */
  readonly path: string;
  readonly title: string;
  /** One for each configuration, in their order. */
  readonly cells: readonly DifferenceCell[];
}

/** Rows shown at most; a thousand changed entries of a timeline help nobody. */
export const MAX_DIFFERENCES = 500;

const ABSENT = Symbol('absent');
type Value = unknown;

interface Place {
  readonly at: JsonSchema;
  readonly path: string;
  readonly title: string;
}

interface Side {
  /** ABSENT where there is no such thing. */
  readonly value: Value;
  readonly written: unknown;
}

let schema: JsonSchema | undefined;

export function differencesOf(configurations: readonly Configured[]): Difference[] {
  schema ??= experimentJsonSchema();
  const rows: Difference[] = [];
  const sides = configurations.map(({ experiment, written }): Side => ({ value: experiment, written }));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (LEFT_OUT_OF_FILE.has(name)) continue;
    visit(placed(property as JsonSchema, '', name), sides.map(member(name)), rows);
  }
  return rows.slice(0, MAX_DIFFERENCES);
}

const placed = (at: JsonSchema, parent: string, name: string): Place => ({
  at,
  path: parent === '' ? name : `${parent}.${name}`,
  title: typeof at.title === 'string' ? at.title : name,
});

const member =
  (name: string) =>
  ({ value, written }: Side): Side => ({
    value: isGroup(value) && Object.hasOwn(value, name) ? value[name] : value === ABSENT ? ABSENT : undefined,
    written: isGroup(written) ? written[name] : undefined,
  });

function visit(place: Place, sides: readonly Side[], rows: Difference[]): void {
  const present = sides.filter(({ value }) => value !== ABSENT);
  const first = present[0];
  if (first === undefined || rows.length >= MAX_DIFFERENCES) return;
  const texts = new Set(present.map(({ value }) => (value === undefined ? '' : plainJson(value))));
  if (texts.size === 1) return;
  const { at } = place;
  if (at[QUANTITY_KEYWORD] !== undefined) rows.push(row(place, sides));
  else if (at.oneOf) visitVariants(place, at.oneOf, sides, rows);
  else if (at.anyOf) visitSwitch(place, sides, rows);
  else if (at.type === 'array') visitList(place, sides, rows);
  else if (at.type === 'object') visitGroup(place, at, sides, rows);
  else rows.push(row(place, sides));
}

function visitGroup({ path }: Place, at: JsonSchema, sides: readonly Side[], rows: Difference[]): void {
  for (const [name, property] of Object.entries(at.properties ?? {})) {
    visit(placed(property as JsonSchema, path, name), sides.map(member(name)), rows);
  }
}

/** Devices and workloads of one kind or another: the kind, and then what all kinds here have. */
function visitVariants(place: Place, options: readonly JsonSchema[], sides: readonly Side[], rows: Difference[]): void {
  const variants = new Set(
    sides.flatMap(({ value }) => (isGroup(value) ? options.filter((option) => fits(option, value)) : [])),
  );
  const [one, ...others] = [...variants];
  if (one === undefined) return;
  for (const [name, property] of Object.entries(one.properties ?? {})) {
    if (!others.every((other) => other.properties?.[name] !== undefined)) continue;
    visit(placed(property as JsonSchema, place.path, name), sides.map(member(name)), rows);
  }
}

const fits = (option: JsonSchema, value: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(option.properties ?? {}).every(([name, property]) => {
    const { const: constant } = property as JsonSchema;
    return constant === undefined || constant === value[name];
  });

/** On here and off there is one row; the fields of the group only where it is on. */
function visitSwitch(place: Place, sides: readonly Side[], rows: Difference[]): void {
  const group = place.at.anyOf?.find((option) => option.type === 'object');
  if (group === undefined) {
    rows.push(row(place, sides));
    return;
  }
  const on = (value: Value): boolean => isGroup(value) && value['enabled'] === true;
  const present = sides.filter(({ value }) => value !== ABSENT);
  if (new Set(present.map(({ value }) => on(value))).size > 1) {
    rows.push({
      ...{ path: place.path, title: place.title },
      cells: sides.map(({ value, written }) => {
        if (value === ABSENT) return NOT_THERE;
        return { text: on(value) ? 'on' : 'off', value: null, origin: written === undefined ? 'default' : 'set' };
      }),
    });
  }
  const properties = Object.fromEntries(Object.entries(group.properties ?? {}).filter(([name]) => name !== 'enabled'));
  const within = sides.map((side): Side => (on(side.value) ? side : { value: ABSENT, written: undefined }));
  visitGroup(place, { ...group, properties }, within, rows);
}

function visitList(place: Place, sides: readonly Side[], rows: Difference[]): void {
  const lists = sides.map(({ value }) => (Array.isArray(value) ? (value as readonly unknown[]) : []));
  if (!lists.flat().some(isGroup)) {
    rows.push(row(place, sides));
    return;
  }
  const keys = new Set(lists.flatMap((list) => list.map(keyOf)));
  for (const key of keys) {
    const items = sides.map(({ value, written }, i): Side => {
      const index = lists[i]!.findIndex((item, at) => keyOf(item, at) === key);
      if (value === ABSENT || index < 0) return { value: ABSENT, written: undefined };
      return { value: lists[i]![index], written: Array.isArray(written) ? (written[index] as unknown) : undefined };
    });
    const item: Place = {
      at: place.at.items as JsonSchema,
      path: `${place.path}[${key}]`,
      title: `${place.title} ${key}`,
    };
    if (items.some(({ value }, i) => value === ABSENT && sides[i]!.value !== ABSENT)) {
      rows.push({
        ...{ path: item.path, title: item.title },
        cells: items.map(({ value }) =>
          value === ABSENT ? NOT_THERE : { text: kindOf(value), value: null, origin: 'set' },
        ),
      });
    }
    visit(item, items, rows);
  }
}

const NOT_THERE: DifferenceCell = { text: 'absent', value: null, origin: 'absent' };

function keyOf(item: unknown, index: number): string {
  const name = isGroup(item) ? item['name'] : undefined;
  return typeof name === 'string' ? name : String(index);
}

/** What an item is, in a word: `nic`, `hotcold`, `unmap`. */
function kindOf(item: unknown): string {
  if (!isGroup(item)) return String(item);
  const kind = item['type'] ?? item['pattern'] ?? item['do'];
  return typeof kind === 'string' ? kind : 'present';
}

function row({ at, path, title }: Place, sides: readonly Side[]): Difference {
  return { path, title, cells: sides.map((side) => cell(at, side)) };
}

function cell(at: JsonSchema, { value, written }: Side): DifferenceCell {
  if (value === ABSENT) return NOT_THERE;
  const number = typeof value === 'number' ? value : null;
  if (written !== undefined && written !== null) {
    return { text: scalarText(written) ?? shown(at, value), value: number, origin: 'set' };
  }
  const byDefault = at['x-default'] ?? at.default;
  const text = scalarText(byDefault) ?? (value === undefined ? 'not set' : shown(at, value));
  return { text, value: number, origin: 'default' };
}

function scalarText(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const texts = value.map(scalarText);
    return texts.every((text) => text !== undefined) ? texts.join(', ') : undefined;
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/** A value in base units as people read it. */
function shown(at: JsonSchema, value: unknown): string {
  if (Array.isArray(value)) {
    return value.length === 0 ? 'none' : value.map((item) => shown(at.items as JsonSchema, item)).join(', ');
  }
  if (typeof value !== 'number') return scalarText(value) ?? plainJson(value);
  switch (at[QUANTITY_KEYWORD] as QuantityKind | undefined) {
    case 'size':
    case 'pages':
      return formatSize(value);
    case 'duration':
    case 'cost':
      return formatDuration(value);
    case 'rate':
      return formatRate(value, { inBits: true });
    case 'page-rate':
      return value === Infinity ? 'full' : formatPageRate(value);
    case 'share':
      return formatPercentage(value);
    case 'percent':
      return `${value}%`;
    case 'number':
    case undefined:
      return String(value);
  }
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
