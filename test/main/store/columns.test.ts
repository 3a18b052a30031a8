import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODEC_DELTA, CODEC_PLANES, decodeColumn, encodeColumn } from '../../../main/store/columns.ts';

const bits = (values: Float64Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

/** Near the borders of the delta codec: just inside and outside 32 bits, 2^53, and doubles that are no numbers to add. */
const awkward = fc.constantFrom(
  0,
  -0,
  1,
  -1,
  NaN,
  Infinity,
  -Infinity,
  0.1,
  5e-324,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  -(2 ** 31) - 1,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53) + 1,
);
const column = fc
  .array(fc.oneof({ weight: 2, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: awkward }, fc.double()), {
    maxLength: 200,
  })
  .map((values) => Float64Array.from(values));

describe('a column of doubles', () => {
  it('comes back bit for bit, whatever it holds', () => {
    fc.assert(
      fc.property(column, (values) => {
        const decoded = decodeColumn(encodeColumn(values), values.length);
        expect(decoded === undefined ? 'lost' : bits(decoded)).toBe(bits(values));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the payload of a NaN', () => {
    const values = new Float64Array(new BigUint64Array([0x7ff8_0000_dead_beefn, 0xfff0_0000_0000_0001n]).buffer);
    expect(bits(decodeColumn(encodeColumn(values), 2) ?? new Float64Array())).toBe(bits(values));
  });

  it.each([
    ['integers whose steps fit 32 bits', [1e15, 1e15 + 2 ** 31 - 1, 1e15], CODEC_DELTA],
    ['a step one too large: not wrapped', [0, 2 ** 31], CODEC_PLANES],
    ['minus zero, which a sum would lose', [0, -0], CODEC_PLANES],
    ['integers beyond 2^53, whose differences are not exact', [2 ** 53, 2 ** 53 + 2], CODEC_PLANES],
    ['fractions', [0.5], CODEC_PLANES],
  ])('%s', (_, values, codec) => {
    expect(encodeColumn(Float64Array.from(values)).codec).toBe(codec);
  });

  it('of regular times takes next to nothing, of noisy counters at most 3 bytes a value', () => {
    const times = Float64Array.from({ length: 65_536 }, (_, i) => i * 10_000_000);
    expect(encodeColumn(times).data.length).toBeLessThan(2_000);
    let state = 1;
    const counters = Float64Array.from({ length: 65_536 }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return 100_000 + (state % 1_000);
    });
    expect(encodeColumn(counters).data.length).toBeLessThan(3 * 65_536);
  });

  it('with any byte changed is refused, never read as other values', () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => i * 3);
    const encoded = encodeColumn(values);
    for (let i = 0; i < encoded.data.length; i++) {
      const data = encoded.data.slice();
      data[i]! ^= 0x10;
      const decoded = decodeColumn({ ...encoded, data }, values.length);
      // A changed bit in the padding behind the last block changes nothing.
      if (decoded !== undefined) expect(bits(decoded)).toBe(bits(values));
    }
    expect(decodeColumn({ ...encoded, crc: encoded.crc ^ 1 }, 100)).toBeUndefined();
    expect(decodeColumn(encoded, 99)).toBeUndefined();
    expect(decodeColumn({ ...encoded, codec: 9 }, 100)).toBeUndefined();
  });
});
