// Quantities: types that keep them apart at the border, strict parsing from what people write, and formatting for what
// they read. Inside loops everything is a plain number in base units: bytes, nanoseconds, pages, bytes per second.
//
// Parsing is exact (decimal digits, not doubles) and strict: a unit is spelled in one way, nothing is guessed. `16G` is
// refused, since it is 2^30 to one reader and 10^9 to the next; the message says what to write instead.
// Prefixes: k M G T P are powers of 1,000; Ki Mi Gi Ti Pi powers of 1,024. B is a byte, bit a bit.

declare const unit: unique symbol;
/** A number or bigint that knows what it counts. Arithmetic drops the brand; convert through named functions. */
export type Unit<Base, Name extends string> = Base & { readonly [unit]: Name };

export type Bytes = Unit<number, 'Bytes'>;
export type BytesPerSecond = Unit<number, 'BytesPerSecond'>;
export type PagesPerSecond = Unit<number, 'PagesPerSecond'>;
/** A duration or a simulated time: whole nanoseconds, exact to 2^53 (104 days); Infinity = never. */
export type Ns = Unit<number, 'Ns'>;
/** 0 … 1 where nothing else is said. */
export type Ratio = Unit<number, 'Ratio'>;
/** A count of 4 KiB pages. */
export type Pages = Unit<number, 'Pages'>;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;
export const NS_PER_US = 1_000;
export const NS_PER_MS = 1_000_000;
export const NS_PER_SECOND = 1_000_000_000;

/** Text that is not a quantity. The message says what would be right; callers add where the text stands. */
export class UnitError extends Error {
  override readonly name = 'UnitError';
}

interface UnitTable {
  /** What is asked for: `a size`. */
  readonly what: string;
  readonly example: string;
  /** Base units in one of this unit, as a fraction. */
  readonly units: ReadonlyMap<string, readonly [numerator: bigint, denominator: bigint]>;
  /** Spellings that are not units, and what to write instead. */
  readonly hints: (spelling: string) => string | undefined;
  /** Whether the result must be whole, and in what. */
  readonly whole?: string;
}

const SI_PREFIXES = [
  ['', 1n],
  ['k', 1_000n],
  ['M', 1_000_000n],
  ['G', 1_000_000_000n],
  ['T', 1_000_000_000_000n],
  ['P', 1_000_000_000_000_000n],
] as const;
const IEC_PREFIXES = [
  ['Ki', 1n << 10n],
  ['Mi', 1n << 20n],
  ['Gi', 1n << 30n],
  ['Ti', 1n << 40n],
  ['Pi', 1n << 50n],
] as const;
const PREFIXES = [...SI_PREFIXES, ...IEC_PREFIXES];

const sizeUnits = new Map<string, readonly [bigint, bigint]>([
  ...PREFIXES.map(([prefix, factor]) => [`${prefix}B`, [factor, 1n]] as const),
  ['pages', [4096n, 1n]],
  ['page', [4096n, 1n]],
]);
const byteRateUnits = new Map<string, readonly [bigint, bigint]>([
  ...PREFIXES.map(([prefix, factor]) => [`${prefix}B/s`, [factor, 1n]] as const),
  ...PREFIXES.map(([prefix, factor]) => [`${prefix}bit/s`, [factor, 8n]] as const),
]);
const pageRateUnits = new Map<string, readonly [bigint, bigint]>([
  ['pages/s', [1n, 1n]],
  ['page/s', [1n, 1n]],
]);
const durationUnits = new Map<string, readonly [bigint, bigint]>([
  ['ns', [1n, 1n]],
  ['us', [1_000n, 1n]],
  ['µs', [1_000n, 1n]], // micro sign
  ['μs', [1_000n, 1n]], // Greek mu
  ['ms', [1_000_000n, 1n]],
  ['s', [1_000_000_000n, 1n]],
  ['min', [60_000_000_000n, 1n]],
  ['h', [3_600_000_000_000n, 1n]],
]);

