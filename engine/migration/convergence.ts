// What is done to the guest while it dirties memory faster than it is sent: auto-converge or dirty limit, judged at syncs
// (throttle.ts says when and how much), lifted when the migration ends.

import type { EmitEvent } from '../core/ports.ts';
import type { DirtyLimitConfig, MigrationConfig } from './config.ts';
import { DirtyPeriod, nextThrottlePercent } from './throttle.ts';

/** What slows the guest. */
export interface Brakes {
  setThrottle(nowNs: number, percent: number): void;
  /** Quota in bytes per second and vCPU; 0 lifts the limit. */
  setDirtyLimit(nowNs: number, quota: number, periodNs: number): void;
}

export class Convergence {
  readonly #config: MigrationConfig;
  readonly #brakes: Brakes;
  readonly #emit: EmitEvent;
  readonly #period: DirtyPeriod;
  #limited = false;
  throttlePercent = 0;
  throttleMaxPercent = 0;
  dirtyPagesRate = 0;

  constructor(config: MigrationConfig, brakes: Brakes, emit: EmitEvent) {
    this.#config = config;
    this.#brakes = brakes;
    this.#emit = emit;
    this.#period = new DirtyPeriod(config.throttleTriggerPercent);
  }

  /** A sync ended. Returns whether a period ended with it, so that its count of pages begins again. */
  atSync(nowNs: number, dirtyPagesPeriod: number, transferred: number, lastStage: boolean): boolean {
    const period = this.#period.atSync(nowNs, dirtyPagesPeriod, transferred);
    if (period === null) return false;
    this.dirtyPagesRate = period.dirtyPagesRate;
    if (period.slow === null || lastStage) return true;
    const { autoConverge, dirtyLimit } = this.#config;
    if (autoConverge !== null) {
      const { dirtyBytes, thresholdBytes } = period.slow;
      const percent = nextThrottlePercent(autoConverge, this.throttlePercent, dirtyBytes, thresholdBytes);
      if (percent !== this.throttlePercent) this.#throttle(nowNs, percent, dirtyBytes, thresholdBytes);
    } else if (dirtyLimit !== null && !this.#limited) {
      this.#limit(nowNs, dirtyLimit);
    }
    return true;
  }

  release(nowNs: number): void {
    this.throttlePercent = 0;
    this.#brakes.setThrottle(nowNs, 0);
    if (this.#limited) this.#brakes.setDirtyLimit(nowNs, 0, this.#config.dirtyLimit!.periodNs);
    this.#limited = false;
  }

  #throttle(nowNs: number, percent: number, dirtyBytes: number, thresholdBytes: number): void {
    this.throttlePercent = percent;
    this.throttleMaxPercent = Math.max(this.throttleMaxPercent, percent);
    this.#brakes.setThrottle(nowNs, percent);
    const text = `vCPUs throttled to ${percent} %`;
    const detail = { percent, dirtyBytes, thresholdBytes: Math.round(thresholdBytes) };
    this.#emit({ timeNs: nowNs, durationNs: 0, kind: 'throttle', text, detail });
  }

  #limit(nowNs: number, { quota, periodNs }: DirtyLimitConfig): void {
    this.#limited = true;
    this.#brakes.setDirtyLimit(nowNs, quota, periodNs);
    const text = `vCPUs limited to ${Math.floor(quota / 1048576)} MiB/s of dirt each`;
    this.#emit({ timeNs: nowNs, durationNs: 0, kind: 'throttle', text, detail: { quota } });
  }
}
