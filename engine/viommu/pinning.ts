// The pages of guest RAM that a VMM holds pinned for its containers, and what RLIMIT_MEMLOCK says to it.
//
//   IOAS_MAP    pins and charges the pages of the mapping, whoever has pinned them before: two MAPs of one page count twice
//   IOAS_COPY   refers to the memory of a MAP: a page is pinned and charged once, until its last mapping goes
//   type1       as MAP
// A container copies guest RAM from the first that mapped it, and a guest's own mapping from whichever holds the RAM under it;
// where nobody does, it is a MAP. Who shares what is IoptPages (iommufd/iopt-pages.ts), the rule that ioctl scripts run on.
// Invariant: the account holds the sum of what all containers have pinned.
// Left out: faults of the memory (all of guest RAM is there), unpinning's own time (it is in iommu_unmap).
// Source: drivers/iommu/iommufd/pages.c.

import type { AccountMode, PageSource } from '../iommufd/memory.ts';
import { MemoryRange, PinAccount } from '../iommufd/memory.ts';
import { IoptPages } from '../iommufd/iopt-pages.ts';

export interface PinRules {
  /** RLIMIT_MEMLOCK in bytes; Infinity for none. */
  readonly limitBytes: number;
  /** By IOAS_COPY where another container has the memory. */
  readonly copies: boolean;
  readonly mode: AccountMode;
}

/** Nothing to be pinned. */
export const OVER_LIMIT = -1;

/** What one VMM process has pinned. */
export class GuestPins {
  readonly account: PinAccount;
  readonly rules: PinRules;
  readonly ram: PageSource;
  /** Memory that was mapped whole and can be copied from. */
  readonly shared: IoptPages[] = [];

  constructor(rules: PinRules, ramPages: number) {
    this.rules = rules;
    this.account = new PinAccount(rules.limitBytes);
    this.ram = new MemoryRange({ kind: 'user', firstPage: 0, firstFrame: 0, pages: ramPages });
  }

  get pages(): number {
    return this.account.pages;
  }

  forContainer(): ContainerPins {
    return new ContainerPins(this);
  }

  /** Memory that COPY can take [ramPage, ramPage + pages) from; write access needs memory that was mapped writable. */
  sourceOf(ramPage: number, pages: number, writable: boolean): IoptPages | undefined {
    if (!this.rules.copies) return undefined;
    for (const memory of this.shared) {
      const inside = ramPage >= memory.firstPage && ramPage + pages <= memory.firstPage + memory.pages;
      if (inside && memory.pinned === memory.pages && (memory.writable || !writable)) return memory;
    }
    return undefined;
  }
}

interface Copied {
  readonly memory: IoptPages;
  readonly first: number;
  readonly last: number;
}

/** What one container has pinned, by mapping. */
export class ContainerPins {
  readonly #pins: GuestPins;
  /** Mappings whose memory is shared, by first IOVA page. */
  readonly #copied = new Map<number, Copied>();
  /** Pages of mappings that have their memory for themselves. */
  #ownPages = 0;

  constructor(pins: GuestPins) {
    this.#pins = pins;
  }

  /** Whether a mapping would be pinned. */
  fits(ramPage: number, pages: number): boolean {
    const { account, rules } = this.#pins;
    return account.fits(rules.mode, pages) || this.#pins.sourceOf(ramPage, pages, true) !== undefined;
  }

  /** Pins a guest's mapping, and answers how many pages are pinned now that were not; OVER_LIMIT where the limit forbids it. */
  add(iovaPage: number, ramPage: number, pages: number): number {
    const { account, rules, shared } = this.#pins;
    const memory = shared.length === 0 ? undefined : this.#pins.sourceOf(ramPage, pages, true);
    if (memory !== undefined) return this.#share(iovaPage, memory, ramPage, pages);
    if (!account.charge(rules.mode, pages)) return OVER_LIMIT;
    this.#ownPages += pages;
    return pages;
  }

  /** The same for a section of guest RAM, from which others may copy. */
  addSection(iovaPage: number, ramPage: number, pages: number, writable: boolean): number {
    const { account, rules, ram, shared } = this.#pins;
    const memory = this.#pins.sourceOf(ramPage, pages, writable);
    if (memory !== undefined) return this.#share(iovaPage, memory, ramPage, pages);
    const made = new IoptPages({ source: ram, firstPage: ramPage, pages, writable, account, mode: rules.mode });
    const pinned = this.#share(iovaPage, made, ramPage, pages);
    if (pinned !== OVER_LIMIT && rules.copies) shared.push(made);
    return pinned;
  }

  /** A mapping goes; `pieces` of equal length where a notification covers several. */
  remove(iovaPage: number, pages: number, pieces: number): void {
    if (this.#copied.size === 0) {
      this.#release(pages);
      return;
    }
    const pagesEach = pages / pieces;
    for (let at = iovaPage; at < iovaPage + pages; at += pagesEach) {
      const copied = this.#copied.get(at);
      if (copied === undefined) this.#release(pagesEach);
      else this.#unshare(at, copied);
    }
  }

  removeAll(): void {
    this.#release(this.#ownPages);
    for (const [iovaPage, copied] of this.#copied) this.#unshare(iovaPage, copied);
  }

  #share(iovaPage: number, memory: IoptPages, ramPage: number, pages: number): number {
    const before = memory.pinned;
    const first = ramPage - memory.firstPage;
    if (!memory.pin(first, first + pages - 1)) return OVER_LIMIT;
    this.#copied.set(iovaPage, { memory, first, last: first + pages - 1 });
    return memory.pinned - before;
  }

  #unshare(iovaPage: number, { memory, first, last }: Copied): void {
    this.#copied.delete(iovaPage);
    memory.unpin(first, last);
    if (memory.pinned > 0) return;
    const at = this.#pins.shared.indexOf(memory);
    if (at >= 0) this.#pins.shared.splice(at, 1);
  }

  #release(pages: number): void {
    this.#ownPages -= pages;
    this.#pins.account.release(this.#pins.rules.mode, pages);
  }
}
