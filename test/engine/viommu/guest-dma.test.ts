import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ViommuConfig } from '../../../engine/viommu/config.ts';
import { PER_CPU_QUEUE } from '../../../engine/viommu/flush-queue.ts';
import type { UnmapPolicyName } from '../../../engine/iommu/unmappolicies.ts';
import { AT_ZERO, HELD_TOO_LATE, NOT_READ, NO_ENTRY, WRITTEN_BETWEEN } from '../../../engine/viommu/unmap-causes.ts';
import { Bench, MS, US, aDevice } from '../devices/fixture.ts';

const aViommu = (overrides: Partial<ViommuConfig> = {}): ViommuConfig => ({
  mode: 'shadow',
  driver: 'strict',
  flushQueue: PER_CPU_QUEUE,
  iova: 'reuse',
  addressBits: 48,
  requestQueue: 256,
  iotlbEntries: 1024,
  cpus: 1,
  ...overrides,
});

/** A packet every 20 us into one page each: slow enough for every mode to keep up. */
const PACKETS = {
  buffers: 'per-operation',
  burstBytes: 1500,
  bytesPerSecond: 1500 * 50_000,
  queueDepth: 16,
  region: { firstPage: 1024, pages: 256 },
} as const;

function run(bench: Bench, untilNs: number): Bench {
  bench.startLogging();
  bench.runUntil(untilNs);
  bench.stopAndSync();
  return bench;
}

