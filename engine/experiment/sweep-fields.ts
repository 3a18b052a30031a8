// Which field of an experiment a path in a sweep means, and what may stand there.
//
// A path is written as in a message, `guest.workloads[0].rate`; an item of a list may also be named, `devices[nic0].rate`.
// The JSON Schema is walked beside the experiment as it was read, because there a device's type decides which fields it has.

import { isMap } from 'yaml';
import { invariant } from '../core/invariant.ts';
import { experimentJsonSchema } from './jsonschema.ts';
import type { JsonSchema } from './jsonschema.ts';
import { nearest, oneOf, unknownKey } from './messages.ts';
import { MULTIPLE_KEYWORD, QUANTITY_KEYWORD, describe, readQuantity } from './quantity.ts';
import type { QuantityKind } from './quantity.ts';
import { readSource } from './source.ts';
import type { Path } from './source.ts';

/** `choice`: one of some words; `group`: anything that is not a single value. */
export type SweptKind = QuantityKind | 'integer' | 'switch' | 'choice' | 'text' | 'group';

export interface SweptField {
  /** As it was written. */
  readonly name: string;
  readonly path: Path;
  readonly title: string;
  readonly kind: SweptKind;
  /** Its values are multiples of this many base units. */
  readonly multiple?: number;
}

export type FieldResult =
  | { readonly ok: true; readonly field: SweptField }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** Fields of which every run of a sweep has its own, or that change nothing of a run. */
const NOT_SWEPT: Readonly<Record<string, string>> = {
  seed: 'Write `seeds: 3` or `seeds: [1, 2, 3]` under `sweep`.',
  version: 'It is the version of the format.',
  name: 'It changes nothing of a run.',
  question: 'It changes nothing of a run.',
  notes: 'It changes nothing of a run.',
  tags: 'It changes nothing of a run.',
  expect: 'It changes nothing of a run: each point is held against the same expectations.',
  sweep: 'A sweep cannot vary itself.',
};

let schema: JsonSchema | undefined;

/** The field that `name` means in an experiment; `value` is the experiment as it was read, whether or not it is valid. */
export function sweptField(name: string, value: unknown): FieldResult {
  const refuse = (message: string, hint: string): FieldResult => ({ ok: false, message, hint });
  const steps = readSteps(name);
  if (steps === undefined) {
    return refuse(
      `${describe(name)} is not the path of a field`,
      'For example: migration.bandwidth, devices[nic0].rate',
    );
  }
  const first = steps[0]!.text;
  if (Object.hasOwn(NOT_SWEPT, first)) return refuse(`'${first}' cannot be varied`, NOT_SWEPT[first]!);
  schema ??= experimentJsonSchema();
  let at: readonly JsonSchema[] = [schema];
  let here = value;
  const path: (string | number)[] = [];
  for (const { text, inBrackets } of steps) {
    if (inBrackets) {
      const items = at.flatMap((each) => branches(each, here)).find((each) => each.items !== undefined)?.items;
      if (items === undefined) return refuse(`${shown(path)} is not a list`, `Leave out [${text}].`);
      const list = Array.isArray(here) ? (here as unknown[]) : [];
      const index = /^\d+$/u.test(text) ? Number(text) : list.findIndex((item) => isNamed(item, text));
      if (index < 0 || index >= list.length) return refuse(...absent(shown(path), text, list));
      path.push(index);
      here = list[index];
      at = [items as JsonSchema];
      continue;
    }
    const groups = at.flatMap((each) => branches(each, here)).filter((each) => each.properties !== undefined);
    const found = groups.flatMap(({ properties }) =>
      Object.hasOwn(properties!, text) ? [properties![text] as JsonSchema] : [],
    );
    if (found.length === 0) {
      const allowed = [...new Set(groups.flatMap(({ properties }) => Object.keys(properties!)))];
      if (allowed.length === 0) return refuse(`${shown(path)} has no fields`, `Leave out .${text}`);
      const [message, hint = ''] = unknownKey(text, allowed).split('\n');
      return refuse(path.length === 0 ? message! : `${shown(path)}: ${message!}`, hint);
    }
    path.push(text);
    here = typeof here === 'object' && here !== null ? (here as Record<string, unknown>)[text] : undefined;
    at = found;
  }
  const last = at[0];
  invariant(last !== undefined, 'a path that was followed ends at a field');
  const kind = kindOf(last, at.length);
  const multiple = last[MULTIPLE_KEYWORD] as string | undefined;
  const field = { name, path, title: last.title ?? String(path.at(-1)), kind };
  if (multiple === undefined) return { ok: true, field };
  return { ok: true, field: { ...field, multiple: readQuantity(kind as QuantityKind, multiple) } };
}

interface Step {
  readonly text: string;
  readonly inBrackets: boolean;
}

