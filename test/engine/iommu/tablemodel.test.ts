import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PteFormat } from '../../../engine/iommu/formats/format.ts';
import { FORMATS } from '../../../engine/iommu/formats/table.ts';
import { setDirty } from '../../../engine/iommu/hardware.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';
import { ModelTable } from './model.ts';

type Step =
  | { kind: 'map'; first: number; pa: number; count: number; access: number }
  | { kind: 'unmap'; first: number; count: number }
  | { kind: 'write'; granules: number[] }
  | { kind: 'read'; first: number; count: number; clear: boolean; drop: boolean };

/** Granules that collide: a hot handful, both sides of a table's and a block's edge, and few others. `block`: entries of a table. */
function granules(block: number): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.nat(40) },
    { weight: 2, arbitrary: fc.nat(24).map((n) => block - 12 + n) },
    { weight: 2, arbitrary: fc.constantFrom(0, 16, 32, 64, block, 2 * block) },
    { weight: 1, arbitrary: fc.nat(4 * block) },
  );
}

function steps(block: number): fc.Arbitrary<Step[]> {
  const granule = granules(block);
  const count = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(16, 64, block, 2 * block, 1));
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('map' as const), first: granule, pa: fc.oneof(granule, fc.constantFrom(0, block)), count, access: fc.constantFrom(1, 2, 3, 3) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('unmap' as const), first: granule, count }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), granules: fc.array(granule, { maxLength: 40 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), first: fc.oneof(granule, fc.constant(0)), count: fc.oneof(count, fc.constant(4 * block)), clear: fc.boolean(), drop: fc.boolean() }) },
  ); // prettier-ignore
  return fc.array(step, { minLength: 1, maxLength: 25 });
}

function perform(table: PageTable, model: ModelTable, s: Step): void {
  switch (s.kind) {
    case 'map':
      expect(table.map(s.first, s.pa, s.count, s.access)).toBe(model.map(s.first, s.pa, s.count, s.access));
      break;
    case 'unmap':
      expect(table.unmap(s.first, s.count)).toBe(model.unmap(s.first, s.count));
      break;
    case 'write':
      for (const granule of s.granules) {
        const leaf = table.walk(granule);
        expect(leaf?.writable === true).toBe(model.write(granule));
        if (leaf?.writable === true) setDirty(table, leaf.entry);
      }
      break;
    case 'read': {
      const runs = new DirtyRuns();
      table.readDirty(s.first, s.count, { clear: s.clear, dropLastOfReplicated: s.drop }, runs);
      const found: number[] = [];
      for (let i = 0; i < runs.length; i++) {
        for (let g = runs.firsts[i]!; g < runs.firsts[i]! + runs.counts[i]!; g++) found.push(g);
      }
      expect(found).toEqual(model.readDirty(s.first, s.count, s.clear, s.drop));
    }
  }
}

function expectSame(table: PageTable, model: ModelTable, upTo: number): void {
  for (let granule = 0; granule < upTo;) {
    const leaf = table.walk(granule);
    const expected = model.leaves.get(granule);
    if (leaf === undefined || expected === undefined) {
      if (leaf !== expected) expect([granule, leaf]).toEqual([granule, expected]);
      granule++;
      continue;
    }
    const { first, count, pa, access, dirty } = expected;
    expect(leaf).toMatchObject({ first, count, pa, dirty, writable: (access & 2) !== 0 });
    granule = first + count;
  }
  expect(table.mapped).toBe(model.leaves.size);
}

const bytes = (row: PteFormat, log2s: readonly number[]): number[] => log2s.map((n) => 2 ** (row.granuleShift + n));

describe('a table is a Map from granule to leaf: map, unmap, write, read with and without clearing, in any order', () => {
  for (const row of FORMATS) {
    const block = 2 ** row.indexBits;
    const sizes = row.replicated ? [[0], [0, 1, 4, 6, 9, 10], [1, 3]] : [[0], [0, row.indexBits]];
    for (const log2s of sizes) {
      for (const tracked of row.indexBits > 9 ? [true] : [false, true]) {
        it(`${row.name}${tracked ? ' tracked' : ''}, leaves of ${log2s.map((n) => String(2 ** n)).join(', ')} granules`, () => {
          fc.assert(
            fc.property(steps(block), (all) => {
              const pageSizes = bytes(row, log2s);
              const table = new PageTable(row, { pageSizes, tracked });
              const model = new ModelTable(row, pageSizes, tracked);
              for (const s of all) perform(table, model, s);
              expectSame(table, model, 7 * block);
            }),
            { numRuns: row.indexBits > 9 ? 5 : 25 },
          );
        });
      }
    }
  }
});
