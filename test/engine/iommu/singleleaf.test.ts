import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { READ, WRITE } from '../../../engine/iommu/formats/format.ts';
import { FORMATS } from '../../../engine/iommu/formats/table.ts';
import { setDirty } from '../../../engine/iommu/hardware.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';
import { NOT_TAKEN, TAKEN_DIRTY, mapSingle, takeSingle } from '../../../engine/iommu/singleleaf.ts';
import { findEntry, leadTo } from '../../../engine/iommu/walking.ts';

describe.each(FORMATS.map((row) => [row.name, row] as const))('one granule of %s', (_, row) => {
  it('is mapped and unmapped as by the general operations, whatever else is mapped', () => {
    const step = fc.record({
      what: fc.constantFrom('map', 'map', 'unmap', 'dirty', 'large', 'lead'),
      granule: fc.oneof(fc.nat(7), fc.integer({ min: 500, max: 520 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, tracked) => {
        const fast = new PageTable(row, { tracked });
        const plain = new PageTable(row, { tracked });
        for (const { what, granule } of steps) {
          if (what === 'lead') leadTo(fast, granule);
          else if (what === 'map') {
            if (!mapSingle(fast, granule, granule + 99, READ | WRITE)) fast.map(granule, granule + 99, 1, READ | WRITE);
            plain.map(granule, granule + 99, 1, READ | WRITE);
          } else if (what === 'large') {
            const first = granule - (granule % 4);
            fast.map(first, first, 4, READ | WRITE);
            plain.map(first, first, 4, READ | WRITE);
          } else if (what === 'dirty') {
            for (const table of [fast, plain]) {
              const e = findEntry(table, granule);
              if (e >= 0) setDirty(table, e);
            }
          } else {
            const dirty = plain.walk(granule)?.dirty ?? false;
            const taken = takeSingle(fast, granule);
            if (taken === NOT_TAKEN) fast.unmap(granule, 1);
            else expect(taken === TAKEN_DIRTY).toBe(dirty);
            plain.unmap(granule, 1);
          }
          expect(fast.mapped).toBe(plain.mapped);
          expect(fast.walk(granule)?.pte).toBe(plain.walk(granule)?.pte);
        }
        const found = [fast, plain].map((table) => {
          const runs = new DirtyRuns();
          table.readDirty(0, 1024, { clear: false }, runs);
          return Array.from({ length: runs.length }, (_, i) => [runs.firsts[i]!, runs.counts[i]!]);
        });
        expect(found[0]).toEqual(found[1]);
      }),
      { numRuns: 60 },
    );
  });
});
