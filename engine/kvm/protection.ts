// Which pages fault on a vCPU's next write while dirty logging is on. Shared by every way of reporting (log, ring, PML).
//
// `armed`: the page's next write is noticed: write-protected, or with PML its D bit is clear. A noticed write disarms
// the page; further writes cost nothing and are not noticed. `hugeProtected`: with 2 MiB or 1 GiB backing, the huge leaf
// over the page is write-protected as a whole; the first write under it splits it (unless it was split eagerly) whether
// or not the page itself is armed. Index of a huge page: page >>> 9; a 1 GiB leaf is split to 2 MiB and then to 4 KiB, which
// the model counts per 2 MiB.
// Source: qemu-migration.md 4.1 and 4.3; arch/x86/kvm/mmu/mmu.c kvm_mmu_slot_remove_write_access(), tdp_mmu.c.
//
// Cost: one test per write of a page that is not armed; pages that change state cost some 20 ns.

import { DirtyBitmap } from '../core/bitmap.ts';
import { PAGES_PER_HUGE } from './slots.ts';

const HUGE_SHIFT = 9;

/** Takes pages whose write was noticed. */
export type Noticed = (page: number) => void;

export class Protection {
  readonly armed: DirtyBitmap;
  readonly hugeProtected: DirtyBitmap;
  /** Write-protect faults (or D bits set) so far. */
  faults = 0;
  /** Huge leaves split by a vCPU's fault. */
  splits = 0;

  constructor(pages: number) {
    this.armed = new DirtyBitmap(pages);
    this.hugeProtected = new DirtyBitmap(Math.ceil(pages / PAGES_PER_HUGE));
  }

  protectHuge(first: number, pages: number): void {
    const from = Math.floor(first / PAGES_PER_HUGE);
    const last = Math.ceil((first + pages) / PAGES_PER_HUGE);
    this.hugeProtected.setRange(from, last - from);
  }

  /** An eager split: the pages under the huge leaves fault one by one from now on. */
  splitEagerly(first: number, pages: number): void {
    const from = Math.floor(first / PAGES_PER_HUGE);
    const last = Math.ceil((first + pages) / PAGES_PER_HUGE);
    this.hugeProtected.clearRange(from, last - from);
  }

  reset(): void {
    this.armed.reset();
    this.hugeProtected.reset();
  }

  writePages(pages: Uint32Array, count: number, noticed: Noticed): void {
    const armed = this.armed;
    if (this.hugeProtected.count > 0) {
      for (let i = 0; i < count; i++) {
        if (this.hugeProtected.clear(pages[i]! >>> HUGE_SHIFT)) this.splits++;
      }
    }
    if (armed.count === 0) return;
    const chunks = armed.chunks;
    for (let i = 0; i < count; i++) {
      const page = pages[i]!;
      const chunk = chunks[page >>> 16];
      if (chunk === undefined || (chunk[(page & 0xffff) >>> 5]! & (1 << page)) === 0) continue;
      armed.clear(page);
      this.faults++;
      noticed(page);
    }
  }

  /** `noticed` is called for runs of pages. */
  writeRun(first: number, count: number, noticed: (first: number, count: number) => void): void {
    this.writeHuge(first, count);
    if (this.armed.count === 0 || count === 0) return;
    this.armed.takeRuns(
      (runFirst, runCount) => {
        this.faults += runCount;
        noticed(runFirst, runCount);
      },
      first,
      first + count,
    );
  }

  /** The part of a write that concerns huge leaves. */
  writeHuge(first: number, count: number): void {
    if (this.hugeProtected.count === 0 || count === 0) return;
    const from = first >>> HUGE_SHIFT;
    this.splits += this.hugeProtected.clearRange(from, ((first + count - 1) >>> HUGE_SHIFT) - from + 1);
  }
}
