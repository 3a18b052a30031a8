import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitRuns, BufferBits } from '../../../engine/iommufd/user-bitmap.ts';

const BITS = 200;
const runs = fc.array(fc.tuple(fc.nat(BITS + 20), fc.integer({ min: 1, max: 70 })), { maxLength: 30 });

function setOf(list: readonly (readonly [number, number])[], limit: number): number[] {
  const bits = new Set<number>();
  for (const [first, count] of list) for (let bit = first; bit < Math.min(first + count, limit); bit++) bits.add(bit);
  return [...bits].sort((a, b) => a - b);
}

describe('a fresh bitmap kept as runs', () => {
  it('holds the bits set, in whatever order, as runs that ascend and do not touch', () => {
    fc.assert(
      fc.property(runs, (list) => {
        const bitmap = new BitRuns(BITS);
        for (const [first, count] of list) bitmap.setBits(first, count);
        const bits = setOf(list, BITS);
        expect(
          bitmap.list.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
        ).toEqual(bits);
        bitmap.list.slice(1).forEach(([first], i) => {
          expect(first).toBeGreaterThan(bitmap.list[i]![1] + 1);
        });
        expect(bitmap.count).toBe(bits.length);
      }),
    );
  });
});

describe('bits in a buffer of the user', () => {
  it('are ORed in from any byte on, LSB first, and go no further than the buffer', () => {
    fc.assert(
      fc.property(runs, fc.nat(40), fc.nat(40), fc.nat(255), (list, offset, length, fill) => {
        const bytes = new Uint8Array(offset + length).fill(fill);
        const bitmap = new BufferBits(bytes, offset, BITS);
        for (const [first, count] of list) bitmap.setBits(first, count);
        const expected = new Uint8Array(offset + length).fill(fill);
        for (const bit of setOf(list, length * 8)) expected[offset + Math.floor(bit / 8)]! |= 1 << (bit % 8);
        expect(bytes).toEqual(expected);
        const seen: number[] = [];
        bitmap.forEachSet(Math.min(BITS, bitmap.bits), (bit) => seen.push(bit));
        const set = Array.from({ length: Math.min(BITS, length * 8) }, (_, bit) => bit).filter(
          (bit) => (expected[offset + Math.floor(bit / 8)]! & (1 << (bit % 8))) !== 0,
        );
        expect(seen).toEqual(set);
      }),
    );
  });

  it('past the range reach the end of the page of memory the range ends in, and no further', () => {
    const bytes = new Uint8Array(3 * 4096);
    new BufferBits(bytes, 0, 8 * 4096).setBits(0, 16 * 4096);
    expect(bytes.lastIndexOf(0xff)).toBe(4095);
    new BufferBits(bytes, 4096, 8).setBits(0, 3 * 8 * 4096);
    expect(bytes.lastIndexOf(0xff)).toBe(8191);
  });
});
