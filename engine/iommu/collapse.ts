// Collapsing a table of small leaves back into one block, in steps between which the device can write. No kernel does it today; what
// must hold is kernel-uapi §14 and the seeds: a block is dirty if any of its pages is, and a page dirtied meanwhile is not lost.
//
// The block goes in with the OR of its children. A compare-exchange of the table entry cannot see a child turn dirty, so the old
// tables are looked at once more after the flush, when no walk can lead to them any more; `recheck: false` leaves that out and
// loses dirt. Break-before-make level 0 takes the table away, flushes, and installs the block after the last look; 1 does as 2 (nT belongs to blocks).
//
// Children must be present, alike but for Dirty, with adjacent addresses that are aligned for the block; else nothing happens.
import { ENTRIES_PER_SLOT, markDirty } from './arena.ts';
import { resetCost } from './cost.ts';
import type { Domain } from './domain.ts';
import * as entry from './entry.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import type { BbmLevel } from './splitblock.ts';
import type { TableState } from './tablestate.ts';
import { freeTable } from './unmapping.ts';
import { indexAt, isAboveTop } from './walking.ts';

export type CollapsePhase = 'check' | 'break' | 'install' | 'flush' | 'recheck' | 'free' | 'done' | 'unlike';

const PHASES: Readonly<Record<BbmLevel, readonly CollapsePhase[]>> = {
  0: ['check', 'break', 'flush', 'recheck', 'install', 'free', 'done'],
  1: ['check', 'install', 'flush', 'recheck', 'free', 'done'],
  2: ['check', 'install', 'flush', 'recheck', 'free', 'done'],
};

export interface CollapseOptions {
  /** Level of the block wanted: 1 is 2 MiB with a 4 KiB granule, 2 is 1 GiB. */
  readonly level: number;
  readonly bbm: BbmLevel;
  /** Look at the old tables again after the flush. Default true; without it dirt is lost. */
  readonly recheck?: boolean;
  /** Called between any two steps. */
  readonly between?: () => void;
}

export interface CollapseResult {
  /** Blocks made, and places where the leaves did not allow one. */
  blocks: number;
  unlike: number;
  flushes: number;
  tablesFreed: number;
  faultWindows: number;
}

/** Makes blocks of every aligned piece of [first, first + count) whose leaves allow it. */
export function collapse(domain: Domain, first: number, count: number, options: CollapseOptions): CollapseResult {
  const { table } = domain;
  resetCost(table.cost);
  const result = { blocks: 0, unlike: 0, flushes: 0, tablesFreed: 0, faultWindows: 0 };
  const size = POWER_OF_TWO[options.level * table.format.indexBits]!;
  for (let at = Math.ceil(first / size) * size; at + size <= first + count && !isAboveTop(table, at); at += size) {
    const e = tableEntryAt(table, at, options.level);
    if (e < 0) continue;
    const task = new BlockCollapse(domain, { e, level: options.level, granule: at }, options);
    const before = table.cost.tablesFreed;
    while (!task.finished) {
      task.step();
      options.between?.();
    }
    result.tablesFreed += table.cost.tablesFreed - before;
    if (task.phase === 'unlike') {
      result.unlike++;
      continue;
    }
    result.blocks++;
    result.flushes++;
    if (options.bbm === 0) result.faultWindows++;
  }
  table.cost.flushes = result.flushes;
  return result;
}

/** The entry of `level` that points to the table which translates a granule; -1 if there is none. */
function tableEntryAt(table: TableState, granule: number, level: number): number {
  const { arena, format } = table;
  let slot = table.root;
  for (let l = table.levels - 1; l >= level; l--) {
    const e = slot * ENTRIES_PER_SLOT + indexAt(format, l, granule);
    const lo = arena.words[2 * e]!;
    if ((lo & format.presentLo) === 0 || (lo & format.tableMaskLo) !== table.tableTestLo[l]) return -1;
    if (l === level) return e;
    slot = entry.tableSlot(format, lo, arena.words[2 * e + 1]!);
  }
  return -1;
}

export class BlockCollapse {
  phase: CollapsePhase = 'check';
  private readonly domain: Domain;
  private readonly e: number;
  private readonly level: number;
  private readonly granule: number;
  private readonly options: CollapseOptions;
  private readonly child: number;
  private readonly tableLo: number;
  private blockLo = 0;
  private blockHi = 0;
  private dirty = false;

