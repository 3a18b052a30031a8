// Checking the arguments of a step against the row of its call.
import type { ArgumentSpec, CallSpec } from './calls.ts';
import { isArray, isObject } from './json-text.ts';
import type { JsonValue } from './json-text.ts';
import type { NameTable } from './names.ts';
import { fitsBits, readU64 } from './numbers.ts';
import type { Problems } from './problems.ts';
import { suggestion } from './suggest.ts';
import { readReference } from './script.ts';
import type { Argument, Arguments, MachineSpec, Operand } from './script.ts';
import { FEATURE_GET, FEATURE_PROBE, FEATURE_SET } from '../vfio/device-feature.ts';

/** What a step may refer to, and where its problems go. */
export interface StepScope {
  readonly machine: MachineSpec;
  /** Names bound by earlier steps and by devices. */
  readonly bound: ReadonlySet<string>;
  readonly problems: Problems;
}

/** Most entries of an array argument. */
const ENTRIES_MAX = 10_000;

export function parseArguments(
  spec: CallSpec,
  value: JsonValue | undefined,
  scope: StepScope,
  path: string,
): Arguments {
  const args = new Map<string, Argument>();
  const { problems } = scope;
  if (value === undefined || isObject(value)) {
    for (const [key, argument] of value ?? []) {
      const row = Object.hasOwn(spec.args, key) ? spec.args[key] : undefined;
      if (row === undefined) {
        problems.add(`${path}.${key}`, `unknown argument${suggestion(key, Object.keys(spec.args))}`);
        continue;
      }
      const parsed = parseArgument(row, argument, scope, `${path}.${key}`);
      if (parsed !== null) args.set(key, parsed);
    }
    for (const name of spec.required) {
      if (value?.has(name) !== true) problems.add(path, `the argument ${name} is missing`);
    }
  } else {
    problems.add(path, 'an object was expected');
  }
  return args;
}

function parseArgument(spec: ArgumentSpec, value: JsonValue, scope: StepScope, path: string): Argument | null {
  const { problems, machine } = scope;
  switch (spec.kind) {
    case 'number': {
      const number = spec.flags === true && isArray(value) ? parseFlags(spec, value, scope, path) : null;
      const operand = number ?? parseOperand(value, spec, scope, path);
      if (operand === null) return null;
      return { kind: 'number', value: operand, bits: spec.bits, signed: spec.signed === true };
    }
    case 'word':
      if (typeof value !== 'string' || !spec.words.includes(value)) {
        return problems.reject(path, `${listed(spec.words)} was expected`);
      }
      return { kind: 'text', value };
    case 'boolean':
      if (typeof value !== 'boolean') return problems.reject(path, 'true or false was expected');
      return { kind: 'flag', value };
    case 'device':
      return parseDevice(spec.of, value, scope, path);
    case 'target':
      if (machine.container === 'iommufd') {
        const operand = parseOperand(value, { bits: 32 }, scope, path);
        return operand === null ? null : { kind: 'number', value: operand, bits: 32, signed: false };
      }
      if (value !== 'container') return problems.reject(path, 'on a type1 machine a device is attached to "container"');
      return { kind: 'text', value };
    case 'operations':
      return parseOperations(value, scope, path);
    case 'objects':
      return parseObjects(spec, value, scope, path);
    case 'fields':
      return parseFieldsArgument(spec.fields, value, scope, path);
    case 'buffer':
      return parseBuffer(value, scope, path);
    case 'bytes':
      return parseBytes(spec.count, value, scope, path);
  }
}

/** A number, a name for one, or a reference. */
function parseOperand(
  value: JsonValue,
  spec: { readonly bits: number; readonly signed?: boolean; readonly names?: NameTable },
  scope: StepScope,
  path: string,
): Operand | null {
  const { problems } = scope;
  if (typeof value === 'string' && value.startsWith('$')) {
    const reference = readReference(value);
    if (reference === undefined) return problems.reject(path, 'a reference is "$name" or "$name.field"');
    if (!scope.bound.has(reference.name)) {
      return problems.reject(
        path,
        `nothing is bound to ${reference.name} before${suggestion(reference.name, [...scope.bound])}`,
      );
    }
    return reference;
  }
  if (spec.names !== undefined && typeof value === 'string' && !value.startsWith('0x')) {
    if (!Object.hasOwn(spec.names, value)) {
      return problems.reject(path, `unknown name ${value}${suggestion(value, Object.keys(spec.names))}`);
    }
    return BigInt(spec.names[value]!);
  }
  if (spec.signed === true && typeof value === 'number' && value < 0) {
    if (Number.isInteger(value) && value >= -0x80000000) return BigInt(value);
    return problems.reject(path, 'the number does not fit 32 bits');
  }
  const number = readU64(value);
  if (number === undefined)
    return problems.reject(path, 'a number was expected: an integer from 0, or "0x…" in lower case');
  if (!fitsBits(number, spec.bits)) return problems.reject(path, `the number does not fit ${spec.bits} bits`);
  return number;
}

