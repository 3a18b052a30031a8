// How sure one can be of a median, and of a difference of two: percentile intervals of the bootstrap (Efron, 1979). The repeats
// are drawn again with replacement, as many as there were; the quantiles of the medians so found are the interval. The percentile
// form, because the acceleration that BCa takes from the jackknife is not consistent for a median (Efron and Tibshirani, An
// Introduction to the Bootstrap, 1993, §11.6).
//
// Drawn from a seeded stream: the same repeats give the same interval everywhere. The order of the repeats does not count.
import { RandomStream } from '../../core/random.ts';
import { quantileSorted, sorted } from './quantiles.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** 0.95: of a hundred such intervals, five do not hold the true value. */
  readonly confidence?: number;
  readonly resamples?: number;
  readonly seed?: number;
}

const CONFIDENCE = 0.95;
/** The ends of a 95 % interval are then its 50th values from either side. */
const RESAMPLES = 2000;
const SEED = 1;

/** The interval of a median. `values` must not be empty. */
export function medianInterval(values: Iterable<number>, options: BootstrapOptions = {}): Interval {
  const sample = sorted(values);
  if (isConstant(sample)) return { low: sample[0]!, high: sample[0]! };
  return intervalOf(options, 'median', (draw) => draw(sample));
}

/** The interval of median(b) − median(a). Neither may be empty. */
export function differenceInterval(a: Iterable<number>, b: Iterable<number>, options: BootstrapOptions = {}): Interval {
  const [from, to] = [sorted(a), sorted(b)];
  if (isConstant(from) && isConstant(to)) {
    const difference = to[0]! - from[0]!;
    return { low: difference, high: difference };
  }
  return intervalOf(options, 'difference', (draw) => {
    const before = draw(from);
    return draw(to) - before;
  });
}

/** Draws `statistic` many times; `draw` gives the median of one resample. */
function intervalOf(
  { confidence = CONFIDENCE, resamples = RESAMPLES, seed = SEED }: BootstrapOptions,
  name: string,
  statistic: (draw: (sample: Float64Array) => number) => number,
): Interval {
  const random = new RandomStream(seed, `bootstrap ${name}`);
  const found = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) found[i] = statistic((sample) => resampledMedian(sample, random));
  found.sort((x, y) => x - y);
  const tail = (1 - confidence) / 2;
  return { low: quantileSorted(found, tail), high: quantileSorted(found, 1 - tail) };
}

/** However it is drawn from, it comes out the same: most figures of a simulation's repeats do. */
const isConstant = (sample: Float64Array): boolean => sample[0] === sample.at(-1);

/** Of a sorted sample the median of a resample is found by the counts of its positions, without sorting values. */
function resampledMedian(sample: Float64Array, random: RandomStream): number {
  const n = sample.length;
  const counts = new Uint16Array(n);
  for (let i = 0; i < n; i++) counts[random.nextBelow(n)]!++;
  const lower = (n - 1) >>> 1;
  const upper = n >>> 1;
  let seen = 0;
  let low = NaN;
  for (let i = 0; i < n; i++) {
    seen += counts[i]!;
    if (Number.isNaN(low) && seen > lower) low = sample[i]!;
    if (seen > upper) return low + (sample[i]! - low) / 2;
  }
  return low;
}
