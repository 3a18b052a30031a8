// What can be pinned, and who pays for it.
//
// A PageSource is a range of memory of the calling process or of a file, in pages of 4 KiB; it answers where a page lies
// in physical memory. A PinAccount is what RLIMIT_MEMLOCK limits: pages charged to the user (the default) or to the
// process (mm). Source: drivers/iommu/iommufd/pages.c pfn_reader_user_pin(), do_update_pinned(), incr_user_locked_vm().
import type { Errno } from '../core/errno.ts';

export interface PageSource {
  /** MAP_FILE's pages survive IOMMU_IOAS_CHANGE_PROCESS, a process's addresses do not. */
  readonly kind: 'user' | 'file';
  /** What pinning a page answers that is not there. */
  readonly missing: Errno;
  /** The physical page, or -1. */
  frame(page: number): number;
  /** How many pages from `page` on are there and physically contiguous, at most `count`. */
  contiguous(page: number, count: number): number;
}

/** One physically contiguous piece of memory, as a source: page `firstPage + i` lies at `firstFrame + i`. */
export class MemoryRange implements PageSource {
  readonly kind: 'user' | 'file';
  readonly missing: Errno;
  readonly firstPage: number;
  readonly firstFrame: number;
  readonly pages: number;

  constructor(range: {
    readonly kind: 'user' | 'file';
    readonly firstPage: number;
    readonly firstFrame: number;
    readonly pages: number;
  }) {
    this.kind = range.kind;
    this.missing = range.kind === 'user' ? 'EFAULT' : 'EINVAL';
    this.firstPage = range.firstPage;
    this.firstFrame = range.firstFrame;
    this.pages = range.pages;
  }

  frame(page: number): number {
    const index = page - this.firstPage;
    return index >= 0 && index < this.pages ? this.firstFrame + index : -1;
  }

  contiguous(page: number, count: number): number {
    const index = page - this.firstPage;
    return index >= 0 && index < this.pages ? Math.min(count, this.pages - index) : 0;
  }
}

/** IOMMU_OPTION_RLIMIT_MODE. */
export type AccountMode = 'user' | 'mm';

export class PinAccount {
  readonly limitPages: number;
  private readonly charged = { user: 0, mm: 0 };

  /** `limitBytes`: RLIMIT_MEMLOCK; Infinity for none. */
  constructor(limitBytes = Infinity) {
    this.limitPages = Math.floor(limitBytes / 4096);
  }

  /** Pages charged, over both modes: what the process shows as pinned. */
  get pages(): number {
    return this.charged.user + this.charged.mm;
  }

  fits(mode: AccountMode, pages: number): boolean {
    return this.charged[mode] + pages <= this.limitPages;
  }

  /** Charges, or answers false where the limit forbids it; exactly at the limit is fine. */
  charge(mode: AccountMode, pages: number): boolean {
    if (!this.fits(mode, pages)) return false;
    this.charged[mode] += pages;
    return true;
  }

  release(mode: AccountMode, pages: number): void {
    this.charged[mode] -= pages;
  }
}