  constructor(
    domain: Domain,
    block: { readonly e: number; readonly level: number; readonly granule: number },
    options: CollapseOptions,
  ) {
    const { words } = domain.table.arena;
    this.domain = domain;
    this.e = block.e;
    this.level = block.level;
    this.granule = block.granule;
    this.options = options;
    this.tableLo = words[2 * block.e]!;
    this.child = entry.tableSlot(domain.table.format, this.tableLo, words[2 * block.e + 1]!);
  }

  get finished(): boolean {
    return this.phase === 'done' || this.phase === 'unlike';
  }

  step(): void {
    const { table } = this.domain;
    const { arena, format } = table;
    const size = POWER_OF_TWO[this.level * format.indexBits]!;
    switch (this.phase) {
      case 'check':
        if (!this.check()) {
          this.phase = 'unlike';
          return;
        }
        break;
      case 'break':
        arena.words[2 * this.e] = this.tableLo & ~format.presentLo;
        table.cache.forget(this.granule, size);
        break;
      case 'install':
        arena.words[2 * this.e] = this.dirty ? entry.dirtied(format, this.blockLo) : this.blockLo;
        arena.words[2 * this.e + 1] = this.blockHi;
        if (this.dirty) markDirty(arena, this.e);
        table.cache.forget(this.granule, size);
        table.cost.entries++;
        break;
      case 'flush':
        this.domain.flushRange(this.granule, size);
        break;
      case 'recheck':
        this.recheck();
        break;
      case 'free':
        freeTable(table, this.child, this.level - 1);
        break;
      case 'done':
      case 'unlike':
        return;
    }
    const phases = PHASES[this.options.bbm];
    this.phase = phases[phases.indexOf(this.phase) + 1]!;
  }

  /** Whether the leaves allow a block, and what it will be. */
  private check(): boolean {
    const { table } = this.domain;
    const { arena, format } = table;
    const { words } = arena;
    const log2 = this.level * format.indexBits;
    if (!format.leafShifts.includes(format.granuleShift + log2)) return false;
    const first = firstLeaf(table, this.child, this.level - 1);
    if (first.e < 0) return false;
    const lo = words[2 * first.e]!;
    const hi = words[2 * first.e + 1]!;
    const units = (hi & format.addressHi) * 0x100000 + (lo >>> 12);
    const sizeUnits = POWER_OF_TWO[log2]! * entry.unitsPerGranule(format);
    if (units / sizeUnits !== Math.floor(units / sizeUnits)) return false;
    if (format.replicaLo !== 0 && (lo & format.replicaLo) === format.replicaLo) return false;
    this.dirty = false;
    const state = lookAt(table, this.child, this.level - 1, first.level, units, lo, hi);
    if (state === UNLIKE) return false;
    this.dirty = state === DIRTY;
    const pageOnly = format.pageLo & ~format.blockLo;
    const blockOnly = format.blockLo & ~format.pageLo;
    const attributes = entry.isDirty(format, lo, hi) ? entry.cleaned(format, lo) : lo;
    this.blockLo = (lo & ~0xfff) | (((attributes & 0xfff) | blockOnly) & ~pageOnly);
    this.blockHi = hi;
    return true;
  }

  /** Dirt that came after the check, now that nothing leads to the old tables any more. */
  private recheck(): void {
    if (this.options.recheck === false || this.dirty) return;
    const { table } = this.domain;
    const { arena, format } = table;
    if (!anyDirty(table, this.child, this.level - 1)) return;
    this.dirty = true;
    if (this.options.bbm === 0) return;
    arena.words[2 * this.e] = entry.dirtied(format, arena.words[2 * this.e]!);
    markDirty(arena, this.e);
  }
}

const UNLIKE = -1;
const CLEAN = 0;
const DIRTY = 1;

/** The leaf that translates the first granule of a table. */
function firstLeaf(table: TableState, slot: number, level: number): { e: number; level: number } {
  const { arena, format } = table;
  const e = slot * ENTRIES_PER_SLOT;
  const lo = arena.words[2 * e]!;
  if ((lo & format.presentLo) === 0) return { e: -1, level };
  if (level === 0 || (lo & format.tableMaskLo) !== table.tableTestLo[level]) return { e, level };
  return firstLeaf(table, entry.tableSlot(format, lo, arena.words[2 * e + 1]!), level - 1);
}

