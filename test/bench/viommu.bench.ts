// The guest's IOMMU under load: simulated seconds of a strict NIC, and a sync over a million guest mappings.
//
// Times are processor time of the one thread that simulates (process.cpuUsage), so that other programs do not count.
import { DirtyBitmap } from '../../engine/core/bitmap.ts';
import { costsWith } from '../../engine/core/costs.ts';
import { Scheduler } from '../../engine/core/scheduler.ts';
import type { TrafficConfig } from '../../engine/devices/config.ts';
import { KEEP_GRAIN } from '../../engine/devices/block-grain.ts';
import { DeviceRack } from '../../engine/devices/device-rack.ts';
import { DEVICE_MODELS } from '../../engine/devices/models.ts';
import { formatNamed } from '../../engine/iommu/formats/table.ts';
import { AS_MERGED } from '../../engine/vfio/type1-rules.ts';
import type { ViommuConfig } from '../../engine/viommu/config.ts';
import { PER_CPU_QUEUE } from '../../engine/viommu/flush-queue.ts';
import type { Bench, Round } from './bench.ts';

const RAM_PAGES = 4 * 2 ** 20;

/** Exits and ioctls cost nothing, so that the driver keeps up at any rate: what is measured is ours alone. */
const FREE = { viommu_exit: 0, iommu_map: 0, iommu_unmap: 0, iotlb_flush: 0, dirty_ioctl: 0, guest_dma_map: 0 };

function aRack(traffic: Partial<TrafficConfig>, viommu: Partial<ViommuConfig>): DeviceRack {
  const model = DEVICE_MODELS.nic;
  return new DeviceRack({
    seed: 1,
    costs: costsWith({ ...FREE, guest_dma_unmap: 0, pte_walk: 0, pin_page: 0 }),
    ramPages: RAM_PAGES,
    sections: [{ gpaPage: 0, ramPage: 0, pages: RAM_PAGES, readonly: false }],
    devices: [
      {
        name: 'nic0',
        kind: 'nic',
        traffic: { ...model.traffic, region: { firstPage: 2 ** 18, pages: 4096 }, ...traffic },
        migration: model.migration,
        dmaLogging: null,
        iommuDirty: true,
        container: 'shared',
        pageTracking: 'auto',
        atcEntries: 0,
        behindViommu: true,
      },
    ],
    absent: [],
    iommu: {
      format: formatNamed('amd-v1'),
      pageSizes: [4096],
      iotlb: { sets: 64, ways: 8, dirtyWriteback: 'memory' },
      flush: 'after-clear',
      unmap: 'query-then-unmap',
      faults: 'lost',
      grain: KEEP_GRAIN,
      type1Mappings: 65_535,
      type1Rules: AS_MERGED,
      copies: true,
      memlockBytes: Infinity,
    },
    viommu: {
      mode: 'shadow',
      driver: 'strict',
      flushQueue: PER_CPU_QUEUE,
      iova: 'reuse',
      addressBits: 48,
      requestQueue: 256,
      iotlbEntries: 1024,
      cpus: 4,
      ...viommu,
    },
    tracking: {
      forced: 'auto',
      api: 'iommufd',
      type1Tracker: 'everything',
      formatTracks: true,
      mixedContainerSkips: false,
      duringPrecopy: true,
      query: 'section',
    },
    defects: {
      unmapWithoutQuery: false,
      regionDelWithoutEntry: false,
      wholeSpaceUnmapAtZero: false,
      contiguousLastPage: false,
      walkStopsAtHole: true,
    },
    written: () => new DirtyBitmap(RAM_PAGES),
    drop: { dropped: () => undefined, blinded: () => undefined },
    emit: () => 0,
  });
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Simulated seconds per second of processor time, with 800,000 packets a second in 1 s slices and a sync in each. */
function strictNic(mode: 'shadow' | 'explicit' | 'nested'): () => () => Round {
  return () => {
    const rack = aRack({ buffers: 'per-operation', burstBytes: 1500, bytesPerSecond: 1500 * 800_000 }, { mode });
    const scheduler = new Scheduler();
    rack.start(scheduler);
    const { tracker } = rack.containers[0]!;
    tracker.start(0);
    const dirty = new DirtyBitmap(RAM_PAGES);
    const { guestCounters: counters } = rack.devices[0]!.traffic;
    return () => {
      const before = counters.unmaps;
      const fromNs = scheduler.nowNs;
      const ms = cpuMs(() => {
        scheduler.advance(Infinity, fromNs + 1e9);
        tracker.harvest(scheduler.nowNs, dirty, false);
      });
      const unmaps = counters.unmaps - before;
      if (unmaps < 799_000) throw new Error(`the driver kept up with ${unmaps} packets only`);
      return { value: 1000 / ms, extra: { unmapsPerSecond: unmaps, nsPerPacket: (ms * 1e6) / unmaps } };
    };
  };
}

/** One sync over so many guest mappings of a page, one in a hundred of them dirty. */
function sync(mappings: number): () => () => Round {
  return () => {
    const traffic = { region: { firstPage: 4096, pages: mappings }, mappingPages: 1, burstBytes: 4096 };
    const rack = aRack(
      { ...traffic, pattern: 'random', bytesPerSecond: 4096 * (mappings / 100) * 1e3 },
      { driver: 'pooled' },
    );
    const scheduler = new Scheduler();
    rack.start(scheduler);
    const { tracker } = rack.containers[0]!;
    tracker.start(0);
    const dirty = new DirtyBitmap(RAM_PAGES);
    return () => {
      scheduler.advance(Infinity, scheduler.nowNs + 1e6);
      let pages = 0;
      const ms = cpuMs(() => {
        ({ pages } = tracker.harvest(scheduler.nowNs, dirty, false));
      });
      return { value: ms, extra: { dirtyPages: pages, nsPerMapping: (ms * 1e6) / mappings } };
    };
  };
}

export const benches: readonly Bench[] = [
  ...(['shadow', 'explicit', 'nested'] as const).map((mode): Bench => ({
    name: `strict NIC, 800,000 maps and unmaps a second, ${mode}`,
    unit: 'simulated s/s',
    better: 'higher',
    prepare: strictNic(mode),
    goal: { min: 1 },
    rounds: 5,
    warmUp: 1,
  })),
  ...[10_000, 100_000, 1_000_000].map((mappings): Bench => ({
    name: `sync over ${mappings} guest mappings`,
    unit: 'ms',
    better: 'lower',
    prepare: sync(mappings),
    rounds: 7,
  })),
];
