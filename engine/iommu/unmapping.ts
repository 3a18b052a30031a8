// Removing leaves as the drivers do. Source: drivers/iommu/generic_pt/iommu_pt.h __unmap_range(); io-pgtable-arm.c
// __arm_lpae_unmap() under iommu.c __iommu_unmap().
//
// Ascending order; the first hole ends it. A table that the range covers fully is freed once it is empty; a table left
// empty by single-page unmaps stays (the next map finds it).
import { ENTRIES_PER_SLOT } from './arena.ts';
import * as entry from './entry.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import type { TableState } from './tablestate.ts';
import { indexAt } from './walking.ts';

/** Unmaps and answers the granules that went, which can be more than `count`. */
export function unmapRange(table: TableState, first: number, count: number): number {
  const before = table.mapped;
  unmapIn(table, table.root, table.levels - 1, first, first + count - 1);
  return before - table.mapped;
}

/** Works on the part of [first, last] that lies in this table; answers whether to go on. */
function unmapIn(table: TableState, slot: number, level: number, first: number, last: number): boolean {
  const { arena, format, cost } = table;
  const { words } = arena;
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  const entries = 1 << format.indexBits;
  const base = slot * ENTRIES_PER_SLOT;
  let index = indexAt(format, level, first);
  // Items up to the one that holds `last`, but not beyond this table.
  let granule = Math.floor(first / itemSize) * itemSize;
  while (index < entries && granule <= last) {
    const e = base + index;
    const lo = words[2 * e]!;
    const hi = words[2 * e + 1]!;
    cost.entries++;
    if ((lo & format.presentLo) === 0) return false;
    if (level > 0 && (lo & format.tableMaskLo) === table.tableTestLo[level]) {
      const child = entry.tableSlot(format, lo, hi);
      const start = Math.max(first, granule);
      const goOn = unmapIn(table, child, level - 1, start, Math.min(last, granule + itemSize - 1));
      if (!goOn) return false;
      if (start === granule && granule + itemSize - 1 <= last) {
        words[2 * e] = 0;
        words[2 * e + 1] = 0;
        freeTable(table, child, level - 1);
        table.cache.forget(granule, itemSize);
      }
      index++;
      granule += itemSize;
      continue;
    }
    const log2 = entry.leafSizeLog2(format, level, lo, hi);
    const size = POWER_OF_TWO[log2]!;
    const leafFirst = Math.floor(granule / size) * size;
    if (leafFirst < first) return false;
    if (leafFirst + size - 1 > last && format.partialUnmap === 'refuse') return false;
    const items = size / itemSize;
    words.fill(0, 2 * e, 2 * (e + items));
    if (level > 0) table.cache.forget(granule, size);
    cost.entries += items - 1;
    table.mapped -= size;
    index += items;
    granule += size;
  }
  return true;
}

/** Frees a table of `level` and every table below it. */
export function freeTable(table: TableState, slot: number, level: number): void {
  const { arena, format } = table;
  if (level > 0) {
    const first = slot * ENTRIES_PER_SLOT;
    const end = first + (1 << format.indexBits);
    for (let e = first; e < end; e++) {
      const lo = arena.words[2 * e]!;
      if ((lo & format.presentLo) === 0 || (lo & format.tableMaskLo) !== table.tableTestLo[level]) continue;
      freeTable(table, entry.tableSlot(format, lo, arena.words[2 * e + 1]!), level - 1);
    }
  }
  arena.free(slot);
  table.cost.tablesFreed++;
}

/** Frees the tables that [first, first + count) covers fully; their leaves have been cleared already. */
export function freeEmptied(table: TableState, first: number, count: number): void {
  freeIn(table, table.root, table.levels - 1, first, first + count - 1);
}

function freeIn(table: TableState, slot: number, level: number, first: number, last: number): void {
  if (level === 0) return;
  const { arena, format } = table;
  const { words, entriesPerTable } = arena;
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  let index = indexAt(format, level, first);
  for (let granule = Math.floor(first / itemSize) * itemSize; granule <= last && index < entriesPerTable; index++) {
    const e = slot * ENTRIES_PER_SLOT + index;
    const lo = words[2 * e]!;
    if ((lo & format.presentLo) !== 0 && (lo & format.tableMaskLo) === table.tableTestLo[level]) {
      const child = entry.tableSlot(format, lo, words[2 * e + 1]!);
      const end = Math.min(last, granule + itemSize - 1);
      if (granule >= first && end === granule + itemSize - 1) {
        words[2 * e] = 0;
        words[2 * e + 1] = 0;
        freeTable(table, child, level - 1);
        table.cache.forget(granule, itemSize);
      } else {
        freeIn(table, child, level - 1, Math.max(first, granule), end);
      }
    }
    granule += itemSize;
  }
}
