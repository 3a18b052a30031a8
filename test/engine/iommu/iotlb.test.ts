import { describe, expect, it } from 'vitest';
import { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import { DmaPort, HOST_BASE_PAGE } from '../../../engine/iommu/dmaport.ts';
import { Domain } from '../../../engine/iommu/domain.ts';
import { READ, WRITE } from '../../../engine/iommu/formats/format.ts';
import { FORMATS, formatNamed } from '../../../engine/iommu/formats/table.ts';
import { Iotlb } from '../../../engine/iommu/iotlb.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';

const RW = READ | WRITE;

interface Setup {
  readonly held?: boolean;
  readonly sets?: number;
  readonly ways?: number;
  readonly tracked?: boolean;
  readonly pageSizes?: readonly number[];
}

function aDomain(row = formatNamed('amd-v1'), setup: Setup = {}): Domain {
  const { held = false, sets = 4, ways = 2, tracked = true } = setup;
  const pageSizes = setup.pageSizes ?? [2 ** row.granuleShift];
  const iotlb = new Iotlb({ sets, ways, dirtyWriteback: held ? 'held' : 'memory' });
  const domain = new Domain({ id: 1, table: new PageTable(row, { tracked, pageSizes }), iotlb });
  domain.setTracking(true);
  return domain;
}

function harvest(domain: Domain, first = 0, count = 1024): number[] {
  const runs = new DirtyRuns();
  domain.table.readDirty(first, count, { clear: true }, runs);
  return Array.from({ length: runs.length }, (_, i) =>
    Array.from({ length: runs.counts[i]! }, (_u, j) => runs.firsts[i]! + j),
  ).flat();
}

describe('IOTLB', () => {
  it('hits after a miss, for any granule of the leaf', () => {
    const domain = aDomain(formatNamed('vtd-ss'), { pageSizes: [2 ** 21] });
    domain.table.map(512, 1024, 512, RW);
    expect(domain.access(700, false)).toBe(1024 + 188);
    expect(domain.access(701, false)).toBe(1024 + 189);
    expect(domain.iotlb.counters).toMatchObject({ hits: 1, misses: 1 });
  });

  it('evicts the way that was not just used', () => {
    const domain = aDomain(undefined, { sets: 1, ways: 2 });
    domain.table.map(0, 100, 4, RW);
    domain.access(0, false);
    domain.access(1, false);
    domain.access(0, false);
    domain.access(2, false);
    expect([0, 1, 2].map((g) => domain.iotlb.find(1, g) >= 0)).toEqual([true, false, true]);
    expect(domain.iotlb.counters.evictions).toBe(1);
  });

  it('keeps domains apart', () => {
    const domain = aDomain();
    const other = new Domain({ id: 2, table: new PageTable(formatNamed('amd-v1')), iotlb: domain.iotlb });
    domain.table.map(3, 100, 1, RW);
    other.table.map(3, 200, 1, RW);
    expect([domain.access(3, false), other.access(3, false), domain.access(3, false)]).toEqual([100, 200, 100]);
    domain.flushDomain();
    expect([domain.iotlb.find(1, 3), domain.iotlb.find(2, 3) >= 0]).toEqual([-1, true]);
  });

  it('keeps translating after an unmap until it is invalidated, by page, range, domain or all', () => {
    const ways: ((domain: Domain) => void)[] = [
      (domain) => {
        domain.iotlb.invalidatePage(1, 3);
      },
      (domain) => {
        domain.iotlb.invalidateRange(1, 0, 4);
      },
      (domain) => {
        domain.iotlb.invalidateRange(1, 0, 2 ** 40);
      },
      (domain) => {
        domain.iotlb.invalidateDomain(1);
      },
      (domain) => {
        domain.iotlb.invalidateAll();
      },
    ];
    for (const invalidate of ways) {
      const domain = aDomain();
      domain.table.map(3, 100, 1, RW);
      domain.access(3, false);
      domain.table.unmap(3, 1);
      expect(domain.access(3, false)).toBe(100);
      invalidate(domain);
      expect(domain.access(3, false)).toBe(-1);
      expect(domain.iotlb.used).toBe(0);
    }
  });

  it('invalidating a page removes a block that is there twice, once found behind a stale smaller leaf', () => {
    const domain = aDomain(undefined, { pageSizes: [2 ** 12, 2 ** 21] });
    domain.table.map(0, 1024, 1, READ);
    domain.access(0, false);
    domain.table.unmap(0, 1);
    domain.table.map(0, 1024, 512, RW);
    domain.access(512 - 1, true); // the block
    domain.access(0, true); // the stale leaf does not permit it; the walk finds the block
    expect(domain.iotlb.used).toBe(2);
    domain.table.unmap(0, 512);
    domain.iotlb.invalidatePage(1, 0);
    expect(domain.iotlb.used).toBe(0);
    expect(domain.access(5, true)).toBe(-1);
  });

  it('separates IOVAs that differ only above bit 32 of their page number', () => {
    const domain = aDomain();
    domain.table.map(7, 100, 1, RW);
    domain.table.map(2 ** 32 + 7, 200, 1, RW);
    domain.table.map(2 ** 51 + 7, 300, 1, RW);
    const all = [7, 2 ** 32 + 7, 2 ** 51 + 7];
    expect(all.map((g) => domain.access(g, true))).toEqual([100, 200, 300]);
    expect(all.map((g) => domain.access(g, true))).toEqual([100, 200, 300]);
  });

  it('a write through a clean cached entry finds the entry in memory gone: fault', () => {
    const domain = aDomain();
    domain.table.map(3, 100, 1, RW);
    domain.access(3, false);
    domain.table.unmap(3, 1);
    expect(domain.access(3, true)).toBe(-1);
  });
});

describe.each(FORMATS.map((row) => [row.name, row] as const))('dirty bits through the IOTLB, %s', (_, row) => {
  for (const held of [false, true]) {
    it(`clearing without a flush loses the later write; with a flush it does not (${held ? 'held' : 'memory'})`, () => {
      for (const flush of [false, true]) {
        const domain = aDomain(row, { held });
        domain.table.map(3, 100, 2, RW);
        harvest(domain);
        domain.access(3, true);
        if (held) domain.flushDomain();
        domain.access(3, true);
        if (held) domain.access(4, true); // only the held bit of 3 is in memory
        expect(harvest(domain)).toEqual([3]);
        if (flush) domain.flushDomain();
        domain.access(3, true);
        domain.flushDomain();
        expect(harvest(domain)).toEqual(held ? (flush ? [3, 4] : [4]) : flush ? [3] : []);
      }
    });
  }

  it('a held bit reaches memory at eviction, at invalidation, and not before', () => {
    const domain = aDomain(row, { held: true, sets: 1, ways: 1 });
    domain.table.map(3, 100, 2, RW);
    harvest(domain);
    domain.access(3, true);
    expect(harvest(domain)).toEqual([]);
    domain.access(4, false);
    expect(harvest(domain)).toEqual([3]);
    domain.access(4, true);
    domain.iotlb.invalidatePage(1, 4);
    expect(harvest(domain)).toEqual([4]);
    expect(domain.iotlb.counters).toMatchObject({ writebacks: 2, writebacksDropped: 0 });
  });

  it('records while tracking is off exactly where the hardware does', () => {
    const domain = aDomain(row);
    domain.table.map(3, 100, 1, RW);
    domain.setTracking(false);
    harvest(domain);
    domain.access(3, true);
    expect(harvest(domain)).toEqual(domain.hardware.recordsWhileOff ? [3] : []);
  });

  it('reads set nothing, and a write to a read-only leaf faults', () => {
    const domain = aDomain(row);
    domain.table.map(3, 100, 1, READ);
    expect(domain.access(3, false)).toBe(100);
    expect(domain.access(3, true)).toBe(-1);
    expect(harvest(domain)).toEqual([]);
  });
});

describe('ATC', () => {
  it('answers without the IOTLB until it is invalidated, and never gives a read request leave to write', () => {
    const domain = aDomain();
    const written = new DirtyBitmap(64);
    const port = new DmaPort({ domain, written, atc: new Iotlb({ sets: 1, ways: 4, dirtyWriteback: 'memory' }) });
    domain.table.map(3, HOST_BASE_PAGE, 2, RW);
    port.access(3, false);
    port.access(3, false);
    expect(port.result).toMatchObject({ atcHits: 1, atcMisses: 1 });
    port.access(3, true);
    expect(port.result).toMatchObject({ atcHits: 1, atcMisses: 2 });
    expect(harvest(domain)).toEqual([3]);
    domain.iotlb.invalidateDomain(1);
    port.access(3, true);
    expect(harvest(domain)).toEqual([]); // the ATC still carries leave to write: dirt lost
    domain.flushDomain();
    port.access(3, true);
    expect(harvest(domain)).toEqual([3]);
  });
});
