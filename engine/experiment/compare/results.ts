// What runs came to, beside each other: for each figure the value of each group of repeats, how far it is from the baseline, in
// which direction that is better, and whether the difference may be trusted.
//
// Repeats are runs that differ in their seed alone (or, measured, in nothing). A group shows the median of its repeats with the
// bootstrap's 95 % interval. A difference counts only if the interval of the difference excludes no change, and only where there
// are repeats enough that a rank test could find one at all (2 / C(n + m, n) ≤ 5 %: four on each side, three and five …): the
// interval of two or three repeats is known to be too narrow. Simulations with the same seed are no repeats: they are the same run.
// One run on each side is shown as what it is: exact for these seeds, silent about others.
import { METRIC_NAMES, METRICS, type MetricName, type MetricUnit } from '../expect.ts';
import type { Summary } from '../result.ts';
import { differenceInterval, medianInterval, type Interval } from '../stats/bootstrap.ts';
import { median } from '../stats/quantiles.ts';
import { cliffsDelta, effectSize, holm, leastP, mannWhitney, type EffectSize } from '../stats/ranks.ts';

/** Which direction is better. `neither`: more rounds are no fault, and no merit. */
export type Better = 'less' | 'more' | 'neither';

const BETTER: Readonly<Record<MetricName, Better>> = {
  outcome: 'neither',
  lost: 'less',
  downtime: 'less',
  total: 'less',
  bytes: 'less',
  rounds: 'neither',
  resent: 'less',
  needless: 'less',
  pages: 'less',
  zero_pages: 'neither',
  setup: 'less',
  guest_stall: 'less',
  guest_speed: 'more',
  throttle: 'less',
  harvest: 'less',
  device_bytes: 'neither',
  iotlb_flushes: 'less',
  entries_touched: 'less',
  faults: 'less',
};

/** What is asked first stands first. */
const ORDER = Object.keys(BETTER) as readonly MetricName[];

export const SIGNIFICANCE = 0.05;

/** How much a difference is worth. */
export type Judgement =
  /** This group is the baseline. */
  | 'baseline'
  /** The interval excludes no change. */
  | 'better'
  | 'worse'
  /** It excludes no change, but neither direction is better. */
  | 'different'
  /** Nothing differs at all, in any repeat. */
  | 'same'
  /** The interval includes no change. */
  | 'unclear'
  /** Some repeats, but too few for a rank test to find anything. */
  | 'too-few'
  /** One run on each side. */
  | 'single'
  /** Not known on one side. */
  | 'unknown';

export interface ResultCell {
  /** Repeats in which the figure is known. */
  readonly n: number;
  readonly median: number | null;
  /** Of the median; null with fewer than two repeats. */
  readonly interval: Interval | null;
  readonly least: number | null;
  readonly greatest: number | null;
  /** Against the baseline's median. */
  readonly delta: number | null;
  /** null where the baseline is 0. */
  readonly ratio: number | null;
  readonly deltaInterval: Interval | null;
  /** Mann–Whitney, two-sided, corrected after Holm over the figures of this group. */
  readonly p: number | null;
  /** Cliff's delta, −1 … 1. */
  readonly effect: number | null;
  readonly effectSize: EffectSize | null;
  readonly judgement: Judgement;
}

export interface ResultRow {
  readonly metric: MetricName;
  readonly title: string;
  readonly unit: MetricUnit;
  readonly better: Better;
  /** One for each group, in their order. */
  readonly cells: readonly ResultCell[];
}

export interface Repeats {
  /** Summaries of the repeats; a simulation with a seed that came before is left out by the caller. */
  readonly summaries: readonly Summary[];
}

/** Rows of figures that at least one group knows. The outcome is no figure: groups say theirs. */
export function resultsOf(groups: readonly Repeats[], baseline: number): ResultRow[] {
  const names = ORDER.filter((name) => METRICS[name].unit !== 'outcome');
  const rows = names.flatMap((name) => {
    const values = groups.map(({ summaries }) => knownValues(name, summaries));
    if (values.every((known) => known.length === 0)) return [];
    const before = values[baseline] ?? [];
    const cells = values.map((known, i) => cellOf(known, before, BETTER[name], i === baseline));
    const { title, unit } = METRICS[name];
    return [{ metric: name, title, unit, better: BETTER[name], cells }];
  });
  return corrected(rows, groups.length);
}

/** Every metric has its direction: a test of METRIC_NAMES against this. */
export const JUDGED: readonly MetricName[] = METRIC_NAMES.filter((name) => name in BETTER);

function knownValues(name: MetricName, summaries: readonly Summary[]): number[] {
  return summaries.map((summary) => figureOf(name, summary)).filter((value) => value !== null);
}

/** Null: not known, or there is none. */
export function figureOf(name: MetricName, summary: Summary): number | null {
  const value = METRICS[name].read(summary);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function cellOf(values: readonly number[], before: readonly number[], better: Better, isBaseline: boolean): ResultCell {
  const n = values.length;
  const middle = n === 0 ? null : median(values);
  const own = {
    n,
    median: middle,
    interval: n < 2 ? null : medianInterval(values),
    least: n === 0 ? null : values.reduce((a, b) => (b < a ? b : a)),
    greatest: n === 0 ? null : values.reduce((a, b) => (b > a ? b : a)),
  };
  const alone = {
    ...{ delta: null, ratio: null, deltaInterval: null },
    ...{ p: null, effect: null, effectSize: null },
  };
  if (isBaseline) return { ...own, ...alone, judgement: 'baseline' };
  if (middle === null || before.length === 0) return { ...own, ...alone, judgement: 'unknown' };
  const reference = median(before);
  const delta = middle - reference;
  const ratio = reference === 0 ? null : middle / reference;
  const same = [...values, ...before].every((value) => value === reference);
  if (n === 1 && before.length === 1) {
    return { ...own, ...alone, delta, ratio, judgement: same ? 'same' : 'single' };
  }
  const { p } = mannWhitney(before, values);
  const effect = cliffsDelta(before, values);
  const deltaInterval = differenceInterval(before, values);
  const tested = { ...own, ...{ delta, ratio, deltaInterval }, ...{ p, effect, effectSize: effectSize(effect) } };
  if (same) return { ...tested, judgement: 'same' };
  if (leastP(before.length, n) > SIGNIFICANCE) return { ...tested, judgement: 'too-few' };
  if (deltaInterval.low <= 0 && deltaInterval.high >= 0) return { ...tested, judgement: 'unclear' };
  if (better === 'neither') return { ...tested, judgement: 'different' };
  return { ...tested, judgement: delta < 0 === (better === 'less') ? 'better' : 'worse' };
}

/** Many figures are tested at once: p of each group corrected over all of them. */
function corrected(rows: readonly ResultRow[], groups: number): ResultRow[] {
  const adjusted = Array.from({ length: groups }, (_, g) => {
    const tested = rows.filter(({ cells }) => cells[g]!.p !== null);
    const ps = holm(tested.map(({ cells }) => cells[g]!.p!));
    return new Map(tested.map(({ metric }, i) => [metric, ps[i]!]));
  });
  return rows.map((row) => ({
    ...row,
    cells: row.cells.map((cell, g) => ({ ...cell, p: adjusted[g]!.get(row.metric) ?? null })),
  }));
}