/** `G` and the like: the prefix without B, or in the wrong case. */
function hintForSize(spelling: string): string | undefined {
  const prefix = /^([kmgtp])(i?)(b|byte|bytes)?$/iu.exec(spelling);
  if (prefix !== null) {
    const letter = prefix[1]!.toUpperCase();
    const iec = `${letter}iB`;
    const si = letter === 'K' ? 'kB' : `${letter}B`;
    if (prefix[2] !== '') return `write ${iec}`;
    return `write ${iec} (powers of 1,024) or ${si} (powers of 1,000)`;
  }
  if (/^b(ytes?)?$/iu.test(spelling)) return 'write B';
  if (/^pages?$/iu.test(spelling)) return 'write pages';
  if (/bits?$/iu.test(spelling)) return 'a size is in bytes: write B, KiB, MiB, GiB or TiB';
  if (spelling.endsWith('/s')) return 'that is a rate; a size has no /s';
  return undefined;
}

function hintForRate(spelling: string): string | undefined {
  if (spelling.endsWith('ps')) {
    const bits = /^([kmgt]?)b(it)?ps$/iu.exec(spelling);
    if (bits !== null) return `write ${siPrefix(bits[1]!)}bit/s (bits) or ${siPrefix(bits[1]!)}B/s (bytes)`;
  }
  const amount = spelling.replace(/\/(s|sec|second|seconds)$/u, '');
  if (amount === spelling) {
    if (sizeUnits.has(spelling) || /bit$/u.test(spelling)) return `a rate is per second: write ${spelling}/s`;
    return undefined;
  }
  if (sizeUnits.has(amount)) return `write ${amount}/s`;
  const bits = /^([kmgt]?)(i?)(b|bits?)$/iu.exec(amount);
  if (bits !== null) {
    const prefix = bits[2] === '' ? siPrefix(bits[1]!) : `${bits[1]!.toUpperCase()}i`;
    return `write ${prefix}bit/s (bits) or ${prefix}B/s (bytes)`;
  }
  return hintForSize(amount)?.replace(/([KMGTP]i?B|kB|pages)/gu, '$1/s');
}

const siPrefix = (letter: string): string => (letter.toLowerCase() === 'k' ? 'k' : letter.toUpperCase());

function hintForDuration(spelling: string): string | undefined {
  if (spelling === 'm') return 'write min (minutes) or ms (milliseconds)';
  if (/^(d|days?)$/iu.test(spelling)) return 'the longest unit is h: a day is 24h';
  const long = /^(nano|micro|milli)?(s|secs?|seconds?)$/iu.exec(spelling);
  if (long !== null) {
    const short = { nano: 'ns', micro: 'us', milli: 'ms' }[long[1]?.toLowerCase() ?? ''] ?? 's';
    return `write ${short}`;
  }
  if (/^(msecs?)$/iu.test(spelling)) return 'write ms';
  if (/^(usecs?)$/iu.test(spelling)) return 'write us';
  if (/^(mins?|minutes?)$/iu.test(spelling)) return 'write min';
  if (/^(hrs?|hours?)$/iu.test(spelling)) return 'write h';
  return undefined;
}

const SIZE: UnitTable = { what: 'a size', example: '16GiB', units: sizeUnits, hints: hintForSize, whole: 'bytes' };
const RATE: UnitTable = {
  what: 'a rate',
  example: '25Gbit/s, 80MB/s or 20000pages/s',
  units: new Map([...byteRateUnits, ...pageRateUnits]),
  hints: hintForRate,
};
const DURATION: UnitTable = {
  what: 'a duration',
  example: '300ms',
  units: durationUnits,
  hints: hintForDuration,
  whole: 'nanoseconds',
};
const PERCENTAGE: UnitTable = {
  what: 'a percentage',
  example: '60%',
  units: new Map([['%', [1n, 100n]]]),
  hints: () => undefined,
};

/** Digits and unit: `1.5GiB` or `1.5 GiB`. Twenty digits are more than any quantity here has. */
const QUANTITY = /^(\d{1,20})(?:\.(\d{1,20}))?(?: ?((?![ex][-+\d])[^\d\s.,+-][^\s]*))?$/iu;

