// KVM's dirty ring: every vCPU has a ring of entries; a noticed write pushes (slot, offset) and the ring's owner leaves the
// guest when the ring reaches its soft limit, until user space has collected it.
//
// - Collecting marks entries, and the reset protects their pages again; only then are they published to the migration: a
//   page written between the two would otherwise be sent stale and never be reported. Here both happen in one step.
// - QEMU collects every second (reaper), on an exit with a full ring (all rings, or with a dirty limit this vCPU's alone),
//   and at every sync, for which it kicks each vCPU so that PML buffers are drained. While a dirty limit works, the reaper rests.
// - Never with INITIALLY_SET: every page must be protected at the start, or its first writes go unnoticed.
// The vCPUs of a group take turns in pushing: they share one workload.
// Left out: the backup bitmap (arm64 ITS), ring entries of pages in deleted slots.
// Source: virt/kvm/dirty_ring.c; accel/kvm/kvm-all.c kvm_dirty_ring_reap(); qemu-migration.md 4.2.

import { DirtyBitmap } from '../core/bitmap.ts';
import { ok, type Outcome } from '../core/errno.ts';
import { invariant } from '../core/invariant.ts';
import type { HarvestReport, LockReport } from '../core/ports.ts';
import type { Actor } from '../core/scheduler.ts';
import { PML_ENTRIES } from './dirtylog.ts';
import { DirtyLimit } from './dirtylimit.ts';
import { Protection } from './protection.ts';
import { gib, type Memslot } from './slots.ts';
import { startReport, type KvmTracking, type KvmTrackingConfig } from './tracking.ts';

const RESERVED_ENTRIES = 64;

export interface DirtyRingConfig {
  readonly entries: number;
  readonly reaperNs: number;
  /** vCPUs of each group. */
  readonly vcpus: readonly number[];
}

/** Entries at which a vCPU leaves the guest. */
export const softLimit = (entries: number, hardware: 'write-protect' | 'pml'): number =>
  entries - RESERVED_ENTRIES - (hardware === 'pml' ? PML_ENTRIES : 0);

interface Ring {
  readonly entries: Uint32Array;
  count: number;
}

export class KvmDirtyRing implements KvmTracking {
  readonly name = 'kvm';
  readonly kicksVcpus = true;
  readonly limit: DirtyLimit;
  /** Exits with a full ring. */
  exits = 0;
  readonly #config: KvmTrackingConfig;
  readonly #ring: DirtyRingConfig;
  readonly #protection: Protection;
  readonly #collected: DirtyBitmap;
  readonly #rings: Ring[];
  readonly #firstRing: readonly number[];
  readonly #turn: Uint32Array;
  readonly #soft: number;
  /** Slots now; the configuration's at first. */
  #slots: readonly Memslot[];
  #logging = false;

