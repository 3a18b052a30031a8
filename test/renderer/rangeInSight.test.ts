// How far a chart reaches: from zero to the greatest in sight, with the limits that are near it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../main/contract/block.ts';
import { rangeInSight } from '../../renderer/chart/plot.ts';

/** One sample every 10 ns from 0 on. */
function track(
  values: readonly number[],
  offsetNs = 0,
): { readonly envelope: Envelope; readonly position: number; readonly offsetNs: number } {
  const times = Float64Array.from(values, (_, i) => i * 10);
  const column = Float64Array.from(values);
  const columns = [{ least: column, greatest: column }];
  const envelope = { samplesEach: 1, firstSample: 0, sampleCount: values.length, fromNs: times, toNs: times, columns };
  return { envelope, position: 0, offsetNs };
}
const WHOLE = { fromNs: 0, toNs: 1000 };
const at = (value: number): { readonly value: number; readonly label: string } => ({ value, label: '' });

describe('the range in sight', () => {
  it('begins at zero, or at the least where something is below', () => {
    expect(rangeInSight([track([7, 9, 8])], WHOLE, [])).toEqual({ least: 0, greatest: 9, magnitude: 9 });
    expect(rangeInSight([track([7, -20, 8])], WHOLE, [])).toEqual({ least: -20, greatest: 8, magnitude: 20 });
  });
  it('is nothing where nothing is known', () => {
    const nothing = { least: 0, greatest: 0, magnitude: 0 };
    expect(rangeInSight([], WHOLE, [])).toEqual(nothing);
    expect(rangeInSight([{ envelope: null, position: 0 }, track([NaN, NaN])], WHOLE, [])).toEqual(nothing);
  });
  it('is that of all tracks, each where its offset puts it', () => {
    const view = { fromNs: 500, toNs: 600 };
    expect(rangeInSight([track([3, 4]), track([50, 60])], WHOLE, []).greatest).toBe(60);
    expect(rangeInSight([track([3, 4]), track([50, 60], 520)], view, []).greatest).toBe(60);
    expect(rangeInSight([track([3, 4], 520), track([50, 60, 1])], view, []).greatest).toBe(4);
  });
  it('reaches to a limit up to four times as high, and no further', () => {
    expect(rangeInSight([track([10])], WHOLE, [at(40)]).greatest).toBe(40);
    expect(rangeInSight([track([10])], WHOLE, [at(41)]).greatest).toBe(10);
    expect(rangeInSight([track([10])], WHOLE, [at(12), at(41), at(30)]).greatest).toBe(30);
  });
  it('holds every sample in sight, wherever the run is laid', () => {
    const value = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant(NaN));
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { maxLength: 12 }), { maxLength: 3 }),
        fc.integer({ min: -200, max: 200 }),
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 1, max: 60 }),
        (runs, offsetNs, from, length) => {
          const view = { fromNs: from, toNs: from + length };
          const laid = { fromNs: view.fromNs + offsetNs, toNs: view.toNs + offsetNs };
          const tracks = runs.map((values) => track(values, offsetNs));
          const found = rangeInSight(tracks, laid, []);
          const isSeen = (_: number, i: number): boolean => i * 10 >= view.fromNs && i * 10 <= view.toNs;
          const isKnown = (one: number): boolean => !Number.isNaN(one);
          const inSight = runs.flatMap((values) => values.filter(isSeen)).filter(isKnown);
          // A line enters from the last sample before the view, and leaves to the next ones behind it.
          const near = runs.flatMap((values) => [
            ...values.filter(isSeen),
            ...values.filter((_, i) => i * 10 < view.fromNs).slice(-1),
            ...values.filter((_, i) => i * 10 >= view.toNs).slice(0, 2),
          ]);
          const nearby = near.filter(isKnown);
          expect(found.greatest).toBeGreaterThanOrEqual(Math.max(0, ...inSight));
          expect(found.least).toBeLessThanOrEqual(Math.min(0, ...inSight));
          expect(found.greatest).toBeLessThanOrEqual(Math.max(0, ...nearby));
          expect(found.least).toBeGreaterThanOrEqual(Math.min(0, ...nearby));
          expect(found.magnitude).toBe(Math.max(found.greatest, -found.least));
        },
      ),
    );
  });
});
