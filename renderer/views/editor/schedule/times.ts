// Times of the schedule: as the file writes them, as nanoseconds, and as steps that look whole.
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  min: 60e9,
  h: 3600e9,
};

/** `1500ms` → nanoseconds; null for what is no time. Zero needs no unit. */
export function timeOf(written: unknown): number | null {
  if (written === 0) return 0;
  const match = /^\s*(\d+(?:\.\d+)?)\s?(ns|us|µs|μs|ms|s|min|h)?\s*$/u.exec(typeof written === 'string' ? written : '');
  if (match === null) return null;
  const number = Number(match[1]);
  if (match[2] === undefined) return number === 0 ? 0 : null;
  const ns = Math.round(number * UNITS[match[2]]!);
  return Number.isSafeInteger(ns) ? ns : null;
}

/** As people write it, exactly: `2s`, `1500ms`, `250us`. */
export function spellNs(ns: number): string {
  if (ns === 0) return '0ms';
  for (const [unit, name] of [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
  ] as const)
    if (ns % unit === 0) return `${ns / unit}${name}`;
  return `${ns}ns`;
}

/** A size, exactly: `2GiB`, `2MiB`, `4096B`. */
export function spellBytes(bytes: number): string {
  for (const [unit, name] of [
    [1024 ** 4, 'TiB'],
    [1024 ** 3, 'GiB'],
    [1024 ** 2, 'MiB'],
    [1024, 'KiB'],
  ] as const)
    if (bytes !== 0 && bytes % unit === 0) return `${bytes / unit}${name}`;
  return `${bytes}B`;
}

/** The next smaller 1, 2 or 5 times a power of ten. */
export function wholeStep(ns: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, ns)));
  const lead = ns / power;
  return Math.max(1, (lead >= 5 ? 5 : lead >= 2 ? 2 : 1) * power);
}

export function rounded(ns: number, step: number): number {
  return Math.max(0, Math.round(ns / step) * step);
}

/** Where this stretch of the axis has its marks: at most `most`, and one more. */
export function ticksOf(fromNs: number, toNs: number, most: number): number[] {
  const length = toNs - fromNs;
  let step = wholeStep(length / most);
  while (length / step > most) step = wholeStep(step * 2.5);
  const first = Math.ceil(fromNs / step);
  return Array.from({ length: Math.floor(toNs / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** A stretch of the axis. */
export interface Stretch {
  readonly fromNs: number;
  readonly toNs: number;
}

/** The shortest stretch that is shown. */
const SHORTEST_NS = 1_000;

/** `by` times as long, with `aboutNs` staying where it is; never beyond [0, endNs]. */
export function zoomed({ fromNs, toNs }: Stretch, by: number, aboutNs: number, endNs: number): Stretch {
  const length = Math.round(Math.min(endNs, Math.max(SHORTEST_NS, (toNs - fromNs) * by)));
  const share = (aboutNs - fromNs) / (toNs - fromNs);
  return panned({ fromNs: 0, toNs: length }, aboutNs - share * length, endNs);
}

/** As long as it is, beginning at `fromNs` as far as [0, endNs] allows. */
export function panned({ fromNs, toNs }: Stretch, beginNs: number, endNs: number): Stretch {
  const length = toNs - fromNs;
  const from = Math.round(Math.max(0, Math.min(endNs - length, beginNs)));
  return { fromNs: from, toNs: from + length };
}
