import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockToEnvelope, decodeBlock, encodeBlock, envelopeToBlock } from '../../../main/contract/block.ts';
import { FrameError } from '../../../main/contract/frameHead.ts';

const anyDouble = fc.oneof(fc.double(), fc.constantFrom(NaN, -0, Infinity, -Infinity, 5e-324));
const blocks = fc.tuple(fc.nat(6), fc.nat(5), fc.nat(40)).chain(([figures, columns, length]) =>
  fc.record({
    figures: fc.array(anyDouble, { minLength: figures, maxLength: figures }),
    columns: fc.array(fc.array(anyDouble, { minLength: length, maxLength: length }), {
      minLength: columns,
      maxLength: columns,
    }),
  }),
);

describe('a binary frame', () => {
  it('gives back the id and every double, bit for bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), blocks, (id, { figures, columns }) => {
        const block = {
          figures: Float64Array.from(figures),
          columns: columns.map((column) => Float64Array.from(column)),
        };
        const decoded = decodeBlock(encodeBlock(id, block));
        expect(decoded.id).toBe(id);
        const bits = (values: Float64Array): BigUint64Array => new BigUint64Array(values.slice().buffer);
        expect(bits(decoded.block.figures)).toEqual(bits(block.figures));
        expect(decoded.block.columns.map(bits)).toEqual(block.columns.map(bits));
      }),
    );
  });

  it('that was cut, lengthened or changed in its head is refused, never read beyond its end', () => {
    fc.assert(
      fc.property(blocks, fc.nat(), fc.integer({ min: 0, max: 255 }), ({ figures, columns }, where, byte) => {
        const frame = encodeBlock(7, {
          figures: Float64Array.from(figures),
          columns: columns.map((column) => Float64Array.from(column)),
        });
        expect(() => decodeBlock(frame.slice(0, where % frame.byteLength))).toThrow(FrameError);
        const longer = new Uint8Array(frame.byteLength + 8);
        longer.set(new Uint8Array(frame));
        expect(() => decodeBlock(longer.buffer)).toThrow(FrameError);
        // A change either is noticed or leaves columns inside the frame.
        new Uint8Array(frame)[where % 32] = byte;
        try {
          const { block } = decodeBlock(frame);
          for (const column of block.columns)
            expect(column.byteOffset + column.byteLength).toBeLessThanOrEqual(frame.byteLength);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });

  it.each([1, 16])('carries an envelope of %i samples an entry', (samplesEach) => {
    const fromNs = Float64Array.of(1, 3);
    const least = Float64Array.of(5, NaN);
    const envelope =
      samplesEach === 1
        ? { samplesEach, firstSample: 9, sampleCount: 2, fromNs, toNs: fromNs, columns: [{ least, greatest: least }] }
        : {
            samplesEach,
            firstSample: 16,
            sampleCount: 20,
            fromNs,
            toNs: Float64Array.of(2, 4),
            columns: [{ least, greatest: Float64Array.of(6, NaN) }],
          };
    expect(blockToEnvelope(decodeBlock(encodeBlock(1, envelopeToBlock(envelope))).block)).toEqual(envelope);
  });
});
