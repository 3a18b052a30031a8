import fc from 'fast-check';
import * as independent from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { differenceInterval, medianInterval } from '../../../../engine/experiment/stats/bootstrap.ts';
import { median, quantile } from '../../../../engine/experiment/stats/quantiles.ts';
import { cliffsDelta, effectSize, holm, leastP, mannWhitney } from '../../../../engine/experiment/stats/ranks.ts';
import { RandomStream } from '../../../../engine/core/random.ts';

/** Few different values, so that there are ties; now and then far apart. */
const values = (maxLength = 12): fc.Arbitrary<number[]> =>
  fc.array(fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 5 }) }, fc.integer({ min: -1e6, max: 1e6 })), {
    minLength: 1,
    maxLength,
  });

describe('quantiles', () => {
  it('are those of R’s default, type 7', () => {
    // quantile(c(1, 3, 4, 8, 9, 11), c(0, .1, .25, .5, .9, 1)) in R
    const sample = [8, 1, 11, 3, 9, 4];
    const expected = [1, 2, 3.25, 6, 10, 11];
    expect([0, 0.1, 0.25, 0.5, 0.9, 1].map((p) => quantile(sample, p))).toEqual(expected);
  });

  it('have the median that an independent library finds', () => {
    fc.assert(
      fc.property(values(30), (sample) => {
        expect(median(sample)).toBe(independent.median(sample));
      }),
    );
  });

  it('of nothing are not a number', () => {
    expect(median([])).toBeNaN();
  });
});

describe('the Mann–Whitney test', () => {
  it('gives the probabilities of Mann and Whitney’s own table (1947), n = m = 3', () => {
    // Their table is one-sided: P(U ≤ u) for u = 0 … 4.
    const samples: [number[], number][] = [
      [[1, 2, 3], 0.05],
      [[1, 2, 4], 0.1],
      [[1, 2, 5], 0.2],
    ];
    for (const [b, oneSided] of samples) {
      const a = [1, 2, 3, 4, 5, 6].filter((rank) => !b.includes(rank));
      expect(mannWhitney(a, b).p).toBeCloseTo(2 * oneSided, 12);
    }
  });

  it.each([
    // Critical values of U, two-sided 5 %: Milton, "An extended table of critical values for the Mann–Whitney (Wilcoxon)
    // two-sample statistic", JASA 59 (1964).
    [4, 4, 0],
    [3, 5, 0],
    [5, 5, 2],
    [5, 6, 3],
    [6, 6, 5],
    [7, 7, 8],
    [8, 8, 13],
    [9, 9, 17],
    [10, 10, 23],
    [12, 12, 37],
    [15, 15, 64],
    [20, 20, 127],
  ])('has the published critical value for n = %i, m = %i: U = %i', (n, m, critical) => {
    expect(mannWhitney(...withU(n, m, critical)).p).toBeLessThanOrEqual(0.05);
    expect(mannWhitney(...withU(n, m, critical + 1)).p).toBeGreaterThan(0.05);
  });

  it('counts U as an independent library counts rank sums, ties included', () => {
    fc.assert(
      fc.property(values(), values(), (a, b) => {
        const rankSum = independent.wilcoxonRankSum(b, a);
        expect(mannWhitney(a, b).u).toBeCloseTo(rankSum - (b.length * (b.length + 1)) / 2, 9);
      }),
    );
  });

  it('has the p that dealing the values out in every possible way has, ties included', () => {
    fc.assert(
      fc.property(values(5), values(4), (a, b) => {
        expect(mannWhitney(a, b).p).toBeCloseTo(dealtOut(a, b), 10);
      }),
      { numRuns: 60 },
    );
  });

  it('approximates well beyond the exact range', () => {
    const a = Array.from({ length: 26 }, (_, i) => 2 * i);
    const b = Array.from({ length: 25 }, (_, i) => 2 * i + 13);
    const { p, exact } = mannWhitney(a, b);
    expect(exact).toBe(false);
    const exactP = mannWhitney(a.slice(1), b).p;
    expect(Math.abs(p - exactP)).toBeLessThan(0.02);
  });

  it('finds no difference between equal values, and none where there is nothing', () => {
    expect(mannWhitney([7, 7], [7, 7, 7]).p).toBe(1);
    expect(mannWhitney([], [1]).p).toBe(1);
    expect(mannWhitney(new Array(30).fill(1) as number[], new Array(30).fill(1) as number[]).p).toBe(1);
  });

  it('knows how small p can get at all', () => {
    for (const [n, m] of [
      [1, 1],
      [3, 3],
      [4, 4],
      [2, 8],
    ] as const) {
      const a = Array.from({ length: n }, (_, i) => i);
      const b = Array.from({ length: m }, (_, i) => 100 + i);
      expect(leastP(n, m)).toBeCloseTo(mannWhitney(a, b).p, 12);
    }
  });
});

