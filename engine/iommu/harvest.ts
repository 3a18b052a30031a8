// Reading dirty bits over a range, with or without clearing them.
// Source: drivers/iommu/generic_pt/iommu_pt.h read_and_clear_dirty(), record_dirty(); io-pgtable-arm.c
// arm_lpae_read_and_clear_dirty().
//
// Rules: a leaf is recorded from where the range enters it, for its whole size, and is cleaned whole; the runs can
// therefore reach beyond the range, and the caller cuts what it may not see. A repeated AMD leaf is dirty if any replica
// is, is recorded up to its end (or the range's), and all replicas are cleaned. Holes are passed over.
//
// The kernel looks at every entry of the range, and that is what `cost.entries` says. The lab looks only where the shadow
// (arena.ts) leads: O(dirty), nothing at all for a clean terabyte. What it finds there is decided by the words. A shadow word of
// all ones is 32 entries tested and cleaned in a plain loop, so a harvest of everything costs what a dense walk does.
//
// Cost sketch: 1 TiB by 4 KiB, 0.1 % dirty at random: 268,000 entries, each a cache miss of its own: some 30 ms.
import { ENTRIES_PER_SLOT, markDirty } from './arena.ts';
import * as entry from './entry.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import type { DirtyRuns } from './runs.ts';
import type { TableState } from './tablestate.ts';
import { drainLines, dropBits, harvestLeaf, queueLine } from './harvestleaves.ts';
import type { HarvestOptions, HarvestPass } from './harvestleaves.ts';
import { findEntry, indexAt, leafIsDirty, replicas } from './walking.ts';

export type { HarvestOptions } from './harvestleaves.ts';

/** Appends the dirty granules of [first, last] to `runs`, ascending. */
export function harvest(
  table: TableState,
  first: number,
  last: number,
  options: HarvestOptions,
  runs: DirtyRuns,
): void {
  table.cost.entries += entriesInRange(table, table.root, table.levels - 1, first, last);
  if (table.format.replicated) {
    leadToEdge(table, first, first, last);
    leadToEdge(table, last, first, last);
  }
  const pass = { table, first, last, options, runs };
  followTable(pass, table.root, table.levels - 1, first, last);
  drainLines(pass);
}

/** A repeated leaf across the edge of the range can have its dirt in replicas outside: make a shadow bit inside lead to it. */
function leadToEdge(table: TableState, granule: number, first: number, last: number): void {
  const e = findEntry(table, granule);
  if (e < 0) return;
  const { words } = table.arena;
  const level = table.foundLevel;
  const log2 = entry.leafSizeLog2(table.format, level, words[2 * e]!, words[2 * e + 1]!);
  if (replicas(table, level, log2) === 1 || !leafIsDirty(table, e, level, log2)) return;
  const size = POWER_OF_TWO[log2]!;
  const leafFirst = Math.floor(granule / size) * size;
  if (leafFirst < first || leafFirst + size - 1 > last) markDirty(table.arena, e);
}

/** Entries that the kernel's walk of [first, last] looks at, present or not. */
function entriesInRange(table: TableState, slot: number, level: number, first: number, last: number): number {
  const { arena, format } = table;
  const { words, walked, entriesPerTable } = arena;
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  const from = indexAt(format, level, first);
  const start = Math.floor(first / itemSize) * itemSize;
  const to = Math.min(entriesPerTable - 1, from + Math.floor((last - start) / itemSize));
  if (from === 0 && to === entriesPerTable - 1 && first === start && last >= start + itemSize * entriesPerTable - 1) {
    return walked[slot]!;
  }
  let entries = to - from + 1;
  if (level === 0) return entries;
  let granule = start;
  for (let e = slot * ENTRIES_PER_SLOT + from; e <= slot * ENTRIES_PER_SLOT + to; e++, granule += itemSize) {
    const lo = words[2 * e]!;
    if ((lo & format.presentLo) === 0 || (lo & format.tableMaskLo) !== table.tableTestLo[level]) continue;
    const child = entry.tableSlot(format, lo, words[2 * e + 1]!);
    const end = Math.min(last, granule + itemSize - 1);
    entries += entriesInRange(table, child, level - 1, Math.max(first, granule), end);
  }
  return entries;
}

/** Follows the shadow through one table, from `first` to `last` or the table's end. */
function followTable(pass: HarvestPass, slot: number, level: number, first: number, last: number): void {
  const { arena, format } = pass.table;
  const { shadow, summary, entriesPerTable } = arena;
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  const indexFirst = indexAt(format, level, first);
  const base = Math.floor(first / itemSize) * itemSize - indexFirst * itemSize;
  const indexLast = Math.min(entriesPerTable - 1, Math.floor((last - base) / itemSize));
  const baseEntry = slot * ENTRIES_PER_SLOT;
  const entryFirst = baseEntry + indexFirst;
  const entryLast = baseEntry + indexLast;
  for (let s = entryFirst >>> 9; s <= entryLast >>> 9; s++) {
    let lines = summary[s]!;
    while (lines !== 0) {
      const line = lines & -lines;
      lines ^= line;
      const w = s * 16 + 31 - Math.clz32(line);
      const e = w * 32;
      let within = -1;
      if (e < entryFirst) within &= e + 31 < entryFirst ? 0 : -1 << (entryFirst - e);
      if (e + 31 > entryLast) within &= e > entryLast ? 0 : -1 >>> (31 - (entryLast - e));
      if (within === 0) continue;
      const granule = base + (e - baseEntry) * itemSize;
      if (level === 0) {
        queueLine(pass, w, granule, within);
        continue;
      }
      const done = followEntries(pass, level, granule, e, shadow[w]! & within);
      dropBits(arena, w, done);
    }
  }
}

/** Entries e + each of `bits` above the leaf tables; `e` translates `granule`. Answers the bits that lead to dirt no more. */
function followEntries(pass: HarvestPass, level: number, granule: number, e: number, bits: number): number {
  const { table, first, last, options } = pass;
  const { arena, format } = table;
  const { words, summary, slotsPerTable } = arena;
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  let done = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) {
    const bit = rest & -rest;
    const i = e + 31 - Math.clz32(bit);
    const at = granule + (i - e) * itemSize;
    const lo = words[2 * i]!;
    if ((lo & format.presentLo) === 0) {
      done |= bit;
      continue;
    }
    if ((lo & format.tableMaskLo) !== table.tableTestLo[level]) {
      drainLines(pass);
      if (!harvestLeaf(pass, level, at, i) || options.clear) done |= bit;
      continue;
    }
    const child = entry.tableSlot(format, lo, words[2 * i + 1]!);
    followTable(pass, child, level - 1, Math.max(first, at), Math.min(last, at + itemSize - 1));
    // Lines still queued keep their summary, so the bit stays; draining them drops it.
    let below = 0;
    for (let s = child; s < child + slotsPerTable; s++) below |= summary[s]!;
    if (below === 0) done |= bit;
  }
  return done;
}
