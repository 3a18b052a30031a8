// Quantities as people write them in an experiment file, as schema types: `16GiB`, `300ms`, `25Gbit/s`, `60%`.
//
// Each type reads text and gives a plain number in the base unit (bytes, integer nanoseconds, bytes per second, pages
// per second, a share between 0 and 1, whole percent). A bare number is refused, except 0: `downtime_limit: 300` could
// mean anything. The message says what was found, what is wrong with it and what a right value looks like; where there
// is more to say, a second line holds the hint (see messages.ts).

import * as z from 'zod';
import type { Cost } from '../core/costs.ts';
import {
  NS_PER_SECOND,
  PAGE_SIZE,
  UnitError,
  formatPercentage,
  parseDuration,
  parsePercentage,
  parseRate,
  parseSize,
  spellDuration,
  spellSize,
} from '../core/units.ts';

/** How the JSON Schema describes a quantity: an extra keyword that jsonschema.ts turns into a pattern. */
export type QuantityKind =
  'size' | 'duration' | 'rate' | 'page-rate' | 'pages' | 'share' | 'percent' | 'cost' | 'number';

export interface Bounds {
  /** Smallest and largest allowed value in the base unit, both inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** The value must be a multiple of this many base units. */
  readonly multiple?: number;
  /** A right value, shown in messages. */
  readonly example: string;
}

interface Kind {
  readonly kind: QuantityKind;
  readonly noun: string;
  /** The value in the base unit; throws UnitError. */
  readonly read: (text: string) => number;
  readonly show: (value: number) => string;
}

const SIZE: Kind = { kind: 'size', noun: 'a size', read: parseSize, show: spellSize };
const DURATION: Kind = { kind: 'duration', noun: 'a duration', read: parseDuration, show: spellTime };
const BYTE_RATE: Kind = {
  kind: 'rate',
  noun: 'a rate',
  read: (text) => {
    const rate = parseRate(text);
    return 'bytesPerSecond' in rate ? rate.bytesPerSecond : rate.pagesPerSecond * PAGE_SIZE;
  },
  show: (value) => (Number.isInteger(value) ? `${spellSize(value)}/s` : (spellBits(value) ?? `${digits(value)}B/s`)),
};
const PAGE_RATE: Kind = {
  kind: 'page-rate',
  noun: 'a rate',
  read: (text) => {
    if (text.trim() === 'full') return Infinity;
    const rate = parseRate(text);
    return 'pagesPerSecond' in rate ? rate.pagesPerSecond : rate.bytesPerSecond / PAGE_SIZE;
  },
  show: (value) => {
    if (value === Infinity) return 'full';
    const bits = Number.isInteger(value) ? undefined : spellBits(value * PAGE_SIZE);
    return bits ?? `${digits(value)} pages/s`;
  },
};
const PAGES: Kind = { ...SIZE, kind: 'pages', noun: 'a number of pages or a size' };
const SHARE: Kind = {
  kind: 'share',
  noun: 'a share',
  read: (text) => parsePercentage(text, 1_000_000),
  show: (value) => formatPercentage(value, 12),
};
const PERCENT: Kind = {
  kind: 'percent',
  noun: 'a percentage',
  read: (text) => Number(formatPercentage(parsePercentage(text, 1_000_000), 9).slice(0, -1)),
  show: (value) => `${value}%`,
};

const KINDS: Readonly<Partial<Record<QuantityKind, Kind>>> = {
  ...{ size: SIZE, pages: PAGES, duration: DURATION, share: SHARE, percent: PERCENT },
  ...{ rate: BYTE_RATE, 'page-rate': PAGE_RATE },
};

/** A value in its base unit as text that reads back to the same value. */
export function spellQuantity(kind: QuantityKind, value: number): string | number {
  if (kind === 'number') return value;
  if (kind === 'cost') return `${digits(value)}ns`;
  return KINDS[kind]!.show(value);
}

