// Comparing what a step answered with what was expected: objects by the keys expected, arrays exactly, 64-bit numbers by
// value in either form or by the uAPI's name (flags as an array of names and numbers), the rest by equality; an object with
// one `$` key is a matcher.
import { isArray, isObject } from './json-text.ts';
import type { JsonObject, JsonValue } from './json-text.ts';
import { numberNamed } from './names.ts';
import { readU64 } from './numbers.ts';
import type { Problems } from './problems.ts';
import { readReference } from './script.ts';
import { suggestion } from './suggest.ts';

export const MATCHERS: readonly string[] = ['$any', '$ne', '$multiple_of', '$between', '$bits'];

/** Where two values differ. */
export interface Difference {
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
}

/** Yields what "$name" and "$name.field" stand for. */
export type Resolve = (reference: string) => JsonValue;

/** The first difference, or undefined. */
export function difference(
  expected: JsonValue,
  actual: JsonValue | undefined,
  resolve: Resolve,
  path: string,
): Difference | undefined {
  if (typeof expected === 'string' && readReference(expected) !== undefined) {
    return equalOr(resolve(expected), actual, path);
  }
  if (isArray(expected)) {
    const flags = typeof actual === 'number' ? flagsOf(expected) : undefined;
    if (flags !== undefined) return flags === BigInt(actual as number) ? undefined : differs(expected, actual, path);
    return arrayDifference(expected, actual, resolve, path);
  }
  if (!isObject(expected)) return equalOr(expected, actual, path);
  const matcher = matcherOf(expected);
  if (matcher !== undefined) {
    const resolved = resolveIn(matcher.value, resolve);
    return matches(matcher.name, resolved, actual) ? undefined : differs(expected, actual, path);
  }
  if (!isObject(actual)) return differs(expected, actual, path);
  for (const [key, value] of expected) {
    const found = difference(value, actual.get(key), resolve, path === '' ? key : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Checks an expected value when a script is read: matchers are known, references bound. */
export function checkPattern(value: JsonValue, bound: ReadonlySet<string>, problems: Problems, path: string): void {
  if (typeof value === 'string' && value.startsWith('$')) {
    const reference = readReference(value);
    if (reference === undefined) problems.add(path, 'a reference is "$name" or "$name.field"');
    else if (!bound.has(reference.name)) problems.add(path, `nothing is bound to ${reference.name} before`);
  } else if (isArray(value)) {
    value.forEach((item, i) => {
      checkPattern(item, bound, problems, `${path}[${i}]`);
    });
  } else if (isObject(value)) {
    const special = [...value.keys()].filter((key) => key.startsWith('$'));
    for (const key of special) {
      if (!MATCHERS.includes(key)) problems.add(`${path}.${key}`, `unknown matcher${suggestion(key, MATCHERS)}`);
      else if (value.size > 1) problems.add(path, 'a matcher stands alone in its object');
      else if (!isWellFormed(key, value.get(key)!)) problems.add(`${path}.${key}`, MATCHER_FORMS[key]!);
    }
    if (special.length === 0) {
      for (const [key, item] of value) checkPattern(item, bound, problems, `${path}.${key}`);
    } else {
      checkPattern(value.get(special[0]!)!, bound, problems, `${path}.${special[0]}`);
    }
  }
}

const MATCHER_FORMS: Readonly<Record<string, string>> = {
  $any: '{"$any": true} was expected',
  $ne: 'a value was expected',
  $multiple_of: 'a number above 0 was expected',
  $between: '[lowest, highest] was expected',
  $bits: '{"mask": number, "value": number} was expected',
};

const isNumberLike = (value: JsonValue | undefined): boolean =>
  readU64(value) !== undefined || (typeof value === 'string' && readReference(value) !== undefined);

function isWellFormed(matcher: string, value: JsonValue): boolean {
  switch (matcher) {
    case '$any':
      return value === true;
    case '$multiple_of':
      return isNumberLike(value) && readU64(value) !== 0n;
    case '$between':
      return isArray(value) && value.length === 2 && value.every(isNumberLike);
    case '$bits':
      return isObject(value) && value.size === 2 && isNumberLike(value.get('mask')) && isNumberLike(value.get('value'));
    default:
      return true;
  }
}

function matcherOf(expected: JsonObject): { readonly name: string; readonly value: JsonValue } | undefined {
  if (expected.size !== 1) return undefined;
  const [[name, value]] = [...expected] as [[string, JsonValue]];
  return MATCHERS.includes(name) ? { name, value } : undefined;
}

function matches(matcher: string, operand: JsonValue, actual: JsonValue | undefined): boolean {
  if (actual === undefined) return false;
  const number = readU64(actual);
  switch (matcher) {
    case '$any':
      return true;
    case '$ne':
      return !equal(operand, actual);
    case '$multiple_of': {
      const of = readU64(operand);
      return number !== undefined && of !== undefined && of !== 0n && number % of === 0n;
    }
    case '$between': {
      const [low, high] = isArray(operand) ? operand.map((bound) => readU64(bound)) : [];
      return number !== undefined && low !== undefined && high !== undefined && number >= low && number <= high;
    }
    default: {
      const mask = isObject(operand) ? readU64(operand.get('mask')) : undefined;
      const value = isObject(operand) ? readU64(operand.get('value')) : undefined;
      return number !== undefined && mask !== undefined && (number & mask) === value;
    }
  }
}

function arrayDifference(
  expected: readonly JsonValue[],
  actual: JsonValue | undefined,
  resolve: Resolve,
  path: string,
): Difference | undefined {
  if (!isArray(actual) || actual.length !== expected.length) return differs(expected, actual, path);
  for (let i = 0; i < expected.length; i++) {
    const found = difference(expected[i]!, actual[i], resolve, `${path}[${i}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

const equalOr = (expected: JsonValue, actual: JsonValue | undefined, path: string): Difference | undefined =>
  actual !== undefined && equal(expected, actual) ? undefined : differs(expected, actual, path);

/** A number, or the name of one. */
function numberOf(value: JsonValue): bigint | undefined {
  const named = typeof value === 'string' ? numberNamed(value) : undefined;
  return named === undefined ? readU64(value) : BigInt(named);
}

/** Names and numbers ORed; undefined if anything else is among them. */
function flagsOf(values: readonly JsonValue[]): bigint | undefined {
  const numbers = values.map(numberOf);
  return numbers.every((number) => number !== undefined) ? numbers.reduce((flags, bit) => flags | bit, 0n) : undefined;
}

function equal(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  const number = numberOf(a);
  if (number !== undefined) return number === readU64(b);
  if (isArray(a)) return isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]!));
  if (!isObject(a) || !isObject(b) || a.size !== b.size) return false;
  return [...a].every(([key, value]) => {
    const other = b.get(key);
    return other !== undefined && equal(value, other);
  });
}

function resolveIn(value: JsonValue, resolve: Resolve): JsonValue {
  if (typeof value === 'string' && readReference(value) !== undefined) return resolve(value);
  if (isArray(value)) return value.map((item) => resolveIn(item, resolve));
  if (isObject(value)) return new Map([...value].map(([key, item]) => [key, resolveIn(item, resolve)]));
  return value;
}

const SHOWN_MAX = 300;

const differs = (expected: JsonValue, actual: JsonValue | undefined, path: string): Difference => ({
  path,
  expected: shown(expected),
  actual: actual === undefined ? 'nothing' : shown(actual),
});

/** A value as JSON, cut where it would fill a screen. */
function shown(value: JsonValue): string {
  const text = JSON.stringify(plain(value));
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
}

/** JSON values with objects as JSON.stringify writes them. */
export function plain(value: JsonValue): unknown {
  if (isArray(value)) return value.map(plain);
  if (isObject(value)) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return value;
}
