// Device writes through generator, IOTLB, walk, Dirty bit and the bitmap of written pages, over 16 GiB mapped by the format's smallest
// leaves. Before each round everything is cleaned, so that a round does what a round of a migration does.
import { DirtyBitmap } from '../../engine/core/bitmap.ts';
import { RandomStream } from '../../engine/core/random.ts';
import { DmaPort, HOST_BASE_PAGE } from '../../engine/iommu/dmaport.ts';
import { Domain } from '../../engine/iommu/domain.ts';
import { READ, WRITE } from '../../engine/iommu/formats/format.ts';
import type { FormatName } from '../../engine/iommu/formats/format.ts';
import { formatNamed } from '../../engine/iommu/formats/table.ts';
import { Iotlb } from '../../engine/iommu/iotlb.ts';
import { PageTable } from '../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../engine/iommu/runs.ts';
import { touchPages, touchRuns } from '../../engine/iommu/touch.ts';
import { timeMs, type Bench, type Round } from './bench.ts';

const GIB_PAGES = 2 ** 18;
const BUFFER = 4096;

/** In the order of FORMATS in iommu_touch.c. */
const FORMATS: readonly FormatName[] = [
  'amd-v1',
  'vtd-ss',
  'arm-lpae-s1',
  'arm-lpae-s2',
  'x86-64',
  'arm-lpae-s1-16k',
  'arm-lpae-s1-64k',
];

function touches(format: FormatName, gib: number, burst: number, goal?: Bench['goal']): Bench {
  const pages = gib * GIB_PAGES;
  const count = 4 * 2 ** 20;
  const what = burst === 1 ? 'random pages' : `bursts of ${burst * 4} KiB`;
  return {
    name: `touch ${format}, ${what}, ${gib} GiB`,
    unit: 'M pages/s',
    better: 'higher',
    baseline: { source: 'iommu_touch.c', args: [FORMATS.indexOf(format), pages, count, burst] },
    ...(goal !== undefined && { goal }),
    prepare: () => {
      const row = formatNamed(format);
      const granules = pages / 2 ** (row.granuleShift - 12);
      const tablesHint = 16 + granules / 2 ** row.indexBits;
      const table = new PageTable(row, { tracked: true, pageSizes: [2 ** row.granuleShift], tablesHint });
      table.map(0, HOST_BASE_PAGE / 2 ** (row.granuleShift - 12), granules, READ | WRITE);
      const iotlb = new Iotlb({ sets: 64, ways: 8, dirtyWriteback: 'memory' });
      const domain = new Domain({ id: 1, table, iotlb });
      domain.setTracking(true);
      const written = new DirtyBitmap(pages);
      const port = new DmaPort({ domain, written });
      const random = new RandomStream(1, 'bench');
      const firsts = new Float64Array(BUFFER / burst);
      const counts = new Float64Array(BUFFER / burst).fill(burst);
      const runs = new DirtyRuns();
      return (): Round => {
        runs.reset();
        table.readDirty(0, granules, { clear: true }, runs);
        domain.flushDomain();
        iotlb.hand.fill(0);
        written.clearRange(0, pages);
        let hits = 0;
        let misses = 0;
        let dirtySets = 0;
        let newly = 0;
        const ms = timeMs(() => {
          for (let done = 0; done < count; done += BUFFER) {
            random.fillBelow(pages / burst, firsts);
            if (burst > 1) for (let i = 0; i < firsts.length; i++) firsts[i]! *= burst;
            const result =
              burst === 1
                ? touchPages(port, firsts, BUFFER, true)
                : touchRuns(port, firsts, counts, firsts.length, true);
            hits += result.hits;
            misses += result.misses;
            dirtySets += result.dirtySets;
            newly += result.newlyWritten;
          }
        });
        return { value: count / ms / 1000, check: `${hits}:${misses}:${dirtySets}:${newly}` };
      };
    },
  };
}

export const benches: readonly Bench[] = [
  ...FORMATS.map((format) => touches(format, 16, 1, { ratioMin: 1 })),
  touches('amd-v1', 1, 1),
  touches('amd-v1', 64, 1),
  touches('amd-v1', 16, 16),
  touches('vtd-ss', 16, 16),
  touches('arm-lpae-s1', 16, 16),
];
