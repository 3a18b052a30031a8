// The defect of Linux 7.x with repeated AMD leaves, wherever a read asks: a sync of a guest's mappings, and the query before an
// unmap. Leaves of 64 KiB: sixteen entries, of which the last is left out.
import { describe, expect, it } from 'vitest';
import type { UnmapPolicyName } from '../../../engine/iommu/unmappolicies.ts';
import { PER_CPU_QUEUE } from '../../../engine/viommu/flush-queue.ts';
import { LAST_OF_REPEATED } from '../../../engine/viommu/unmap-causes.ts';
import { Bench, MS, SECTIONS, US, aDevice } from '../devices/fixture.ts';

const iommu = (unmap: UnmapPolicyName) => ({ pageSizes: [4096, 65536], unmap }) as const;
const lastOfLeaf = (page: number): boolean => page % 16 === 15;

/** A device that writes every page of the lower section, which then goes from the memory map. */
function removed(contiguousLastPage: boolean, unmap: UnmapPolicyName): Bench {
  const bench = new Bench(
    [
      aDevice('gpu', {
        region: { firstPage: 0, pages: 1024 },
        burstBytes: 65536,
        bytesPerSecond: 65536 * 1e6,
        pattern: 'ring',
      }),
    ],
    { iommu: iommu(unmap), defects: { contiguousLastPage } },
  );
  bench.startLogging();
  bench.runUntil(1 * MS);
  // Nothing writes when the section goes: what is lost, the query lost.
  bench.rack.setRate(1 * MS, 'gpu0', 0);
  expect(bench.rack.regionDel(1 * MS, SECTIONS[0]!)).toMatchObject({ ok: true });
  bench.stopAndSync();
  return bench;
}

describe('the query before an unmap', () => {
  it.each(['query-then-unmap', 'read-then-unmap'] as const)(
    '%s leaves out the last page of each leaf, by name',
    (unmap) => {
      const bench = removed(true, unmap);
      expect(bench.lost).toHaveLength(1024 / 16);
      expect(bench.lost.every(lastOfLeaf)).toBe(true);
      expect(new Set(bench.dropped.map(({ cause }) => cause))).toEqual(new Set([LAST_OF_REPEATED]));
      expect(
        bench.dropped
          .flatMap(({ firstPage, count }) => Array.from({ length: count }, (_, i) => firstPage + i))
          .sort((a, b) => a - b),
      ).toEqual(bench.lost);
    },
  );

  it('loses nothing where leaves are reported whole, nor where an unmap looks at the entries itself', () => {
    expect(removed(false, 'query-then-unmap').lost).toEqual([]);
    expect(removed(true, 'exchange').lost).toEqual([]);
  });
});

describe('a guest that maps buffers of 64 KiB', () => {
  const viommu = {
    mode: 'explicit',
    driver: 'pooled',
    flushQueue: PER_CPU_QUEUE,
    iova: 'reuse',
    addressBits: 48,
    requestQueue: 256,
    iotlbEntries: 256,
    cpus: 1,
  } as const;

  it('has the last page of each left out by syncs', () => {
    const synced = (contiguousLastPage: boolean): Bench => {
      const region = { firstPage: 1024, pages: 256 };
      const traffic = {
        region,
        mappingPages: 16,
        burstBytes: 65536,
        bytesPerSecond: 65536 * 1e5,
        pattern: 'ring',
      } as const;
      const bench = new Bench([aDevice('nic', traffic)], {
        viommu,
        iommu: iommu('exchange'),
        defects: { contiguousLastPage },
      });
      bench.startLogging();
      bench.runUntil(500 * US);
      bench.rack.setRate(500 * US, 'nic0', 0);
      bench.stopAndSync();
      return bench;
    };
    const bench = synced(true);
    expect(bench.lost).toHaveLength(16);
    expect(bench.lost.every(lastOfLeaf)).toBe(true);
    expect(bench.dropped.every(({ cause }) => cause === LAST_OF_REPEATED)).toBe(true);
    expect(synced(false).lost).toEqual([]);
  });
});
