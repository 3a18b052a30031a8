// Ticks and what they say.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMoment, niceStep, niceTicks, timeTicks } from '../../renderer/chart/ticks.ts';

const plain = (text: string): string => text.replaceAll('\u202f', '_');

describe('ticks', () => {
  it.each([
    [0.9, 1],
    [1, 1],
    [1.1, 2],
    [2.5, 5],
    [7, 10],
    [0.03, 0.05],
    [41_200, 50_000],
  ])('a step of at least %s is %s', (least, step) => {
    expect(niceStep(least)).toBeCloseTo(step, 12);
  });
  it('are whole numbers without the dust of doubles', () => {
    expect(niceTicks(0, 1, 10)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  });
  it('lie within the axis, apart by one step, and are not more than asked for', () => {
    const edge = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(
        edge,
        fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        (from, length, count) => {
          const ticks = niceTicks(from, from + length, count);
          expect(ticks.length).toBeLessThanOrEqual(count + 1);
          for (const tick of ticks) {
            expect(tick).toBeGreaterThanOrEqual(from - length * 1e-6);
            expect(tick).toBeLessThanOrEqual(from + length * (1 + 1e-6));
          }
        },
      ),
    );
  });
});

describe('times on the axis', () => {
  it('of a run of seconds are seconds, in the digits that tell neighbours apart', () => {
    const { at, labels } = timeTicks({ fromNs: 4.9305e9, toNs: 4.931e9 }, 6e9, 600);
    expect(at[0]).toBeCloseTo(4.9305e9, 0);
    expect(labels.map(plain)).toEqual(['4.930_5', '4.930_6', '4.930_7', '4.930_8', '4.930_9', '4.931_0']);
  });
  it('of a run of 10 ms are milliseconds', () => {
    expect(timeTicks({ fromNs: 0, toNs: 10e6 }, 10e6, 600).labels).toEqual(['0', '2', '4', '6', '8', '10']);
  });
  it('are said as precisely as a pixel tells them', () => {
    expect(plain(formatMoment(3_214_159_265, 6e9, 3e6))).toBe('3.214 s');
    expect(plain(formatMoment(3_214_159_265, 6e9, 1))).toBe('3.214_159_265 s');
    expect(plain(formatMoment(1500, 9000, 1))).toBe('1.500 µs');
  });
});
