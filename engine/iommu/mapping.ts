// Installing leaves: descend to the level of the leaf size, making tables on the way, and fill entries.
// Source: drivers/iommu/generic_pt/iommu_pt.h __map_range(), increase_top(), clear_contig(); io-pgtable-arm.c
// __arm_lpae_map().
import { ENTRIES_PER_SLOT, markDirty } from './arena.ts';
import * as entry from './entry.ts';
import { WRITE } from './formats/format.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import type { TableState } from './tablestate.ts';
import { indexAt } from './walking.ts';
import { freeTable } from './unmapping.ts';

export type MapFailure = 'EADDRINUSE' | 'EEXIST' | 'EINVAL' | 'ENOMEM' | 'ERANGE';

/** Maps `count` granules with leaves of 2^log2 granules; all of `first`, `pa` and `count` are multiples of it. */
export function mapLeaves(
  table: TableState,
  first: number,
  pa: number,
  count: number,
  log2: number,
  access: number,
): MapFailure | undefined {
  const { format } = table;
  const level = Math.floor(log2 / format.indexBits);
  if (!growTop(table, first + count, level)) return 'ENOMEM';
  const itemSize = POWER_OF_TWO[level * format.indexBits]!;
  const entries = 1 << format.indexBits;
  let done = 0;
  while (done < count) {
    const slot = tableFor(table, first + done, level);
    if (slot < 0) return slot === NO_MEMORY ? 'ENOMEM' : format.existsErrno;
    const index = indexAt(format, level, first + done);
    const items = Math.min(entries - index, (count - done) / itemSize);
    const failure = fill(table, slot, level, index, items, first + done, pa + done, log2, access);
    if (failure !== undefined) return failure;
    done += items * itemSize;
  }
  return undefined;
}

/** Adds levels until `end` granules and a leaf of `level` fit. */
function growTop(table: TableState, end: number, level: number): boolean {
  const { format, arena } = table;
  for (;;) {
    if (table.levels === format.levelsMax) return true;
    if (level < table.levels && end <= POWER_OF_TWO[table.levels * format.indexBits]!) return true;
    const slot = arena.allocate();
    if (slot < 0) return false;
    const e = slot * ENTRIES_PER_SLOT;
    arena.words[2 * e] = entry.tableLo(format, table.levels, table.root);
    arena.words[2 * e + 1] = entry.tableHi(format, table.root);
    arena.link(table.root, e);
    table.root = slot;
    table.levels++;
    table.cost.tablesAllocated++;
    table.cost.entries++;
  }
}

const NO_MEMORY = -1;
const OCCUPIED = -2;

/** The slot of the table of `level` that covers a granule, made if need be. */
function tableFor(table: TableState, granule: number, level: number): number {
  const { arena, format, cost } = table;
  let slot = table.root;
  for (let l = table.levels - 1; l > level; l--) {
    const e = slot * ENTRIES_PER_SLOT + indexAt(format, l, granule);
    const lo = arena.words[2 * e]!;
    cost.entries++;
    if ((lo & format.presentLo) !== 0) {
      if ((lo & format.tableMaskLo) !== table.tableTestLo[l]) return OCCUPIED;
      slot = entry.tableSlot(format, lo, arena.words[2 * e + 1]!);
      continue;
    }
    const child = arena.allocate();
    if (child < 0) return NO_MEMORY;
    installTable(table, e, l, child, granule);
    cost.tablesAllocated++;
    slot = child;
  }
  return slot;
}

/** Makes entry `e` of `level`, which translates `granule`, point to a table. */
export function installTable(table: TableState, e: number, level: number, child: number, granule: number): void {
  const { arena, format } = table;
  arena.words[2 * e] = entry.tableLo(format, level, child);
  arena.words[2 * e + 1] = entry.tableHi(format, child);
  arena.link(child, e);
  const size = POWER_OF_TWO[level * format.indexBits]!;
  table.cache.forget(Math.floor(granule / size) * size, size);
}

function fill(
  table: TableState,
  slot: number,
  level: number,
  index: number,
  items: number,
  first: number,
  pa: number,
  log2: number,
  access: number,
): MapFailure | undefined {
  const { arena, format, cost } = table;
  const { words } = arena;
  const contiguous = log2 - level * format.indexBits;
  const replicas = 1 << contiguous;
  const leafUnits = POWER_OF_TWO[log2]! * entry.unitsPerGranule(format);
  const bornDirty = format.bornDirty && (access & WRITE) !== 0 && (table.tracked || format.bornLo !== 0);
  const lo = entry.leafLo(format, level, access) | (replicas > 1 ? format.replicaLo : 0);
  const hi = entry.leafHi(format, access, table.tracked);
  // A replicated leaf's address ends in ones that tell its size.
  const sizeCode = replicas > 1 ? POWER_OF_TWO[log2 - 1]! - 1 : 0;
  let units = pa * entry.unitsPerGranule(format);
  let e = slot * ENTRIES_PER_SLOT + index;
  const end = e + items;
  if (level > 0) table.cache.forget(first, items * POWER_OF_TWO[level * format.indexBits]!);
  while (e < end) {
    const field = units + sizeCode;
    const fieldHi = Math.floor(field / 0x100000);
    const wordLo = lo | ((field - fieldHi * 0x100000) << 12);
    const wordHi = hi | fieldHi;
    const last = e + replicas;
    for (let i = e; i < last; i++) {
      if ((words[2 * i]! & format.presentLo) !== 0 && !makeRoom(table, i, level)) return format.existsErrno;
    }
    for (let i = e; i < last; i++) {
      words[2 * i] = wordLo;
      words[2 * i + 1] = wordHi;
      if (bornDirty) markDirty(arena, i);
    }
    e = last;
    units += leafUnits;
    cost.entries += replicas;
    table.mapped += POWER_OF_TWO[log2]!;
  }
  return undefined;
}

/** A present entry lies where a leaf shall go: an empty table gives way (and asks for a flush), anything else stays. */
function makeRoom(table: TableState, e: number, level: number): boolean {
  const { arena, format } = table;
  const lo = arena.words[2 * e]!;
  if (level === 0 || (lo & format.tableMaskLo) !== table.tableTestLo[level]) return false;
  const slot = entry.tableSlot(format, lo, arena.words[2 * e + 1]!);
  if (!isEmptyTable(table, slot, level - 1)) return false;
  arena.words[2 * e] = 0;
  arena.words[2 * e + 1] = 0;
  freeTable(table, slot, level - 1);
  table.cost.flushes = 1;
  return true;
}

function isEmptyTable(table: TableState, slot: number, level: number): boolean {
  const { arena, format } = table;
  const first = slot * ENTRIES_PER_SLOT;
  const end = first + (1 << format.indexBits);
  for (let e = first; e < end; e++) {
    const lo = arena.words[2 * e]!;
    if ((lo & format.presentLo) === 0) continue;
    if (level === 0 || (lo & format.tableMaskLo) !== table.tableTestLo[level]) return false;
    if (!isEmptyTable(table, entry.tableSlot(format, lo, arena.words[2 * e + 1]!), level - 1)) return false;
  }
  table.cost.entries += end - first;
  return true;
}
