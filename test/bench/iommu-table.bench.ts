// Page tables of a terabyte: harvest with little, some and everything dirty; opening by 1 GiB blocks; split and collapse.
import { DirtyBitmap } from '../../engine/core/bitmap.ts';
import { RandomStream } from '../../engine/core/random.ts';
import { collapse } from '../../engine/iommu/collapse.ts';
import { DmaPort, HOST_BASE_PAGE } from '../../engine/iommu/dmaport.ts';
import { Domain } from '../../engine/iommu/domain.ts';
import { READ, WRITE } from '../../engine/iommu/formats/format.ts';
import type { FormatName } from '../../engine/iommu/formats/format.ts';
import { formatNamed } from '../../engine/iommu/formats/table.ts';
import { setDirty } from '../../engine/iommu/hardware.ts';
import { Iotlb } from '../../engine/iommu/iotlb.ts';
import { PageTable } from '../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../engine/iommu/runs.ts';
import { split, type SplitOrder } from '../../engine/iommu/split.ts';
import { touchPages } from '../../engine/iommu/touch.ts';
import { findEntry } from '../../engine/iommu/walking.ts';
import { nextLcg, timeMs, type Bench, type Round } from './bench.ts';

const GIB_PAGES = 2 ** 18;
const TIB_PAGES = 1024 * GIB_PAGES;

function aDomain(format: FormatName, pageSize: number, tablesHint: number): Domain {
  const table = new PageTable(formatNamed(format), { tracked: true, pageSizes: [pageSize], tablesHint });
  const domain = new Domain({ id: 1, table, iotlb: new Iotlb({ sets: 64, ways: 8, dirtyWriteback: 'memory' }) });
  domain.setTracking(true);
  return domain;
}

function harvests(format: FormatName, what: string, dirty: number, goal?: Bench['goal']): Bench {
  return {
    name: `harvest ${format}, 1 TiB by 4 KiB, ${what} dirty`,
    unit: 'ms',
    better: 'lower',
    rounds: 5,
    warmUp: 2,
    ...(format === 'amd-v1' && { baseline: { source: 'iommu_harvest.c', args: [TIB_PAGES, dirty] } }),
    ...(goal !== undefined && { goal }),
    prepare: () => {
      const { table } = aDomain(format, 4096, TIB_PAGES / 511);
      table.map(0, HOST_BASE_PAGE, TIB_PAGES, READ | WRITE);
      const runs = new DirtyRuns();
      table.readDirty(0, TIB_PAGES, { clear: true }, runs);
      let state = 1;
      return (): Round => {
        if (dirty === TIB_PAGES) {
          for (let page = 0; page < TIB_PAGES; page += 512) {
            const first = findEntry(table, page);
            for (let e = first; e < first + 512; e++) setDirty(table, e);
          }
        }
        for (let i = 0; dirty < TIB_PAGES && i < dirty; i++) {
          state = nextLcg(state);
          setDirty(table, findEntry(table, (state >>> 4) % TIB_PAGES));
        }
        runs.reset();
        const value = timeMs(() => {
          table.readDirty(0, TIB_PAGES, { clear: true }, runs);
        });
        let sum = 0;
        for (let i = 0; i < runs.length; i++) sum = (Math.imul(sum, 31) + runs.firsts[i]!) >>> 0;
        return {
          value,
          check: `${runs.length}:${runs.total}:${sum}`,
          extra: { entriesOfTheKernel: table.cost.entries },
        };
      };
    },
  };
}

/** Resident memory above what the process had, in MiB. */
function withRss(work: () => void): [ms: number, mib: number] {
  const before = process.memoryUsage.rss();
  const ms = timeMs(work);
  return [ms, (process.memoryUsage.rss() - before) / 2 ** 20];
}

const opening: Bench = {
  name: 'open 1 TiB by 1 GiB blocks',
  unit: 'ms',
  better: 'lower',
  // The first round is the one that a user waits for.
  rounds: 1,
  warmUp: 0,
  goal: { max: 10 },
  prepare: () => (): Round => {
    const opened: Domain[] = [];
    const [value, rssMiB] = withRss(() => {
      const domain = aDomain('amd-v1', 2 ** 30, 0);
      domain.table.map(0, HOST_BASE_PAGE, TIB_PAGES, READ | WRITE);
      opened.push(domain);
    });
    return { value, extra: { rssMiB, tables: opened[0]!.table.arena.tables } };
  },
};

