// When the blocks of a tracked domain are split into pages, and when they are put together again: the policies of an
// experiment over engine/iommu/split.ts and collapse.ts. Splitting and tracking are separate switches; no kernel does
// either today, so this is the discussion's ground (SMMUv3 dirty log RFC, 2021).
//
//   at-start        before tracking is enabled, in the migration's setup: the setup takes that much longer
//   ahead           a warm-up that begins `leadNs` before the migration, a GiB at a time
//   on-first-write  an IOMMU does not tell of a first write; what can be done is to split a block when a sync has found it
//                   dirty: it is reported whole once, page by page from then on
// Collapse: when tracking ends, from small to large.
// Device writes fall between the steps of a split (break-before-make level 0 lets them fault). A table that cannot be had
// leaves its block as it is; that is said in the event.
// Left out: the vCPU that a split in the background takes; splitting while guest mappings come and go (theirs are pages).

import type { Costs } from '../core/costs.ts';
import type { EmitEvent } from '../core/ports.ts';
import type { Actor } from '../core/scheduler.ts';
import { collapse } from '../iommu/collapse.ts';
import type { Domain } from '../iommu/domain.ts';
import type { DirtyRuns } from '../iommu/runs.ts';
import type { SplitOrder } from '../iommu/split.ts';
import { split } from '../iommu/split.ts';
import type { BbmLevel } from '../iommu/splitblock.ts';
import type { RamSection } from '../viommu/ram-map.ts';

export interface GrainConfig {
  readonly split: 'never' | 'at-start' | 'ahead' | 'on-first-write';
  readonly order: SplitOrder;
  readonly bbm: BbmLevel;
  /** The n-th table allocation of the splitting fails, n from 1; null: none does. */
  readonly failAt: number | null;
  readonly collapse: boolean;
  /** When the warm-up begins, with `ahead`. */
  readonly aheadNs: number;
}

export const KEEP_GRAIN: GrainConfig = {
  split: 'never',
  order: 'sub-table-first',
  bbm: 2,
  failAt: null,
  collapse: false,
  aheadNs: Infinity,
};

export interface GrainParts {
  readonly name: string;
  readonly config: GrainConfig;
  readonly costs: Costs;
  readonly emit: EmitEvent;
  readonly advance: (untilNs: number) => void;
}

interface Totals {
  blocks: number;
  tables: number;
  retries: number;
  kept: number;
  faultWindows: number;
  durationNs: number;
}

const GIB_PAGES = 0x4_0000;

export class BlockGrain {
  readonly #parts: GrainParts;
  #failArmed: boolean;

  constructor(parts: GrainParts) {
    this.#parts = parts;
    this.#failArmed = parts.config.failAt !== null;
  }

  get config(): GrainConfig {
    return this.#parts.config;
  }

  /** Splits all blocks of the sections; returns how long it took. */
  splitSections(nowNs: number, domain: Domain, sections: readonly RamSection[]): number {
    const totals = noTotals();
    for (const { gpaPage, pages, readonly } of sections) {
      if (!readonly) this.#split(nowNs + totals.durationNs, domain, gpaPage, pages, totals);
    }
    this.#say(nowNs, totals, 'split');
    return totals.durationNs;
  }

  /** on-first-write: splits the blocks that a sync has just found dirty and cleaned. */
  splitFound(nowNs: number, domain: Domain, found: DirtyRuns, section: RamSection): number {
    if (this.config.split !== 'on-first-write') return 0;
    const scale = pagesPerGranule(domain);
    const totals = noTotals();
    for (let r = 0; r < found.length; r++) {
      if (found.counts[r]! === 1) continue;
      const from = Math.max(found.firsts[r]! * scale, section.gpaPage);
      const to = Math.min((found.firsts[r]! + found.counts[r]!) * scale, section.gpaPage + section.pages);
      this.#split(nowNs + totals.durationNs, domain, from, to - from, totals);
    }
    if (totals.blocks + totals.kept > 0) this.#say(nowNs, totals, 'split on first write');
    return totals.durationNs;
  }

