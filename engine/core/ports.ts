// The ports between a migration and what it migrates. The rows below migration/ (kvm, iommu, viommu, devices, machine)
// implement them; migration/ and experiment/ call them. Nothing here does anything.
//
// Order of calls in one migration (QEMU 9.2, migration/migration.c and hw/vfio/migration.c):
//   setup        tracker.start()           dirty logging on: KVM slots, then IOMMU domain or device log
//                device.setup()            RUNNING -> PRE_COPY where supported
//                tracker.harvest(false)    the first sync; every page is due anyway
//   while active tracker.harvest(false)    at each exact query; device.exactBytes(), estimateBytes(), iterate()
//   blackout     vCPUs stop; for every device quiesce() (P2P), then for every device stop() (STOP_COPY or STOP)
//                tracker.harvest(true), remaining pages, device.takeStopCopy(), device.finish()
//   otherwise    device.abort(), tracker.stop(): the source goes on as if nothing had been
//
// Pages are RAM pages (ram_addr >> 12); durations and times are simulated nanoseconds. A call changes state at `nowNs`
// and returns how long it took: the caller, not the callee, lets that time pass.

import type { DirtyBitmap } from './bitmap.ts';
import type { Outcome } from './errno.ts';
import type { RunEvent } from './events.ts';

/** What one harvest found and cost. What was newly set, the caller sees by the bitmap's count. */
export interface HarvestReport {
  /** Pages reported dirty, whether or not the bitmap had them already. */
  readonly pages: number;
  readonly durationNs: number;
  /** Of `durationNs`, the time a lock is held that stalls faulting vCPUs (KVM's mmu_lock); 0 for IOMMU and devices. */
  readonly lockHeldNs: number;
  readonly entriesTouched: number;
  readonly iotlbFlushes: number;
}

/** Something that knows which pages were written and gives it away: KVM's log, an IOMMU domain, a device's own log. */
export interface DirtyTracker {
  readonly name: string;
  /** A harvest waits for every vCPU to leave the guest: one that sleeps in a throttle holds it up. */
  readonly kicksVcpus?: boolean;
  start(nowNs: number): Outcome<LockReport>;
  /** Sets the bit of every page written since the last harvest and forgets it; `lastStage`: nothing writes any more. */
  harvest(nowNs: number, into: DirtyBitmap, lastStage: boolean): HarvestReport;
  /**
   * Only KVM's manual mode: re-protects pages it has reported, before they are sent; `first` and `count` cover one
   * chunk. Clearing early is safe, clearing after the page was read loses dirt.
   */
  clear?(nowNs: number, firstPage: number, count: number): LockReport;
  stop(nowNs: number): number;
}

/** How long a call took, and for how much of it a lock was held that stalls faulting vCPUs (KVM's mmu_lock). */
export interface LockReport {
  readonly durationNs: number;
  readonly lockHeldNs: number;
}

/** A device whose state travels with the guest (VFIO's SaveVMHandlers and state changes). */
export interface MigratableDevice {
  readonly name: string;
  /** Whether DMA between devices can be quiesced first (RUNNING_P2P, PRE_COPY_P2P). */
  readonly canP2p: boolean;
  readonly canPrecopy: boolean;
  /** Into PRE_COPY where supported. */
  setup(nowNs: number): Outcome<number>;
  /** What the last query said minus what was read since: 0 without pre-copy. */
  estimateBytes(nowNs: number): number;
  /** Asks the device again; includes the stop-copy data (VFIO_DEVICE_FEATURE_MIG_DATA_SIZE). */
  exactBytes(nowNs: number): number;
  /** Reads up to `maxBytes` of pre-copy data; 0 is ENOMSG, nothing now. */
  iterate(nowNs: number, maxBytes: number): number;
  /** Whether all initial bytes went out (INIT_DATA_SENT): with switchover-ack nothing stops before that. */
  initialSent(nowNs: number): boolean;
  quiesce(nowNs: number): Outcome<number>;
  /** DMA ends here. */
  stop(nowNs: number): Outcome<number>;
  /** All that is left of the state, in bytes; asked once, after `stop`. */
  takeStopCopy(nowNs: number): number;
  /** How long its driver takes to give out so many bytes in STOP_COPY. */
  readNs(bytes: number): number;
  /** Time to load its state at the destination: bytes as sent in all. */
  loadNs(bytes: number): number;
  /** STOP, in save_cleanup: kept out of the downtime. */
  finish(nowNs: number): number;
  /** Failure or cancel: back to RUNNING. */
  abort(nowNs: number): number;
}

/** By which step of an unmap or a sync dirt was dropped, and what its page-table entry said; of the first page of a drop. */
export interface DropPlace {
  /** The way to unmap or to sync, and the step of it. */
  readonly policy: string;
  readonly step: string;
  readonly iova: number;
  readonly format: string;
  /** The two 32-bit halves before the step and after it. */
  readonly beforeLo: number;
  readonly beforeHi: number;
  readonly afterLo: number;
  readonly afterHi: number;
}

/** Where a step says that it dropped dirt. */
export interface DropSink {
  /**
   * Says that the dirt of these pages was dropped: no tracker will report it any more. One-way; for the oracle, which
   * ignores it where the page is written or sent again. `cause` is a short constant; `place` is told where a step knows it.
   */
  dropped(nowNs: number, source: string, cause: string, firstPage: number, count: number, place?: DropPlace): void;
  /**
   * Says that from now on writes to these pages may go unnoticed, though no dirt was dropped yet: an entry that holds Dirty
   * was not flushed, a domain does not track. Sending a page does not end it.
   */
  blinded(nowNs: number, source: string, cause: string, firstPage: number, count: number, place?: DropPlace): void;
}

/** Takes an event and returns its index in the run. */
export type EmitEvent = (event: RunEvent) => number;