describe('a strict driver behind a vIOMMU', () => {
  it.each(['shadow', 'explicit', 'nested'] as const)(
    '%s: one map and one unmap per packet, and nothing is lost',
    (mode) => {
      const bench = run(new Bench([aDevice('nic', PACKETS)], { viommu: aViommu({ mode }) }), 10 * MS);
      const { counters } = bench.rack.devices[0]!.traffic;
      expect(counters.operations).toBeGreaterThan(490);
      // The last packet may still be on its way to the driver.
      expect(counters.operations - bench.rack.devices[0]!.traffic.guestCounters.unmaps).toBeLessThanOrEqual(1);
      expect([counters.faults, counters.starved, bench.lost.length]).toEqual([0, 0, 0]);
    },
  );

  it('under shadow and explicit most dirt is found at unmaps, not at syncs', () => {
    const bench = new Bench([aDevice('nic', PACKETS)], { viommu: aViommu() });
    bench.startLogging();
    bench.runUntil(10 * MS);
    const { container } = bench.rack.containers[0]!;
    expect(container.counters.unmapDirtyPages).toBe(bench.rack.devices[0]!.traffic.guestCounters.unmaps);
    expect(container.found.count).toBeGreaterThan(200);
  });

  it('unmap without a query (QEMU before 11.0) loses nearly every page, by name', () => {
    const bench = run(
      new Bench([aDevice('nic', PACKETS)], { viommu: aViommu(), defects: { unmapWithoutQuery: true } }),
      10 * MS,
    );
    expect(bench.lost.length).toBeGreaterThan(200);
    expect(new Set(bench.dropped.map((d) => d.cause))).toEqual(new Set([NOT_READ]));
    for (const page of bench.lost) expect(bench.dropped.some((d) => d.firstPage === page)).toBe(true);
  });

  it('nested: unmapping stage 1 without any query loses nothing, since stage 2 keeps the dirt', () => {
    const viommu = aViommu({ mode: 'nested' });
    const bench = run(new Bench([aDevice('nic', PACKETS)], { viommu, defects: { unmapWithoutQuery: true } }), 10 * MS);
    expect(bench.lost).toEqual([]);
  });

  it('caching mode costs an exit per map and per unmap; nested one per unmap', () => {
    const exits = (mode: 'shadow' | 'nested'): number => {
      const bench = new Bench([aDevice('nic', PACKETS)], { viommu: aViommu({ mode }) });
      bench.runUntil(10 * MS);
      const { exits, unmaps } = bench.rack.devices[0]!.traffic.guestCounters;
      return exits / unmaps;
    };
    expect(exits('shadow')).toBeCloseTo(2, 1);
    expect(exits('nested')).toBe(1);
  });

  it('caching mode turns a lazy driver into a strict one', () => {
    const bench = new Bench([aDevice('nic', PACKETS)], { viommu: aViommu({ driver: 'lazy' }) });
    expect(bench.rack.devices[0]!.traffic.guest!.driver).toBe('strict');
  });

  it('a driver that cannot keep up leaves the device without buffers', () => {
    const bench = new Bench([aDevice('nic', { ...PACKETS, bytesPerSecond: 1500 * 1e6 })], {
      viommu: aViommu(),
      costs: { viommu_exit: 10 * US },
    });
    bench.runUntil(10 * MS);
    const { counters } = bench.rack.devices[0]!.traffic;
    // Two exits of 10 us and more per packet: at most 50,000 packets/s of the 1,000,000 asked for.
    expect(counters.operations).toBeLessThan(16 + 500);
    expect(counters.starved).toBeGreaterThan(9000);
  });

  it('more CPUs do not help under the big lock, but do under nested without exits per map', () => {
    const operations = (mode: 'shadow' | 'nested', cpus: number): number => {
      const bench = new Bench([aDevice('nic', { ...PACKETS, bytesPerSecond: 1500 * 1e6 })], {
        viommu: aViommu({ mode, cpus, driver: mode === 'nested' ? 'lazy' : 'strict' }),
      });
      bench.runUntil(10 * MS);
      return bench.rack.devices[0]!.traffic.counters.operations;
    };
    expect(operations('shadow', 4) / operations('shadow', 1)).toBeLessThan(1.1);
    expect(operations('nested', 4)).toBeGreaterThanOrEqual(operations('nested', 1));
  });

  it('requests of two CPUs are served one after another', () => {
    const bench = new Bench([aDevice('nic', { ...PACKETS, bytesPerSecond: 0 })], {
      viommu: aViommu({ cpus: 2 }),
      costs: {
        pin_page: 0,
        viommu_exit: 10 * US,
        guest_dma_map: 0,
        guest_dma_unmap: 0,
        iommu_map: 0,
        iommu_unmap: 0,
        iotlb_flush: 0,
      },
    });
    bench.runUntil(1 * MS);
    const guest = bench.rack.devices[0]!.traffic.guest!;
    const iovas = [guest.map(1 * MS, 0, 0, 1), guest.map(1 * MS, 1, 1, 1)];
    expect([...guest.cpuFreeNs]).toEqual([1 * MS + 10 * US, 1 * MS + 20 * US]);
    guest.unmap(2 * MS, 0, iovas[0]!);
    guest.unmap(2 * MS, 1, iovas[1]!);
    expect([...guest.cpuFreeNs]).toEqual([2 * MS + 10 * US, 2 * MS + 20 * US]);
  });

  it('vCPUs that have stopped unmap nothing; the device uses up its buffers', () => {
    const bench = new Bench([aDevice('nic', PACKETS)], { viommu: aViommu() });
    bench.runUntil(1 * MS);
    const { counters, guestCounters } = bench.rack.devices[0]!.traffic;
    bench.rack.guestStopped(1 * MS);
    const { operations } = counters;
    const { unmaps } = guestCounters;
    bench.runUntil(5 * MS);
    // 16 posted, but for one whose completion was on its way.
    expect(counters.operations - operations).toBeGreaterThanOrEqual(15);
    expect(counters.operations - operations).toBeLessThanOrEqual(16);
    expect(guestCounters.unmaps).toBe(unmaps);
    bench.rack.guestResumed(5 * MS);
    bench.runUntil(6 * MS);
    expect(guestCounters.unmaps - unmaps).toBeGreaterThan(16);
  });

  it('type1 takes no more mappings than dma_entry_limit: what is refused faults, and QEMU says so once', () => {
    const bench = new Bench([aDevice('nic', PACKETS)], {
      viommu: aViommu(),
      iommu: { type1Mappings: 10 },
      tracking: { api: 'type1' },
    });
    bench.runUntil(10 * MS);
    const { counters, guestCounters } = bench.rack.devices[0]!.traffic;
    expect(guestCounters.refused).toBeGreaterThan(100);
    expect(counters.faults).toBeGreaterThan(100);
    expect(counters.pagesWritten).toBeGreaterThan(100);
    expect(bench.events.filter(({ kind }) => kind === 'error')).toHaveLength(1);
    expect(bench.rack.containers[0]!.container.mappings).toBeLessThanOrEqual(10);
  });

  it('a sync of guest mappings takes an ioctl each and holds up the guest meanwhile', () => {
    const pooled = { ...PACKETS, buffers: 'mapped-once', mappingPages: 1 } as const;
    const costs = { viommu_sync_mapping: 1000, viommu_walk: 0, iotlb_flush: 0, pte_walk: 0 };
    const bench = new Bench([aDevice('nic', pooled)], { viommu: aViommu({ driver: 'pooled' }), costs });
    bench.runUntil(10 * MS);
    bench.startLogging();
    expect(bench.sync()).toBe(256 * 1000);
    expect(bench.rack.bigLock.freeNs).toBe(bench.scheduler.nowNs + 256 * 1000);
  });
});

