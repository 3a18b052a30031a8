// What the machine and the migration see of KVM's dirty tracking, whichever way it reports.

import type { DirtyTracker, LockReport } from '../core/ports.ts';
import type { Actor } from '../core/scheduler.ts';
import type { DirtyLimit } from './dirtylimit.ts';
import type { Memslot } from './slots.ts';

export interface KvmTracking extends DirtyTracker {
  /** Page writes by the vCPUs of a group; returns the vCPU time that noticing them cost. */
  writePages(group: number, pages: Uint32Array, count: number): number;
  writeRun(group: number, firstPage: number, count: number): number;
  /** Pages noticed by a fault, D bit or ring entry so far. */
  readonly faults: number;
  /** A slot appears; with logging on it is logged from then on. */
  slotAdd(slot: Memslot): number;
  /**
   * A slot goes; with logging on its log is taken first and kept for the next harvest. `drop` is told of pages whose
   * dirt goes with it: what sits in hardware buffers, where that hole is switched on.
   */
  slotDel(slot: Memslot, drop: ((first: number, count: number) => void) | null): number;
  /** Threads of its own: the ring's reaper. */
  readonly actors?: readonly Actor[];
  /** Only the ring can limit vCPUs one by one. */
  readonly limit?: DirtyLimit;
}

export interface KvmTrackingConfig {
  readonly pages: number;
  readonly slots: readonly Memslot[];
  /** 4 KiB pages per host page behind guest RAM: 1, 512 or 262144. */
  readonly backingPages: number;
  readonly eagerSplit: boolean;
  /** How a first write is noticed: by a fault on a write-protected page, or by the CPU's page-modification log. */
  readonly hardware: 'write-protect' | 'pml';
  readonly costs: KvmCosts;
}

/** Nanoseconds; names and meaning as in core/costs.ts. */
export interface KvmCosts {
  readonly wp_fault: number;
  readonly wp_fault_split: number;
  readonly eager_split_gib: number;
  readonly pml_exit: number;
  readonly ring_exit: number;
  readonly ring_collect: number;
  readonly slot_change: number;
  readonly log_enable: number;
  readonly log_enable_gib: number;
  readonly log_get: number;
  readonly log_get_gib: number;
  readonly log_get_page: number;
  readonly log_clear: number;
  readonly log_clear_page: number;
}

/** Switching the log on: what is protected at once is protected under mmu_lock, and vCPUs that fault wait for it. */
export const startReport = (costs: KvmCosts, lockHeldNs: number): LockReport => ({
  durationNs: Math.round(costs.log_enable + lockHeldNs),
  lockHeldNs: Math.round(lockHeldNs),
});