function touching(percent: number): Bench {
  const count = Math.floor((TIB_PAGES * percent) / 100 / 4096) * 4096;
  return {
    name: `touch ${percent} % of 1 TiB mapped by 1 GiB blocks`,
    unit: 'ms',
    better: 'lower',
    rounds: 1,
    warmUp: 0,
    prepare: () => (): Round => {
      const domain = aDomain('amd-v1', 2 ** 30, 0);
      domain.table.map(0, HOST_BASE_PAGE, TIB_PAGES, READ | WRITE);
      const random = new RandomStream(1, 'bench');
      const pages = new Float64Array(4096);
      const [value, rssMiB] = withRss(() => {
        const port = new DmaPort({ domain, written: new DirtyBitmap(TIB_PAGES) });
        for (let done = 0; done < count; done += 4096) {
          random.fillBelow(TIB_PAGES, pages);
          touchPages(port, pages, 4096, true);
        }
      });
      return { value, extra: { rssMiB, nsPerTouch: (value * 1e6) / count } };
    },
  };
}

const BLOCKS = 8;

/** Splits eight 1 GiB blocks to 4 KiB, writes a page of each, collapses them; times one of the two. */
function splits(what: SplitOrder | 'collapse', goal: Bench['goal']): Bench {
  const order = what === 'collapse' ? 'sub-table-first' : what;
  return {
    name: what === 'collapse' ? 'collapse 4 KiB leaves to 1 GiB' : `split 1 GiB to 4 KiB, ${what}`,
    unit: 'ms',
    better: 'lower',
    baseline: { source: 'iommu_split.c', args: [BLOCKS, what === 'collapse' ? 2 : what === 'recursive' ? 1 : 0] },
    ...(goal !== undefined && { goal }),
    prepare: () => {
      const domain = aDomain('vtd-ss', 2 ** 30, BLOCKS * 520);
      const { table } = domain;
      table.map(0, HOST_BASE_PAGE, BLOCKS * GIB_PAGES, READ | WRITE);
      const runs = new DirtyRuns();
      return (): Round => {
        const { words } = table.arena;
        let sum = 0;
        const splitMs = timeMs(() => {
          split(domain, 0, BLOCKS * GIB_PAGES, { order, bbm: 2 });
        });
        for (let i = 0; i < BLOCKS; i++) {
          for (let j = 0; j < 512; j++) {
            const e = findEntry(table, i * GIB_PAGES + j * 512);
            for (let k = 0; k < 512; k += 73) sum = (Math.imul(sum, 31) + words[2 * (e + k)]!) >>> 0;
          }
          setDirty(table, findEntry(table, i * GIB_PAGES + 7 * 512 + 9));
        }
        const collapseMs = timeMs(() => {
          collapse(domain, 0, BLOCKS * GIB_PAGES, { level: 2, bbm: 2 });
        });
        for (let i = 0; i < BLOCKS; i++) {
          sum = (Math.imul(sum, 31) + words[2 * findEntry(table, i * GIB_PAGES)]!) >>> 0;
        }
        table.readDirty(0, BLOCKS * GIB_PAGES, { clear: true }, runs);
        // The baseline cleans Accessed too.
        for (let i = 0; i < BLOCKS; i++) words[2 * findEntry(table, i * GIB_PAGES)]! &= ~0x100;
        return { value: (what === 'collapse' ? collapseMs : splitMs) / BLOCKS, check: String(sum) };
      };
    },
  };
}

export const benches: readonly Bench[] = [
  harvests('amd-v1', 'nothing', 0, { max: 1 }),
  harvests('amd-v1', '0.1 %', 268_435, { ratioMax: 0.1 }),
  harvests('amd-v1', '1 %', 2_684_354),
  harvests('amd-v1', 'everything', TIB_PAGES, { ratioMax: 1.6 }),
  harvests('vtd-ss', '0.1 %', 268_435),
  harvests('arm-lpae-s1', '0.1 %', 268_435),
  opening,
  touching(0.1),
  touching(1),
  splits('sub-table-first', { max: 0.3, ratioMax: 4 }),
  splits('recursive', undefined),
  splits('collapse', { ratioMax: 5 }),
];