/** The base-unit value of a text that is known to be right, such as a default. */
export function readQuantity(kind: QuantityKind, written: string | number): number {
  return typeof written === 'number' ? written : KINDS[kind]!.read(written);
}

/** Whole bits per second, which a fraction of a byte or of a page often is: exact where decimal digits are not. */
function spellBits(bytesPerSecond: number): string | undefined {
  const bits = bytesPerSecond * 8;
  return Number.isSafeInteger(bits) ? `${bits}bit/s` : undefined;
}

/** Decimal digits without an exponent; the units' parser knows none. */
function digits(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(20) : text;
}

/** Exact, also in minutes and hours where they are whole: `24h`, `90s`, `300ms`. */
export function spellTime(ns: number): string {
  for (const [unit, name] of [
    [3600 * NS_PER_SECOND, 'h'],
    [60 * NS_PER_SECOND, 'min'],
  ] as const) {
    if (ns !== 0 && ns % unit === 0) return `${ns / unit}${name}`;
  }
  return spellDuration(ns);
}

/** Bytes. */
export const size = (bounds: Bounds): z.ZodType<number, string | number> => quantity(SIZE, bounds);
/** Integer nanoseconds of simulated time. */
export const duration = (bounds: Bounds): z.ZodType<number, string | number> => quantity(DURATION, bounds);
/** Bytes per second; pages/s count 4096 bytes each. */
export const byteRate = (bounds: Bounds): z.ZodType<number, string | number> => quantity(BYTE_RATE, bounds);
/** Pages per second; bytes count as 1/4096 page. `full` gives Infinity. */
export const pageRate = (bounds: Bounds): z.ZodType<number, string | number> => quantity(PAGE_RATE, bounds);
/** Bytes, written as `1000 pages` or as a size. */
export const pages = (bounds: Bounds): z.ZodType<number, string | number> => quantity(PAGES, bounds);
/** A share between 0 and 1, written as `60%`. */
export const share = (bounds: Bounds): z.ZodType<number, string | number> => quantity(SHARE, bounds);
/** Whole percent, as QEMU's parameters count them, written as `20%`. */
export const percent = (bounds: Bounds): z.ZodType<number, string | number> =>
  quantity(PERCENT, { multiple: 1, ...bounds });

/** The extra keyword under which a quantity's kind stands in the schema's metadata. */
export const QUANTITY_KEYWORD = 'x-quantity';
/** And that of which its values are multiples, as it is written. */
export const MULTIPLE_KEYWORD = 'x-multiple';

function quantity(kind: Kind, bounds: Bounds): z.ZodType<number, string | number> {
  const wanted = `expected ${kind.noun} such as ${bounds.example}`;
  return z
    .union([z.string(), z.number()], {
      error: (issue) =>
        issue.input === undefined ? `missing: ${wanted}` : `found ${describe(issue.input)}, ${wanted}`,
    })
    .transform((value, context) => {
      const problem = (message: string): never => {
        context.issues.push({ code: 'custom', message, input: value });
        return z.NEVER;
      };
      if (typeof value === 'number' && value !== 0) {
        const percentage = kind.noun === 'a share' && value > 0 && value <= 1 ? `\nWrite ${value * 100}%.` : '';
        return problem(`found ${value} without a unit, ${wanted}${percentage}`);
      }
      let read = 0;
      if (typeof value === 'string') {
        try {
          read = kind.read(value);
        } catch (error) {
          if (!(error instanceof UnitError)) throw error;
          return problem(`${error.message}${misplaced(kind, value, bounds.example)}`);
        }
      }
      return checkBounds(kind, bounds, read, value, problem);
    })
    .meta({
      [QUANTITY_KEYWORD]: kind.kind,
      examples: [bounds.example],
      ...(bounds.min === undefined ? {} : { 'x-min': kind.show(bounds.min) }),
      ...(bounds.max === undefined ? {} : { 'x-max': kind.show(bounds.max) }),
      ...(bounds.multiple === undefined ? {} : { [MULTIPLE_KEYWORD]: kind.show(bounds.multiple) }),
    });
}

