import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNamed } from '../../../engine/iommu/formats/table.ts';
import type { FormatName } from '../../../engine/iommu/formats/format.ts';
import { BEHIND_HOLE, UNFLUSHED } from '../../../engine/devices/domain-sync.ts';
import { LAST_OF_REPEATED } from '../../../engine/viommu/unmap-causes.ts';
import { UNTRACKED_HWPT } from '../../../engine/devices/container-tracker.ts';
import { OUTSIDE_LOG } from '../../../engine/devices/mapped-traffic.ts';
import { NO_ENTRY, NOT_READ } from '../../../engine/viommu/unmap-causes.ts';
import { Bench, MS, SECTIONS, aDevice } from './fixture.ts';

const LOG = { pageBytes: 4096 };

/** A device that writes one page after another in a region that its IOTLB holds whole: entries stay dirty. */
const aSmallRing = { region: { firstPage: 1000, pages: 32 }, burstBytes: 4096, bytesPerSecond: 4096 * 1e6 };

/** Bit 6 of an AMD v1 entry. */
const DIRTY = 0x40;
const dirtyBefore = ({ places }: Bench): boolean[] => places.map(({ beforeLo }) => (beforeLo & DIRTY) !== 0);
const dirtyAfter = ({ places }: Bench): boolean[] => places.map(({ afterLo }) => (afterLo & DIRTY) !== 0);

