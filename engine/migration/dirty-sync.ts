// A dirty sync as the migration thread makes it: every tracker's harvest into the migration bitmap, what that costs the thread
// and the guest, and what follows from what was found (round, throttling).
// (QEMU 9.2, migration/ram.c migration_bitmap_sync(), under the big lock.)
//
// While it lasts the thread holds the big lock: vCPUs that need it stall, and those that fault wait for mmu_lock. TCG clears dirty
// bits in each vCPU's own thread, and KVM's ring kicks each of them: such a sync waits for vCPUs that sleep in a throttle.

import type { Convergence } from './convergence.ts';
import type { MigrationParts } from './parts.ts';
import type { RamSave } from './ramsave.ts';
import { RoundLog } from './roundlog.ts';

/** What stands when the sync happens, for its event. */
export interface AtSync {
  readonly thresholdBytes: number;
  readonly transferred: number;
  /** The guest is stopped. */
  readonly lastStage: boolean;
}

export class DirtySync {
  readonly #parts: Pick<MigrationParts, 'config' | 'guest' | 'moment'>;
  readonly #ram: RamSave;
  readonly #convergence: Convergence;
  readonly #rounds: RoundLog;
  readonly #kicksVcpus: boolean;
  /** When the last one was over. */
  lastNs = 0;
  /** What it left to send, in pages. */
  lastLeft = 0;
  /** Time in syncs, and what trackers did in them. */
  harvestNs = 0;
  entriesTouched = 0;
  iotlbFlushes = 0;

  constructor(parts: MigrationParts, ram: RamSave, convergence: Convergence) {
    this.#parts = parts;
    this.#ram = ram;
    this.#convergence = convergence;
    this.#rounds = new RoundLog(parts.emit, 0);
    this.#kicksVcpus = parts.ram.trackers.some((tracker) => tracker.kicksVcpus === true);
  }

  /** The first round begins. */
  begin(nowNs: number): void {
    this.#rounds.begin(nowNs);
  }

  /** Returns how long it took. */
  run(nowNs: number, { thresholdBytes, transferred, lastStage }: AtSync): number {
    const { config, guest, moment } = this.#parts;
    const { costs } = config;
    const report = this.#ram.sync(nowNs, lastStage);
    const waitNs = lastStage ? 0 : (this.#kicksVcpus ? 1 : costs.sync_waits_vcpu) * guest.asleepNs(nowNs);
    const ns = Math.round(costs.sync_fixed + report.durationNs + waitNs);
    const endNs = nowNs + ns;
    this.lastNs = endNs;
    this.lastLeft = this.#ram.left;
    this.harvestNs += ns;
    this.entriesTouched += report.entriesTouched;
    this.iotlbFlushes += report.iotlbFlushes;
    if (!lastStage) guest.stall((ns - waitNs) * costs.bql_stall + report.lockHeldNs * costs.lock_stall);
    moment(nowNs, `round ${this.#ram.syncs}`);
    this.#rounds.sync(nowNs, {
      round: this.#ram.syncs,
      durationNs: ns,
      newlyDirty: report.newlyDirty,
      reported: report.pages,
      left: this.#ram.left,
      ...{ thresholdBytes, transferred, lastStage },
    });
    if (this.#convergence.atSync(endNs, this.#ram.dirtyPagesPeriod, transferred, lastStage)) {
      this.#ram.dirtyPagesPeriod = 0;
    }
    return ns;
  }
}
