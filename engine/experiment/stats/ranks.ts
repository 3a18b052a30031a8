// Whether two groups of repeats differ, and by how much, from ranks alone: no assumption about how the values are distributed.
//
// U counts the pairs in which the value of b is greater (ties count half): Mann and Whitney, "On a test of whether one of two
// random variables is stochastically larger than the other" (1947). For up to 50 values the p-value is exact, also with ties: of
// all ways to deal the pooled midranks into groups of these sizes, the share that is at least as far from the mean. Beyond, the
// normal approximation with the correction for ties and for continuity.
//
// Cliff's delta is the same count as an effect: (greater − less) / pairs, −1 … 1 (Cliff, 1993). The words for its size are those of
// Romano and others (2006): negligible below 0.147, small below 0.33, medium below 0.474.
import { exp } from '../../core/exactmath.ts';

/** Up to so many values together p is exact: C(50, 25) ways are counted in whole numbers below 2^53. */
export const EXACT_UP_TO = 50;

export interface RankTest {
  readonly u: number;
  /** Two-sided. */
  readonly p: number;
  readonly exact: boolean;
}

export function mannWhitney(a: readonly number[], b: readonly number[]): RankTest {
  const n = a.length;
  const m = b.length;
  const { twiceRanks, ties } = midranks([...a, ...b]);
  let twiceSum = 0;
  for (let i = n; i < n + m; i++) twiceSum += twiceRanks[i]!;
  const u = (twiceSum - m * (m + 1)) / 2;
  if (n === 0 || m === 0) return { u, p: 1, exact: true };
  if (n + m <= EXACT_UP_TO) return { u, p: exactP(twiceRanks, m, twiceSum), exact: true };
  const N = n + m;
  const tied = ties.reduce((sum, t) => sum + (t * t * t - t), 0);
  const variance = ((n * m) / 12) * (N + 1 - tied / (N * (N - 1)));
  if (variance === 0) return { u, p: 1, exact: false };
  const z = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5) / Math.sqrt(variance);
  return { u, p: Math.min(1, 2 * normalTail(z)), exact: false };
}

/** 1: every value of b is greater than every one of a; 0: as often as not. NaN where one is empty. */
export function cliffsDelta(a: readonly number[], b: readonly number[]): number {
  let balance = 0;
  for (const x of a) for (const y of b) balance += y > x ? 1 : y < x ? -1 : 0;
  return balance / (a.length * b.length);
}

export type EffectSize = 'negligible' | 'small' | 'medium' | 'large';

export function effectSize(delta: number): EffectSize {
  const size = Math.abs(delta);
  if (size < 0.147) return 'negligible';
  if (size < 0.33) return 'small';
  return size < 0.474 ? 'medium' : 'large';
}

/** The least two-sided p that so many repeats can give at all: 2 / C(n + m, m). */
export function leastP(n: number, m: number): number {
  if (n === 0 || m === 0) return 1;
  let ways = 1;
  for (let i = 1; i <= m; i++) ways = (ways * (n + i)) / i;
  return Math.min(1, 2 / ways);
}

/** Holm's correction for several tests at once (1979): adjusted p-values, in the order given. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((i, j) => ps[i]! - ps[j]! || i - j);
  const adjusted = new Array<number>(ps.length).fill(1);
  let greatest = 0;
  for (const [rank, i] of order.entries()) {
    greatest = Math.max(greatest, Math.min(1, ps[i]! * (ps.length - rank)));
    adjusted[i] = greatest;
  }
  return adjusted;
}

/** Twice the midrank of each value (whole numbers), and the sizes of groups of equal values. */
function midranks(values: readonly number[]): { twiceRanks: number[]; ties: number[] } {
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]! || i - j);
  const twiceRanks = new Array<number>(values.length).fill(0);
  const ties: number[] = [];
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) twiceRanks[order[i]!] = from + 1 + to;
    ties.push(to - from);
    from = to;
  }
  return { twiceRanks, ties };
}

/** Of all ways to choose `m` of these ranks, the share whose sum is at least as far from the mean as `sum`. */
function exactP(twiceRanks: readonly number[], m: number, sum: number): number {
  const total = twiceRanks.reduce((all, rank) => all + rank, 0);
  // ways[k][s]: how many choices of k ranks sum to s.
  const ways = Array.from({ length: m + 1 }, () => new Float64Array(total + 1));
  ways[0]![0] = 1;
  for (const rank of twiceRanks) {
    for (let k = m; k >= 1; k--) {
      const [from, to] = [ways[k - 1]!, ways[k]!];
      for (let s = total; s >= rank; s--) to[s] = to[s]! + from[s - rank]!;
    }
  }
  // The mean of the sum is m · total / N; all is compared in whole numbers.
  const far = (s: number): number => Math.abs(s * twiceRanks.length - m * total);
  const least = far(sum);
  let all = 0;
  let extreme = 0;
  for (const [s, count] of ways[m]!.entries()) {
    all += count;
    if (far(s) >= least) extreme += count;
  }
  return extreme / all;
}

/** P(Z > z) for z ≥ 0: Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 0.3989422804014327 * exp((-z * z) / 2) * series;
}
