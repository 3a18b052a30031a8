import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exp, log, pow } from '../../../engine/core/exactmath.ts';

/** Distance in units of 2^-53 of the larger value; Math.* is itself within one. */
function apart(actual: number, expected: number): number {
  if (Object.is(actual, expected)) return 0;
  return Math.abs(actual - expected) / Math.max(Number.MIN_VALUE, Math.abs(expected) * 2 ** -53);
}

const NORMAL_MIN = 2 ** -1022;

describe('exact mathematics stays near the true value', () => {
  it('exp within 3 half-ulps', () => {
    fc.assert(
      fc.property(fc.double({ min: -708, max: 709.7, noNaN: true }), (x) => {
        expect(apart(exp(x), Math.exp(x))).toBeLessThanOrEqual(3);
      }),
      { numRuns: 5_000 },
    );
  });

  it('log within 3 half-ulps', () => {
    fc.assert(
      fc.property(fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true }), (x) => {
        expect(apart(log(x), Math.log(x))).toBeLessThanOrEqual(3);
      }),
      { numRuns: 5_000 },
    );
    for (let i = 1; i < 2_000; i++)
      expect(apart(log(1 + i * 2 ** -12), Math.log(1 + i * 2 ** -12))).toBeLessThanOrEqual(3);
  });

  it('pow within 8 half-ulps', () => {
    const x = fc.oneof(
      fc.double({ min: 0.5, max: 2, noNaN: true }),
      fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
    );
    const y = fc.oneof(fc.double({ min: -3, max: 3, noNaN: true }), fc.double({ min: -300, max: 300, noNaN: true }));
    fc.assert(
      fc.property(x, y, (a, b) => {
        const expected = Math.pow(a, b);
        fc.pre(expected > NORMAL_MIN && expected < Number.MAX_VALUE);
        expect(apart(pow(a, b), expected)).toBeLessThanOrEqual(8);
      }),
      { numRuns: 5_000 },
    );
  });

  it('pow gives whole powers exactly where they fit', () => {
    for (let base = 2; base <= 50; base++) {
      for (let exponent = 1, power = base; power < 2 ** 53; exponent++, power *= base) {
        expect(pow(base, exponent)).toBe(power);
      }
    }
    expect([pow(2, -3), pow(4, 0.5), pow(10, 15), pow(2, 1023), pow(2, -1074)]).toEqual([
      0.125,
      2,
      1e15,
      2 ** 1023,
      Number.MIN_VALUE,
    ]);
  });

  it('meets the special values of the C library', () => {
    expect([exp(0), exp(-Infinity), exp(Infinity), exp(710), exp(-746), exp(NaN)]).toEqual([
      1,
      0,
      Infinity,
      Infinity,
      0,
      NaN,
    ]);
    expect([log(1), log(0), log(-0), log(-1), log(Infinity), log(NaN)]).toEqual([
      0,
      -Infinity,
      -Infinity,
      NaN,
      Infinity,
      NaN,
    ]);
    const values = [0, -0, 1, -1, 2, -2, 3, 0.5, -0.5, Infinity, -Infinity, NaN, 1e300, -1e300, 5e-324];
    for (const x of values) {
      for (const y of values) {
        // C says pow(1, y) = 1 and pow(-1, ±Infinity) = 1 where JavaScript says NaN.
        const expected = x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
        if (!(Math.abs(expected) > 0 && Math.abs(expected) < Infinity))
          expect([x, y, pow(x, y)]).toEqual([x, y, expected]);
        else expect(apart(pow(x, y), expected)).toBeLessThanOrEqual(8);
      }
    }
  });

  it('gives these bits on every machine', () => {
    expect([exp(1), log(10), pow(10, 0.3), pow(1.0000001, 1e7)]).toEqual([
      2.7182818284590455, 2.302585092994046, 1.9952623149688795, 2.7182816941320818,
    ]);
  });

  it('keeps denormal results', () => {
    for (const x of [-708.5, -720, -740, -745])
      expect(Math.abs(exp(x) - Math.exp(x))).toBeLessThanOrEqual(Number.MIN_VALUE);
    expect(apart(log(5e-324), Math.log(5e-324))).toBeLessThanOrEqual(3);
  });
});