function parseFlags(
  spec: { readonly bits: number; readonly names?: NameTable },
  values: readonly JsonValue[],
  scope: StepScope,
  path: string,
): bigint {
  let flags = 0n;
  values.forEach((value, i) => {
    const operand = parseOperand(value, spec, scope, `${path}[${i}]`);
    if (typeof operand === 'bigint') flags |= operand;
    else if (operand !== null) scope.problems.add(`${path}[${i}]`, 'a flag is a name or a number');
  });
  return flags;
}

function parseDevice(of: 'mdev' | undefined, value: JsonValue, scope: StepScope, path: string): Argument | null {
  const { devices } = scope.machine;
  const device = devices.find((d) => d.name === value);
  if (typeof value !== 'string' || device === undefined) {
    const known = devices.map((d) => d.name);
    const hint = known.length === 0 ? ': the machine has none' : `, one of ${known.join(', ')}`;
    return scope.problems.reject(path, `a device of the machine was expected${hint}`);
  }
  if (of === 'mdev' && device.kind !== 'mdev') return scope.problems.reject(path, `${value} is not of kind mdev`);
  return { kind: 'text', value };
}

const OPERATIONS: NameTable = { GET: FEATURE_GET, SET: FEATURE_SET, PROBE: FEATURE_PROBE };

function parseOperations(value: JsonValue, scope: StepScope, path: string): Argument | null {
  let flags = 0;
  for (const name of isArray(value) ? value : [value]) {
    if (typeof name !== 'string' || !Object.hasOwn(OPERATIONS, name)) {
      return scope.problems.reject(path, 'GET, SET or PROBE was expected, or an array of them');
    }
    flags |= OPERATIONS[name]!;
  }
  return { kind: 'number', value: BigInt(flags), bits: 32, signed: false };
}

function parseObjects(
  spec: { readonly fields: readonly string[]; readonly required: number; readonly flags?: NameTable },
  value: JsonValue,
  scope: StepScope,
  path: string,
): Argument | null {
  if (!isArray(value)) return scope.problems.reject(path, 'an array was expected');
  if (value.length > ENTRIES_MAX) return scope.problems.reject(path, `an array may have ${ENTRIES_MAX} entries`);
  const objects = value.map((item, i) => {
    const itemPath = `${path}[${i}]`;
    const fields = parseFields(spec.fields, item, scope, itemPath, spec.flags);
    for (const field of spec.fields.slice(0, spec.required)) {
      if (isObject(item) && !item.has(field)) scope.problems.add(itemPath, `${field} is missing`);
    }
    return fields;
  });
  return { kind: 'objects', value: objects };
}

function parseFieldsArgument(
  fields: readonly string[],
  value: JsonValue,
  scope: StepScope,
  path: string,
): Argument | null {
  const parsed = parseFields(fields, value, scope, path);
  return isObject(value) ? { kind: 'fields', value: parsed } : null;
}

function parseFields(
  fields: readonly string[],
  value: JsonValue,
  scope: StepScope,
  path: string,
  flags?: NameTable,
): ReadonlyMap<string, Operand> {
  const result = new Map<string, Operand>();
  if (!isObject(value)) {
    scope.problems.add(path, 'an object was expected');
    return result;
  }
  for (const [key, item] of value) {
    if (!fields.includes(key)) {
      scope.problems.add(`${path}.${key}`, `unknown key${suggestion(key, fields)}`);
      continue;
    }
    const spec = flags !== undefined && key === 'flags' ? { bits: 64, names: flags } : { bits: 64 };
    const itemPath = `${path}.${key}`;
    const operand =
      isArray(item) && spec.names ? parseFlags(spec, item, scope, itemPath) : parseOperand(item, spec, scope, itemPath);
    if (operand !== null) result.set(key, operand);
  }
  return result;
}

function parseBuffer(value: JsonValue, scope: StepScope, path: string): Argument | null {
  if (isObject(value)) {
    if (!value.has('buffer')) scope.problems.add(path, 'buffer is missing');
    return parseFieldsArgument(['buffer', 'offset'], value, scope, path);
  }
  const operand = parseOperand(value, { bits: 64 }, scope, path);
  return operand === null ? null : { kind: 'fields', value: new Map([['buffer', operand]]) };
}

function parseBytes(count: number, value: JsonValue, scope: StepScope, path: string): Argument | null {
  const items = isArray(value) ? value : [value];
  if (items.length > count) return scope.problems.reject(path, `at most ${count} bytes were expected`);
  const bytes = new Map<string, Operand>();
  items.forEach((item, i) => {
    const operand = parseOperand(item, { bits: 8 }, scope, isArray(value) ? `${path}[${i}]` : path);
    if (operand !== null) bytes.set(String(i), operand);
  });
  return { kind: 'fields', value: bytes };
}

const listed = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(' or ');