describe('the IOTLB of the emulated unit', () => {
  const WALK = 300;
  /** Walks of three syncs of 256 guest mappings. */
  const walks = (iotlbEntries: number, between?: (bench: Bench) => void): number[] => {
    const pooled = { ...PACKETS, buffers: 'mapped-once', mappingPages: 1 } as const;
    const costs = { viommu_sync_mapping: 0, viommu_walk: WALK, iotlb_flush: 0, pte_walk: 0 };
    const viommu = aViommu({ driver: 'pooled', iotlbEntries });
    const bench = new Bench([aDevice('nic', pooled)], { viommu, costs });
    bench.runUntil(10 * MS);
    bench.startLogging();
    return [1, 2, 3].map(() => {
      const durationNs = bench.sync();
      between?.(bench);
      return durationNs / WALK;
    });
  };

  it('saves every sync but the first the walks, where it has room for all mappings', () => {
    expect(walks(256)).toEqual([256, 0, 0]);
  });

  it('saves nothing where one mapping is too many: it is emptied when it is full', () => {
    expect(walks(255)).toEqual([256, 256, 256]);
  });

  it('a mapping that is made anew is walked for again', () => {
    const remap = (bench: Bench): void => {
      bench.rack.unmapRange(bench.scheduler.nowNs, 'nic0', 1024, 16);
      bench.rack.mapRange(bench.scheduler.nowNs, 'nic0', 1024, 16);
    };
    expect(walks(1024, remap)).toEqual([256, 16, 16]);
  });
});

describe('a lazy driver', () => {
  it.each(['explicit', 'nested'] as const)('%s: loses nothing, late writes included', (mode) => {
    const late = { lateShare: 0.5, lateWindowNs: 5 * MS };
    const viommu = aViommu({ mode, driver: 'lazy' });
    const bench = run(new Bench([aDevice('nic', { ...PACKETS, ...late })], { viommu }), 40 * MS);
    expect(bench.rack.devices[0]!.traffic.counters.lateWritesLanded).toBeGreaterThan(10);
    expect(bench.lost).toEqual([]);
  });

  it('explicit: an unmap waits in the queue until the next map kicks it', () => {
    const bench = new Bench([aDevice('nic', { ...PACKETS, bytesPerSecond: 0 })], {
      viommu: aViommu({ mode: 'explicit', driver: 'lazy' }),
    });
    bench.runUntil(1 * MS);
    const guest = bench.rack.devices[0]!.traffic.guest!;
    const { counters } = bench.rack.containers[0]!.container;
    const iova = guest.map(1 * MS, 0, 5, 1);
    guest.unmap(1 * MS, 0, iova);
    expect([counters.unmaps, guest.mappings.translate(iova)]).toEqual([0, 5]);
    guest.map(1 * MS, 0, 6, 1);
    expect([counters.unmaps, guest.mappings.translate(iova)]).toEqual([1, -1]);
  });

  it('flushes once in 10 ms, not once a packet', () => {
    const bench = new Bench([aDevice('nic', PACKETS)], { viommu: aViommu({ mode: 'nested', driver: 'lazy' }) });
    bench.runUntil(100 * MS);
    const { counters, waitingForFlush } = bench.rack.devices[0]!.traffic.guest!;
    // 500 unmaps in 10 ms are more than the 255 that a queue takes.
    expect(counters.unmaps / counters.flushes).toBeGreaterThan(200);
    expect(waitingForFlush).toBeLessThan(256);
  });
});

