import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GrainConfig } from '../../../engine/devices/block-grain.ts';
import { KEEP_GRAIN } from '../../../engine/devices/block-grain.ts';
import type { FormatName } from '../../../engine/iommu/formats/format.ts';
import { formatNamed } from '../../../engine/iommu/formats/table.ts';
import { Bench, MS, US, aDevice } from './fixture.ts';

/** One page after another, ten in a millisecond, inside one block of 2 MiB. */
const aSlowRing = { region: { firstPage: 1024, pages: 16 }, burstBytes: 4096, bytesPerSecond: 4096 * 10_000 };

function aBench(grain: Partial<GrainConfig>, format: FormatName = 'arm-lpae-s1'): Bench {
  return new Bench([aDevice('nic', aSlowRing)], {
    iommu: { format: formatNamed(format), pageSizes: [4096, 2 << 20], grain: { ...KEEP_GRAIN, ...grain } },
  });
}

const leafPages = (bench: Bench): number => {
  const { domain } = bench.rack.containers[0]!.container.domains[0]!;
  return domain.table.walk(0x10_0000)!.count;
};

describe('splitting blocks', () => {
  it('never: one page written reports the whole block', () => {
    const bench = aBench({});
    bench.startLogging();
    bench.runUntil(1 * MS);
    bench.sync();
    expect(bench.reported.count).toBe(512);
  });

  it('at start: pages are reported, and the setup takes longer', () => {
    const bench = aBench({ split: 'at-start' });
    bench.startLogging();
    bench.runUntil(1 * MS);
    bench.sync();
    expect([bench.reported.count, leafPages(bench)]).toEqual([bench.written.get('nic0')!.count, 1]);
    const event = bench.events.find(({ kind }) => kind === 'split');
    expect(event?.detail).toMatchObject({ blocks: 8, tables: 8, kept: 0 });
    expect(event?.durationNs).toBeGreaterThan(0);
  });

  it('on first write: the block is reported whole once, page by page from then on', () => {
    const bench = aBench({ split: 'on-first-write' });
    bench.startLogging();
    bench.runUntil(1 * MS);
    bench.sync();
    expect(bench.reported.count).toBe(512);
    bench.reported.reset();
    bench.runUntil(2 * MS);
    bench.sync();
    expect(bench.reported.count).toBeLessThanOrEqual(16);
    expect(bench.reported.count).toBeGreaterThan(0);
  });

  it('ahead: blocks are split before logging starts', () => {
    const bench = aBench({ split: 'ahead', aheadNs: 2 * MS });
    bench.runUntil(1 * MS);
    expect(leafPages(bench)).toBe(512);
    bench.runUntil(3 * MS);
    expect(leafPages(bench)).toBe(1);
  });

  it('a table that cannot be had leaves one block whole, and the event says so', () => {
    const bench = aBench({ split: 'at-start', failAt: 3 });
    bench.startLogging();
    expect(bench.events.find(({ kind }) => kind === 'split')?.detail).toMatchObject({ blocks: 7, kept: 1 });
    bench.runUntil(1 * MS);
    bench.stopAndSync();
    expect(bench.lost).toEqual([]);
  });

  it('collapse puts the blocks together again when tracking ends', () => {
    const bench = aBench({ split: 'at-start', collapse: true });
    bench.startLogging();
    expect(leafPages(bench)).toBe(1);
    bench.rack.containers[0]!.tracker.stop(bench.scheduler.nowNs);
    expect(leafPages(bench)).toBe(512);
    expect(bench.events.find(({ kind }) => kind === 'collapse')?.detail).toMatchObject({ blocks: 8 });
  });

  it('break-before-make level 0 makes DMA fault between the break and the new table', () => {
    const bench = new Bench([aDevice('nic', { ...aSlowRing, bytesPerSecond: 4096 * 2e6 })], {
      iommu: {
        format: formatNamed('arm-lpae-s1'),
        pageSizes: [4096, 2 << 20],
        grain: { ...KEEP_GRAIN, split: 'at-start', bbm: 0 },
      },
      costs: { split_entry: 10, iotlb_flush: 20 * US },
    });
    bench.runUntil(1 * MS);
    expect(bench.rack.devices[0]!.traffic.counters.faults).toBe(0);
    bench.startLogging();
    expect(bench.rack.devices[0]!.traffic.counters.faults).toBeGreaterThan(0);
  });

  it('loses nothing, whenever blocks are split, in any order and with any break-before-make level', () => {
    fc.assert(
      fc.property(
        fc.record({
          split: fc.constantFrom('never', 'at-start', 'ahead', 'on-first-write'),
          order: fc.constantFrom('recursive', 'sub-table-first'),
          bbm: fc.constantFrom(0, 1, 2),
          failAt: fc.option(fc.integer({ min: 1, max: 9 })),
          aheadNs: fc.integer({ min: 0, max: 200 * US }),
          collapse: fc.boolean(),
        }),
        fc.constantFrom<FormatName>('arm-lpae-s1', 'amd-v1', 'vtd-ss'),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 }),
        (grain, format, random, gapsUs) => {
          const traffic = {
            region: { firstPage: 900, pages: 700 },
            burstBytes: 65536,
            bytesPerSecond: 5e9,
            pattern: random ? 'random' : 'ring',
          } as const;
          const bench = new Bench([aDevice('gpu', traffic)], {
            iommu: {
              format: formatNamed(format),
              pageSizes: [4096, 2 << 20],
              grain: grain,
            },
            costs: { split_entry: 5 },
          });
          bench.runUntil(100 * US);
          bench.startLogging();
          for (const gap of gapsUs) {
            bench.runUntil(bench.scheduler.nowNs + gap * US);
            bench.runUntil(bench.scheduler.nowNs + bench.sync());
            for (const written of bench.written.values())
              bench.reported.takeRuns((first, n) => written.clearRange(first, n));
          }
          bench.stopAndSync();
          expect(bench.lost).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
