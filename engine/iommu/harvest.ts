// Reading dirty bits over a range, with or without clearing them.
// Source: drivers/iommu/generic_pt/iommu_pt.h read_and_clear_dirty(), record_dirty(); io-pgtable-arm.c
// arm_lpae_read_and_clear_dirty().
//
// Rules: a leaf is recorded from where the range enters it, for its whole size, and is cleaned whole; the runs can
// therefore reach beyond the range, and the caller cuts what it may not see. A repeated AMD leaf is dirty if any replica
// is, is recorded up to its end, and all replicas are cleaned. Holes are passed over: a table without an entry there has
// nothing to report (the front doors stop at them: kernel-uapi §7).
import { ENTRIES_PER_SLOT } from './arena.ts';
import * as entry from './entry.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import type { DirtyRuns } from './runs.ts';
import type { TableState } from './tablestate.ts';
import { firstReplica, indexAt, leafIsDirty, replicas } from './walking.ts';

export interface HarvestOptions {
  readonly clear: boolean;
  /** The defect of Linux 7.x: of a repeated leaf that lies wholly in the range the last item is not recorded, yet cleaned. */
  readonly dropLastOfReplicated?: boolean;
}

/** Appends the dirty granules of [first, last] to `runs`. */
export function harvestDense(
  table: TableState,
  first: number,
  last: number,
  options: HarvestOptions,
  runs: DirtyRuns,
): void {
  harvestIn(table, table.root, table.levels - 1, first, last, options, runs);
}

function harvestIn(
  table: TableState,
  slot: number,
  level: number,
  first: number,
  last: number,
  options: HarvestOptions,
  runs: DirtyRuns,
): void {
  const { arena, format, cost } = table;
  const { words } = arena;
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  const entries = 1 << format.indexBits;
  const base = slot * ENTRIES_PER_SLOT;
  let index = indexAt(format, level, first);
  let granule = Math.floor(first / itemSize) * itemSize;
  while (index < entries && granule <= last) {
    const e = base + index;
    const lo = words[2 * e]!;
    const hi = words[2 * e + 1]!;
    cost.entries++;
    let items = 1;
    if ((lo & format.presentLo) === 0) {
      // Nothing here.
    } else if (level > 0 && (lo & format.tableMaskLo) === table.tableTestLo[level]) {
      const child = entry.tableSlot(format, lo, hi);
      const end = Math.min(last, granule + itemSize - 1);
      harvestIn(table, child, level - 1, Math.max(first, granule), end, options, runs);
    } else {
      const log2 = entry.leafSizeLog2(format, level, lo, hi);
      const group = firstReplica(table, e, level, log2);
      const all = replicas(table, level, log2);
      items = group + all - e;
      if (leafIsDirty(table, e, level, log2)) {
        const start = Math.max(first, granule);
        if (all === 1) {
          runs.push(start, itemSize);
        } else {
          // To the end of the group, or of the range if that comes first; the defect stops one item short of the group's.
          const whole = granule + items * itemSize - 1 <= last;
          const recorded = whole && options.dropLastOfReplicated === true ? items - 1 : items;
          if (recorded > 0) runs.push(start, granule + recorded * itemSize - start);
        }
        if (options.clear) {
          for (let i = group; i < group + all; i++) words[2 * i] = entry.cleaned(format, words[2 * i]!);
          cost.entries += all;
          cost.flushes = 1;
        }
      }
    }
    index += items;
    granule += items * itemSize;
  }
}
