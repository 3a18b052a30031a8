// Figures of a stretch, against a model that cuts the axis of time into its nanoseconds.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SeriesKind } from '../../../engine/experiment/result.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import type { SeriesStatistics } from '../../../main/store/statistics.ts';
import { Store } from '../../../main/store/store.ts';
import { aRun } from './aRun.ts';

interface Sample {
  readonly timeNs: number;
  readonly value: number;
}

function statisticsOf(
  samples: readonly Sample[],
  kind: SeriesKind,
  stretch: { readonly fromNs: number; readonly toNs: number },
): SeriesStatistics {
  const store = new Store(IN_MEMORY);
  try {
    const series = { id: 's', label: 's', unit: 'pages/s', kind } as const;
    const about = aRun();
    const writer = store.begin({ ...about, head: { ...about.head, series: [series] } });
    const timesNs = Float64Array.from(samples, ({ timeNs }) => timeNs);
    const values = Float64Array.from(samples, ({ value }) => value);
    writer.samples({ firstIndex: 0, count: samples.length, timesNs, columns: [values] });
    writer.flush();
    return store.statistics(writer.id, { position: 0, kind }, stretch);
  } finally {
    store.close();
  }
}

/** What the series is in the nanosecond that ends at `ns`; undefined: nothing stands for it. */
function valueIn(samples: readonly Sample[], kind: SeriesKind, ns: number): number | undefined {
  if (kind === 'rate') {
    const at = samples.findIndex(({ timeNs }) => timeNs >= ns);
    return at <= 0 ? undefined : samples[at]!.value;
  }
  return samples.findLast(({ timeNs }) => timeNs <= ns - 1)?.value;
}

describe('a stretch of a run', () => {
  const value = fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constant(NaN));
  const samples = fc
    .array(fc.record({ step: fc.integer({ min: 1, max: 12 }), value }), { minLength: 1, maxLength: 25 })
    .map((steps) => {
      let timeNs = 0;
      return steps.map(({ step, value: one }) => ({ timeNs: (timeNs += step), value: one }));
    });

  it.each(['rate', 'level', 'total'] as const)(
    'of a %s has the least, greatest, mean and integral of its parts',
    (kind) => {
      fc.assert(
        fc.property(
          samples,
          fc.integer({ min: 0, max: 150 }),
          fc.integer({ min: 1, max: 150 }),
          (all, fromNs, length) => {
            const toNs = fromNs + length;
            const parts: number[] = [];
            for (let ns = fromNs + 1; ns <= toNs; ns++) {
              const one = valueIn(all, kind, ns);
              if (one !== undefined && !Number.isNaN(one)) parts.push(one);
            }
            const found = statisticsOf(all, kind, { fromNs, toNs });
            if (parts.length === 0) {
              expect(found).toMatchObject({ mean: null, integral: null });
              return;
            }
            const sum = parts.reduce((total, one) => total + one, 0);
            expect(found.integral).toBeCloseTo(sum / 1e9, 12);
            expect(found.mean).toBeCloseTo(sum / parts.length, 6);
            expect(found.least).toBe(Math.min(...parts));
            expect(found.greatest).toBe(Math.max(...parts));
            expect(found.first).toBe(parts[0]);
            expect(found.last).toBe(parts.at(-1));
          },
        ),
        { numRuns: 60 },
      );
    },
  );
  it('of a rate comes to what the counter behind it grew by', () => {
    const second = 1e9;
    const rates = [0, 100, 300, 50].map((one, i) => ({ timeNs: i * second, value: one }));
    expect(statisticsOf(rates, 'rate', { fromNs: 0, toNs: 3 * second }).integral).toBe(450);
    expect(statisticsOf(rates, 'rate', { fromNs: 1.5 * second, toNs: 2.5 * second }).integral).toBe(175);
  });
  it('counts samples that are not known, and leaves them out', () => {
    const levels = [4, NaN, 8].map((one, i) => ({ timeNs: i * 10, value: one }));
    const found = statisticsOf(levels, 'level', { fromNs: 0, toNs: 30 });
    expect(found).toMatchObject({ samples: 3, unknown: 1, mean: 6, least: 4, greatest: 8, greatestNs: 20 });
  });
  it('that lies before or behind all samples has none of a rate; a level holds to the end', () => {
    const all = [10, 20].map((timeNs) => ({ timeNs, value: 7 }));
    expect(statisticsOf(all, 'rate', { fromNs: 30, toNs: 40 })).toMatchObject({ samples: 0, mean: null });
    expect(statisticsOf(all, 'level', { fromNs: 30, toNs: 40 })).toMatchObject({ samples: 1, mean: 7 });
    expect(statisticsOf(all, 'level', { fromNs: 0, toNs: 5 })).toMatchObject({ samples: 0, least: null });
  });
  it('is read over many blocks without losing digits', () => {
    const all = Array.from({ length: 150_000 }, (_, i) => ({ timeNs: i * 1000, value: 0.1 }));
    const found = statisticsOf(all, 'rate', { fromNs: 0, toNs: 149_999_000 });
    expect(found.mean).toBeCloseTo(0.1, 15);
    expect(found.samples).toBe(149_999);
  });
});
