// Splitting one block, in steps between which the device can write. Source: seed 004 (SMMUv3 RFC, 2021) and its review;
// kernel-uapi §14.
//
// The children get the block's attributes; a dirty block makes all of them dirty, since its state per page is unknown. The
// new table goes in by compare-exchange against the word it was built from: if the hardware set Dirty meanwhile, the exchange fails, all
// children become dirty and it is tried again, so nothing is lost (the RFC did not look).
//
// Break-before-make level: 0 takes the entry away, flushes, then installs (DMA in between faults); 1 sets nT, under which the
// block is translated but not cached, flushes, then installs; 2 installs directly. Formats without nT do at level 1 what they do at level
// 2. With Dirty held in the IOTLB, level 2 can lose dirt: a held bit has no block to go back to.
import { ENTRIES_PER_SLOT } from './arena.ts';
import type { TableArena } from './arena.ts';
import * as entry from './entry.ts';
import type { PteFormat } from './formats/format.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import { installTable } from './mapping.ts';
import type { TableState } from './tablestate.ts';
import { freeTable } from './unmapping.ts';

/** The exponent of a NaN, in a double's high half. */
const NAN = 0x7ff00000;

export type BbmLevel = 0 | 1 | 2;

export type SplitPhase = 'build' | 'break' | 'no-translate' | 'flush' | 'install' | 'done' | 'no-memory';

const PHASES: Readonly<Record<BbmLevel, readonly SplitPhase[]>> = {
  0: ['build', 'break', 'flush', 'install', 'done'],
  1: ['build', 'no-translate', 'flush', 'install', 'done'],
  2: ['build', 'install', 'done'],
};

export class BlockSplit {
  /** What the next `step` does. */
  phase: SplitPhase = 'build';
  /** Exchanges that failed because the block had become dirty. */
  retries = 0;
  flushes = 0;
  tables = 0;
  private readonly table: TableState;
  private readonly e: number;
  private readonly level: number;
  private readonly granule: number;
  private readonly leafLevel: number;
  private readonly bbm: BbmLevel;
  private readonly flush: (first: number, count: number) => void;
  private child = -1;
  private expectedLo = 0;
  private expectedHi = 0;

  /** `e`: entry of a block of `level`, which starts at `granule`. Its new leaves are of `leafLevel`. */
  constructor(
    table: TableState,
    block: { readonly e: number; readonly level: number; readonly granule: number },
    leafLevel: number,
    bbm: BbmLevel,
    flush: (first: number, count: number) => void,
  ) {
    this.table = table;
    this.e = block.e;
    this.level = block.level;
    this.granule = block.granule;
    this.leafLevel = leafLevel;
    this.bbm = bbm;
    this.flush = flush;
  }

  get finished(): boolean {
    return this.phase === 'done' || this.phase === 'no-memory';
  }

  step(): void {
    const { table, e } = this;
    const { words } = table.arena;
    switch (this.phase) {
      case 'build':
        this.expectedLo = words[2 * e]!;
        this.expectedHi = words[2 * e + 1]!;
        this.child = this.build();
        if (this.child < 0) {
          this.phase = 'no-memory';
          return;
        }
        break;
      case 'break':
        // One atomic exchange: the old word may have become dirty since it was read.
        this.expectedLo = this.lookAgain() & ~table.format.presentLo;
        words[2 * e] = this.expectedLo;
        break;
      case 'no-translate':
        this.expectedLo = this.lookAgain() | table.format.noTranslateLo;
        words[2 * e] = this.expectedLo;
        break;
      case 'flush': {
        this.flushes++;
        this.flush(this.granule, POWER_OF_TWO[this.level * table.format.indexBits]!);
        break;
      }
      case 'install': {
        if (words[2 * e] !== this.expectedLo || words[2 * e + 1] !== this.expectedHi) {
          // Compare-exchange failed.
          this.expectedLo = this.lookAgain();
          this.retries++;
          return;
        }
        installTable(table, e, this.level, this.child, this.granule);
        table.cost.entries++;
        break;
      }
      case 'done':
      case 'no-memory':
        return;
    }
    const phases = PHASES[this.bbm];
    this.phase = phases[phases.indexOf(this.phase) + 1]!;
  }

  /** The word as it is now; if it turned dirty since the children were made, they do too. */
  private lookAgain(): number {
    const { table, e } = this;
    const { format, arena } = table;
    const lo = arena.words[2 * e]!;
    const hi = arena.words[2 * e + 1]!;
    if (entry.isDirty(format, lo, hi) && !entry.isDirty(format, this.expectedLo, this.expectedHi)) {
      dirtyAll(table, this.child, this.level - 1, this.leafLevel);
    }
    return lo;
  }

