import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeatMap } from '../../../engine/experiment/result.ts';
import { FrameError, kindOfFrame } from '../../../main/contract/frameHead.ts';
import { decodeHeat, encodeHeat, HEAT_KINDS } from '../../../main/contract/heatFrame.ts';

const maps: fc.Arbitrary<HeatMap> = fc.tuple(fc.nat(9), fc.nat(9), fc.nat(5)).chain(([rows, columns, layers]) =>
  fc.record({
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    totalPages: fc.nat(),
    pagesPerRow: fc.nat(),
    edgesNs: fc
      .array(fc.double(), { minLength: columns + 1, maxLength: columns + 1 })
      .map((edges) => Float64Array.from(edges)),
    layers: fc.array(
      fc.record(
        {
          id: fc.string(),
          kind: fc.constantFrom(...HEAT_KINDS),
          label: fc.string({ unit: 'binary' }),
          source: fc.string({ unit: 'grapheme' }),
          pages: fc
            .array(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: rows * columns, maxLength: rows * columns })
            .map((pages) => Uint32Array.from(pages)),
        },
        { requiredKeys: ['id', 'kind', 'label', 'pages'] },
      ),
      { minLength: layers, maxLength: layers },
    ),
  }),
);

describe('the frame of a heat map', () => {
  it('gives back the id, every number and every name', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), maps, (id, map) => {
        const frame = encodeHeat(id, map);
        expect(kindOfFrame(frame)).toBe('heat');
        expect(decodeHeat(frame)).toEqual({ id, map });
      }),
    );
  });

  it('that was cut, lengthened or changed anywhere is refused or stays inside its bytes', () => {
    fc.assert(
      fc.property(maps, fc.nat(), fc.integer({ min: 0, max: 255 }), (map, where, byte) => {
        const frame = encodeHeat(7, map);
        expect(() => decodeHeat(frame.slice(0, where % frame.byteLength))).toThrow(FrameError);
        const longer = new Uint8Array(frame.byteLength + 8);
        longer.set(new Uint8Array(frame));
        expect(() => decodeHeat(longer.buffer)).toThrow(FrameError);
        new Uint8Array(frame)[where % frame.byteLength] = byte;
        try {
          const { rows, columns, layers } = decodeHeat(frame).map;
          for (const { pages } of layers) expect(pages.length).toBe(rows * columns);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });
});
