import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FANOUT, LEVEL_FROM, PyramidBuilder } from '../../../main/store/pyramid.ts';

/** All pairs of a level, worked out from all samples at once. */
function slowLevel(samples: readonly number[], level: number): number[] {
  const each = FANOUT ** level;
  const pairs: number[] = [];
  for (let from = 0; from < samples.length; from += each) {
    const known = samples.slice(from, from + each).filter((value) => !Number.isNaN(value));
    pairs.push(
      known.length === 0 ? NaN : known.reduce((a, b) => Math.min(a, b)),
      known.length === 0 ? NaN : known.reduce((a, b) => Math.max(a, b)),
    );
  }
  return pairs;
}

const plain = (values: readonly number[]): number[] => values.map((value) => (Object.is(value, -0) ? 0 : value));

describe('the pyramid over a column', () => {
  it('holds the least and the greatest of every stretch, however the samples arrive', () => {
    const arrival = fc.array(fc.integer({ min: 1, max: 3 * FANOUT }), { minLength: 1, maxLength: 8 });
    const total = fc.constantFrom(1, LEVEL_FROM, LEVEL_FROM + 1, FANOUT * LEVEL_FROM, FANOUT * LEVEL_FROM + FANOUT + 3);
    fc.assert(
      fc.property(arrival, total, fc.nat(1000), (sizes, count, seed) => {
        const samples = Array.from({ length: count }, (_, i) =>
          (i * 7919 + seed) % 11 === 0 ? NaN : ((i * 7919 + seed) % 1009) - 500,
        );
        if (seed % 2 === 0) samples.fill(NaN, 0, Math.min(count, 40));
        const builder = new PyramidBuilder();
        const levels = new Map<number, number[]>();
        const keep = (parts: ReturnType<PyramidBuilder['finish']>): void => {
          for (const { level, first, values } of parts) {
            const row = levels.get(level) ?? [];
            expect(first).toBe(row.length);
            levels.set(level, [...row, ...values]);
          }
        };
        for (let from = 0, i = 0; from < count; i++) {
          const size = sizes[i % sizes.length]! * (count > 10_000 ? 1000 : 1);
          builder.add(Float64Array.from(samples.slice(from, from + size)));
          keep(builder.takeReady(512));
          from += size;
        }
        keep(builder.finish());
        let expected = 1;
        for (let below = count; below > LEVEL_FROM; expected++) below = Math.ceil(below / FANOUT);
        expect([...levels.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: expected - 1 }, (_, i) => i + 1));
        for (const [level, row] of levels) expect(plain(row)).toEqual(plain(slowLevel(samples, level)));
      }),
      { numRuns: 60 },
    );
  });
});
