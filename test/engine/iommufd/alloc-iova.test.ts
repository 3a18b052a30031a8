// Automatic choice of IOVAs: first fit upward, against a model that tries every address in turn.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spanFromTo, spanOf, startOf } from '../../../engine/iommufd/address.ts';
import { Area } from '../../../engine/iommufd/area.ts';
import { Ioas } from '../../../engine/iommufd/ioas.ts';
import { IoptPages } from '../../../engine/iommufd/iopt-pages.ts';
import { MemoryRange, PinAccount } from '../../../engine/iommufd/memory.ts';

const source = new MemoryRange({ kind: 'user', firstPage: 0, firstFrame: 0, pages: 2 ** 30 });
const areaAt = (iova: bigint, length: bigint): Area =>
  new Area(
    spanOf(iova, length)!,
    new IoptPages({ source, firstPage: 0, pages: 2 ** 20, writable: true, account: new PinAccount(), mode: 'user' }),
    0,
    0,
    3,
  );

/** Puts an area where the IOAS chooses, if it does; answers where. */
function automatic(ioas: Ioas, address: bigint, length: bigint): bigint | string {
  const placed = ioas.place(undefined, length, address);
  if (!placed.ok) return placed.errno;
  const iova = startOf(placed.value);
  expect(ioas.insert([areaAt(iova, length)]).ok).toBe(true);
  return iova;
}

interface Taken {
  readonly start: bigint;
  readonly last: bigint;
}

/** Every address from the bottom: aligned, in one allowed range, free. Lengths are above a byte (see alloc-iova.ts). */
function firstFit(
  taken: readonly Taken[],
  allowed: readonly Taken[],
  address: bigint,
  length: bigint,
): bigint | string {
  let alignment = 1n;
  while (alignment < length) alignment *= 2n;
  while (address % alignment !== 0n) alignment /= 2n;
  if (alignment > 0x200000n) alignment = 0x200000n;
  const offset = address % 4096n;
  for (const range of allowed) {
    let start = range.start - (range.start % alignment);
    while (start < range.start || start % 4096n !== ((start % 4096n) | offset) || (start | offset) !== start)
      start += alignment;
    for (; start + length - 1n <= range.last; start += alignment) {
      if ((start | offset) !== start) continue;
      if (taken.every((each) => each.last < start || each.start > start + length - 1n)) return start;
    }
  }
  return 'ENOSPC';
}

describe('automatic IOVAs', () => {
  it('are those that a search from the bottom finds, whatever was mapped, unmapped and reserved before', () => {
    const LENGTHS = [0x100n, 0x1000n, 0x2000n, 0x3000n, 0x10000n];
    const ADDRESSES = [0x100000n, 0x101000n, 0x100100n, 0x100180n, 0x130000n];
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('map' as const),
          length: fc.constantFrom(...LENGTHS),
          address: fc.constantFrom(...ADDRESSES),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('unmap' as const), index: fc.nat(1000) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('fixed' as const),
          page: fc.nat(63),
          pages: fc.integer({ min: 1, max: 8 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('reserve' as const),
          page: fc.nat(63),
          pages: fc.integer({ min: 1, max: 4 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('unreserve' as const) }) },
    );
    const BASE = 0x40000n;
    const allowed = [
      { start: BASE, last: BASE + 0x1ffffn },
      { start: BASE + 0x30000n, last: BASE + 0x3ffffn },
    ];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const ioas = new Ioas();
        const owner = {};
        expect(ioas.allow(allowed).ok).toBe(true);
        let areas: Taken[] = [];
        let reserved: Taken[] = [];
        for (const each of steps) {
          if (each.kind === 'map') {
            const iova = automatic(ioas, each.address, each.length);
            expect(iova).toBe(firstFit([...areas, ...reserved], allowed, each.address, each.length));
            if (typeof iova === 'bigint') areas.push({ start: iova, last: iova + each.length - 1n });
          } else if (each.kind === 'unmap') {
            const gone = areas[each.index % areas.length];
            if (gone === undefined) continue;
            expect(ioas.unmap(spanFromTo(gone.start, gone.last)).errno).toBeUndefined();
            areas = areas.filter((area) => area !== gone);
          } else if (each.kind === 'unreserve') {
            ioas.unreserve(owner);
            reserved = [];
          } else {
            const start = BASE + BigInt(each.page) * 0x1000n;
            const last = start + BigInt(each.pages) * 0x1000n - 1n;
            if (each.kind === 'fixed') {
              if (ioas.map(areaAt(start, last - start + 1n)).ok) areas.push({ start, last });
            } else if (ioas.reserve(spanFromTo(start, last), owner).ok) reserved.push({ start, last });
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of 20,000 maps in a row lie one behind the other, and the hole of an unmap is found again', () => {
    const ioas = new Ioas();
    for (let i = 0; i < 20_000; i++) expect(automatic(ioas, 0x100000n, 0x1000n)).toBe(BigInt(i + 1) * 0x1000n);
    expect(ioas.unmap(spanFromTo(0x5000n, 0x5fffn)).errno).toBeUndefined();
    expect(automatic(ioas, 0x100000n, 0x1000n)).toBe(0x5000n);
    expect(automatic(ioas, 0x100000n, 0x1000n)).toBe(20_001n * 0x1000n);
  });
});
