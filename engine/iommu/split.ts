// Splitting the blocks of a range into smaller leaves: which blocks, in which order, and what failed.
//
// `recursive`: replace a block by a table of blocks of the next size, then each of those: 513 exchanges for 1 GiB, one table at
// a time; running out of memory leaves mixed grain. `sub-table-first`: build all tables unseen, then one exchange; running out
// leaves the block as it was. Read-only blocks stay whole (they cannot become dirty). When to split (at start, ahead of time, on first write,
// never) is the caller's policy: it calls this with the range it wants fine.
import { markDirty } from './arena.ts';
import type { Domain } from './domain.ts';
import * as entry from './entry.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import { resetCost } from './cost.ts';
import { BlockSplit } from './splitblock.ts';
import type { BbmLevel } from './splitblock.ts';
import { findEntry, firstReplica, isAboveTop, replicas } from './walking.ts';

export type SplitOrder = 'recursive' | 'sub-table-first';

export interface SplitOptions {
  readonly order: SplitOrder;
  readonly bbm: BbmLevel;
  /** Level of the leaves wanted; 0, the smallest, by default. */
  readonly leafLevel?: number;
  /** Called between any two steps: a test's or a model checker's device writes here. */
  readonly between?: () => void;
}

/** A block that kept a grain coarser than wanted. */
export interface KeptBlock {
  readonly first: number;
  readonly count: number;
  readonly why: 'no-memory' | 'read-only';
}

export interface SplitResult {
  /** Granules of the blocks that reached the wanted grain. */
  granules: number;
  /** Entries exchanged for tables, and exchanges that had to be tried again. */
  swaps: number;
  retries: number;
  tables: number;
  flushes: number;
  /** Times that an entry was not present for a while (BBM level 0). */
  faultWindows: number;
  readonly kept: KeptBlock[];
}

interface Block {
  readonly e: number;
  readonly level: number;
  readonly granule: number;
}

/** Splits every block that lies wholly in [first, first + count). The caller has made leaves of a size the domain allows. */
export function split(domain: Domain, first: number, count: number, options: SplitOptions): SplitResult {
  const { table } = domain;
  resetCost(table.cost);
  const result = { granules: 0, swaps: 0, retries: 0, tables: 0, flushes: 0, faultWindows: 0, kept: [] };
  const end = first + count;
  let granule = first;
  while (granule < end && !isAboveTop(table, granule)) {
    const e = findEntry(table, granule);
    const level = table.foundLevel;
    const step = POWER_OF_TWO[level * table.format.indexBits]!;
    const next = (Math.floor(granule / step) + 1) * step;
    if (e >= 0 && next <= end && granule + step === next) {
      const size = splitLeaf(domain, { e, level, granule }, options, result);
      granule += size;
      continue;
    }
    granule = next;
  }
  if (result.swaps > 0) {
    domain.flushRange(first, count);
    result.flushes++;
  }
  table.cost.flushes = result.flushes;
  return result;
}

/** Splits the leaf at a block's first granule; answers the leaf's size. */
function splitLeaf(domain: Domain, block: Block, options: SplitOptions, result: SplitResult): number {
  const { table } = domain;
  const { format, arena } = table;
  const { e, level, granule } = block;
  const wanted = options.leafLevel ?? 0;
  const lo = arena.words[2 * e]!;
  const hi = arena.words[2 * e + 1]!;
  const log2 = entry.leafSizeLog2(format, level, lo, hi);
  const count = POWER_OF_TWO[log2]!;
  const repeated = replicas(table, level, log2) > 1;
  if (level < wanted || (level === wanted && !repeated)) return count;
  if (!entry.isWritable(format, lo, hi)) {
    result.kept.push({ first: granule, count, why: 'read-only' });
    return count;
  }
  if (repeated) unrepeat(domain, block, log2, options, result);
  const item = POWER_OF_TWO[level * format.indexBits]!;
  for (let i = 0; i < count / item; i++) {
    if (level > wanted) splitBlock(domain, { e: e + i, level, granule: granule + i * item }, options, result);
    else result.granules += item;
  }
  return count;
}

function splitBlock(domain: Domain, block: Block, options: SplitOptions, result: SplitResult): void {
  const { table } = domain;
  const { format } = table;
  const wanted = options.leafLevel ?? 0;
  const count = POWER_OF_TWO[block.level * format.indexBits]!;
  const leafLevel = options.order === 'recursive' ? block.level - 1 : wanted;
  const task = new BlockSplit(table, block, leafLevel, options.bbm, (first, granules) => {
    domain.flushRange(first, granules);
  });
  while (!task.finished) {
    task.step();
    options.between?.();
  }
  result.retries += task.retries;
  result.flushes += task.flushes;
  if (task.phase === 'no-memory') {
    result.kept.push({ first: block.granule, count, why: 'no-memory' });
    return;
  }
  result.swaps++;
  result.tables += task.tables;
  if (options.bbm === 0) result.faultWindows++;
  if (leafLevel === wanted) {
    result.granules += count;
    return;
  }
  const size = POWER_OF_TWO[leafLevel * format.indexBits]!;
  for (let granule = block.granule; granule < block.granule + count; granule += size) {
    const e = findEntry(table, granule);
    // A write or an unmap between two steps can have changed what lies here.
    if (e >= 0 && table.foundLevel === leafLevel) splitBlock(domain, { e, level: leafLevel, granule }, options, result);
  }
}

/**
 * A repeated AMD leaf becomes single leaves of its level in place; a dirty replica makes all dirty. Under DMA a stale IOTLB
 * entry translates alike, but a Dirty bit held there goes back to one replica only: level 0 takes the leaf away first.
 */
function unrepeat(domain: Domain, block: Block, log2: number, options: SplitOptions, result: SplitResult): void {
  const { table } = domain;
  const { format, arena } = table;
  const { words } = arena;
  const { level, granule } = block;
  const all = replicas(table, level, log2);
  const first = firstReplica(table, block.e, level, log2);
  if (options.bbm === 0) {
    for (let i = first; i < first + all; i++) words[2 * i]! &= ~format.presentLo;
    options.between?.();
    domain.flushRange(granule, POWER_OF_TWO[log2]!);
    result.flushes++;
    result.faultWindows++;
    options.between?.();
  }
  let dirty = false;
  for (let i = first; i < first + all; i++) dirty ||= entry.isDirty(format, words[2 * i]!, words[2 * i + 1]!);
  const start = entry.leafAddress(format, log2, words[2 * first]!, words[2 * first + 1]!);
  const item = POWER_OF_TWO[level * format.indexBits]!;
  for (let i = 0; i < all; i++) {
    const at = 2 * (first + i);
    const units = (start + i * item) * entry.unitsPerGranule(format);
    const unitsHi = Math.floor(units / 0x100000);
    const lo = (words[at]! & 0xfff & ~format.replicaLo) | format.presentLo | ((units - unitsHi * 0x100000) << 12);
    words[at] = dirty ? entry.dirtied(format, lo) : lo;
    words[at + 1] = (words[at + 1]! & ~format.addressHi) | unitsHi;
  }
  table.cost.entries += 2 * all;
  if (dirty) for (let i = first; i < first + all; i++) markDirty(arena, i);
  options.between?.();
}
