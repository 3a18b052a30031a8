// An unmap that takes dirt with it, as the steps of its policy (engine/iommu/unmappolicies.ts), one after another in time on
// every domain of the container; device writes fall between them. Bits go to the RAM pages that the notification names
// (translated_addr), not to where the entry pointed.
import type { Costs } from '../core/costs.ts';
import type { DropPlace, DropSink } from '../core/ports.ts';
import type { DirtyRuns } from '../iommu/runs.ts';
import type { MicroOp, UnmapPolicy } from '../iommu/unmappolicies.ts';
import { unmapPolicyNamed } from '../iommu/unmappolicies.ts';
import { UnmapTask } from '../iommu/unmaptask.ts';
import type { ContainerTables } from './container-tables.ts';
import type { InFlight } from './in-flight.ts';
import type { Type1Bitmaps } from './type1-bitmaps.ts';
import { causeOf, reads } from './unmap-causes.ts';
import type { UnmapEntry } from './unmap-causes.ts';

/** What is unmapped: `pages` at `iovaPage` that lead to RAM from `ramPage`, in so many mappings. */
export interface UnmapRange {
  readonly iovaPage: number;
  readonly ramPage: number;
  readonly pages: number;
  readonly pieces: number;
}

export interface UnmapStepsOptions {
  readonly name: string;
  /** Linux 7.x: a query leaves out the last page of a repeated AMD leaf. */
  readonly dropLastOfReplicated: boolean;
  readonly type1: Type1Bitmaps | null;
  readonly costs: Costs;
  readonly drop: DropSink;
}

const TAKES: ReadonlySet<MicroOp> = new Set<MicroOp>(['remove', 'exchange', 'non-present']);

export class UnmapSteps {
  readonly #options: UnmapStepsOptions;
  readonly #policy: UnmapPolicy;
  readonly #tables: ContainerTables;

  constructor(options: UnmapStepsOptions, policy: UnmapPolicy, tables: ContainerTables) {
    this.#options = options;
    this.#policy = policy;
    this.#tables = tables;
  }

  /** Returns the time it took. `found` hears of dirty RAM pages. */
  unmap(
    nowNs: number,
    inFlight: InFlight,
    range: UnmapRange,
    entry: UnmapEntry,
    found: (ramPage: number, pages: number) => void,
  ): number {
    const { iovaPage, pages, pieces } = range;
    const { counters, domains, pagesPerGranule: scale } = this.#tables;
    const policy = entry === 'translated' ? this.#policy : unmapPolicyNamed('unmap-only');
    const { dropLastOfReplicated } = this.#options;
    const tasks = domains.map(({ domain, tracked }) =>
      tracked ? new UnmapTask(domain, policy, iovaPage / scale, pages / scale, dropLastOfReplicated) : null,
    );
    let timeNs = nowNs;
    for (const op of policy.steps) {
      const costNs = this.costNs(op, pieces, pages);
      // A read happens at the beginning of its ioctl; what takes a translation away has happened at the end of its time.
      const atNs = reads(op) ? timeNs : timeNs + costNs;
      timeNs += costNs;
      if (inFlight.dueNs <= atNs) inFlight.playUntil(atNs);
      for (let i = 0; i < domains.length; i++) {
        const { domain } = domains[i]!;
        const task = tasks[i] ?? null;
        if (task === null) {
          // Nobody asks an untracked domain: its entries go with the first step that takes the others'.
          if (op === 'flush') this.#tables.flush(domain, iovaPage, pages, pieces);
          else if (TAKES.has(op)) this.#tables.remove(domain, iovaPage, pages);
          continue;
        }
        const step = task.step();
        counters.entries += step.entries;
        if (reads(op)) counters.queries += pieces;
        if (op === 'flush') counters.flushes += pieces;
        if (step.dropped > 0) {
          const { droppedLo, droppedHi, dropped } = task;
          const first = dropped.firsts[0]! * scale;
          const place = this.#tables.place(domain, policy.name, op, first, droppedLo, droppedHi);
          this.#say(atNs, dropped, causeOf(op, policy, entry), range, place);
        }
      }
    }
    if (entry === 'translated') {
      for (const task of tasks) if (task !== null) this.#place(task.found, range, found);
    }
    return timeNs - nowNs;
  }

  /**
   * What a step of an unmap takes: an ioctl and a flush for each mapping, a look for each page. What a type1 container is
   * asked has been counted with its bitmaps.
   */
  costNs(op: MicroOp, pieces: number, pages: number): number {
    const { type1, costs } = this.#options;
    const { dirty_ioctl, iotlb_flush, iommu_unmap, pte_walk } = costs;
    switch (op) {
      case 'read':
      case 'read-and-clear':
        return (type1 === null ? dirty_ioctl * pieces : 0) + pte_walk * pages;
      case 'flush':
        return iotlb_flush * pieces;
      case 'non-present':
      case 'exchange':
        return iommu_unmap * pieces;
      case 'read-back':
      case 'look':
        return pte_walk * pages;
      case 'remove':
        return iommu_unmap * pieces;
    }
  }

  /** Says what a step dropped, and forgets it. */
  #say(nowNs: number, dropped: DirtyRuns, cause: string, { iovaPage, ramPage }: UnmapRange, place: DropPlace): void {
    const scale = this.#tables.pagesPerGranule;
    const { drop, name } = this.#options;
    for (let r = 0; r < dropped.length; r++) {
      const first = ramPage + (dropped.firsts[r]! * scale - iovaPage);
      drop.dropped(nowNs, name, cause, first, dropped.counts[r]! * scale, place);
    }
    dropped.reset();
  }

  /** Bits of the runs, placed by the notification's address and cut to the range. */
  #place(runs: DirtyRuns, range: UnmapRange, found: (ramPage: number, pages: number) => void): void {
    const { iovaPage, ramPage, pages } = range;
    const scale = this.#tables.pagesPerGranule;
    for (let r = 0; r < runs.length; r++) {
      const from = Math.max(runs.firsts[r]! * scale, iovaPage);
      const to = Math.min((runs.firsts[r]! + runs.counts[r]!) * scale, iovaPage + pages);
      if (to > from) found(ramPage + (from - iovaPage), to - from);
    }
  }
}
