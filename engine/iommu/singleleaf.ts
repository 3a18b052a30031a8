// Map and unmap of one granule, the way a guest's driver does hundreds of thousands of times a second: straight to the leaf
// table through the structure cache. What it cannot do at once (no table yet, a larger leaf, IOVAs from 8 TiB up) it leaves
// to the caller, who has the general operations; the outcome is the same.
import { markDirty } from './arena.ts';
import * as entry from './entry.ts';
import { WRITE } from './formats/format.ts';
import type { TableState } from './tablestate.ts';
import { findCached } from './walking.ts';

/** Answers of `takeSingle`. */
export const NOT_TAKEN = -1;
export const TAKEN_CLEAN = 0;
export const TAKEN_DIRTY = 1;

/** Maps one granule with a granule-sized leaf; false where the general map has to do it (or to refuse it). */
export function mapSingle(table: TableState, granule: number, pa: number, access: number): boolean {
  const e = entryOf(table, granule);
  if (e < 0 || table.leafSizes[0] !== 0) return false;
  const { format, arena } = table;
  const { words } = arena;
  if ((words[2 * e]! & format.presentLo) !== 0) return false;
  const units = pa * entry.unitsPerGranule(format);
  const unitsHi = Math.floor(units / 0x100000);
  words[2 * e] = entry.leafLo(format, 0, access) | ((units - unitsHi * 0x100000) << 12);
  words[2 * e + 1] = entry.leafHi(format, access, table.tracked) | unitsHi;
  if (format.bornDirty && (access & WRITE) !== 0 && (table.tracked || format.bornLo !== 0)) markDirty(arena, e);
  table.mapped++;
  table.cost.entries = table.levels;
  return true;
}

/** Unmaps one granule that has a leaf of its own and says whether its word was dirty; NOT_TAKEN leaves everything as it is. */
export function takeSingle(table: TableState, granule: number): number {
  if (!(granule <= 0x7fffffff)) return NOT_TAKEN;
  const e = findCached(table, granule);
  if (e < 0 || table.foundLevel !== 0) return NOT_TAKEN;
  const { format } = table;
  const { words } = table.arena;
  const lo = words[2 * e]!;
  const hi = words[2 * e + 1]!;
  if (format.replicaLo !== 0 && (lo & format.replicaLo) === format.replicaLo) return NOT_TAKEN;
  words[2 * e] = 0;
  words[2 * e + 1] = 0;
  table.mapped--;
  table.cost.entries = table.levels;
  if (!entry.isDirty(format, lo, hi)) return TAKEN_CLEAN;
  table.takenLo = lo;
  table.takenHi = hi;
  return TAKEN_DIRTY;
}

/** The entry at level 0, where the structure cache knows its table; -1 else. */
function entryOf(table: TableState, granule: number): number {
  if (!(granule <= 0x7fffffff)) return -1;
  const { cache } = table;
  const span = (granule | 0) >>> cache.indexBits;
  const line = span & cache.mask;
  const lead = cache.leads[line]!;
  return lead > 0 && cache.spans[line] === span ? lead + (granule & ((1 << cache.indexBits) - 1)) : -1;
}
