// What a list or a range of a sweep stands for: values as they would be written in the file, with units.
//
// Values between the ends of a range are rounded to what a person would write: four significant digits in the unit of the
// ends; sizes to multiples of a power of two below 1/512 of the size, at least a page, so that page tables accept them; whole
// numbers, or multiples, where the field wants those. The ends themselves stay as they were written.

import { exp, log } from '../core/exactmath.ts';
import { PAGE_SIZE, UnitError } from '../core/units.ts';
import { describe, readCost, readQuantity, spellQuantity } from './quantity.ts';
import type { QuantityKind } from './quantity.ts';
import type { SweepRange } from './schema-sweep.ts';
import type { SweptField, SweptKind } from './sweep-fields.ts';

export type Written = string | number;

/** A range whose ends were understood. */
export interface ReadRange {
  readonly range: SweepRange;
  /** In the base unit. */
  readonly from: number;
  readonly to: number;
  /** The value at a share of the way, 0 … 1, as it would be written. */
  readonly at: (share: number) => Written;
}

/** Where in the range the mistake is, and what it is. */
export interface RangeProblem {
  readonly key: 'from' | 'to' | 'steps' | 'scale';
  readonly message: string;
  readonly hint: string;
}

const RANGED: ReadonlySet<SweptKind> = new Set([
  ...(['size', 'duration', 'rate', 'page-rate', 'pages', 'share', 'percent', 'cost', 'number', 'integer'] as const),
]);

export function readRange(field: SweptField, range: SweepRange): ReadRange | RangeProblem {
  const { kind } = field;
  if (!isRanged(kind)) {
    return problem('from', `${field.name} is not a number or a quantity`, 'List its values: [one, another]');
  }
  const ends: number[] = [];
  for (const key of ['from', 'to'] as const) {
    const read = readEnd(kind, range[key]);
    if (typeof read !== 'number') return problem(key, read.message, read.hint);
    ends.push(read);
  }
  const [from, to] = ends as [number, number];
  if (from === to)
    return problem('to', `the range begins and ends at ${range.to}`, 'A single value is a list: [value]');
  if (range.scale === 'log' && (from <= 0 || to <= 0)) {
    const key = from <= 0 ? 'from' : 'to';
    return problem(key, 'a logarithmic range cannot begin or end at 0', 'Begin above 0, or list the values.');
  }
  const { multiple } = field;
  const spellAny = speller(kind, range);
  const spell = (value: number): Written => {
    const written = spellAny(value);
    if (multiple === undefined || kind === 'integer' || readQuantity(kind, written) % multiple === 0) return written;
    return spellQuantity(kind, Math.round(value / multiple) * multiple);
  };
  const between = (share: number): number => {
    if (range.scale === 'linear') return from + (to - from) * share;
    return from * exp(log(to / from) * share);
  };
  const [least, most] = from < to ? [from, to] : [to, from];
  const at = (share: number): Written => {
    if (share <= 0) return range.from;
    if (share >= 1) return range.to;
    return spell(Math.min(most, Math.max(least, between(share))));
  };
  return { range, from, to, at };
}

/** The values of a grid, without those that rounding made equal. */
export function rangeSteps({ at }: ReadRange, steps: number): Written[] {
  return [...new Set(Array.from({ length: steps }, (_, i) => at(i / (steps - 1))))];
}

const isRanged = (kind: SweptKind): kind is QuantityKind | 'integer' => RANGED.has(kind);

const problem = (key: RangeProblem['key'], message: string, hint: string): RangeProblem => ({ key, message, hint });

function readEnd(kind: QuantityKind | 'integer', written: Written): number | { message: string; hint: string } {
  if (kind === 'integer' || kind === 'number') {
    if (typeof written !== 'number') return { message: `found ${describe(written)}, expected a number`, hint: '' };
    if (kind === 'integer' && !Number.isInteger(written)) {
      return { message: `found ${written}, expected a whole number`, hint: '' };
    }
    return written;
  }
  if (typeof written === 'number' && written !== 0) {
    return { message: `found ${written} without a unit`, hint: 'Write it as in the field itself.' };
  }
  if (kind === 'cost') {
    const cost = readCost(String(written));
    if (cost !== undefined) return cost;
    return written === 0 ? 0 : { message: `${describe(written)} is not a cost in time`, hint: 'For example: 2us' };
  }
  try {
    const value = readQuantity(kind, written);
    if (value !== Infinity) return value;
    return { message: `${describe(written)} is no end of a range`, hint: 'List the values if one of them is full.' };
  } catch (error) {
    if (!(error instanceof UnitError)) throw error;
    return { message: error.message, hint: '' };
  }
}

function speller(kind: QuantityKind | 'integer', range: SweepRange): (value: number) => Written {
  switch (kind) {
    case 'integer':
      return (value) => Math.round(value);
    case 'number':
      return (value) => significant(value);
    case 'percent':
    case 'share':
      return (value) => `${plain(significant(kind === 'share' ? value * 100 : value))}%`;
    case 'size':
    case 'pages':
      return (value) => spellQuantity(kind, roundedSize(value));
    case 'duration':
      return (value) => spellQuantity(kind, Math.round(significant(value)));
    case 'cost':
      return (value) => `${plain(significant(value))}ns`;
    case 'rate':
    case 'page-rate': {
      const [unit, factor] = finerUnit(kind, range);
      return (value) => `${plain(significant(value / factor))}${unit}`;
    }
  }
}

/** The unit of the ends; of two, the smaller one. */
function finerUnit(kind: QuantityKind, { from, to }: SweepRange): [unit: string, factor: number] {
  const units = [from, to].flatMap((written): [string, number][] => {
    const unit = /[a-z/]+$/iu.exec(String(written).trim())?.[0];
    return unit === undefined ? [] : [[unit, readQuantity(kind, `1${unit}`)]];
  });
  const [unit, factor] = units.reduce((best, each) => (each[1] < best[1] ? each : best));
  return [unit.startsWith('page') ? ' pages/s' : unit, factor];
}

function roundedSize(bytes: number): number {
  let grain = PAGE_SIZE;
  while (grain * 2 <= bytes / 512) grain *= 2;
  return bytes < PAGE_SIZE ? Math.round(bytes) : Math.round(bytes / grain) * grain;
}

const significant = (value: number): number => Number(value.toPrecision(4));

/** Digits without an exponent, which the units' parser does not know. */
function plain(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(12).replace(/0+$/u, '') : text;
}
