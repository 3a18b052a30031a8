// Nothing is lost under safe rules, whatever mode, driver, format, cache, pace and lateness; each unsafe rule loses within
// a bounded number of seeds. The model is slow and obvious: two sets of pages, written and reported.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FormatName } from '../../../engine/iommu/formats/format.ts';
import { formatNamed } from '../../../engine/iommu/formats/table.ts';
import type { GuestDriverMode, ViommuMode } from '../../../engine/viommu/config.ts';
import { PER_CPU_QUEUE } from '../../../engine/viommu/flush-queue.ts';
import type { UnmapPolicyName } from '../../../engine/iommu/unmappolicies.ts';
import { Bench, US, aDevice } from '../devices/fixture.ts';

interface Case {
  readonly mode: ViommuMode;
  readonly driver: GuestDriverMode;
  readonly policy: UnmapPolicyName;
  readonly format: FormatName;
  readonly held: boolean;
  readonly sets: number;
  readonly atcEntries: number;
  readonly flush: 'after-clear' | 'before-clear' | 'never';
  readonly lateShare: number;
  readonly burstBytes: number;
  readonly random: boolean;
  readonly mapped: 'per-operation' | 'mapped-once';
  readonly cpus: number;
  readonly forced: 'iommu' | 'device' | 'everything';
  readonly iova: 'reuse' | 'fresh';
  readonly latencyUs: number;
  readonly pages: number;
  readonly seed: number;
  /** Microseconds from one sync to the next. */
  readonly gapsUs: readonly number[];
}

const SAFE: Case = {
  mode: 'shadow',
  driver: 'strict',
  policy: 'exchange',
  format: 'amd-v1',
  held: false,
  sets: 4,
  atcEntries: 0,
  flush: 'after-clear',
  lateShare: 0,
  burstBytes: 1500,
  random: false,
  mapped: 'per-operation',
  cpus: 2,
  forced: 'iommu',
  iova: 'reuse',
  latencyUs: 1,
  pages: 240,
  seed: 1,
  gapsUs: [100, 300, 700],
};

/** Pages that were written after they had last been sent and that nobody reported. */
function lostIn(c: Case): number[] {
  const bench = new Bench(
    [
      aDevice(
        'nic',
        {
          region: { firstPage: 900, pages: c.pages },
          latencyNs: c.latencyUs * US,
          burstBytes: c.burstBytes,
          bytesPerSecond: c.burstBytes * 60_000,
          pattern: c.random ? 'random' : 'ring',
          buffers: c.mapped,
          mappingPages: 4,
          queueDepth: 8,
          lateShare: c.lateShare,
          lateWindowNs: 15 * US,
        },
        { dmaLogging: { pageBytes: 4096 }, atcEntries: c.atcEntries },
      ),
    ],
    {
      seed: c.seed,
      viommu: {
        mode: c.mode,
        driver: c.driver,
        flushQueue: { ...PER_CPU_QUEUE, timeoutNs: 200 * US, entries: 8 },
        iova: c.iova,
        addressBits: 40,
        requestQueue: 4,
        iotlbEntries: 1024,
        cpus: c.cpus,
      },
      iommu: {
        format: formatNamed(c.format),
        unmap: c.policy,
        flush: c.flush,
        iotlb: { sets: c.sets, ways: 2, dirtyWriteback: c.held ? 'held' : 'memory' },
      },
      tracking: { forced: c.forced },
      // Small costs, so that the driver keeps up and syncs fall everywhere.
      costs: { viommu_exit: 500, dirty_ioctl: 800, viommu_sync_mapping: 50 },
    },
  );
  bench.runUntil(70 * US);
  bench.startLogging();
  // DMA-log ranges are fixed when logging starts: with a device log, guest mappings must lie inside.
  for (const gap of c.gapsUs) {
    bench.runUntil(bench.scheduler.nowNs + gap * US);
    const durationNs = bench.sync();
    bench.runUntil(bench.scheduler.nowNs + durationNs);
    // The pages reported are sent once the sync is over.
    for (const written of bench.written.values()) bench.reported.forEachRun((first, n) => written.clearRange(first, n));
    bench.reported.reset();
  }
  bench.stopAndSync();
  return bench.lost;
}

const anyCase = fc.record({
  mode: fc.constantFrom('shadow', 'explicit', 'nested'),
  driver: fc.constantFrom('strict', 'lazy', 'pooled', 'passthrough'),
  format: fc.constantFrom<FormatName>('amd-v1', 'vtd-ss', 'arm-lpae-s1'),
  sets: fc.constantFrom(1, 4, 16),
  atcEntries: fc.constantFrom(0, 0, 8),
  burstBytes: fc.constantFrom(1500, 4096, 9000, 65536),
  random: fc.boolean(),
  mapped: fc.constantFrom('per-operation', 'per-operation', 'mapped-once'),
  cpus: fc.integer({ min: 1, max: 4 }),
  iova: fc.constantFrom('reuse', 'fresh'),
  latencyUs: fc.constantFrom(0, 1, 20),
  pages: fc.constantFrom(17, 240),
  seed: fc.integer({ min: 0, max: 1e9 }),
  gapsUs: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
});

