// Lines of 32 entries that were all dirty: a harvest takes them at once, and must see when one of them is not what it was. What
// says that all may be dirty (the shadow) is not told of an unmap, and may say so of a clean one.
import { describe, expect, it } from 'vitest';
import { markDirty } from '../../../engine/iommu/arena.ts';
import { Domain } from '../../../engine/iommu/domain.ts';
import { READ, WRITE } from '../../../engine/iommu/formats/format.ts';
import { FORMATS, formatNamed } from '../../../engine/iommu/formats/table.ts';
import type { HarvestOptions } from '../../../engine/iommu/harvestleaves.ts';
import { Iotlb } from '../../../engine/iommu/iotlb.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';
import { findEntry } from '../../../engine/iommu/walking.ts';

const RW = READ | WRITE;
const LINE = 32;
const PA = 4096;

function allDirty(row = formatNamed('amd-v1'), pageSizes = [2 ** row.granuleShift]): Domain {
  const iotlb = new Iotlb({ sets: 4, ways: 2, dirtyWriteback: 'memory' });
  const domain = new Domain({ id: 1, table: new PageTable(row, { tracked: true, pageSizes }), iotlb });
  domain.setTracking(true);
  for (let g = 0; g < 2 * LINE; g++) domain.table.map(g, PA + 2 * g, 1, RW);
  write(domain, 0, 2 * LINE);
  return domain;
}

function write(domain: Domain, first: number, count: number): void {
  for (let g = first; g < first + count; g++) {
    domain.flushDomain();
    domain.access(g, true);
  }
}

function harvest(domain: Domain, options: HarvestOptions = { clear: true }): number[] {
  const runs = new DirtyRuns();
  domain.table.readDirty(0, 2 * LINE, options, runs);
  return Array.from({ length: runs.length }, (_, i) =>
    Array.from({ length: runs.counts[i]! }, (_u, j) => runs.firsts[i]! + j),
  ).flat();
}

const without = (spot: number): number[] => Array.from({ length: 2 * LINE }, (_, g) => g).filter((g) => g !== spot);

describe.each(FORMATS.map((row) => [row.name, row] as const))('a full line of %s', (_, row) => {
  it.each([0, 13, 31, 32, 63])('in which entry %i was unmapped', (spot) => {
    const domain = allDirty(row);
    domain.table.unmap(spot, 1);
    expect(harvest(domain, { clear: false })).toEqual(without(spot));
    expect(harvest(domain)).toEqual(without(spot));
    expect(harvest(domain)).toEqual([]);
    expect(domain.table.walk(spot)).toBeUndefined();
  });

  it.each([0, 13, 31, 32, 63])('in which entry %i was mapped anew, read-only', (spot) => {
    const domain = allDirty(row);
    domain.table.unmap(spot, 1);
    domain.table.map(spot, PA, 1, READ);
    const pte = domain.table.walk(spot)?.pte;
    expect(harvest(domain)).toEqual(without(spot));
    expect(harvest(domain)).toEqual([]);
    expect(domain.table.walk(spot)?.pte).toBe(pte);
  });

  it('in which nothing happened since', () => {
    const domain = allDirty(row);
    expect(harvest(domain, { clear: false })).toEqual(without(-1));
    expect(harvest(domain)).toEqual(without(-1));
    expect(harvest(domain)).toEqual([]);
    write(domain, 0, 2 * LINE);
    expect(harvest(domain)).toEqual(without(-1));
  });

  it.each([0, 13, 31, 32, 63])('in which entry %i is clean', (spot) => {
    const domain = allDirty(row);
    const { table } = domain;
    harvest(domain);
    write(domain, 0, spot);
    write(domain, spot + 1, 2 * LINE - spot - 1);
    markDirty(table.arena, findEntry(table, spot));
    expect(harvest(domain)).toEqual(without(spot));
  });

  it('in which an entry is not present and has its dirty bit, as in the middle of an unmap', () => {
    const domain = allDirty(row);
    const { arena } = domain.table;
    arena.words[2 * findEntry(domain.table, 40)]! &= ~row.presentLo;
    expect(harvest(domain)).toEqual(without(40));
  });

  it('in which a writable entry has no dirty state', () => {
    const domain = allDirty(row);
    const { arena } = domain.table;
    if (row.dirtyHiAlways === 0)
      arena.words[2 * findEntry(domain.table, 40) + 1]! &= ~(row.dirtyLo << row.dirtyHiShift);
    expect(harvest(domain)).toEqual(without(row.dirtyHiAlways === 0 ? 40 : -1));
  });
});

it('a full line of AMD v1 in which one leaf has 16 entries, all of them dirty', () => {
  for (const dropLastOfReplicated of [false, true]) {
    const domain = allDirty(formatNamed('amd-v1'), [2 ** 12, 2 ** 16]);
    domain.table.unmap(16, 16);
    domain.table.map(16, PA, 16, RW);
    write(domain, 16, 16);
    expect(harvest(domain, { clear: true, dropLastOfReplicated })).toEqual(without(dropLastOfReplicated ? 31 : -1));
    expect(harvest(domain)).toEqual([]);
  }
});