describe('tracking of one VFIO container', () => {
  it('a page written between two syncs is in the second', () => {
    const bench = new Bench([aDevice('nic', { burstBytes: 4096 })]);
    bench.startLogging();
    bench.runUntil(1 * MS);
    const written = bench.written.get('nic0')!.count;
    bench.sync();
    expect([bench.reported.count, bench.reported.test(512)]).toEqual([written, true]);
    expect(written).toBeGreaterThan(0);
  });

  it('writes before logging was started are not reported', () => {
    const bench = new Bench([aDevice('nic')]);
    bench.runUntil(1 * MS);
    bench.rack.devices[0]!.traffic.setRate(1 * MS, 0);
    bench.startLogging();
    bench.sync();
    expect(bench.reported.count).toBe(0);
  });

  it.each(['after-clear'] as const)('flush %s: nothing is lost though entries stay in the IOTLB', (flush) => {
    const bench = new Bench([aDevice('nic', aSmallRing)], { iommu: { flush } });
    bench.startLogging();
    for (let round = 1; round <= 5; round++) {
      bench.runUntil(round * 0.1 * MS);
      bench.reported.reset();
      for (const written of bench.written.values()) written.reset();
      bench.sync();
    }
    bench.runUntil(1 * MS);
    bench.stopAndSync();
    expect(bench.lost).toEqual([]);
  });

  it.each(['never', 'before-clear'] as const)('flush %s: entries that hold Dirty lose later writes', (flush) => {
    const bench = new Bench([aDevice('nic', aSmallRing)], { iommu: { flush } });
    bench.startLogging();
    bench.runUntil(0.1 * MS);
    const syncNs = bench.sync();
    // What was reported is sent now: from here on only new writes count.
    bench.runUntil(bench.scheduler.nowNs + syncNs);
    bench.reported.reset();
    for (const written of bench.written.values()) written.reset();
    bench.runUntil(1 * MS);
    bench.stopAndSync();
    expect(bench.lost.length).toBeGreaterThan(0);
    // Each lost page was named when its bit was cleared.
    const named = bench.blinded.filter(({ cause }) => cause === UNFLUSHED);
    expect(bench.places[0]).toMatchObject({ policy: `flush ${flush}`, step: 'read-and-clear', format: 'amd-v1' });
    expect(new Set(dirtyBefore(bench))).toEqual(new Set([true]));
    expect(new Set(dirtyAfter(bench))).toEqual(new Set([false]));
    expect(
      bench.lost.every((page) => named.some(({ firstPage, count }) => page >= firstPage && page < firstPage + count)),
    ).toBe(true);
  });

  it('a write between clear and flush, through an entry that holds Dirty, shows no more: its page is sent after the flush', () => {
    const ring = { ...aSmallRing, region: { firstPage: 1100, pages: 32 } };
    const bench = new Bench([aDevice('nic', ring)], { costs: { pte_walk: 100 } });
    bench.startLogging();
    bench.runUntil(1 * MS);
    const { counters } = bench.rack.devices[0]!.traffic;
    const { pagesWritten } = counters;
    bench.sync();
    expect(bench.reported.count).toBe(32);
    expect(counters.pagesWritten - pagesWritten).toBeGreaterThan(100);
    bench.reported.reset();
    bench.sync();
    expect(bench.reported.count).toBe(0);
  });

  it('a device that was stopped and runs again does not make up what it missed', () => {
    const bench = new Bench([aDevice('nic', { burstBytes: 4096, bytesPerSecond: 4096 * 1e5 })]);
    bench.runUntil(1 * MS);
    const { vfio, traffic } = bench.rack.devices[0]!;
    vfio!.quiesce(1 * MS);
    bench.runUntil(20 * MS);
    const { operations } = traffic.counters;
    vfio!.abort(20 * MS);
    bench.runUntil(21 * MS);
    expect(traffic.counters.operations - operations).toBeGreaterThan(50);
    expect(traffic.counters.operations - operations).toBeLessThan(150);
  });

  it('the device log reports what the device wrote, whatever the page tables say', () => {
    const bench = new Bench([aDevice('rdma', {}, { dmaLogging: LOG })]);
    expect(bench.rack.containers[0]!.container.tracker).toBe('device');
    bench.startLogging();
    bench.runUntil(2 * MS);
    bench.stopAndSync();
    expect(bench.lost).toEqual([]);
    expect(bench.reported.count).toBe(bench.written.get('rdma0')!.count);
  });

  it('memory added after the start of a device log is not logged, and the loss has a name', () => {
    const bench = new Bench([aDevice('nic', { region: { firstPage: 4000, pages: 96 } }, { dmaLogging: LOG })], {
      sections: [SECTIONS[0]!, { ...SECTIONS[1]!, pages: 2976 }],
    });
    bench.startLogging();
    bench.rack.regionAdd({ gpaPage: 0x10_0000 + 2976, ramPage: 4000, pages: 96, readonly: false });
    bench.runUntil(1 * MS);
    bench.stopAndSync();
    expect(bench.dropped[0]?.cause).toBe(OUTSIDE_LOG);
    expect(bench.lost.length).toBeGreaterThan(0);
  });

  it('everything: each sync reports every page of each section', () => {
    const bench = new Bench([aDevice('nic')], { tracking: { forced: 'everything' } });
    bench.startLogging();
    bench.sync();
    expect(bench.reported.count).toBe(4096);
  });

  it('x-pre-copy-dirty-page-tracking=off: nothing until the last stage', () => {
    const bench = new Bench([aDevice('nic')], { tracking: { duringPrecopy: false } });
    bench.startLogging();
    bench.runUntil(1 * MS);
    bench.sync();
    expect(bench.reported.count).toBe(0);
    bench.stopAndSync();
    expect(bench.lost).toEqual([]);
  });

  it('a sync costs one ioctl a section and the entries walked', () => {
    const bench = new Bench([aDevice('nic', { bytesPerSecond: 0 })], {
      costs: { dirty_ioctl: 1000, pte_walk: 2, iotlb_flush: 500 },
    });
    bench.startLogging();
    expect(bench.sync()).toBeGreaterThanOrEqual(2 * 1000 + 2 * 4096 + 2 * 500);
  });

  it('enabling tracking clears what was dirty before', () => {
    const bench = new Bench([aDevice('nic', aSmallRing)]);
    bench.startLogging();
    bench.runUntil(0.1 * MS);
    bench.startLogging();
    bench.rack.devices[0]!.traffic.setRate(0.1 * MS, 0);
    bench.sync();
    expect(bench.reported.count).toBe(0);
  });

  describe('a section that goes while logging', () => {
    const region = { firstPage: 1024, pages: 64 };
    const removeUpper = (overrides: ConstructorParameters<typeof Bench>[1]): Bench => {
      const bench = new Bench([aDevice('nic', { region })], overrides);
      bench.startLogging();
      bench.runUntil(1 * MS);
      bench.rack.regionDel(1 * MS, SECTIONS[1]!);
      bench.stopAndSync();
      return bench;
    };

    it('with an identity entry keeps its dirt', () => {
      expect(removeUpper({}).lost).toEqual([]);
    });

    it('without an entry loses it, by name (QEMU before 11.0)', () => {
      const bench = removeUpper({ defects: { regionDelWithoutEntry: true } });
      expect(bench.lost).toHaveLength(64);
      expect(new Set(bench.dropped.map((d) => d.cause))).toEqual(new Set([NO_ENTRY]));
      expect(bench.dropped.reduce((sum, d) => sum + d.count, 0)).toBe(64);
    });

    it('unmapped without a query loses it, by name', () => {
      const bench = removeUpper({ defects: { unmapWithoutQuery: true } });
      expect([bench.lost.length, bench.dropped[0]?.cause]).toEqual([64, NOT_READ]);
    });

    it('a DMA after that faults and is lost without a trace of dirt', () => {
      const bench = removeUpper({});
      expect(bench.rack.devices[0]!.traffic.counters.faults).toBeGreaterThan(0);
    });
  });

  it('a device with an ATC loses nothing either: a sync invalidates it too', () => {
    const bench = new Bench([aDevice('nic', aSmallRing, { atcEntries: 64 })]);
    bench.startLogging();
    for (let round = 1; round <= 5; round++) {
      bench.runUntil(round * 0.1 * MS);
      for (const written of bench.written.values())
        bench.reported.takeRuns((firstPage, n) => written.clearRange(firstPage, n));
      bench.sync();
    }
    bench.stopAndSync();
    expect(bench.lost).toEqual([]);
    expect(bench.rack.devices[0]!.port.atc!.counters.hits).toBeGreaterThan(0);
  });

  describe('one query for the whole space', () => {
    const above = { region: { firstPage: 2000, pages: 64 } };
    const lostWith = (walkStopsAtHole: boolean): Bench => {
      const bench = new Bench([aDevice('nic', above)], { tracking: { query: 'space' }, defects: { walkStopsAtHole } });
      bench.startLogging();
      bench.runUntil(2 * MS);
      bench.stopAndSync();
      return bench;
    };

    it('ends at the hole below 4 GiB, as Linux does: what lies above is lost, by name', () => {
      const bench = lostWith(true);
      expect(bench.lost).toHaveLength(64);
      expect(bench.dropped).toEqual([{ cause: BEHIND_HOLE, firstPage: 2000, count: 64 }]);
      // The entry of the page keeps the Dirty bit (6) that nobody asked for.
      const iova = (0x10_0000 + 2000 - 1024) * 4096;
      expect(bench.places).toMatchObject([{ policy: 'query space', format: 'amd-v1', iova }]);
      expect(dirtyBefore(bench)).toEqual([true]);
      expect(dirtyAfter(bench)).toEqual([true]);
    });

    it('would lose nothing if the walk passed over holes', () => {
      expect(lostWith(false).lost).toEqual([]);
    });
  });

  it('the last page of a repeated AMD leaf is lost with the defect of Linux 7.x, by name', () => {
    const lostWith = (contiguousLastPage: boolean): Bench => {
      const region = { firstPage: 1024, pages: 64 };
      const bench = new Bench([aDevice('nic', { region, burstBytes: 65536 })], {
        iommu: { pageSizes: [4096, 65536] },
        defects: { contiguousLastPage },
      });
      bench.startLogging();
      bench.runUntil(2 * MS);
      bench.stopAndSync();
      return bench;
    };
    expect(lostWith(false).lost).toEqual([]);
    const bench = lostWith(true);
    expect(bench.lost).toEqual([1024 + 15, 1024 + 31, 1024 + 47, 1024 + 63]);
    expect(new Set(bench.dropped.map((d) => d.cause))).toEqual(new Set([LAST_OF_REPEATED]));
    expect(bench.places).toHaveLength(bench.dropped.length);
    expect(new Set(dirtyBefore(bench))).toEqual(new Set([true]));
    expect(new Set(dirtyAfter(bench))).toEqual(new Set([false]));
  });

  it('a mixed container falls back to everything; with the defect the untracked device is not seen', () => {
    const devices = [
      aDevice('nic', { region: { firstPage: 0, pages: 64 } }, { name: 'tracked' }),
      aDevice('nvme', { region: { firstPage: 2000, pages: 64 } }, { name: 'untracked', iommuDirty: false }),
    ];
    const lostOf = (mixedContainerSkips: boolean): [lost: number, named: boolean] => {
      const bench = new Bench(devices, { tracking: { mixedContainerSkips } });
      bench.startLogging();
      bench.runUntil(2 * MS);
      bench.stopAndSync();
      return [bench.lost.length, bench.blinded.some(({ cause }) => cause === UNTRACKED_HWPT)];
    };
    expect(lostOf(false)).toEqual([0, false]);
    expect(lostOf(true)).toEqual([64, true]);
  });

  it('stalled DMA goes on where it was once the mapping is back', () => {
    const region = { firstPage: 1024, pages: 64 };
    const bench = new Bench([aDevice('nic', { region })], { iommu: { faults: 'stall' } });
    bench.runUntil(1 * MS);
    bench.rack.regionDel(1 * MS, SECTIONS[1]!);
    bench.runUntil(2 * MS);
    const { counters } = bench.rack.devices[0]!.traffic;
    const before = counters.operations;
    bench.rack.regionAdd(SECTIONS[1]!);
    bench.runUntil(3 * MS);
    expect(counters.operations).toBeGreaterThan(before);
    expect(counters.starved).toBeGreaterThan(0);
  });

  it('nothing is lost with after-clear: any device, format, page sizes, IOTLB and pace of syncs', () => {
    const formats: FormatName[] = ['amd-v1', 'vtd-ss', 'arm-lpae-s1'];
    fc.assert(
      fc.property(
        fc.record({
          kind: fc.constantFrom('nic', 'nvme', 'rdma', 'gpu', 'accelerator'),
          format: fc.constantFrom(...formats),
          pageSizes: fc.constantFrom([4096], [4096, 2 << 20]),
          held: fc.boolean(),
          tracker: fc.constantFrom('auto', 'iommu', 'device', 'everything'),
          burst: fc.constantFrom(4096, 65536, 1500),
          first: fc.constantFrom(0, 900, 1000, 2000),
          pages: fc.integer({ min: 1, max: 300 }),
          random: fc.boolean(),
          gapsUs: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }),
        }),
        (c) => {
          const traffic = {
            region: { firstPage: c.first, pages: c.pages },
            burstBytes: c.burst,
            pattern: c.random ? 'random' : 'ring',
            bytesPerSecond: 2e9,
          } as const;
          const bench = new Bench([aDevice(c.kind, traffic, { dmaLogging: LOG })], {
            iommu: {
              format: formatNamed(c.format),
              pageSizes: c.pageSizes,
              iotlb: { sets: 4, ways: 2, dirtyWriteback: c.held ? 'held' : 'memory' },
            },
            tracking: { forced: c.tracker },
          });
          bench.runUntil(50_000);
          bench.startLogging();
          for (const gap of c.gapsUs) {
            bench.runUntil(bench.scheduler.nowNs + gap * 1000);
            bench.sync();
            // A sync's pages are sent after it: what was written by then and reported needs no second report.
            for (const written of bench.written.values())
              bench.reported.takeRuns((firstPage, n) => written.clearRange(firstPage, n));
          }
          bench.stopAndSync();
          expect(bench.lost).toEqual([]);
        },
      ),
      { numRuns: 120 },
    );
  });
});