/** Undefined where the text is no path at all. */
function readSteps(name: string): Step[] | undefined {
  const steps: Step[] = [];
  const pattern = /(?:^|\.)([A-Za-z_][A-Za-z0-9_]*)|\[([A-Za-z0-9_-]{1,32})\]/uy;
  while (pattern.lastIndex < name.length) {
    const match = pattern.exec(name);
    if (match === null) return undefined;
    steps.push({ text: match[1] ?? match[2]!, inBrackets: match[1] === undefined });
  }
  return steps.length === 0 || steps[0]!.inBrackets ? undefined : steps;
}

/** What of a schema holds for a value: of a choice the branch that is meant first, then the others. */
function branches(at: JsonSchema, value: unknown): JsonSchema[] {
  const options = [...(at.oneOf ?? []), ...(at.anyOf ?? [])];
  if (options.length === 0) return [at];
  const meant = (option: JsonSchema): boolean =>
    Object.entries(option.properties ?? {}).every(([key, property]) => {
      const { const: constant } = property as JsonSchema;
      const own = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
      return constant === undefined || constant === own;
    });
  const all = options.flatMap((option) => branches(option, value));
  return [at, ...all.filter(meant), ...all.filter((option) => !meant(option))];
}

function kindOf(at: JsonSchema, places: number): SweptKind {
  const quantity = at[QUANTITY_KEYWORD] as QuantityKind | undefined;
  if (quantity !== undefined) return quantity;
  if (at.const !== undefined || at.enum !== undefined) return 'choice';
  if (at.type === 'integer') return 'integer';
  if (at.type === 'number') return 'number';
  if (at.type === 'boolean') return 'switch';
  if (at.type === 'string') return places > 1 ? 'choice' : 'text';
  // A switch with fields of its own: true and false are values, too.
  return at.anyOf?.some(({ type }) => type === 'boolean') === true ? 'switch' : 'group';
}

const shown = (path: Path): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );

const nameOf = (item: unknown): unknown =>
  typeof item === 'object' && item !== null ? (item as Record<string, unknown>)['name'] : undefined;
const isNamed = (item: unknown, name: string): boolean => nameOf(item) === name;

function absent(list: string, wanted: string, items: readonly unknown[]): [message: string, hint: string] {
  const names = items.map(nameOf).filter((name) => typeof name === 'string');
  const near = nearest(wanted, names);
  const meant = near === undefined ? '' : `; did you mean '${near}'?`;
  const message = `${list} has no item ${describe(wanted)}${meant}`;
  if (items.length === 0) return [message, 'The list is empty: a sweep varies items that the experiment has.'];
  return [message, `It has ${oneOf(items.map((_, i) => names[i] ?? String(i)))}; items are counted from 0.`];
}
/** A field that a sweep of an experiment can vary, with what it is now. */
export interface OfferedField {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly kind: SweptKind;
  /** As it stands in the file, or its default; '' where neither is known. */
  readonly value: string;
  readonly given: boolean;
  readonly choices: readonly string[];
}

/** Single values alone, in the order of the schema; nothing of a text that cannot be read. Items of lists by their names. */
export function offeredFields(text: string): OfferedField[] {
  const read = readSource(text, '');
  if (!read.ok) return [];
  schema ??= experimentJsonSchema();
  const found: OfferedField[] = [];
  collect(schema, read.source.value, '', found);
  return found;
}

function collect(at: JsonSchema, value: unknown, name: string, found: OfferedField[]): void {
  const first = /^[^.[]+/u.exec(name)?.[0] ?? '';
  if (Object.hasOwn(NOT_SWEPT, first)) return;
  const kind = name === '' ? 'group' : kindOf(at, 1);
  if (kind !== 'group' && kind !== 'text' && at.const === undefined) {
    const byDefault = at.default ?? at['x-default'];
    const now = isPlain(value) ? value : isPlain(byDefault) ? byDefault : undefined;
    const choices = kind === 'switch' ? ['true', 'false'] : (at.enum ?? []).map(String);
    const { title = name, description = '' } = at;
    found.push({
      ...{ name, title, description, kind, choices },
      ...{ value: now === undefined ? '' : String(now), given: value !== undefined },
    });
  }
  const options = branches(at, value);
  const list = options.find(({ items }) => items !== undefined)?.items as JsonSchema | undefined;
  if (list !== undefined && Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      const own = nameOf(item);
      const step = typeof own === 'string' && /^[A-Za-z0-9_-]{1,32}$/u.test(own) ? own : String(i);
      collect(list, item, `${name}[${step}]`, found);
    }
  }
  const group = options.find(({ properties }) => properties !== undefined);
  for (const [key, property] of Object.entries(group?.properties ?? {})) {
    if (key === 'enabled') continue;
    const inner = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    collect(property as JsonSchema, inner, name === '' ? key : `${name}.${key}`, found);
  }
}

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** The text with this `sweep` section instead of its own; undefined where it cannot be read. */
export function withSweep(text: string, sweep: unknown): string | undefined {
  const read = readSource(text, '');
  if (!read.ok || !isMap(read.source.document.contents)) return undefined;
  const document = read.source.document.clone();
  document.set('sweep', document.createNode(sweep));
  return document.toString({ lineWidth: 0 });
}
