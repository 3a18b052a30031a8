// Where a sync lost dirt: what the page's entry said before the step and after it. For the event of a loss only.
import type { DropPlace } from '../core/ports.ts';
import type { Domain } from '../iommu/domain.ts';
import * as entry from '../iommu/entry.ts';
import { findEntry, firstReplica, replicas } from '../iommu/walking.ts';

/** The entry of a granule; of a repeated leaf the replica that holds Dirty, if one does. -1: not mapped. */
function tellingEntry({ table }: Domain, granule: number): number {
  const found = findEntry(table, granule);
  if (found < 0) return found;
  const { words } = table.arena;
  const level = table.foundLevel;
  const log2 = entry.leafSizeLog2(table.format, level, words[2 * found]!, words[2 * found + 1]!);
  const first = firstReplica(table, found, level, log2);
  for (let e = first; e < first + replicas(table, level, log2); e++) {
    if (entry.isDirty(table.format, words[2 * e]!, words[2 * e + 1]!)) return e;
  }
  return found;
}

/** Remembers a granule's entry before a step; `place` tells it with what the step made of it. */
export class EntryBefore {
  readonly #domain: Domain;
  readonly #granule: number;
  readonly #entry: number;
  readonly #lo: number;
  readonly #hi: number;

  constructor(domain: Domain, granule: number) {
    this.#domain = domain;
    this.#granule = granule;
    this.#entry = tellingEntry(domain, granule);
    [this.#lo, this.#hi] = this.#words();
  }

  place(policy: string, step: string): DropPlace {
    const { format } = this.#domain.table;
    const iova = this.#granule * (1 << format.granuleShift);
    const [afterLo, afterHi] = this.#words();
    return { policy, step, iova, format: format.name, beforeLo: this.#lo, beforeHi: this.#hi, afterLo, afterHi };
  }

  #words(): [lo: number, hi: number] {
    const { words } = this.#domain.table.arena;
    const e = this.#entry;
    return e < 0 ? [0, 0] : [words[2 * e]!, words[2 * e + 1]!];
  }
}
