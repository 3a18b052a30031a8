// When a device's operations happen: evenly at its rate, in the active part of its duty cycle.
//
// Operation k (from 1) completes when k operations' worth of active time has passed since the rate was set, so that how a
// run is sliced into calls changes nothing. A change of rate, or a stop and resume, starts a new count.

import { invariant } from '../core/invariant.ts';

export interface Duty {
  readonly onNs: number;
  readonly offNs: number;
}

const SECOND = 1e9;

export class OpClock {
  readonly #duty: Duty | null;
  readonly #bytesPerOp: number;
  /** Active nanoseconds for one operation; Infinity at rate 0. */
  #nsPerOp: number;
  #baseActiveNs = 0;
  /** Operations performed in all, and those that came before the count under way. */
  #done = 0;
  #doneBefore = 0;

  constructor(bytesPerSecond: number, bytesPerOp: number, duty: Duty | null) {
    invariant(bytesPerOp > 0, 'an operation moves a byte');
    invariant(duty === null || duty.onNs > 0, 'a duty cycle has an active part');
    this.#duty = duty;
    this.#bytesPerOp = bytesPerOp;
    this.#nsPerOp = (bytesPerOp * SECOND) / bytesPerSecond;
  }

  get done(): number {
    return this.#done;
  }

  /** Active time from one operation to the next; Infinity at rate 0. */
  get intervalNs(): number {
    return this.#nsPerOp;
  }

  /** Operations that complete at or before `nowNs` and are not done. */
  due(nowNs: number): number {
    if (this.#nsPerOp === Infinity) return 0;
    const activeNs = this.#activeNs(nowNs) - this.#baseActiveNs;
    return Math.max(0, Math.floor(activeNs / this.#nsPerOp) - (this.#done - this.#doneBefore));
  }

  /** When the next operation completes; Infinity at rate 0. */
  nextNs(): number {
    return this.#nsPerOp === Infinity ? Infinity : this.#timeOf(this.#done - this.#doneBefore + 1);
  }

  take(count: number): void {
    this.#done += count;
  }

  /** From `nowNs` on at another rate; what was due before must have been taken, the rest is forgotten. */
  setRate(nowNs: number, bytesPerSecond: number): void {
    this.#nsPerOp = (this.#bytesPerOp * SECOND) / bytesPerSecond;
    this.skipTo(nowNs);
  }

  /** What was due until `nowNs` does not happen: the device was stopped. */
  skipTo(nowNs: number): void {
    this.#baseActiveNs = this.#activeNs(nowNs);
    this.#doneBefore = this.#done;
  }

  #activeNs(nowNs: number): number {
    if (this.#duty === null) return nowNs;
    const { onNs, offNs } = this.#duty;
    const periods = Math.floor(nowNs / (onNs + offNs));
    return periods * onNs + Math.min(onNs, nowNs - periods * (onNs + offNs));
  }

  #timeOf(k: number): number {
    const activeNs = Math.ceil(this.#baseActiveNs + k * this.#nsPerOp);
    if (this.#duty === null) return activeNs;
    const { onNs, offNs } = this.#duty;
    // The end of an active part belongs to it.
    const periods = Math.max(0, Math.ceil(activeNs / onNs) - 1);
    return periods * (onNs + offNs) + (activeNs - periods * onNs);
  }
}