describe('nothing is lost', () => {
  it('by exchange and by non-present, flush, read back, even of a device that writes late', () => {
    fc.assert(
      fc.property(
        anyCase,
        fc.constantFrom(0, 0.3, 1),
        fc.constantFrom<UnmapPolicyName>('exchange', 'nonpresent-flush-read'),
        (c, lateShare, policy) => {
          expect(lostIn({ ...SAFE, ...(c as Partial<Case>), lateShare, policy })).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('by every policy that reads, of a device that has stopped when its buffer is unmapped', () => {
    fc.assert(
      fc.property(
        anyCase,
        fc.constantFrom<UnmapPolicyName>('query-then-unmap', 'read-then-unmap', 'exchange', 'nonpresent-flush-read'),
        (c, policy) => {
          expect(lostIn({ ...SAFE, ...(c as Partial<Case>), policy })).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('with an IOTLB that holds Dirty back, where the entry is read after the flush', () => {
    fc.assert(
      fc.property(anyCase, fc.constantFrom(0, 1), (c, lateShare) => {
        const policy = 'nonpresent-flush-read';
        expect(lostIn({ ...SAFE, ...(c as Partial<Case>), held: true, atcEntries: 0, policy, lateShare })).toEqual([]);
      }),
      { numRuns: 80 },
    );
  });

  it('where everything counts as dirty, by any policy', () => {
    fc.assert(
      fc.property(anyCase, fc.constantFrom<UnmapPolicyName>('unmap-only', 'query-then-unmap'), (c, policy) => {
        expect(lostIn({ ...SAFE, ...(c as Partial<Case>), policy, forced: 'everything' })).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

const LATE = { lateShare: 1, latencyUs: 15, gapsUs: Array.from({ length: 40 }, (_, i) => 20 + i) } as const;

describe('each unsafe rule loses within 20 seeds', () => {
  const losesWithin = (seeds: number, overrides: Partial<Case>): boolean => {
    for (let seed = 1; seed <= seeds; seed++) {
      // The seed moves the syncs too.
      const gapsUs = [90 + seed, 130, 170, 110 + 7 * seed, 190, 150 + 3 * seed];
      if (lostIn({ ...SAFE, gapsUs, ...overrides, seed }).length > 0) return true;
    }
    return false;
  };

  it.each<[string, Partial<Case>]>([
    ['unmap only', { policy: 'unmap-only' }],
    // A sync must have cleaned the page between its packet and its unmap: completions take their time here.
    ['query then unmap, of a device that writes late', { policy: 'query-then-unmap', ...LATE }],
    ['read then unmap, of a device that writes late', { policy: 'read-then-unmap', ...LATE }],
    ['exchange, with an IOTLB that holds Dirty back', { policy: 'exchange', held: true }],
    ['clearing without a flush, buffers mapped once', { flush: 'never', mapped: 'mapped-once', sets: 256, pages: 16 }],
    [
      'flushing before clearing, nested',
      { flush: 'before-clear', mode: 'nested', mapped: 'mapped-once', sets: 256, pages: 16 },
    ],
  ])('%s', (_name, overrides) => {
    expect(losesWithin(20, overrides)).toBe(true);
  });
});

describe('a write between clear and flush of a sync', () => {
  /** A page every 16 us, 16 pages in turn; a flush takes 50 us, so writes fall between the two in every sync. */
  const lost = (mode: ViommuMode, flush: Case['flush']): number[] => {
    const bench = new Bench(
      [aDevice('nic', { region: { firstPage: 900, pages: 16 }, burstBytes: 4096, bytesPerSecond: 4096 * 60_000 })],
      {
        viommu: {
          mode,
          driver: 'pooled',
          flushQueue: PER_CPU_QUEUE,
          iova: 'reuse',
          addressBits: 40,
          requestQueue: 4,
          iotlbEntries: 16,
          cpus: 1,
        },
        iommu: { flush, iotlb: { sets: 16, ways: 2, dirtyWriteback: 'memory' } },
        costs: { iotlb_flush: 50 * US },
      },
    );
    bench.runUntil(70 * US);
    bench.startLogging();
    for (let round = 0; round < 3; round++) {
      bench.runUntil(bench.scheduler.nowNs + 500 * US);
      const durationNs = bench.sync();
      // What was reported is sent when the sync is over.
      bench.runUntil(bench.scheduler.nowNs + durationNs);
      for (const written of bench.written.values())
        bench.reported.forEachRun((first, n) => written.clearRange(first, n));
      bench.reported.reset();
    }
    bench.runUntil(bench.scheduler.nowNs + 500 * US);
    bench.stopAndSync();
    return bench.lost;
  };

  it.each(['shadow', 'explicit', 'nested'] as const)(
    '%s: is lost when the flush comes first, and kept when it comes after',
    (mode) => {
      expect(lost(mode, 'before-clear').length).toBeGreaterThan(0);
      expect(lost(mode, 'never')).toHaveLength(16);
      expect(lost(mode, 'after-clear')).toEqual([]);
    },
  );
});