function parse(text: string, table: UnitTable): { value: number; unit: string } {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  const refuse = (why: string): never => {
    throw new UnitError(`${shown} is not ${table.what}: ${why}`);
  };
  const match = QUANTITY.exec(text.trim());
  if (match === null) {
    if (/^\s*$/u.test(text)) return refuse(`it is empty; write for example ${table.example}`);
    if (/^\s*-/u.test(text)) return refuse('it is negative');
    if (/^\s*\d{1,3}([,_' ]\d{3})+(?!\d)/u.test(text)) return refuse('write the digits without separators');
    if (/^\s*\d+(\.\d+)?e[+-]?\d+/iu.test(text)) return refuse('write the digits out, without an exponent');
    if (/^\s*0x/iu.test(text)) return refuse('write it in decimal digits with a unit');
    return refuse(`write a number and a unit, for example ${table.example}`);
  }
  const [, digits = '', fraction = '', spelling] = match;
  const mantissa = BigInt(digits + fraction);
  if (spelling === undefined) {
    if (mantissa === 0n) return { value: 0, unit: '' };
    return refuse(`it has no unit; write for example ${table.example}`);
  }
  const factor = table.units.get(spelling);
  if (factor === undefined) {
    const hint =
      table.hints(spelling) ?? `${JSON.stringify(spelling)} is no unit of it; write for example ${table.example}`;
    return refuse(hint);
  }
  const numerator = mantissa * factor[0];
  const denominator = factor[1] * BigInt('1' + '0'.repeat(fraction.length));
  if (table.whole !== undefined && numerator % denominator !== 0n) {
    return refuse(
      `it comes to ${trimmed(Number(numerator) / Number(denominator), 6)} ${table.whole}, which is not whole`,
    );
  }
  const value =
    numerator % denominator === 0n ? Number(numerator / denominator) : Number(numerator) / Number(denominator);
  if (value > Number.MAX_SAFE_INTEGER) return refuse('it is larger than 2^53 can count');
  return { value, unit: spelling };
}

/** `16GiB` → bytes. Also B, kB, MB…, KiB, MiB…, and `pages` of 4 KiB. */
export function parseSize(text: string): Bytes {
  return parse(text, SIZE).value as Bytes;
}

/** `130560 pages`, or a size that is whole pages → a count of 4 KiB pages. */
export function parsePages(text: string): Pages {
  const { value, unit: spelling } = parse(text, SIZE);
  if (value % PAGE_SIZE !== 0) {
    const nearest = formatSize(Math.max(1, Math.round(value / PAGE_SIZE)) * PAGE_SIZE);
    throw new UnitError(
      `${JSON.stringify(text)} is not a number of pages: ${spelling === '' ? text : 'the size'} is no multiple of 4KiB; the nearest is ${nearest}`,
    );
  }
  return (value / PAGE_SIZE) as Pages;
}

export type Rate = { readonly bytesPerSecond: BytesPerSecond } | { readonly pagesPerSecond: PagesPerSecond };

/** `25Gbit/s`, `80MB/s` → bytes per second; `20000pages/s` → pages per second. */
export function parseRate(text: string): Rate {
  const { value, unit: spelling } = parse(text, RATE);
  return pageRateUnits.has(spelling)
    ? { pagesPerSecond: value as PagesPerSecond }
    : { bytesPerSecond: value as BytesPerSecond };
}

/** `300ms` → nanoseconds. ns, us (µs), ms, s, min, h. */
export function parseDuration(text: string): Ns {
  return parse(text, DURATION).value as Ns;
}

/** `60%` → 0.6. At most `maxPercent`. */
export function parsePercentage(text: string, maxPercent = 100): Ratio {
  const { value } = parse(text, PERCENTAGE);
  if (value > maxPercent / 100) {
    throw new UnitError(`${JSON.stringify(text)} is not a percentage that fits here: at most ${maxPercent}%`);
  }
  return value as Ratio;
}

/** At most `digits` behind the point, without trailing zeros. */
function trimmed(value: number, digits: number): string {
  const fixed = value.toFixed(digits);
  return fixed.includes('.') ? fixed.replace(/\.?0+$/u, '') : fixed;
}

/** Three significant digits or all whole ones: 1.23, 12.3, 123, 1234. */
function significant(value: number): string {
  const magnitude = Math.abs(value);
  return trimmed(value, magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2);
}

function scaled(value: number, steps: readonly (readonly [factor: number, name: string])[]): string {
  const magnitude = Math.abs(value);
  let [factor, name] = steps[0]!;
  for (const step of steps) {
    // A step up as soon as the smaller unit would round to its own limit: 1024KiB reads 1MiB.
    const previous = significant(magnitude / factor);
    if (magnitude >= step[0] || Number(previous) * factor >= step[0]) [factor, name] = step;
  }
  return `${significant(value / factor)}${name}`;
}

const SIZE_STEPS = [
  [1, 'B'],
  [KIB, 'KiB'],
  [MIB, 'MiB'],
  [GIB, 'GiB'],
  [TIB, 'TiB'],
  [1024 * TIB, 'PiB'],
] as const;
const siSteps = (name: string): readonly (readonly [number, string])[] =>
  SI_PREFIXES.map(([prefix, factor]) => [Number(factor), `${prefix}${name}`] as const);
const DURATION_STEPS = [
  [1, 'ns'],
  [NS_PER_US, 'µs'],
  [NS_PER_MS, 'ms'],
  [NS_PER_SECOND, 's'],
] as const;

/** For people, rounded to three digits: `15.9GiB`. */
export function formatSize(bytes: number): string {
  return scaled(bytes, SIZE_STEPS);
}

/** For people: `3.12GB/s`; `inBits` gives `25Gbit/s`. */
export function formatRate(bytesPerSecond: number, options: { readonly inBits?: boolean } = {}): string {
  return options.inBits === true
    ? scaled(bytesPerSecond * 8, siSteps('bit/s'))
    : scaled(bytesPerSecond, siSteps('B/s'));
}

/** For people: `20000 pages/s`, `1.25M pages/s`. */
export function formatPageRate(pagesPerSecond: number): string {
  const magnitude = Math.abs(pagesPerSecond);
  if (magnitude < 99_950) return `${significant(pagesPerSecond)} pages/s`;
  return scaled(pagesPerSecond, siSteps(' pages/s'));
}

/** For people: `300ms`, `1.25s`, `2min 5s`, `1h 3min`. */
export function formatDuration(ns: number): string {
  if (ns === Infinity) return 'never';
  const seconds = Math.round(Math.abs(ns) / NS_PER_SECOND);
  if (seconds < 120) return scaled(ns, DURATION_STEPS);
  const sign = ns < 0 ? '-' : '';
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${sign}${minutes}min${seconds % 60 === 0 ? '' : ` ${seconds % 60}s`}`;
  const hours = Math.floor(minutes / 60);
  return `${sign}${hours}h${minutes % 60 === 0 ? '' : ` ${minutes % 60}min`}`;
}

/** For people: `60%`, `0.125%`. */
export function formatPercentage(ratio: number, digits = 1): string {
  return `${trimmed(ratio * 100, digits)}%`;
}

/** Exact, for files: parseSize reads back the same bytes. `16GiB`, `4097B`. */
export function spellSize(bytes: number): string {
  let [factor, name]: readonly [number, string] = SIZE_STEPS[0];
  for (const step of SIZE_STEPS) if (bytes !== 0 && bytes % step[0] === 0) [factor, name] = step;
  return `${bytes / factor}${name}`;
}

/** Exact, for files: parseDuration reads back the same nanoseconds. `300ms`, `90s`. */
export function spellDuration(ns: number): string {
  let [factor, name]: readonly [number, string] = [1, 'ns'];
  for (const step of [
    [NS_PER_US, 'us'],
    [NS_PER_MS, 'ms'],
    [NS_PER_SECOND, 's'],
  ] as const) {
    if (ns !== 0 && ns % step[0] === 0) [factor, name] = step;
  }
  return `${ns / factor}${name}`;
}
