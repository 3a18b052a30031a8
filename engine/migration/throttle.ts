// Slowing the guest until it converges: auto-converge (QEMU 9.2, migration/ram.c migration_trigger_throttle(),
// mig_throttle_guest_down(); cpu-throttle.c). vCPUs are throttled, all alike; DMA is not.
//
// Judged at a sync that ends more than 1000 ms after the last period began. If the bytes newly dirtied in the period
// exceed the threshold share of the bytes sent in it, a counter goes up; at two it is reset and the guest is slowed one step.
// The two need not follow each other. The 5 s timer (since 9.2) only forces a sync where rounds are long.

import type { AutoConvergeConfig } from './config.ts';

/** A period ends at the first sync later than this after its beginning. */
export const PERIOD_NS = 1_000_000_000;
const HITS_PER_ACTION = 2;

/** The next percentage after `now`; `thresholdBytes` and `dirtyBytes` of the period, for tail-slow. */
export function nextThrottlePercent(
  config: AutoConvergeConfig,
  now: number,
  dirtyBytes: number,
  thresholdBytes: number,
): number {
  if (now === 0) return Math.min(config.initialPercent, config.maxPercent);
  let increment = config.incrementPercent;
  if (config.tailslow) {
    const cpuNow = 100 - now;
    const cpuIdeal = Math.floor(cpuNow * (thresholdBytes / dirtyBytes));
    increment = Math.min(cpuNow - cpuIdeal, config.incrementPercent);
  }
  return Math.min(now + increment, config.maxPercent);
}

export interface PeriodResult {
  /** Pages per second newly dirtied in the closed period. */
  readonly dirtyPagesRate: number;
  /** Bytes newly dirtied and the share of sent bytes they are held against, if the guest is to be slowed now. */
  readonly slow: { readonly dirtyBytes: number; readonly thresholdBytes: number } | null;
}

export class DirtyPeriod {
  readonly #triggerPercent: number;
  #startNs = -1;
  #startBytes = 0;
  #hits = 0;

  constructor(triggerPercent: number) {
    this.#triggerPercent = triggerPercent;
  }

  /** Called at the end of every sync. Returns what the period gave if it ended here. */
  atSync(nowNs: number, dirtyPagesPeriod: number, transferred: number): PeriodResult | null {
    if (this.#startNs < 0) this.#startNs = nowNs;
    const elapsedNs = nowNs - this.#startNs;
    if (elapsedNs <= PERIOD_NS) return null;
    const dirtyBytes = dirtyPagesPeriod * 4096;
    const thresholdBytes = ((transferred - this.#startBytes) * this.#triggerPercent) / 100;
    let slow: PeriodResult['slow'] = null;
    if (dirtyBytes > thresholdBytes && ++this.#hits >= HITS_PER_ACTION) {
      this.#hits = 0;
      slow = { dirtyBytes, thresholdBytes };
    }
    this.#startNs = nowNs;
    this.#startBytes = transferred;
    return { dirtyPagesRate: (dirtyPagesPeriod * 1e9) / elapsedNs, slow };
  }
}