function checkBounds(
  kind: Kind,
  { min, max, multiple, example }: Bounds,
  read: number,
  value: string | number,
  problem: (message: string) => never,
): number {
  if (min !== undefined && read < min) {
    return problem(`${value} is below the smallest allowed value, ${kind.show(min)}\nFor example: ${example}`);
  }
  if (max !== undefined && read > max && read !== Infinity) {
    return problem(`${value} is above the largest allowed value, ${kind.show(max)}\nFor example: ${example}`);
  }
  if (multiple !== undefined && read % multiple !== 0) {
    return problem(`${value} is not a multiple of ${kind.show(multiple)}\nFor example: ${example}`);
  }
  return read;
}

/** The hint: what a text of another kind is (a rate in the place of a size), or else a right value. */
function misplaced(wanted: Kind, text: string, example: string): string {
  for (const kind of [SIZE, DURATION, BYTE_RATE, SHARE]) {
    if (kind.noun === wanted.noun) continue;
    try {
      kind.read(text);
      return `\n${describe(text)} is ${kind.noun}; here belongs ${wanted.noun}, for example ${example}`;
    } catch (error) {
      if (!(error instanceof UnitError)) throw error;
    }
  }
  return `\nFor example: ${example}`;
}

const TIMES = { ns: 1, us: 1_000, µs: 1_000, ms: 1_000_000, s: 1_000_000_000 } as const;

/** A cost in time in nanoseconds, which need not be whole; undefined where the text is none. */
export function readCost(text: string): number | undefined {
  const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s?(ns|us|µs|ms|s)\s*$/u.exec(text);
  return match ? Number(match[1]) * TIMES[match[2] as keyof typeof TIMES] : undefined;
}

/** A constant of the cost table in its own unit: `2us`, `5.7ns` (also where the unit is ns/page), or a plain ratio. */
export function costValue(cost: Cost): z.ZodType<number, string | number> {
  const timed = cost.unit.startsWith('ns');
  const example = timed ? `${cost.value}ns` : String(cost.value);
  const wanted = `expected a cost such as ${example}`;
  return z
    .union([z.string(), z.number()], { error: (issue) => `found ${describe(issue.input)}, ${wanted}` })
    .transform((value, context) => {
      const problem = (message: string): never => {
        context.issues.push({ code: 'custom', message, input: value });
        return z.NEVER;
      };
      let read: number;
      if (timed) {
        const cost = value === 0 ? 0 : readCost(String(value));
        if (cost === undefined) return problem(`${describe(value)} is not a cost in time\nFor example: ${example}`);
        read = cost;
      } else {
        if (typeof value !== 'number') return problem(`${describe(value)} is not a number\nFor example: ${example}`);
        read = value;
      }
      if (read >= cost.min && read <= cost.max) return read;
      return problem(`${value} is outside the range of this cost, ${cost.min} to ${cost.max} ${cost.unit}`);
    })
    .meta({
      [QUANTITY_KEYWORD]: timed ? 'cost' : 'number',
      examples: [timed ? example : cost.value],
      'x-min': `${cost.min} ${cost.unit}`,
      'x-max': `${cost.max} ${cost.unit}`,
    });
}

/** A found value in a message: text in quotes, collections by their kind. */
export function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of fields';
  if (typeof value === 'string') {
    const clean = Array.from(value, (c) => (isControl(c) ? '�' : c)).join('');
    return `'${clean.length > 80 ? `${clean.slice(0, 77)}…` : clean}'`;
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}

/** C0, DEL and C1 controls, and the marks that reorder text on screen. */
export function isControl(char: string): boolean {
  const code = char.codePointAt(0)!;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}
