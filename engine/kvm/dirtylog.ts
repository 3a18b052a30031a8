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
// A slot that goes while logging has its log taken first (QEMU does a GET before the removal); what sits in PML buffers
// at that moment is not in it, and a slot that comes back is all ones only when initially set.
// Invariant: every page of a logged slot is exactly one of armed, fresh or seen while logging is on.
//
// Cost: GET and CLEAR work on what is dirty; their simulated time also counts the bitmap that the kernel copies whole.
// Source: qemu-migration.md 4.1; virt/kvm/kvm_main.c kvm_get_dirty_log_protect(), kvm_clear_dirty_log_protect().

import { DirtyBitmap } from '../core/bitmap.ts';
import { ok, type Outcome } from '../core/errno.ts';
import type { LockReport, HarvestReport } from '../core/ports.ts';
import { Protection } from './protection.ts';
import { gib, loggedPages, type Memslot } from './slots.ts';
import { startReport, type KvmTracking, type KvmTrackingConfig } from './tracking.ts';

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
  /** Slots now; the configuration's at first. */
  #slots: readonly Memslot[];
  /** Taken from the log of a slot that went, for the next GET. */
  readonly #taken: DirtyBitmap;
  /** The last pages noticed, as they would sit in a PML buffer; a ring of PML_ENTRIES. */
  readonly #buffer = new Float64Array(PML_ENTRIES).fill(-1);
  #bufferNext = 0;
  #logging = false;

  constructor(mode: DirtyLogMode, config: KvmTrackingConfig) {
    this.mode = mode;
    this.#config = config;
    this.#protection = new Protection(config.pages);
    this.#fresh = new DirtyBitmap(config.pages);
    this.#seen = new DirtyBitmap(config.pages);
    this.#taken = new DirtyBitmap(config.pages);
    this.#slots = config.slots;
  }

  get faults(): number {
    return this.#protection.faults;
  }

  /** Pages logged and not yet given back; for tests of the invariant. */
  get parts(): { readonly armed: DirtyBitmap; readonly fresh: DirtyBitmap; readonly seen: DirtyBitmap } {
    return { armed: this.#protection.armed, fresh: this.#fresh, seen: this.#seen };
  }

  start(): Outcome<LockReport> {
    this.#logging = true;
    let lockHeldNs = 0;
    for (const slot of this.#slots) lockHeldNs += this.#enable(slot);
    return ok(startReport(this.#config.costs, lockHeldNs));
  }

  /** KVM_SET_USER_MEMORY_REGION with KVM_MEM_LOG_DIRTY_PAGES; returns how long its pages are protected, under mmu_lock. */
  #enable(slot: Memslot): number {
    if (slot.readonly) return 0;
    const { backingPages, eagerSplit, costs } = this.#config;
    const huge = backingPages > 1;
    let ns = 0;
    if (this.mode !== 'initially-set') {
      this.#protection.armed.setRange(slot.first, slot.pages);
      ns += gib(slot.pages) * costs.log_enable_gib;
      if (huge && eagerSplit) ns += gib(slot.pages) * costs.eager_split_gib;
    } else {
      this.#fresh.setRange(slot.first, slot.pages);
    }
    // Initially set, huge leaves stay whole until the first clear: eager split belongs to the clear.
    if (huge && (this.mode === 'initially-set' || !eagerSplit)) this.#protection.protectHuge(slot.first, slot.pages);
    return ns;
  }

  slotAdd(slot: Memslot): number {
    this.#slots = [...this.#slots, slot];
    return Math.round(this.#config.costs.slot_change + (this.#logging ? this.#enable(slot) : 0));
  }

  slotDel(slot: Memslot, drop: ((first: number, count: number) => void) | null): number {
    const { costs } = this.#config;
    this.#slots = this.#slots.filter((known) => known.first !== slot.first || known.pages !== slot.pages);
    if (!this.#logging || slot.readonly) return Math.round(costs.slot_change);
    const end = slot.first + slot.pages;
    if (drop !== null) {
      for (const page of this.#buffer) {
        if (page >= slot.first && page < end && this.#fresh.clear(page)) drop(page, 1);
      }
    }
    this.#fresh.takeRuns((first, count) => this.#taken.setRange(first, count), slot.first, end);
    this.#seen.clearRange(slot.first, slot.pages);
    this.#protection.armed.clearRange(slot.first, slot.pages);
    return Math.round(costs.slot_change + costs.log_get + gib(slot.pages) * costs.log_get_gib);
  }

  stop(): number {
    this.#logging = false;
    this.#protection.reset();
    this.#fresh.reset();
    this.#seen.reset();
    this.#taken.reset();
    return 0;
  }

  harvest(_nowNs: number, into: DirtyBitmap): HarvestReport {
    const { costs } = this.#config;
    const slots = this.#slots;
    const pages = this.#fresh.count + this.#taken.count;
    this.#taken.takeRuns((first, count) => into.setRange(first, count));
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

  clear(_nowNs: number, firstPage: number, count: number): LockReport {
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
    this.#buffer[this.#bufferNext] = page;
    this.#bufferNext = (this.#bufferNext + 1) % PML_ENTRIES;
  };

  readonly #logRun = (first: number, count: number): void => {
    this.#fresh.setRange(first, count);
    for (let page = Math.max(first, first + count - PML_ENTRIES); page < first + count; page++) {
      this.#buffer[this.#bufferNext] = page;
      this.#bufferNext = (this.#bufferNext + 1) % PML_ENTRIES;
    }
  };

  #costOf(faults: number, splits: number): number {
    const { costs } = this.#config;
    // With PML a page costs its share of one exit per 512 entries.
    const perPage = this.#config.hardware === 'pml' ? costs.pml_exit / PML_ENTRIES : costs.wp_fault;
    return faults * perPage + splits * costs.wp_fault_split;
  }
}