/** Whether all leaves under a table are of `leafLevel`, like (lo, hi) but for Dirty, and adjacent from `units` on; and dirty. */
function lookAt(
  table: TableState,
  slot: number,
  level: number,
  leafLevel: number,
  units: number,
  lo: number,
  hi: number,
): number {
  const { arena, format, cost } = table;
  const { words, entriesPerTable } = arena;
  const step = POWER_OF_TWO[level * format.indexBits]! * entry.unitsPerGranule(format);
  const first = slot * ENTRIES_PER_SLOT;
  cost.entries += entriesPerTable;
  if (level === leafLevel) return leavesAlike(table, first, units, step, lo, hi);
  let state = CLEAN;
  for (let i = 0; i < entriesPerTable; i++) {
    const childLo = words[2 * (first + i)]!;
    if ((childLo & format.presentLo) === 0) return UNLIKE;
    if ((childLo & format.tableMaskLo) !== table.tableTestLo[level]) return UNLIKE;
    const child = entry.tableSlot(format, childLo, words[2 * (first + i) + 1]!);
    const below = lookAt(table, child, level - 1, leafLevel, units + i * step, lo, hi);
    if (below === UNLIKE) return UNLIKE;
    state |= below;
  }
  return state;
}

function leavesAlike(table: TableState, first: number, units: number, step: number, lo: number, hi: number): number {
  const { arena, format } = table;
  const { words, entriesPerTable } = arena;
  const keep = 0xfff & ~(format.hardwareSetLo | format.hardwareClearLo);
  const bit = ((hi >> format.dirtyHiShift) | format.dirtyHiAlways) & format.dirtyLo;
  const hiAttributes = hi & ~format.addressHi;
  const { dirtyXorLo } = format;
  let different = 0;
  let dirty = 0;
  const unitsHi = Math.floor(units / 0x100000);
  let expectedLo = (lo & keep) | ((units - unitsHi * 0x100000) << 12);
  const oneHi = unitsHi * 0x100000 + 0x100000 >= units + step * entriesPerTable;
  const mask = ~(0xfff & ~keep);
  if (oneHi) {
    const expectedHi = hiAttributes | unitsHi;
    const stepLo = step << 12;
    const end = 2 * (first + entriesPerTable);
    for (let at = 2 * first; at < end; at += 2) {
      const word = words[at]!;
      different |= ((word & mask) ^ expectedLo) | (words[at + 1]! ^ expectedHi);
      dirty |= word ^ dirtyXorLo;
      expectedLo = (expectedLo + stepLo) | 0;
    }
    if (different !== 0) return UNLIKE;
    return (dirty & bit) !== 0 ? DIRTY : CLEAN;
  }
  for (let i = 0; i < entriesPerTable; i++) {
    const all = units + i * step;
    const allHi = Math.floor(all / 0x100000);
    const word = words[2 * (first + i)]!;
    expectedLo = (lo & keep) | ((all - allHi * 0x100000) << 12);
    different |= ((word & mask) ^ expectedLo) | (words[2 * (first + i) + 1]! ^ (hiAttributes | allHi));
    dirty |= word ^ dirtyXorLo;
  }
  if (different !== 0) return UNLIKE;
  return (dirty & bit) !== 0 ? DIRTY : CLEAN;
}

/** Whether any leaf under a table is dirty. The shadow says where to look. */
function anyDirty(table: TableState, slot: number, level: number): boolean {
  const { arena, format } = table;
  const { words, summary, shadow, slotsPerTable } = arena;
  for (let s = slot; s < slot + slotsPerTable; s++) {
    if (summary[s] === 0) continue;
    for (let e = s * ENTRIES_PER_SLOT; e < (s + 1) * ENTRIES_PER_SLOT; e++) {
      if ((shadow[e >>> 5]! & (1 << (e & 31))) === 0) continue;
      const lo = words[2 * e]!;
      const hi = words[2 * e + 1]!;
      if (level > 0 && (lo & format.tableMaskLo) === table.tableTestLo[level]) {
        if (anyDirty(table, entry.tableSlot(format, lo, hi), level - 1)) return true;
      } else if (entry.isDirty(format, lo, hi)) return true;
    }
  }
  return false;
}
