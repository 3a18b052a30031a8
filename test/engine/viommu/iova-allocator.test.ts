import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CACHED_ORDERS, IovaAllocator, MAGAZINE_SIZE } from '../../../engine/viommu/iova-allocator.ts';
import { IovaSpace, LOW_WINDOW_PAGES } from '../../../engine/viommu/iova-space.ts';

const anAllocator = ({ bits = 48, cpus = 1 } = {}): IovaAllocator => new IovaAllocator(new IovaSpace(bits), cpus);

describe('IOVA allocator', () => {
  it('hands out the highest page below 4 GiB first, and goes downwards', () => {
    const allocator = anAllocator();
    expect([allocator.alloc(0, 1), allocator.alloc(0, 1), allocator.alloc(0, 4)]).toEqual([
      LOW_WINDOW_PAGES - 1,
      LOW_WINDOW_PAGES - 2,
      LOW_WINDOW_PAGES - 8,
    ]);
  });

  it('as late as possible is bounded: the high window begins anew 252 GiB below its top', () => {
    const allocator = new IovaAllocator(new IovaSpace(48), 1, false);
    const block = 2 ** 20;
    const first = new Set<number>();
    // Low window first (all but the block with page 0), then the high one, each block given back at once.
    for (let i = 0; i < 3 * 64; i++) {
      const iova = allocator.alloc(0, block);
      expect(iova).toBeGreaterThan(0);
      first.add(iova);
      allocator.free(0, iova, block);
    }
    expect(first.size).toBeLessThanOrEqual(64);
  });

  it('has no room left, and says so, when all that can be mapped is mapped', () => {
    const allocator = anAllocator();
    let blocks = 0;
    while (allocator.alloc(0, 2 ** 20) >= 0) blocks++;
    expect(blocks).toBe(63);
    expect(allocator.alloc(0, 2 ** 20)).toBe(-1);
  });

  it('reuses the IOVA freed last', () => {
    const allocator = anAllocator();
    allocator.alloc(0, 1);
    const freed = allocator.alloc(0, 1);
    allocator.alloc(0, 1);
    allocator.free(0, freed, 1);
    expect(allocator.alloc(0, 1)).toBe(freed);
  });

  it('another CPU does not see what this one has freed until a magazine goes to the depot', () => {
    const allocator = anAllocator({ cpus: 2 });
    const iovas = Array.from({ length: 2 * MAGAZINE_SIZE + 1 }, () => allocator.alloc(0, 1));
    for (const iova of iovas.slice(0, 2 * MAGAZINE_SIZE)) allocator.free(0, iova, 1);
    expect(iovas).not.toContain(allocator.alloc(1, 1));
    allocator.free(0, iovas[2 * MAGAZINE_SIZE]!, 1);
    expect(iovas).toContain(allocator.alloc(1, 1));
  });

  it('goes above 4 GiB only when nothing is left below, then starts at the top of the address width', () => {
    const allocator = anAllocator({ bits: 40 });
    for (let i = 0; i < LOW_WINDOW_PAGES / 2 ** 15 - 1; i++) allocator.alloc(0, 2 ** 15);
    expect(allocator.alloc(0, 2 ** 15)).toBe(2 ** 28 - 2 ** 15); // the last 128 MiB hold page 0
    expect(allocator.usesHighWindow).toBe(true);
  });

  it('never hands out page 0, and says so when the space is full', () => {
    const allocator = anAllocator({ bits: 32 });
    const seen: number[] = [];
    for (let iova = allocator.alloc(0, 2 ** 14); iova >= 0; iova = allocator.alloc(0, 2 ** 14)) seen.push(iova);
    expect(seen).toHaveLength(63);
    expect(seen).not.toContain(0);
    allocator.free(0, seen[5]!, 2 ** 14);
    expect(allocator.alloc(0, 2 ** 14)).toBe(seen[5]);
  });

  it('gives cached ranges back before it gives up', () => {
    const allocator = anAllocator({ bits: 32 });
    const blocks: number[] = [];
    for (let iova = allocator.alloc(0, 32); iova >= 0; iova = allocator.alloc(0, 32)) blocks.push(iova);
    for (const iova of blocks) allocator.free(0, iova, 32);
    for (let i = 0; i < blocks.length / 1024; i++) allocator.trimDepot();
    expect(allocator.alloc(0, 2 ** 19)).toBe(2 ** 19);
  });

  it('a large range that was freed is the first to be found again, since it lies highest', () => {
    const allocator = anAllocator();
    const first = allocator.alloc(0, 64);
    allocator.alloc(0, 64);
    allocator.free(0, first, 64);
    expect(allocator.alloc(0, 64)).toBe(first);
  });

  it('a freed range comes back as late as possible where that is asked for', () => {
    const allocator = new IovaAllocator(new IovaSpace(48), 1, false);
    const first = allocator.alloc(0, 1);
    allocator.free(0, first, 1);
    expect(allocator.alloc(0, 1)).toBe(first - 1);
  });

  it('single free pages between used ones hold no range of two', () => {
    const allocator = anAllocator({ bits: 32 });
    for (let i = 0; i < LOW_WINDOW_PAGES - 1; i++) allocator.alloc(0, 1);
    for (let iova = 1; iova < LOW_WINDOW_PAGES; iova += 2) allocator.free(0, iova, 1);
    expect(allocator.alloc(0, 2)).toBe(-1);
    expect(allocator.alloc(0, 1) % 2).toBe(1);
  });

  it('never hands out overlapping ranges, whatever the sizes, CPUs and order of frees', () => {
    const steps = fc.array(
      fc.record({
        free: fc.boolean(),
        cpu: fc.nat(2),
        pages: fc.constantFrom(1, 1, 1, 2, 3, 16, 32, 64),
        pick: fc.nat(),
      }),
      { minLength: 1, maxLength: 600 },
    );
    fc.assert(
      fc.property(steps, fc.constantFrom(32, 33, 48), (list, bits) => {
        const allocator = anAllocator({ bits, cpus: 3 });
        const held = new Map<number, number>();
        const owned = new Set<number>();
        for (const { free, cpu, pages, pick } of list) {
          if (free && held.size > 0) {
            const [iova, size] = [...held][pick % held.size]!;
            held.delete(iova);
            for (let p = 0; p < size; p++) owned.delete(iova + p);
            allocator.free(cpu, iova, size);
          } else {
            const iova = allocator.alloc(cpu, pages);
            const rounded = 2 ** Math.ceil(Math.log2(pages));
            expect(iova % rounded).toBe(0);
            expect(iova + rounded).toBeLessThanOrEqual(2 ** (bits - 12));
            for (let p = 0; p < rounded; p++) {
              expect(owned.has(iova + p), `iova page ${iova + p} is handed out twice`).toBe(false);
              owned.add(iova + p);
            }
            held.set(iova, rounded);
          }
          expect(allocator.pagesInUse).toBe(owned.size);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('slots number each window from its top, and lead back', () => {
    const space = new IovaSpace(48);
    for (const iova of [1, 4095, LOW_WINDOW_PAGES - 1, LOW_WINDOW_PAGES, 2 ** 30 + 7, 2 ** 36 - 1])
      expect(space.iovaOf(space.slotOf(iova))).toBe(iova);
    expect(space.slotOf(LOW_WINDOW_PAGES - 1)).toBe(0);
    expect(space.slotOf(2 ** 36 - 1)).toBe(LOW_WINDOW_PAGES);
    expect(CACHED_ORDERS).toBe(6);
  });
});