describe('pooled buffers', () => {
  it.each(['shadow', 'explicit', 'nested'] as const)('%s: mapped once, nothing unmapped, nothing lost', (mode) => {
    const traffic = { ...PACKETS, buffers: 'mapped-once', mappingPages: 4, burstBytes: 65536 } as const;
    const bench = run(new Bench([aDevice('nic', traffic)], { viommu: aViommu({ mode, driver: 'pooled' }) }), 10 * MS);
    expect(bench.rack.devices[0]!.traffic.counters.pagesWritten).toBeGreaterThan(0);
    expect([bench.rack.devices[0]!.traffic.counters.faults, bench.lost.length]).toEqual([0, 0]);
  });

  it('unmapping a part and mapping it again keeps the dirt, and faults meanwhile', () => {
    const traffic = { ...PACKETS, buffers: 'mapped-once', mappingPages: 4, bytesPerSecond: 4096 * 1e6 } as const;
    const bench = new Bench([aDevice('nic', { ...traffic, burstBytes: 4096 })], {
      viommu: aViommu({ driver: 'pooled' }),
      iommu: { unmap: 'exchange' },
    });
    bench.startLogging();
    bench.runUntil(1 * MS);
    expect(bench.rack.unmapRange(1 * MS, 'nic0', 1024, 128).ok).toBe(true);
    bench.runUntil(2 * MS);
    expect(bench.rack.devices[0]!.traffic.counters.faults).toBeGreaterThan(100);
    bench.rack.mapRange(2 * MS, 'nic0', 1024, 128);
    const { counters } = bench.rack.devices[0]!.traffic;
    const { faults } = counters;
    bench.runUntil(3 * MS);
    expect(counters.faults).toBe(faults);
    bench.stopAndSync();
    expect(bench.lost).toEqual([]);
  });
});

describe('whole-space unmap', () => {
  const whole = (wholeSpaceUnmapAtZero: boolean): Bench => {
    const bench = new Bench([aDevice('nic', PACKETS)], { viommu: aViommu(), defects: { wholeSpaceUnmapAtZero } });
    bench.startLogging();
    bench.runUntil(0.3 * MS);
    bench.rack.devices[0]!.traffic.setRate(0.3 * MS, 0);
    // Buffers that hold dirt now: written, not yet unmapped.
    bench.rack.guestStopped(0.3 * MS);
    bench.rack.devices[0]!.traffic.setRate(0.3 * MS, 1500 * 1e6);
    bench.runUntil(0.4 * MS);
    expect(bench.rack.unmapAll(0.4 * MS, 'nic0').ok).toBe(true);
    bench.stopAndSync();
    return bench;
  };

  it('mapping by mapping keeps all dirt', () => {
    expect(whole(false).lost).toEqual([]);
  });

  it('with translated address 0 loses it, by name (QEMU before 11.0)', () => {
    const bench = whole(true);
    expect(bench.lost.length).toBeGreaterThan(0);
    expect(bench.dropped.map((d) => d.cause)).toContain(AT_ZERO);
  });
});

describe('a driver that changes its mode', () => {
  const traffic = { ...PACKETS, bytesPerSecond: 1500 * 200_000 };
  const switching = (from: 'passthrough' | 'strict', to: 'passthrough' | 'strict', withoutEntry: boolean): Bench => {
    const bench = new Bench([aDevice('nic', traffic)], {
      viommu: aViommu({ driver: from }),
      iommu: { unmap: 'exchange' },
      defects: { regionDelWithoutEntry: withoutEntry },
    });
    bench.startLogging();
    bench.runUntil(2 * MS);
    expect(bench.rack.setDriver(2 * MS, 'nic0', to)).toMatchObject({ ok: true });
    bench.rack.devices[0]!.traffic.setRate(2 * MS, 1500 * 2000);
    bench.runUntil(6 * MS);
    bench.stopAndSync();
    return bench;
  };

  it('passthrough → strict takes the dirt of the RAM sections along', () => {
    const bench = switching('passthrough', 'strict', false);
    const { guestCounters, counters } = bench.rack.devices[0]!.traffic;
    expect(guestCounters.unmaps).toBeGreaterThan(0);
    expect(bench.lost).toEqual([]);
    // A device that was not quiesced meets the blocked domain on the way.
    expect(counters.faults).toBeLessThan(5);
  });

  it('passthrough → strict without an identity entry loses it, by name (QEMU before 11.0)', () => {
    const bench = switching('passthrough', 'strict', true);
    expect(bench.lost.length).toBeGreaterThan(100);
    expect(bench.dropped.map((d) => d.cause)).toContain(NO_ENTRY);
  });

  it('strict → passthrough maps guest memory again and loses nothing', () => {
    const bench = switching('strict', 'passthrough', false);
    expect([bench.lost.length, bench.rack.devices[0]!.traffic.counters.faults]).toEqual([0, 0]);
    expect(bench.rack.devices[0]!.traffic.guest).toBeNull();
  });
});

