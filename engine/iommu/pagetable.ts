// An IO page table: real entries of a real format in an arena, and the kernel's map_pages, unmap_pages and iova_to_phys
// on it. One walker serves every format; what differs is the row.
//
// IOVAs and physical addresses are granule numbers (exact in a double up to 2^53), so that all 64 address bits work;
// indices come by division where 32-bit shifts would truncate.
//
// Sources: drivers/iommu/generic_pt/iommu_pt.h (AMD, VT-d, x86-64), drivers/iommu/io-pgtable-arm.c, drivers/iommu/iommu.c
// (leaf choice, undo of a failed map). Left out: concurrency of two maps, cache flushes for incoherent walkers, several
// start-level tables of ARM stage 2.
//
// Cost sketch: map and unmap touch one entry per leaf plus one per level; a block of 1 GiB is three entries.
import { resetCost } from './cost.ts';
import * as entry from './entry.ts';
import { READ, WRITE } from './formats/format.ts';
import { POWER_OF_TWO, bestLeaf, isAligned, leafRun } from './leafchoice.ts';
import { mapLeaves } from './mapping.ts';
import type { MapFailure } from './mapping.ts';
import type { DirtyRuns } from './runs.ts';
import { TableState } from './tablestate.ts';
import { unmapRange } from './unmapping.ts';
import { harvest } from './harvest.ts';
import type { HarvestOptions } from './harvest.ts';
import { findEntry, isAboveTop, leafIsDirty } from './walking.ts';

export type { MapFailure } from './mapping.ts';

/** A leaf as `walk` finds it. Granules throughout. */
export interface Leaf {
  readonly first: number;
  readonly count: number;
  /** Physical granule at which the leaf starts. */
  readonly pa: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Any replica of it. */
  readonly dirty: boolean;
  /** The 64-bit entry (the replica the IOVA leads to). */
  readonly pte: bigint;
  readonly level: number;
  /** Index of that entry in the arena. */
  readonly entry: number;
}

export class PageTable extends TableState {
  /** Whether [first, first + count) are IOVAs of this format. */
  inRange(first: number, count: number): boolean {
    const end = first + count;
    if (end <= this.granulesUp) return first >= 0;
    const { granuleShift, signExtended } = this.format;
    const all = POWER_OF_TWO[64 - granuleShift]!;
    return signExtended && first >= all - this.granulesUp && end <= all;
  }

  /**
   * Maps [first, first + count) to physical granules from `pa`, with the largest leaves that fit. `access`: READ, WRITE or
   * both. IOVA, PA and length are multiples of the smallest leaf. On failure nothing stays mapped (iommu_map() unmaps what it had done); tables made on the way stay.
   */
  map(first: number, pa: number, count: number, access: number): MapFailure | undefined {
    resetCost(this.cost);
    if (count <= 0 || (access & ~(READ | WRITE)) !== 0 || access === 0) return 'EINVAL';
    const smallest = this.leafSizes[0]!;
    if (!isAligned(first, smallest) || !isAligned(pa, smallest) || !isAligned(count, smallest)) return 'EINVAL';
    if (!this.inRange(first, count)) return 'ERANGE';
    const mappedBefore = this.mapped;
    let done = 0;
    while (done < count) {
      const log2 = bestLeaf(this.leafSizes, first + done, pa + done, count - done);
      const run = leafRun(this.leafSizes, log2, first + done, pa + done, count - done);
      const failure = mapLeaves(this, first + done, pa + done, run, log2, access);
      if (failure !== undefined) {
        // Leaves ascend from `first`, so what this call mapped is exactly the first so many granules.
        const undo = this.mapped - mappedBefore;
        if (undo > 0) unmapRange(this, first, undo);
        return failure;
      }
      done += run;
    }
    return undefined;
  }

  /**
   * Unmaps from `first` upwards as the format's driver does and answers how many granules went. It stops at the first hole
   * and at a leaf that starts before the range. A leaf that reaches beyond the end goes whole (the answer is then larger
   * than `count`) or, on ARM, stops the unmap.
   */
  unmap(first: number, count: number): number {
    resetCost(this.cost);
    if (count <= 0 || !this.inRange(first, count) || isAboveTop(this, first)) return 0;
    this.cost.flushes = 1;
    return unmapRange(this, first, count);
  }

  /**
   * Appends the dirty leaves of [first, first + count) to `runs` (harvest.ts has the rules).; `cost.flushes` is 1 if something was cleared.
   */
  readDirty(first: number, count: number, options: HarvestOptions, runs: DirtyRuns): void {
    resetCost(this.cost);
    if (count <= 0 || !this.inRange(first, count) || isAboveTop(this, first)) return;
    harvest(this, first, first + count - 1, options, runs);
  }

  /** The leaf that translates a granule, or undefined. */
  walk(granule: number): Leaf | undefined {
    if (!this.inRange(granule, 1)) return undefined;
    const found = findEntry(this, granule);
    if (found < 0) return undefined;
    const level = this.foundLevel;
    const { words } = this.arena;
    const row = this.format;
    const lo = words[2 * found]!;
    const hi = words[2 * found + 1]!;
    const log2 = entry.leafSizeLog2(row, level, lo, hi);
    const count = POWER_OF_TWO[log2]!;
    return {
      first: Math.floor(granule / count) * count,
      count,
      pa: entry.leafAddress(row, log2, lo, hi),
      readable: entry.isReadable(row, lo, hi),
      writable: entry.isWritable(row, lo, hi),
      dirty: leafIsDirty(this, found, level, log2),
      pte: entry.toWord(lo, hi),
      level,
      entry: found,
    };
  }
}
