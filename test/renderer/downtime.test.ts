// The bar of the downtime: in proportion, and nothing too small to see.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shares } from '../../renderer/views/run/downtime.ts';

it('parts are as wide as they are long', () => {
  expect(shares([10, 30, 60], 0.01)).toEqual([0.1, 0.3, 0.6]);
});
it('a tiny one is as wide as can be seen, and the others share the rest', () => {
  const [tiny, half, other] = shares([0.001, 50, 50], 0.1);
  expect(tiny).toBe(0.1);
  expect(half).toBeCloseTo(0.45, 12);
  expect(other).toBeCloseTo(0.45, 12);
});
it('whatever they are, they fill the bar, none is too small, and a longer one is not narrower', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e9 })), { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0.001, max: 0.2, noNaN: true }),
      (durations, least) => {
        const found = shares(durations, least);
        expect(found.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 9);
        for (const one of found) expect(one).toBeGreaterThanOrEqual(Math.min(least, 1 / durations.length) * (1 - 1e-9));
        for (const [i, a] of durations.entries()) {
          for (const [j, b] of durations.entries())
            if (a > b) expect(found[i]!).toBeGreaterThanOrEqual(found[j]! - 1e-12);
        }
      },
    ),
  );
});
