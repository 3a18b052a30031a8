// Where an axis has its ticks and what they say. Steps are 1, 2 or 5 times a power of ten (times in seconds, or milliseconds
// and microseconds for runs that short), so that labels are the shortest numbers there are.
import type { Span } from './span.ts';

export interface Ticks {
  readonly at: readonly number[];
  readonly labels: readonly string[];
}

/** The least of 1, 2, 5 × 10ⁿ that is not less than `least`. */
export function niceStep(least: number): number {
  if (!(least > 0) || !Number.isFinite(least)) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  for (const times of [1, 2, 5, 10]) if (power * times >= least * (1 - 1e-9)) return power * times;
  return power * 10;
}

/** Multiples of a nice step in [from, to], about `count` of them at most. */
export function niceTicks(from: number, to: number, count: number): readonly number[] {
  const step = niceStep((to - from) / Math.max(1, count));
  const ticks: number[] = [];
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  for (let i = first; i <= last; i++) ticks.push(cleaned(i * step, step));
  return ticks;
}

/** Without the dust that a product of doubles leaves: 0.30000000000000004 → 0.3. */
function cleaned(value: number, step: number): number {
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  return digits > 15 ? value : Number(value.toFixed(digits));
}

/** Decimals that tell neighbours at this distance apart. */
export function decimalsFor(step: number): number {
  return Math.min(9, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

const UNITS = [
  { unit: 's', ns: 1e9 },
  { unit: 'ms', ns: 1e6 },
  { unit: 'µs', ns: 1e3 },
  { unit: 'ns', ns: 1 },
] as const;
const NARROW_SPACE = '\u202f';

/** The unit in which moments of a run that ends at `endNs` are said: one for the whole of it. */
export function timeUnit(endNs: number): (typeof UNITS)[number] {
  return UNITS.find(({ ns }) => endNs >= ns) ?? UNITS[3];
}

/** Ticks of the axis of time; labels without the unit. `labelPx`: room that one label needs. */
export function timeTicks({ fromNs, toNs }: Span, endNs: number, widthPx: number, labelPx = 92): Ticks {
  const { ns } = timeUnit(endNs);
  const at = niceTicks(fromNs / ns, toNs / ns, Math.max(1, widthPx / labelPx));
  const step = at.length > 1 ? at[1]! - at[0]! : 1;
  const decimals = decimalsFor(step);
  return { at: at.map((value) => value * ns), labels: at.map((value) => grouped(value, decimals)) };
}

/** A moment as precisely as `resolutionNs` (the time behind a pixel) tells it: `3.214 s`, `4.930 637 s`. */
export function formatMoment(timeNs: number, endNs: number, resolutionNs = 1): string {
  const { unit, ns } = timeUnit(endNs);
  return `${grouped(timeNs / ns, decimalsFor(Math.max(1, resolutionNs) / ns))} ${unit}`;
}

/** Digits after the point in groups of three. */
function grouped(value: number, decimals: number): string {
  const [whole = '', part] = value.toFixed(decimals).split('.');
  return part === undefined ? whole : `${whole}.${part.replace(/(\d{3})(?=\d)/gu, `$1${NARROW_SPACE}`)}`;
}
