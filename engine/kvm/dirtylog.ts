// KVM's dirty log: a bitmap per memslot, read by KVM_GET_DIRTY_LOG.
//
//   initially-set (what QEMU asks for)  KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 with ENABLE and INITIALLY_SET: the log starts
//     all ones and nothing but huge leaves is protected; GET copies and leaves everything as it is; KVM_CLEAR_DIRTY_LOG
//     gives back what user space has seen and protects these pages again. QEMU clears lazily, a chunk (1 GiB) at a time,
//     before the first page of the chunk is sent.
//   manual  the same with ENABLE alone: every page is protected when logging starts, and the log starts empty.
//   legacy  enabling protects every page; GET reads, clears and protects in one step under the mmu lock.
// With PML (`hardware`) the same logs; the CPU writes the address of each page whose D bit turns on into a buffer of 512, and the vCPU
//     exits when it is full, instead of one fault per page. KVM drains it at every exit, so nothing stays behind at a sync.
//
// The manual log is kept in two disjoint parts: `fresh`, set since the last GET, and `seen`, returned by a GET and not
// yet cleared. A page in either is not armed: what is written to it before its chunk is cleared is not reported again
// (and need not be: the page is not sent before the clear). A GET merges only `fresh`: pages of `seen` were merged
// before and are still in the migration bitmap, because a page leaves it only after the clear of its chunk.
// Invariant: every page of a logged slot is exactly one of armed, fresh or seen while logging is on.
//
// Cost: GET and CLEAR work on what is dirty; their simulated time also counts the bitmap that the kernel copies whole.
// Source: qemu-migration.md 4.1; virt/kvm/kvm_main.c kvm_get_dirty_log_protect(), kvm_clear_dirty_log_protect().

import { DirtyBitmap } from '../core/bitmap.ts';
import { ok, type Outcome } from '../core/errno.ts';
import type { ClearReport, HarvestReport } from '../core/ports.ts';
import { Protection } from './protection.ts';
import { gib, loggedPages } from './slots.ts';
import type { KvmTracking, KvmTrackingConfig } from './tracking.ts';

export const PML_ENTRIES = 512;

/** `manual`: without INITIALLY_SET, as QEMU had it for a short while. */
export type DirtyLogMode = 'initially-set' | 'manual' | 'legacy';

export class KvmDirtyLog implements KvmTracking {
  readonly name = 'kvm';
  readonly mode: DirtyLogMode;
  readonly #config: KvmTrackingConfig;
  readonly #protection: Protection;
  readonly #fresh: DirtyBitmap;
  readonly #seen: DirtyBitmap;
  #logging = false;

  constructor(mode: DirtyLogMode, config: KvmTrackingConfig) {
    this.mode = mode;
    this.#config = config;
    this.#protection = new Protection(config.pages);
    this.#fresh = new DirtyBitmap(config.pages);
    this.#seen = new DirtyBitmap(config.pages);
  }

  get faults(): number {
    return this.#protection.faults;
  }

  /** Pages logged and not yet given back; for tests of the invariant. */
  get parts(): { readonly armed: DirtyBitmap; readonly fresh: DirtyBitmap; readonly seen: DirtyBitmap } {
    return { armed: this.#protection.armed, fresh: this.#fresh, seen: this.#seen };
  }

  start(): Outcome<number> {
    const { slots, backingPages, eagerSplit, costs } = this.#config;
    this.#logging = true;
    const huge = backingPages > 1;
    let ns = costs.log_enable;
    for (const slot of slots) {
      if (slot.readonly) continue;
      if (this.mode !== 'initially-set') {
        this.#protection.armed.setRange(slot.first, slot.pages);
        ns += gib(slot.pages) * costs.log_enable_gib;
        if (huge && eagerSplit) ns += gib(slot.pages) * costs.eager_split_gib;
      } else {
        this.#fresh.setRange(slot.first, slot.pages);
      }
      // Initially set, huge leaves stay whole until the first clear: eager split belongs to the clear.
      if (huge && (this.mode === 'initially-set' || !eagerSplit)) this.#protection.protectHuge(slot.first, slot.pages);
    }
    return ok(Math.round(ns));
  }

  stop(): number {
    this.#logging = false;
    this.#protection.reset();
    this.#fresh.reset();
    this.#seen.reset();
    return 0;
  }

  harvest(_nowNs: number, into: DirtyBitmap): HarvestReport {
    const { slots, costs } = this.#config;
    const pages = this.#fresh.count;
    const keep = this.mode === 'legacy' ? this.#protection.armed : this.#seen;
    this.#fresh.takeRuns((first, count) => {
      into.setRange(first, count);
      keep.setRange(first, count);
    });
    const size = loggedPages(slots);
    // Dense bitmaps are merged by words of 64 pages.
    const handled = Math.min(pages, size / 64);
    const ns = slots.length * costs.log_get + gib(size) * costs.log_get_gib + handled * costs.log_get_page;
    const lockHeldNs = this.mode === 'legacy' ? pages * costs.log_clear_page : 0;
    return {
      pages,
      durationNs: Math.round(ns + lockHeldNs),
      lockHeldNs: Math.round(lockHeldNs),
      entriesTouched: this.mode === 'legacy' ? pages : 0,
      iotlbFlushes: 0,
    };
  }

  clear(_nowNs: number, firstPage: number, count: number): ClearReport {
    if (this.mode === 'legacy') return { durationNs: 0, lockHeldNs: 0 };
    const { costs, backingPages, eagerSplit } = this.#config;
    const armed = this.#protection.armed;
    let cleared = 0;
    this.#seen.forEachRun(
      (first, n) => {
        armed.setRange(first, n);
        cleared += n;
      },
      firstPage,
      firstPage + count,
    );
    if (cleared === 0) return { durationNs: 0, lockHeldNs: 0 };
    this.#seen.clearRange(firstPage, count);
    let lockHeldNs = cleared * costs.log_clear_page;
    if (backingPages > 1 && eagerSplit) {
      lockHeldNs += gib(cleared) * costs.eager_split_gib;
      this.#protection.splitEagerly(firstPage, count);
    }
    return { durationNs: Math.round(costs.log_clear + lockHeldNs), lockHeldNs: Math.round(lockHeldNs) };
  }

  writePages(_group: number, pages: Uint32Array, count: number): number {
    if (!this.#logging) return 0;
    const { faults, splits } = this.#protection;
    this.#protection.writePages(pages, count, this.#log);
    return this.#costOf(this.#protection.faults - faults, this.#protection.splits - splits);
  }

  writeRun(_group: number, firstPage: number, count: number): number {
    if (!this.#logging) return 0;
    const { faults, splits } = this.#protection;
    this.#protection.writeRun(firstPage, count, this.#logRun);
    return this.#costOf(this.#protection.faults - faults, this.#protection.splits - splits);
  }

  readonly #log = (page: number): void => {
    this.#fresh.set(page);
  };

  readonly #logRun = (first: number, count: number): void => {
    this.#fresh.setRange(first, count);
  };

  #costOf(faults: number, splits: number): number {
    const { costs } = this.#config;
    // With PML a page costs its share of one exit per 512 entries.
    const perPage = this.#config.hardware === 'pml' ? costs.pml_exit / PML_ENTRIES : costs.wp_fault;
    return faults * perPage + splits * costs.wp_fault_split;
  }
}
