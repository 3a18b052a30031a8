import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestMappings } from '../../../engine/viommu/guest-mappings.ts';
import { IovaSpace } from '../../../engine/viommu/iova-space.ts';

describe('what a guest has mapped', () => {
  it('says what a plain Map of pages would, in both windows, while it grows', () => {
    const step = fc.record({
      remove: fc.boolean(),
      // Near the top of either window, where an allocator would put them.
      base: fc.constantFrom(2 ** 20, 2 ** 28),
      below: fc.oneof(fc.nat(40), fc.integer({ min: 5000, max: 5040 })),
      pages: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const mappings = new GuestMappings(new IovaSpace(40));
        const pages = new Map<number, number>();
        const ranges = new Map<number, number>();
        for (const [i, { remove, base, below, pages: count }] of steps.entries()) {
          const iova = base - below - count;
          if (remove && ranges.size > 0) {
            const [first, length] = [...ranges][below % ranges.size]!;
            mappings.remove(first);
            ranges.delete(first);
            for (let p = 0; p < length; p++) pages.delete(first + p);
          } else if (Array.from({ length: count }, (_, p) => iova + p).every((p) => !pages.has(p))) {
            mappings.add(iova, i * 10, count);
            ranges.set(iova, count);
            for (let p = 0; p < count; p++) pages.set(iova + p, i * 10 + p);
          }
          expect([mappings.count, mappings.pagesMapped]).toEqual([ranges.size, pages.size]);
        }
        for (const { base, below } of steps) {
          for (let p = base - below - 8; p < base - below + 3; p++) {
            expect(mappings.translate(p)).toBe(pages.get(p) ?? -1);
            expect(mappings.pagesAt(p)).toBe(ranges.get(p) ?? 0);
          }
        }
        const seen: [number, number, number][] = [];
        mappings.forEach((iova, ramPage, count) => seen.push([iova, ramPage, count]));
        expect(seen.map(([iova]) => iova).sort((a, b) => a - b)).toEqual([...ranges.keys()].sort((a, b) => a - b));
        for (const [iova, ramPage, count] of seen)
          expect([ranges.get(iova), pages.get(iova)]).toEqual([count, ramPage]);
      }),
      { numRuns: 200 },
    );
  });

  it('a visit may remove what it is shown', () => {
    const mappings = new GuestMappings(new IovaSpace(40));
    for (let i = 0; i < 100; i++) mappings.add(2 ** 20 - 1 - i, i, 1);
    mappings.forEach((iova) => {
      mappings.remove(iova);
    });
    expect(mappings.count).toBe(0);
  });
});