  private build(): number {
    const { table } = this;
    const before = table.arena.tables;
    const lo = this.expectedLo;
    const hi = this.expectedHi;
    const log2 = this.level * table.format.indexBits;
    const units = entry.leafAddress(table.format, log2, lo, hi) * entry.unitsPerGranule(table.format);
    const child = buildTable(table, this.level - 1, this.leafLevel, units, lo, hi);
    this.tables += table.arena.tables - before;
    table.cost.tablesAllocated += Math.max(0, table.arena.tables - before);
    return child;
  }
}

/** A block word's attributes in a leaf of another level, without address. */
function attributesAt(format: PteFormat, level: number, lo: number): number {
  const blockOnly = format.blockLo & ~format.pageLo;
  const pageOnly = format.pageLo & ~format.blockLo;
  return (lo & 0xfff & ~(blockOnly | pageOnly | format.replicaLo)) | (level === 0 ? pageOnly : blockOnly);
}

/** A table of `level`, not yet installed, that translates what a leaf (lo, hi) of the level above does. -1: no memory, nothing kept. */
function buildTable(
  table: TableState,
  level: number,
  leafLevel: number,
  units: number,
  lo: number,
  hi: number,
): number {
  const { arena, format } = table;
  const slot = arena.allocateUncleared();
  if (slot < 0) return -1;
  const e = slot * ENTRIES_PER_SLOT;
  const step = POWER_OF_TWO[level * format.indexBits]! * entry.unitsPerGranule(format);
  if (level === leafLevel) {
    fillAlike(arena, e, arena.entriesPerTable, units, step, attributesAt(format, level, lo), hi & ~format.addressHi);
    table.cost.entries += arena.entriesPerTable;
    if (entry.isDirty(format, lo, hi)) arena.fillShadow(slot);
    return slot;
  }
  // Until it is complete, a failure frees what is there: entries not yet written must not look like tables.
  arena.words.fill(0, 2 * e, 2 * (e + arena.entriesPerTable));
  for (let i = 0; i < arena.entriesPerTable; i++) {
    const child = buildTable(table, level - 1, leafLevel, units + i * step, lo, hi);
    if (child < 0) {
      freeTable(table, slot, level);
      return -1;
    }
    arena.words[2 * (e + i)] = entry.tableLo(format, level, child);
    arena.words[2 * (e + i) + 1] = entry.tableHi(format, child);
    arena.link(child, e + i);
  }
  table.cost.entries += arena.entriesPerTable;
  return slot;
}

/**
 * Writes `count` leaves with adjacent addresses, `step` units apart; a table has a multiple of 512 entries. With the high half
 * the same in all of them, an entry is written as one double: equal steps of its low bits are equal steps of its value, and sums
 * of them are exact. That halves the stores. Only a NaN need not keep its bits.
 */
function fillAlike(
  { words, pairs }: TableArena,
  e: number,
  count: number,
  units: number,
  step: number,
  lo: number,
  hi: number,
): void {
  const unitsHi = Math.floor(units / 0x100000);
  const unitsLo = units - unitsHi * 0x100000;
  const wordHi = hi | unitsHi;
  if (unitsLo + step * count <= 0x100000 && (wordHi & NAN) !== NAN) {
    words[2 * e] = lo | (unitsLo << 12);
    words[2 * e + 1] = wordHi;
    words[2 * e + 2] = lo | ((unitsLo + step) << 12);
    words[2 * e + 3] = wordHi;
    let pair = pairs[e]!;
    // By sums alone: a product of subnormals (a high half of few bits) is slow on some processors.
    const one = pairs[e + 1]! - pair;
    const two = one + one;
    const three = two + one;
    const four = two + two;
    for (let at = e; at < e + count; at += 4) {
      pairs[at] = pair;
      pairs[at + 1] = pair + one;
      pairs[at + 2] = pair + two;
      pairs[at + 3] = pair + three;
      pair += four;
    }
    return;
  }
  for (let i = 0; i < count; i++) {
    const all = units + i * step;
    const allHi = Math.floor(all / 0x100000);
    words[2 * (e + i)] = lo | ((all - allHi * 0x100000) << 12);
    words[2 * (e + i) + 1] = hi | allHi;
  }
}

/** Makes every leaf of a table that is not installed dirty. */
function dirtyAll(table: TableState, slot: number, level: number, leafLevel: number): void {
  const { arena, format } = table;
  const first = slot * ENTRIES_PER_SLOT;
  const end = first + arena.entriesPerTable;
  for (let e = first; e < end; e++) {
    const lo = arena.words[2 * e]!;
    if (level === leafLevel) arena.words[2 * e] = entry.dirtied(format, lo);
    else dirtyAll(table, entry.tableSlot(format, lo, arena.words[2 * e + 1]!), level - 1, leafLevel);
  }
  table.cost.entries += arena.entriesPerTable;
  arena.fillShadow(slot);
}
