// Dirty limit: each vCPU that dirties faster than its quota sleeps whenever its ring is full (QEMU 9.2, system/dirtylimit.c).
//
// Every period the rate of each vCPU is held against the quota. Within 25 MB/s of it nothing changes. Further off than half
// of the larger of the two, the sleep changes by what the ratio asks for; else by a tenth of the time a full ring takes at the
// highest rate ever seen. The sleep lies between 0 and 99 such times. vCPUs that only read never fill a ring and never sleep.

import { invariant } from '../core/invariant.ts';

const MIB = 1 << 20;
/** MB/s in QEMU's words, which are MiB. */
const TOLERANCE = 25;
const LINEAR_PERCENT = 50;
const SLEEP_PERCENT_MAX = 99;
const PAGE_BYTES = 4096;

/** The next sleep per full ring; rates in MiB/s, times in microseconds, whole numbers as in the source. */
export function nextSleepUs(sleepUs: number, quota: number, current: number, ringFullUs: number): number {
  const min = Math.min(quota, current);
  const max = Math.max(quota, current);
  if (max - min <= TOLERANCE) return sleepUs;
  if (current === 0) return 0;
  let change: number;
  if (Math.floor(((max - min) * 100) / max) > LINEAR_PERCENT) {
    const percent = Math.floor(((max - min) * 100) / max);
    change = Math.floor((ringFullUs * percent) / (100 - percent));
  } else {
    change = Math.floor(ringFullUs / 10);
  }
  const next = quota < current ? sleepUs + change : sleepUs - change;
  return Math.max(0, Math.min(next, ringFullUs * SLEEP_PERCENT_MAX));
}

export class DirtyLimit {
  readonly #ringMib: number;
  readonly #sleepUs: Float64Array;
  /** Pages noticed of each vCPU since the period began. */
  readonly #pages: Float64Array;
  #rateMax = 0;
  #quota = 0;
  #periodNs = 0;

  constructor(vcpus: number, ringEntries: number) {
    this.#ringMib = (ringEntries * PAGE_BYTES) / MIB;
    this.#sleepUs = new Float64Array(vcpus);
    this.#pages = new Float64Array(vcpus);
  }

  get inService(): boolean {
    return this.#quota > 0;
  }

  get periodNs(): number {
    return this.#periodNs;
  }

  /** Bytes per second and vCPU; 0 lifts the limit. */
  set(quota: number, periodNs: number): void {
    invariant(quota >= 0 && periodNs > 0, 'a dirty limit has a quota and a period');
    this.#quota = quota / MIB;
    this.#periodNs = periodNs;
    this.#pages.fill(0);
    if (quota === 0) this.#sleepUs.fill(0);
  }

  noticed(vcpu: number): void {
    this.#pages[vcpu]!++;
  }

  /** What a vCPU sleeps when it exits with a full ring. */
  sleepNs(vcpu: number): number {
    return this.inService ? this.#sleepUs[vcpu]! * 1000 : 0;
  }

  /** The period is over. */
  adjust(): void {
    for (let vcpu = 0; vcpu < this.#pages.length; vcpu++) {
      const rate = Math.floor((this.#pages[vcpu]! * PAGE_BYTES * 1e9) / this.#periodNs / MIB);
      this.#pages[vcpu] = 0;
      this.#rateMax = Math.max(this.#rateMax, rate);
      const ringFullUs = this.#rateMax === 0 ? 0 : Math.floor((this.#ringMib * 1e6) / this.#rateMax);
      this.#sleepUs[vcpu] = nextSleepUs(this.#sleepUs[vcpu]!, this.#quota, rate, ringFullUs);
    }
  }
}