  collapseSections(nowNs: number, domain: Domain, sections: readonly RamSection[]): number {
    const { costs, config, emit, name } = this.#parts;
    const { table } = domain;
    const levels = table.leafSizes.map((log2) => log2 / table.format.indexBits).filter((l) => l > 0 && l % 1 === 0);
    const scale = pagesPerGranule(domain);
    let blocks = 0;
    let durationNs = 0;
    for (const level of levels) {
      for (const { gpaPage, pages } of sections) {
        const result = collapse(domain, gpaPage / scale, pages / scale, { level, bbm: config.bbm });
        blocks += result.blocks;
        durationNs += table.cost.entries * costs.split_entry + result.flushes * costs.iotlb_flush;
      }
    }
    emit({
      timeNs: nowNs,
      durationNs: Math.round(durationNs),
      kind: 'collapse',
      text: `${name}: ${blocks} blocks put together again`,
      source: name,
      detail: { blocks },
    });
    return durationNs;
  }

  #split(nowNs: number, domain: Domain, gpaPage: number, pages: number, totals: Totals): void {
    const { costs, config, advance } = this.#parts;
    const { table } = domain;
    const scale = pagesPerGranule(domain);
    if (this.#failArmed && config.failAt !== null) {
      table.arena.failAfter = config.failAt - 1;
      this.#failArmed = false;
    }
    const before = domain.iotlb.counters.rangeInvalidations;
    const elapsedNs = (): number =>
      table.cost.entries * costs.split_entry + (domain.iotlb.counters.rangeInvalidations - before) * costs.iotlb_flush;
    const result = split(domain, gpaPage / scale, pages / scale, {
      order: config.order,
      bbm: config.bbm,
      leafLevel: Math.floor(table.leafSizes[0]! / table.format.indexBits),
      between: () => {
        advance(nowNs + elapsedNs());
      },
    });
    totals.durationNs += elapsedNs();
    totals.blocks += result.swaps;
    totals.tables += result.tables;
    totals.retries += result.retries;
    totals.faultWindows += result.faultWindows;
    totals.kept += result.kept.filter(({ why }) => why === 'no-memory').length;
  }

  #say(nowNs: number, totals: Totals, what: string): void {
    const { emit, name } = this.#parts;
    const { blocks, tables, retries, kept, faultWindows } = totals;
    const failed = kept === 0 ? '' : `; ${kept} kept block grain for want of memory`;
    emit({
      timeNs: nowNs,
      durationNs: Math.round(totals.durationNs),
      kind: 'split',
      text: `${name}: ${what}, ${blocks} exchanges, ${tables} tables${failed}`,
      source: name,
      detail: { blocks, tables, retries, kept, faultWindows },
    });
  }
}

/** The warm-up: a GiB of each section at a time, the next when the last is done. */
export class SplitAhead implements Actor {
  readonly name: string;
  readonly #grain: BlockGrain;
  readonly #domains: readonly Domain[];
  readonly #sections: () => readonly RamSection[];
  /** Pages of the sections, one after another, that are done. */
  #done = 0;

  constructor(name: string, grain: BlockGrain, domains: readonly Domain[], sections: () => readonly RamSection[]) {
    this.name = `${name}/split`;
    this.#grain = grain;
    this.#domains = domains;
    this.#sections = sections;
  }

  run(nowNs: number): number {
    let skip = this.#done;
    for (const section of this.#sections()) {
      if (section.readonly || skip >= section.pages) {
        skip -= section.readonly ? 0 : section.pages;
        continue;
      }
      const gpaPage = section.gpaPage + skip;
      const pages = Math.min(section.pages - skip, GIB_PAGES - (gpaPage % GIB_PAGES));
      this.#done += pages;
      let durationNs = 0;
      for (const domain of this.#domains) {
        durationNs += this.#grain.splitSections(nowNs, domain, [{ ...section, gpaPage, pages }]);
      }
      return nowNs + Math.max(1, Math.ceil(durationNs));
    }
    return Infinity;
  }
}

function noTotals(): Totals {
  return { blocks: 0, tables: 0, retries: 0, kept: 0, faultWindows: 0, durationNs: 0 };
}

function pagesPerGranule(domain: Domain): number {
  return 1 << (domain.table.format.granuleShift - 12);
}
