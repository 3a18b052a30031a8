// The memory of one MAP (kernel: struct iopt_pages). Areas and accesses refer to slices of it; COPY shares it. Its pinned
// set is the union of the pages used by areas in a domain and by accesses, charged once per page.
// Source: drivers/iommu/iommufd/pages.c. Two MAPs of one address are two of these: charged twice.
import type { Errno } from '../core/errno.ts';
import { PageCoverage } from './coverage.ts';
import type { AccountMode, PageSource, PinAccount } from './memory.ts';

export class IoptPages {
  readonly source: PageSource;
  /** Page of the source that is index 0. */
  readonly firstPage: number;
  readonly pages: number;
  readonly writable: boolean;
  readonly account: PinAccount;
  readonly mode: AccountMode;
  private readonly coverage = new PageCoverage();

  constructor(options: {
    readonly source: PageSource;
    readonly firstPage: number;
    readonly pages: number;
    readonly writable: boolean;
    readonly account: PinAccount;
    readonly mode: AccountMode;
  }) {
    this.source = options.source;
    this.firstPage = options.firstPage;
    this.pages = options.pages;
    this.writable = options.writable;
    this.account = options.account;
    this.mode = options.mode;
  }

  get pinned(): number {
    return this.coverage.pages;
  }

  /** What pinning indexes first … last would answer, apart from the limit: pages already pinned cannot fault. */
  pinFault(first: number, last: number): Errno | undefined {
    let fault: Errno | undefined;
    this.coverage.forEachHole(first, last, (from, to) => {
      for (let at = from; at <= to && fault === undefined;) {
        const there = this.source.contiguous(this.firstPage + at, to - at + 1);
        if (there === 0) fault = this.source.missing;
        at += there;
      }
    });
    return fault;
  }

  /** Pins and charges; false (and no change) where RLIMIT_MEMLOCK forbids it. */
  pin(first: number, last: number): boolean {
    if (!this.account.charge(this.mode, this.coverage.uncovered(first, last))) return false;
    this.coverage.add(first, last);
    return true;
  }

  unpin(first: number, last: number): void {
    const before = this.coverage.pages;
    this.coverage.remove(first, last);
    this.account.release(this.mode, before - this.coverage.pages);
  }
}
