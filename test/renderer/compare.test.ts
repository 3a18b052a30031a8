// What a comparison draws of each run, from the store's own envelopes to the columns of pixels, against the samples themselves.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../main/contract/block.ts';
import { ALIGNMENTS, type ComparedRun } from '../../main/contract/compare.ts';
import { columnsOf } from '../../renderer/chart/envelope.ts';
import { drawnBy, extentOf, offsetOf, placeOf } from '../../renderer/views/compare/placing.ts';

interface Case {
  readonly timesNs: readonly number[];
  readonly values: readonly number[];
  readonly run: ComparedRun;
}

/** As many runs as one likes, sampled every 7 ns, with rounds at odd moments and a stop. */
const cases = fc
  .record({
    values: fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 300 }),
    roundLengths: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 2, maxLength: 8 }),
    startNs: fc.integer({ min: 0, max: 300 }),
    stopped: fc.boolean(),
  })
  .map(({ values, roundLengths, startNs, stopped }): Case => {
    const timesNs = values.map((_, i) => (i + 1) * 7);
    let at = startNs;
    const roundTimesNs = [at, ...roundLengths.map((length) => (at += length))];
    const anchors = {
      ...{ startNs, endNs: Math.max(at, timesNs.at(-1)!), stopNs: stopped ? at : null, roundTimesNs },
      roundNumbers: roundTimesNs.map((_, i) => i + 1),
    };
    return { timesNs, values, run: { anchors } as ComparedRun };
  });

/** As the store answers: entries of `each` samples. */
function envelopeOf({ timesNs, values }: Case, each: number): Envelope {
  const starts = timesNs.flatMap((_, i) => (i % each === 0 ? [i] : []));
  const pick = (list: readonly number[], of: (part: readonly number[]) => number): Float64Array =>
    Float64Array.from(starts, (start) => of(list.slice(start, start + each)));
  return {
    ...{ samplesEach: each, firstSample: 0, sampleCount: values.length },
    fromNs: pick(timesNs, (part) => part[0]!),
    toNs: pick(timesNs, (part) => part.at(-1)!),
    columns: [
      { least: pick(values, (part) => Math.min(...part)), greatest: pick(values, (part) => Math.max(...part)) },
    ],
  };
}

describe('runs side by side', () => {
  it.each(ALIGNMENTS)('aligned by %s lose no extreme, however many samples are behind a pixel', (alignment) => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 16 }), fc.integer({ min: 3, max: 60 }), (one, each, widthPx) => {
        const view = extentOf(alignment, [one.run]);
        if (view === undefined) return;
        const offset = offsetOf(alignment, one.run);
        const shifted = { fromNs: view.fromNs - offset, toNs: view.toNs - offset };
        const shown = columnsOf(drawnBy(alignment, envelopeOf(one, each), one.run), 0, 'level', shifted, widthPx);
        for (const [i, timeNs] of one.timesNs.entries()) {
          const place = placeOf(alignment, one.run, timeNs);
          if (Number.isNaN(place) || place < view.fromNs || place > view.toNs) continue;
          const value = one.values[i]!;
          const held = Array.from({ length: shown.count }, (_, c) => c).some(
            (c) =>
              // To within what doubles lose when a place is computed in two ways.
              shown.fromNs[c]! + offset <= place + 1e-3 &&
              shown.toNs[c]! + offset >= place - 1e-3 &&
              shown.least[c]! <= value &&
              shown.greatest[c]! >= value,
          );
          expect(held, `sample ${i}, ${value} at ${timeNs}`).toBe(true);
        }
      }),
    );
  });

  it.each(ALIGNMENTS)('aligned by %s stand in the order of their times', (alignment) => {
    fc.assert(
      fc.property(cases, ({ run, timesNs }) => {
        const places = timesNs.map((timeNs) => placeOf(alignment, run, timeNs)).filter((place) => !Number.isNaN(place));
        expect(places.every((place, i) => i === 0 || place >= places[i - 1]!)).toBe(true);
      }),
    );
  });
});