describe('devices that come and go', () => {
  const two = [
    aDevice('nic', { region: { firstPage: 0, pages: 64 } }, { name: 'first' }),
    aDevice('nvme', { region: { firstPage: 2000, pages: 64 } }, { name: 'second' }),
  ];

  it('a device that is not plugged does no DMA; once plugged it does, and is tracked', () => {
    const bench = new Bench(two, { absent: ['second'] });
    bench.runUntil(1 * MS);
    expect(bench.rack.devices.map(({ traffic }) => traffic.counters.operations > 0)).toEqual([true, false]);
    expect(bench.rack.plug(1 * MS, 'second')).toMatchObject({ ok: true });
    bench.startLogging();
    bench.runUntil(3 * MS);
    bench.stopAndSync();
    expect(bench.written.get('second')!.count).toBeGreaterThan(0);
    expect(bench.lost).toEqual([]);
  });

  it('the last device of a container takes the mappings with it, the first brings them', () => {
    const bench = new Bench([two[0]!]);
    const { domain } = bench.rack.containers[0]!.container.domains[0]!;
    expect(domain.table.mapped).toBe(4096);
    bench.runUntil(1 * MS);
    expect(bench.rack.unplug(1 * MS, 'first')).toMatchObject({ ok: true });
    expect(domain.table.mapped).toBe(0);
    bench.runUntil(2 * MS);
    bench.rack.plug(2 * MS, 'first');
    expect(domain.table.mapped).toBe(4096);
    bench.runUntil(3 * MS);
    expect(bench.rack.devices[0]!.traffic.counters.faults).toBe(0);
  });

  it('plug of what is plugged → EEXIST, unplug of what is not → ENODEV', () => {
    const bench = new Bench(two, { absent: ['second'] });
    expect(bench.rack.plug(0, 'first')).toMatchObject({ ok: false, errno: 'EEXIST' });
    expect(bench.rack.unplug(0, 'second')).toMatchObject({ ok: false, errno: 'ENODEV' });
    expect(bench.rack.plug(0, 'third')).toMatchObject({ ok: false, errno: 'ENODEV' });
  });
});
