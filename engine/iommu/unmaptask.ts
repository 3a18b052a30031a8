// One unmap of a tracked range, step by step. Every step says what it cost and what dirt it dropped, so that a lost page can be
// traced to the step that lost it.
//
// Whole leaves only, from the first granule up to the first hole, as the drivers do (unmapping.ts). "Dropped" is what
// the model can see going: a word destroyed while dirty beyond what was reported, a held bit without an entry to go to. (Writes that
// set no bit, through an entry that was dirty before it was cleaned, are not seen here; only the oracle knows them.)
import { resetCost } from './cost.ts';
import type { Domain } from './domain.ts';
import * as entry from './entry.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import { DirtyRuns, runsWithout } from './runs.ts';
import { freeEmptied, unmapRange } from './unmapping.ts';
import type { MicroOp, UnmapPolicy } from './unmappolicies.ts';
import { findEntry, firstReplica, isAboveTop, replicas } from './walking.ts';

export interface UnmapStep {
  readonly op: MicroOp;
  readonly entries: number;
  readonly tablesFreed: number;
  readonly flushes: number;
  /** Granules of dirt that this step destroyed unreported; `UnmapTask.dropped` lists them. */
  readonly dropped: number;
}

/** A leaf taken out of use but not yet removed. */
interface TakenLeaf {
  readonly first: number;
  readonly count: number;
  readonly e: number;
  readonly replicas: number;
  /** Old words, exchanged: dirty or not. */
  readonly dirty: boolean;
}

export class UnmapTask {
  readonly domain: Domain;
  readonly policy: UnmapPolicy;
  readonly first: number;
  readonly count: number;
  /** Dirty granules reported to the caller. */
  readonly found = new DirtyRuns();
  /** Dirty granules lost, in the order in which they were. */
  readonly dropped = new DirtyRuns();
  /** The word of the first of them when it was destroyed; as it is now where only a held bit was lost. */
  droppedLo = 0;
  droppedHi = 0;
  /** Granules unmapped, once that has happened. */
  unmapped = 0;
  private next = 0;
  private readonly taken: TakenLeaf[] = [];
  /** Dirty granules that a faulty read left out: told as dropped when it did. */
  private readonly omitted = new DirtyRuns();
  private readonly dropLastOfReplicated: boolean;

  /** `dropLastOfReplicated`: the query has the defect of Linux 7.x (harvestleaves.ts). */
  constructor(domain: Domain, policy: UnmapPolicy, first: number, count: number, dropLastOfReplicated = false) {
    this.dropLastOfReplicated = dropLastOfReplicated;
    this.domain = domain;
    this.policy = policy;
    this.first = first;
    this.count = count;
  }

  /** The step that comes next; undefined when all is done. */
  get nextOp(): MicroOp | undefined {
    return this.policy.steps[this.next];
  }

  step(): UnmapStep {
    const op = this.policy.steps[this.next]!;
    this.next++;
    const { table, iotlb } = this.domain;
    const droppedBefore = this.dropped.total;
    this.droppedLo = this.droppedHi = 0;
    resetCost(table.cost);
    iotlb.dropped.reset();
    this.perform(op);
    for (let i = 0; i < iotlb.dropped.length; i++) {
      this.dropped.push(iotlb.dropped.firsts[i]!, iotlb.dropped.counts[i]!);
    }
    const { entries, tablesFreed, flushes } = table.cost;
    return { op, entries, tablesFreed, flushes, dropped: this.dropped.total - droppedBefore };
  }

  /** All steps with nothing in between. */
  run(): void {
    while (this.nextOp !== undefined) this.step();
  }