describe('Cliff’s delta', () => {
  it('is the share of pairs that rise less the share that falls', () => {
    // Worked by hand: of 3 × 4 pairs 10 rise, 1 falls, 1 is equal.
    expect(cliffsDelta([1, 2, 5], [5, 6, 4, 9])).toBeCloseTo((10 - 1) / 12, 12);
  });

  it('is U on another scale', () => {
    fc.assert(
      fc.property(values(), values(), (a, b) => {
        expect(cliffsDelta(a, b)).toBeCloseTo((2 * mannWhitney(a, b).u) / (a.length * b.length) - 1, 9);
      }),
    );
  });

  it('has words for its size', () => {
    expect([0, -0.2, 0.4, -1].map(effectSize)).toEqual(['negligible', 'small', 'medium', 'large']);
  });
});

describe('Holm’s correction', () => {
  it('gives R’s p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")', () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    for (const [i, p] of [0.03, 0.06, 0.06, 0.02].entries()) expect(adjusted[i]).toBeCloseTo(p, 12);
  });

  it('never makes a p smaller, and keeps their order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (ps) => {
        const adjusted = holm(ps);
        for (const [i, p] of ps.entries()) {
          expect(adjusted[i]).toBeGreaterThanOrEqual(p);
          expect(adjusted[i]).toBeLessThanOrEqual(1);
          for (const [j, q] of ps.entries()) if (p < q) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j]!);
        }
      }),
    );
  });
});

describe('the bootstrap', () => {
  it('gives the same interval each time, whatever the order of the repeats', () => {
    const sample = [9, 1, 4, 7, 2, 8, 3];
    expect(medianInterval(sample)).toEqual(medianInterval([...sample].reverse()));
    const squares = Array.from({ length: 40 }, (_, i) => i * i);
    const few = (seed: number): unknown => medianInterval(squares, { seed, resamples: 60 });
    expect(few(2)).toEqual(few(2));
    expect([few(3), few(4), few(5)]).not.toEqual([few(2), few(2), few(2)]);
  });

  it('draws the medians that enumerating all resamples gives', () => {
    // Of the 27 resamples of [0, 1, 10], 7 have the median 0, 13 have 1, 7 have 10: quantiles 0.2, 0.5 and 0.8 are certain.
    const sample = [0, 1, 10];
    expect(medianInterval(sample, { confidence: 0.6 })).toEqual({ low: 0, high: 10 });
    expect(medianInterval(sample, { confidence: 0.4 })).toEqual({ low: 1, high: 1 });
  });

  it('of even repeats takes the mean of the two in the middle', () => {
    const { low, high } = medianInterval([0, 2], { confidence: 0.4 });
    // Resamples: 0 0, 0 2, 2 0, 2 2: medians 0 (¼), 1 (½), 2 (¼).
    expect([low, high]).toEqual([1, 1]);
  });

  it('holds the true median about as often as it says', () => {
    const random = new RandomStream(7, 'coverage');
    let held = 0;
    const trials = 300;
    for (let i = 0; i < trials; i++) {
      const sample = Array.from({ length: 15 }, () => random.nextUnit() ** 3);
      const { low, high } = medianInterval(sample, { resamples: 400, seed: i });
      if (low <= 0.125 && 0.125 <= high) held++;
    }
    expect(held / trials).toBeGreaterThan(0.9);
    expect(held / trials).toBeLessThan(0.99);
  });

  it('of a difference excludes no change where there is a clear one, and includes it where there is none', () => {
    const a = [10, 11, 12, 13, 14, 15];
    const clear = differenceInterval(
      a,
      a.map((x) => x + 20),
    );
    expect(clear.low).toBeGreaterThan(0);
    expect((clear.low + clear.high) / 2).toBeCloseTo(20, 0);
    const none = differenceInterval(a, a);
    expect(none.low).toBeLessThan(0);
    expect(none.high).toBeGreaterThan(0);
    expect(differenceInterval([5, 5, 5], [8, 8])).toEqual({ low: 3, high: 3 });
  });
});

/** Groups without ties whose smaller count of pairs is `u`. */
function withU(n: number, m: number, u: number): [number[], number[]] {
  // b holds the lowest ranks; raising its greatest ones past values of a adds a pair each time.
  const ranks = Array.from({ length: m }, (_, i) => i + 1);
  let left = u;
  for (let i = m - 1; i >= 0 && left > 0; i--) {
    const step = Math.min(n, left);
    ranks[i] = ranks[i]! + step;
    left -= step;
  }
  const a = Array.from({ length: n + m }, (_, i) => i + 1).filter((rank) => !ranks.includes(rank));
  return [a, ranks];
}

/** p by enumeration of all subsets: slow and obvious. */
function dealtOut(a: readonly number[], b: readonly number[]): number {
  const pool = [...a, ...b];
  const u = (chosen: readonly boolean[]): number => {
    let count = 0;
    pool.forEach((y, i) => {
      if (chosen[i]) pool.forEach((x, j) => (count += chosen[j] ? 0 : y > x ? 1 : y === x ? 0.5 : 0));
    });
    return count;
  };
  const middle = (a.length * b.length) / 2;
  const seen = Math.abs(u(pool.map((_, i) => i >= a.length)) - middle);
  let all = 0;
  let extreme = 0;
  for (let bits = 0; bits < 2 ** pool.length; bits++) {
    const chosen = pool.map((_, i) => (bits & (1 << i)) !== 0);
    if (chosen.filter(Boolean).length !== b.length) continue;
    all++;
    if (Math.abs(u(chosen) - middle) >= seen) extreme++;
  }
  return extreme / all;
}
