// The guest as a whole: its vCPU groups as actors, stopped, resumed, slowed and stalled together.

import type { ActorId, Scheduler } from '../core/scheduler.ts';
import type { VcpuGroup } from './vcpu.ts';

/** Who must know when the vCPUs stop and run again: guest drivers of passthrough devices. */
export interface GuestFollower {
  guestStopped(nowNs: number): void;
  guestResumed(nowNs: number): void;
}

export class Guest {
  readonly groups: readonly VcpuGroup[];
  #follower: GuestFollower | null = null;
  readonly #scheduler: Scheduler;
  readonly #ids: readonly ActorId[];

  constructor(scheduler: Scheduler, groups: readonly VcpuGroup[]) {
    this.#scheduler = scheduler;
    this.groups = groups;
    this.#ids = groups.map((group) => scheduler.add(group, group.isIdle ? Infinity : 0));
  }

  followedBy(follower: GuestFollower): void {
    this.#follower = follower;
  }

  stop(nowNs: number): void {
    this.#follower?.guestStopped(nowNs);
    for (const group of this.groups) group.stop(nowNs);
  }

  resume(nowNs: number): void {
    this.#follower?.guestResumed(nowNs);
    this.groups.forEach((group, i) => {
      group.resume(nowNs);
      if (!group.isIdle) this.#scheduler.wake(this.#ids[i]!, nowNs);
    });
  }

  stall(ns: number): void {
    for (const group of this.groups) group.stall(ns);
  }

  setThrottle(nowNs: number, percent: number): void {
    for (const group of this.groups) group.setThrottle(nowNs, percent);
  }

  /** Time until the last throttled vCPU wakes; 0 if all are awake. */
  asleepNs(nowNs: number): number {
    return this.groups.reduce((longest, group) => Math.max(longest, group.asleepNs(nowNs)), 0);
  }

  /** vCPU time lost to tracking, locks and throttling so far. */
  get stallNs(): number {
    return this.groups.reduce((sum, group) => sum + group.stallNs + group.throttledNs, 0);
  }
}