describe('unmap policies against a device that writes late', () => {
  const late = (policy: UnmapPolicyName, held: boolean, seed: number): Bench => {
    const traffic = { ...PACKETS, lateShare: 1, lateWindowNs: 12 * US };
    const bench = new Bench([aDevice('nic', traffic)], {
      seed,
      viommu: aViommu(),
      iommu: { unmap: policy, iotlb: { sets: 16, ways: 4, dirtyWriteback: held ? 'held' : 'memory' } },
    });
    bench.startLogging();
    bench.runUntil(4 * MS);
    bench.stopAndSync();
    return bench;
  };
  /** A packet's write and its late one both set Dirty: what is lost must be seen page by page. */
  const lossesOf = (policy: UnmapPolicyName, held: boolean, seed: number): string[] => {
    const bench = late(policy, held, seed);
    expect(bench.rack.devices[0]!.traffic.counters.lateWritesLanded).toBeGreaterThan(0);
    return [...new Set(bench.dropped.map((d) => d.cause))].sort();
  };

  it('exchange drops nothing where Dirty goes to memory at once', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(late('exchange', false, seed).lost).toEqual([]);
        expect(lossesOf('exchange', false, seed)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it('non-present, flush, read back drops nothing with either kind of IOTLB', () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, held) => {
        expect(late('nonpresent-flush-read', held, seed).lost).toEqual([]);
        expect(lossesOf('nonpresent-flush-read', held, seed)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it('unmap only drops every page that was written', () => {
    expect(lossesOf('unmap-only', false, 1)).toEqual([NOT_READ]);
  });

  it('late writes that a stop overtook do not come after the resume', () => {
    const traffic = { ...PACKETS, lateShare: 1, lateWindowNs: 50 * MS };
    const bench = new Bench([aDevice('nic', traffic)], { viommu: aViommu() });
    bench.runUntil(1 * MS);
    const { vfio, traffic: dma } = bench.rack.devices[0]!;
    bench.rack.guestStopped(1 * MS);
    vfio!.quiesce(1 * MS);
    bench.runUntil(60 * MS);
    const { counters } = dma;
    const before = counters.faults + counters.lateWritesLanded;
    expect(counters.lateWrites).toBeGreaterThan(40);
    vfio!.abort(60 * MS);
    bench.runUntil(60.4 * MS);
    expect(counters.faults + counters.lateWritesLanded).toBe(before);
  });

  it('held Dirty is dropped by every policy that leaves no entry to take it', () => {
    for (const policy of ['unmap-only', 'query-then-unmap', 'exchange'] as const)
      expect(lossesOf(policy, true, 1)).toContain(HELD_TOO_LATE);
  });

  it('read then unmap, and query then unmap, drop a write that falls between', () => {
    // The packet's own write is reported by the read; a late write needs a page that is clean by then.
    for (const policy of ['read-then-unmap', 'query-then-unmap'] as const) {
      let found = false;
      for (let seed = 1; seed <= 20 && !found; seed++) {
        const traffic = { ...PACKETS, lateShare: 1, lateWindowNs: 12 * US, readBytesPerSecond: 0 };
        const bench = new Bench([aDevice('nic', { ...traffic })], {
          seed,
          viommu: aViommu(),
          iommu: { unmap: policy, iotlb: { sets: 1, ways: 1, dirtyWriteback: 'memory' } },
        });
        bench.startLogging();
        // Syncs clean the entries of packets whose unmap has not come yet.
        for (let t = 1; t <= 200; t++) {
          bench.runUntil(t * 20 * US - 19 * US + (seed % 19) * US);
          bench.sync();
        }
        bench.stopAndSync();
        found = bench.dropped.some((d) => d.cause === WRITTEN_BETWEEN);
      }
      expect(found, policy).toBe(true);
    }
  });
});