  private perform(op: MicroOp): void {
    const { domain, first, count } = this;
    const { table } = domain;
    switch (op) {
      case 'read':
        this.query(false);
        break;
      case 'read-and-clear':
        this.query(true);
        table.cost.flushes = 0;
        break;
      case 'flush':
        domain.flushRange(first, count);
        table.cost.flushes = 1;
        break;
      case 'non-present':
      case 'exchange':
        this.take(op);
        break;
      case 'read-back':
      case 'look':
        for (const leaf of this.taken) {
          const dirty = op === 'look' ? leaf.dirty : this.isDirtyNow(leaf);
          table.cost.entries += op === 'look' ? 0 : leaf.replicas;
          if (dirty) this.found.push(leaf.first, leaf.count);
        }
        break;
      case 'remove':
        this.remove();
        break;
    }
  }

  private keepWord(granule: number): void {
    const { table } = this.domain;
    const e = findEntry(table, granule);
    if (e < 0) return;
    this.droppedLo = table.arena.words[2 * e]!;
    this.droppedHi = table.arena.words[2 * e + 1]!;
  }

  private query(clear: boolean): void {
    const { first, count, dropLastOfReplicated } = this;
    const { table } = this.domain;
    const dirty = new DirtyRuns();
    if (dropLastOfReplicated) {
      table.readDirty(first, count, { clear: false }, dirty);
      resetCost(table.cost);
    }
    table.readDirty(first, count, { clear, dropLastOfReplicated }, this.found);
    if (!dropLastOfReplicated) return;
    runsWithout(dirty, this.found, this.omitted);
    for (let i = 0; i < this.omitted.length; i++) this.dropped.push(this.omitted.firsts[i]!, this.omitted.counts[i]!);
  }

  /** Makes every leaf non-present, with its other bits or with none. */
  private take(op: 'non-present' | 'exchange'): void {
    const { table } = this.domain;
    const { arena, format, cost, cache } = table;
    const { words } = arena;
    const end = this.first + this.count;
    for (let granule = this.first; granule < end && !isAboveTop(table, granule);) {
      const e = findEntry(table, granule);
      if (e < 0) break;
      const level = table.foundLevel;
      const log2 = entry.leafSizeLog2(format, level, words[2 * e]!, words[2 * e + 1]!);
      const size = POWER_OF_TWO[log2]!;
      if (granule % size !== 0 || (granule + size > end && format.partialUnmap === 'refuse')) break;
      const group = firstReplica(table, e, level, log2);
      const all = replicas(table, level, log2);
      let dirty = false;
      for (let i = group; i < group + all; i++) {
        dirty ||= entry.isDirty(format, words[2 * i]!, words[2 * i + 1]!);
        words[2 * i] = op === 'exchange' ? 0 : words[2 * i]! & ~format.presentLo;
        if (op === 'exchange') words[2 * i + 1] = 0;
      }
      if (level > 0) cache.forget(granule, size);
      cost.entries += all;
      table.mapped -= size;
      this.unmapped += size;
      this.taken.push({ first: granule, count: size, e: group, replicas: all, dirty });
      granule += size;
    }
  }

  private isDirtyNow({ e, replicas: all }: TakenLeaf): boolean {
    const { arena, format } = this.domain.table;
    for (let i = e; i < e + all; i++) {
      if (entry.isDirty(format, arena.words[2 * i]!, arena.words[2 * i + 1]!)) return true;
    }
    return false;
  }

  private remove(): void {
    const { table } = this.domain;
    if (this.taken.length > 0) {
      for (const leaf of this.taken) {
        table.arena.words.fill(0, 2 * leaf.e, 2 * (leaf.e + leaf.replicas));
        table.cost.entries += leaf.replicas;
      }
      if (this.unmapped > 0) freeEmptied(table, this.first, this.unmapped);
      return;
    }
    const dirty = new DirtyRuns();
    table.readDirty(this.first, this.count, { clear: false }, dirty);
    resetCost(table.cost);
    const unreported = new DirtyRuns();
    runsWithout(dirty, this.found, unreported);
    runsWithout(unreported, this.omitted, this.dropped);
    if (this.dropped.length > 0) this.keepWord(this.dropped.firsts[0]!);
    this.unmapped = isAboveTop(table, this.first) ? 0 : unmapRange(table, this.first, this.count);
  }
}
