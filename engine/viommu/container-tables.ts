// The IOMMU domains of a container, in pages: what an unmap does to their tables and IOTLBs, and what that was in numbers.
import { invariant } from '../core/invariant.ts';
import type { DropPlace } from '../core/ports.ts';
import { PAGE_SIZE } from '../core/units.ts';
import type { Domain } from '../iommu/domain.ts';
import { DirtyRuns } from '../iommu/runs.ts';
import type { MicroOp, UnmapPolicyName } from '../iommu/unmappolicies.ts';
import { findEntry } from '../iommu/walking.ts';

/** An HWPT of the container; a device whose IOMMU cannot track sits behind an untracked one. */
export interface ContainerDomain {
  readonly domain: Domain;
  readonly tracked: boolean;
}

export interface ContainerCounters {
  maps: number;
  unmaps: number;
  /** Pages found dirty at unmaps while logging. */
  unmapDirtyPages: number;
  queries: number;
  flushes: number;
  entries: number;
}

export class ContainerTables {
  readonly domains: readonly ContainerDomain[];
  readonly pagesPerGranule: number;
  readonly counters: ContainerCounters = { maps: 0, unmaps: 0, unmapDirtyPages: 0, queries: 0, flushes: 0, entries: 0 };
  readonly #runs = new DirtyRuns();

  constructor(domains: readonly ContainerDomain[]) {
    const shift = domains[0]?.domain.table.format.granuleShift ?? 12;
    invariant(shift >= 12, 'guest memory is mapped in granules of at least a page');
    this.domains = domains;
    this.pagesPerGranule = 1 << (shift - 12);
  }

  /** The dirty runs of a range, in granules; overwritten by the next read. */
  read(domain: Domain, iovaPage: number, pages: number): DirtyRuns {
    const scale = this.pagesPerGranule;
    this.#runs.reset();
    domain.table.readDirty(iovaPage / scale, pages / scale, { clear: false }, this.#runs);
    this.counters.entries += domain.table.cost.entries;
    return this.#runs;
  }

  /** Only where dirt is lost: what took it, and the entry's word before and after that. */
  place(
    domain: Domain,
    policy: UnmapPolicyName,
    step: MicroOp,
    iovaPage: number,
    beforeLo: number,
    beforeHi: number,
  ): DropPlace {
    const { table } = domain;
    const e = findEntry(table, iovaPage / this.pagesPerGranule);
    const [afterLo, afterHi] = e < 0 ? [0, 0] : [table.arena.words[2 * e]!, table.arena.words[2 * e + 1]!];
    const iova = iovaPage * PAGE_SIZE;
    return { policy, step, iova, format: table.format.name, beforeLo, beforeHi, afterLo, afterHi };
  }

  remove(domain: Domain, iovaPage: number, pages: number): void {
    const scale = this.pagesPerGranule;
    domain.table.unmap(iovaPage / scale, pages / scale);
    this.counters.entries += domain.table.cost.entries;
  }

  flush(domain: Domain, iovaPage: number, pages: number, pieces: number): void {
    this.counters.flushes += pieces;
    domain.flushRange(iovaPage / this.pagesPerGranule, pages / this.pagesPerGranule);
  }
}