  constructor(config: KvmTrackingConfig, ring: DirtyRingConfig) {
    this.#config = config;
    this.#ring = ring;
    this.#slots = config.slots;
    this.#soft = softLimit(ring.entries, config.hardware);
    invariant(this.#soft > 0, 'a ring has more entries than are kept in reserve');
    this.#protection = new Protection(config.pages);
    this.#collected = new DirtyBitmap(config.pages);
    let total = 0;
    this.#firstRing = ring.vcpus.map((vcpus) => (total += vcpus) - vcpus);
    this.#rings = Array.from({ length: total }, () => ({ entries: new Uint32Array(ring.entries), count: 0 }));
    this.#turn = new Uint32Array(ring.vcpus.length);
    this.limit = new DirtyLimit(total, ring.entries);
  }

  get faults(): number {
    return this.#protection.faults;
  }

  get actors(): readonly Actor[] {
    return [
      {
        name: 'dirty ring reaper',
        run: (nowNs) => {
          if (this.#logging && !this.limit.inService) this.#reapAll();
          return nowNs + this.#ring.reaperNs;
        },
      },
    ];
  }

  start(): Outcome<LockReport> {
    this.#logging = true;
    let lockHeldNs = 0;
    for (const slot of this.#slots) lockHeldNs += this.#enable(slot);
    return ok(startReport(this.#config.costs, lockHeldNs));
  }

  #enable(slot: Memslot): number {
    if (slot.readonly) return 0;
    const { backingPages, eagerSplit, costs } = this.#config;
    this.#protection.armed.setRange(slot.first, slot.pages);
    const ns = gib(slot.pages) * costs.log_enable_gib;
    if (backingPages === 1) return ns;
    if (eagerSplit) return ns + gib(slot.pages) * costs.eager_split_gib;
    this.#protection.protectHuge(slot.first, slot.pages);
    return ns;
  }

  slotAdd(slot: Memslot): number {
    this.#slots = [...this.#slots, slot];
    return Math.round(this.#config.costs.slot_change + (this.#logging ? this.#enable(slot) : 0));
  }

  /** The rings are reaped first; what the vCPUs' PML buffers hold then names a slot that is gone. */
  slotDel(slot: Memslot, drop: ((first: number, count: number) => void) | null): number {
    this.#slots = this.#slots.filter((known) => known.first !== slot.first || known.pages !== slot.pages);
    const { costs } = this.#config;
    if (!this.#logging || slot.readonly) return Math.round(costs.slot_change);
    if (drop !== null) {
      for (const ring of this.#rings) {
        const last = ring.entries.subarray(Math.max(0, ring.count - PML_ENTRIES), ring.count);
        const kept = last.filter((page) => page < slot.first || page >= slot.first + slot.pages);
        for (const page of last) if (page >= slot.first && page < slot.first + slot.pages) drop(page, 1);
        ring.count -= last.length;
        ring.entries.set(kept, ring.count);
        ring.count += kept.length;
      }
    }
    const reaped = this.#reapAll();
    this.#protection.armed.clearRange(slot.first, slot.pages);
    return Math.round(costs.slot_change + reaped * costs.ring_collect);
  }

  stop(): number {
    this.#logging = false;
    this.#protection.reset();
    this.#collected.reset();
    for (const ring of this.#rings) ring.count = 0;
    return 0;
  }

  harvest(_nowNs: number, into: DirtyBitmap): HarvestReport {
    const { costs } = this.#config;
    const reaped = this.#reapAll();
    const pages = this.#collected.count;
    this.#collected.takeRuns((first, count) => into.setRange(first, count));
    const lockHeldNs = reaped * costs.log_clear_page;
    const kicksNs = this.#rings.length * costs.ring_exit;
    return {
      pages,
      durationNs: Math.round(kicksNs + reaped * costs.ring_collect + lockHeldNs + pages * costs.log_get_page),
      lockHeldNs: Math.round(lockHeldNs),
      entriesTouched: reaped,
      iotlbFlushes: 0,
    };
  }

  writePages(group: number, pages: Uint32Array, count: number): number {
    if (!this.#logging) return 0;
    const { faults, splits } = this.#protection;
    let ns = 0;
    this.#protection.writePages(pages, count, (page) => {
      ns += this.#push(group, page);
    });
    return ns + this.#costOf(this.#protection.faults - faults, this.#protection.splits - splits);
  }

  writeRun(group: number, firstPage: number, count: number): number {
    if (!this.#logging || count === 0) return 0;
    const { armed } = this.#protection;
    const { splits } = this.#protection;
    let ns = 0;
    let faults = 0;
    const end = firstPage + count;
    // Page by page: a full ring is reset on the way, which protects pages again that lie behind.
    this.#protection.writeHuge(firstPage, count);
    for (let page = armed.nextSet(firstPage, end); page >= 0; page = armed.nextSet(page + 1, end)) {
      armed.clear(page);
      faults++;
      ns += this.#push(group, page);
    }
    this.#protection.faults += faults;
    return ns + this.#costOf(faults, this.#protection.splits - splits);
  }

  /** Puts an entry into the ring of the vCPU whose turn it is; returns what an exit cost it. */
  #push(group: number, page: number): number {
    const vcpus = this.#ring.vcpus[group]!;
    const vcpu = this.#firstRing[group]! + (this.#turn[group]! % vcpus);
    this.#turn[group] = (this.#turn[group]! + 1) % vcpus;
    const ring = this.#rings[vcpu]!;
    ring.entries[ring.count++] = page;
    this.limit.noticed(vcpu);
    if (ring.count < this.#soft) return 0;
    this.exits++;
    const reaped = this.limit.inService ? this.#reap(ring) : this.#reapAll();
    return this.#config.costs.ring_exit + reaped * this.#config.costs.ring_collect + this.limit.sleepNs(vcpu);
  }

  #reapAll(): number {
    let reaped = 0;
    for (const ring of this.#rings) reaped += this.#reap(ring);
    return reaped;
  }

  #reap(ring: Ring): number {
    const { count, entries } = ring;
    for (let i = 0; i < count; i++) {
      this.#collected.set(entries[i]!);
      // A page of a slot that went is not protected again; its slot's removal clears what this sets.
      this.#protection.armed.set(entries[i]!);
    }
    ring.count = 0;
    return count;
  }

  #costOf(faults: number, splits: number): number {
    const { costs, hardware } = this.#config;
    const perPage = hardware === 'pml' ? costs.pml_exit / PML_ENTRIES : costs.wp_fault;
    return faults * perPage + splits * costs.wp_fault_split;
  }
}
