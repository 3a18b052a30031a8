// Descending to a leaf, for every format: index, present?, table?, next.
// Source: drivers/iommu/generic_pt/iommu_pt.h __do_iova_to_phys(); io-pgtable-arm.c arm_lpae_iova_to_phys().
import { ENTRIES_PER_SLOT } from './arena.ts';
import * as entry from './entry.ts';
import type { PteFormat } from './formats/format.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import type { TableState } from './tablestate.ts';

/** Index into a table of `level` for a granule. */
export function indexAt(format: PteFormat, level: number, granule: number): number {
  const shift = level * format.indexBits;
  const mask = (1 << format.indexBits) - 1;
  if (granule <= 0x7fffffff && shift < 31) return (granule >>> shift) & mask;
  const quotient = Math.floor(granule / POWER_OF_TWO[shift]!);
  return quotient - Math.floor(quotient / (mask + 1)) * (mask + 1);
}

/** The entry of the leaf that translates `granule`; -1 if it is not mapped. */
export function findEntry(table: TableState, granule: number): number {
  const { arena, format, tableTestLo } = table;
  const { words } = arena;
  let slot = table.root;
  if (isAboveTop(table, granule)) return -1;
  for (let level = table.levels - 1; ; level--) {
    const e = slot * ENTRIES_PER_SLOT + indexAt(format, level, granule);
    const lo = words[2 * e]!;
    if ((lo & format.presentLo) === 0) {
      table.foundLevel = level;
      return -1;
    }
    if (level === 0 || (lo & format.tableMaskLo) !== tableTestLo[level]) {
      table.foundLevel = level;
      return e;
    }
    slot = entry.tableSlot(format, lo, words[2 * e + 1]!);
  }
}

/** First entry of the replicas that `e`, a leaf of 2^log2 granules at `level`, belongs to. */
export function firstReplica(table: TableState, e: number, level: number, log2: number): number {
  return e - (e & ((1 << (log2 - level * table.format.indexBits)) - 1));
}

/** How many entries the leaf takes. */
export function replicas(table: TableState, level: number, log2: number): number {
  return 1 << (log2 - level * table.format.indexBits);
}

/** Whether any replica is dirty. */
export function leafIsDirty(table: TableState, e: number, level: number, log2: number): boolean {
  const { words } = table.arena;
  const first = firstReplica(table, e, level, log2);
  const last = first + replicas(table, level, log2) - 1;
  for (let i = first; i <= last; i++) {
    if (entry.isDirty(table.format, words[2 * i]!, words[2 * i + 1]!)) return true;
  }
  return false;
}

/** A table that can still grow translates nothing above its top. */
export function isAboveTop(table: TableState, granule: number): boolean {
  const { levels, format } = table;
  return levels < format.levelsMax && granule >= POWER_OF_TWO[levels * format.indexBits]!;
}

/** As findEntry, but without a walk where the structure cache leads to the leaf. */
export function findCached(table: TableState, granule: number): number {
  if (!(granule >= 0 && granule <= 0x7fffffff)) return findEntry(table, granule);
  const { cache } = table;
  const span = (granule | 0) >>> cache.indexBits;
  const line = span & cache.mask;
  const lead = cache.leads[line]!;
  if (lead === 0 || cache.spans[line] !== span) return leadTo(table, granule | 0);
  table.foundLevel = lead < 0 ? cache.levels[line]! : 0;
  const e = lead < 0 ? ~lead : lead + (granule & ((1 << cache.indexBits) - 1));
  return (table.arena.words[2 * e]! & table.format.presentLo) === 0 ? -1 : e;
}

/** Walks for a granule below 2^31 and remembers the way in the structure cache. Answers the entry, or -1. */
export function leadTo(table: TableState, granule: number): number {
  const { cache, format } = table;
  const span = granule >>> format.indexBits;
  const line = span & cache.mask;
  const e = findEntry(table, granule);
  if (e < 0) return -1;
  const level = table.foundLevel;
  cache.spans[line] = span;
  cache.levels[line] = level;
  cache.leads[line] = level === 0 ? e - (granule & ((1 << format.indexBits) - 1)) : ~e;
  return e;
}
