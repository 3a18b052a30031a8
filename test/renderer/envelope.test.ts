// What a chart draws of an envelope, against a slow model that looks at every sample.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../main/contract/block.ts';
import { columnsOf, joined, rangeOf, readingAt } from '../../renderer/chart/envelope.ts';
import { LiveEnvelope } from '../../renderer/chart/liveEnvelope.ts';

interface Sample {
  readonly timeNs: number;
  readonly value: number;
}

/** An envelope of `each` samples an entry, made the obvious way. */
function envelopeOf(samples: readonly Sample[], each: number, firstSample = 0): Envelope {
  const groups: (readonly Sample[])[] = [];
  for (let i = 0; i < samples.length; i += each) groups.push(samples.slice(i, i + each));
  const known = (group: readonly Sample[]): number[] =>
    group.map(({ value }) => value).filter((value) => !Number.isNaN(value));
  const extreme = (group: readonly Sample[], pick: (...values: number[]) => number): number =>
    known(group).length === 0 ? NaN : pick(...known(group));
  return {
    samplesEach: each,
    firstSample,
    sampleCount: samples.length,
    fromNs: Float64Array.from(groups, (group) => group[0]!.timeNs),
    toNs: Float64Array.from(groups, (group) => group.at(-1)!.timeNs),
    columns: [
      {
        least: Float64Array.from(groups, (group) => extreme(group, Math.min)),
        greatest: Float64Array.from(groups, (group) => extreme(group, Math.max)),
      },
    ],
  };
}

const value = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 5 }) },
  { weight: 1, arbitrary: fc.integer({ min: -1_000_000, max: 1_000_000 }) },
  { weight: 1, arbitrary: fc.constant(NaN) },
);
const samplesOf = (maxLength: number): fc.Arbitrary<Sample[]> =>
  fc.array(fc.record({ step: fc.integer({ min: 0, max: 30 }), value }), { maxLength }).map((steps) => {
    let timeNs = 0;
    return steps.map(({ step, value: one }) => ({ timeNs: (timeNs += step), value: one }));
  });

describe('columns of pixels', () => {
  it.each(['rate', 'level', 'total'] as const)('lose no extreme of a %s, however much is behind a pixel', (kind) => {
    fc.assert(
      fc.property(
        samplesOf(200),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 40 }),
        fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 3000 })),
        (samples, each, widthPx, [from, length]) => {
          const view = { fromNs: from, toNs: from + length };
          const columns = columnsOf(envelopeOf(samples, each), 0, kind, view, widthPx);
          for (const { timeNs, value: one } of samples) {
            if (timeNs < view.fromNs || timeNs > view.toNs || Number.isNaN(one)) continue;
            let held = false;
            for (let i = 0; i < columns.count; i++) {
              if (columns.fromNs[i]! > timeNs || columns.toNs[i]! < timeNs) continue;
              if (columns.least[i]! <= one && columns.greatest[i]! >= one) held = true;
            }
            expect(held, `sample ${one} at ${timeNs}`).toBe(true);
          }
        },
      ),
    );
  });
  it('are never more than the chart is wide, and a few', () => {
    fc.assert(
      fc.property(samplesOf(300), fc.integer({ min: 1, max: 30 }), (samples, widthPx) => {
        const view = { fromNs: 100, toNs: 900 };
        expect(columnsOf(envelopeOf(samples, 1), 0, 'level', view, widthPx).count).toBeLessThanOrEqual(widthPx + 4);
      }),
    );
  });
  it('of a series that nobody knows are gaps', () => {
    const samples = [1, NaN, 3].map((one, i) => ({ timeNs: 10 * i, value: one }));
    const { greatest, count } = columnsOf(envelopeOf(samples, 1), 0, 'level', { fromNs: 0, toNs: 20 }, 100);
    expect([...greatest.subarray(0, count)]).toEqual([1, NaN, 3]);
  });
});

describe('a run as it grows', () => {
  it('keeps every extreme in few entries, in the order of time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(samplesOf(40), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 2, max: 16 }),
        (pieces, capacity) => {
          const live = new LiveEnvelope(1, capacity);
          const all: Sample[] = [];
          let before = 0;
          for (const [samples, each] of pieces) {
            const later = samples.map(({ timeNs, value: one }) => ({ timeNs: timeNs + before, value: one }));
            if (later.length === 0) continue;
            before = later.at(-1)!.timeNs;
            live.add(envelopeOf(later, each, all.length));
            all.push(...later);
          }
          const now = live.now();
          expect(now.fromNs.length).toBeLessThanOrEqual(capacity);
          expect(live.samples).toBe(all.length);
          for (let i = 1; i < now.fromNs.length; i++) expect(now.fromNs[i]!).toBeGreaterThanOrEqual(now.toNs[i - 1]!);
          for (const { timeNs, value: one } of all) {
            if (Number.isNaN(one)) continue;
            const { least, greatest } = now.columns[0]!;
            const held = [...now.fromNs.keys()].some(
              (i) => now.fromNs[i]! <= timeNs && now.toNs[i]! >= timeNs && least[i]! <= one && greatest[i]! >= one,
            );
            expect(held, `sample ${one} at ${timeNs}`).toBe(true);
          }
        },
      ),
    );
  });
  it('is the same as all at once where nothing had to be merged', () => {
    const samples = Array.from({ length: 30 }, (_, i) => ({ timeNs: i, value: (i * 7) % 11 }));
    const live = new LiveEnvelope(1, 64);
    live.add(envelopeOf(samples.slice(0, 10), 1));
    live.add(envelopeOf(samples.slice(10), 1, 10));
    expect(live.now().columns[0]!.greatest).toEqual(envelopeOf(samples, 1).columns[0]!.greatest);
  });
});

describe('reading a moment', () => {
  const envelope = envelopeOf(
    [10, 20, 30].map((timeNs, i) => ({ timeNs, value: i + 1 })),
    1,
  );
  it('of a rate is the interval that the moment lies in', () => {
    expect(readingAt(envelope, 0, 'rate', 15)).toEqual({ least: 2, greatest: 2, fromNs: 10, toNs: 20 });
    expect(readingAt(envelope, 0, 'rate', 20)?.greatest).toBe(2);
    expect(readingAt(envelope, 0, 'rate', 31)).toBeNull();
  });
  it('of a level is the last sample before it', () => {
    expect(readingAt(envelope, 0, 'level', 29)?.greatest).toBe(2);
    expect(readingAt(envelope, 0, 'level', 30)?.greatest).toBe(3);
    expect(readingAt(envelope, 0, 'level', 5)).toBeNull();
  });
  it('of a stretch is its least and greatest', () => {
    expect(rangeOf(envelope, 0, { fromNs: 0, toNs: 100 })).toEqual({ least: 1, greatest: 3 });
    expect(rangeOf(envelopeOf([{ timeNs: 0, value: NaN }], 1), 0, { fromNs: 0, toNs: 1 })).toBeNull();
  });
});

it('pieces that follow one another become one', () => {
  const samples = [1, 2, 3, 4].map((one, i) => ({ timeNs: i, value: one }));
  const whole = joined([envelopeOf(samples.slice(0, 2), 1), envelopeOf(samples.slice(2), 1, 2)]);
  expect(whole).toEqual(envelopeOf(samples, 1));
});
