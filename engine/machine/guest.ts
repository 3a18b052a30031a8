// The guest as a whole: its vCPU groups as actors, stopped, resumed, slowed and stalled together.

import type { ActorId, Scheduler } from '../core/scheduler.ts';
import type { DirtyLimit } from '../kvm/dirtylimit.ts';
import type { MissingPages, VcpuGroup } from './vcpu.ts';

/** Who must know when the vCPUs stop and run again: guest drivers of passthrough devices. */
export interface GuestFollower {
  guestStopped(nowNs: number): void;
  guestResumed(nowNs: number): void;
}

export class Guest {
  readonly groups: readonly VcpuGroup[];
  state: 'running' | 'stopped' | 'moved' = 'running';
  #follower: GuestFollower | null = null;
  readonly #scheduler: Scheduler;
  readonly #ids: readonly ActorId[];

  readonly #limit: { readonly limit: DirtyLimit; readonly actor: ActorId } | undefined;

  constructor(scheduler: Scheduler, groups: readonly VcpuGroup[], limit?: DirtyLimit) {
    this.#scheduler = scheduler;
    if (limit !== undefined) {
      const run = (nowNs: number): number => {
        if (!limit.inService) return Infinity;
        limit.adjust();
        return nowNs + limit.periodNs;
      };
      this.#limit = { limit, actor: scheduler.add({ name: 'dirty limit', run }, Infinity) };
    }
    this.groups = groups;
    this.#ids = groups.map((group) => scheduler.add(group, group.isIdle ? Infinity : 0));
  }

  followedBy(follower: GuestFollower): void {
    this.#follower = follower;
  }

  stop(nowNs: number): void {
    this.state = 'stopped';
    this.#follower?.guestStopped(nowNs);
    for (const group of this.groups) group.stop(nowNs);
  }

  resume(nowNs: number): void {
    this.state = 'running';
    this.#follower?.guestResumed(nowNs);
    this.groups.forEach((group, i) => {
      group.resume(nowNs);
      if (!group.isIdle) this.#scheduler.wake(this.#ids[i]!, nowNs);
    });
  }

  /** Runs on at the destination from `atNs` on; devices do not (post-copy is refused with them). */
  resumeThere(atNs: number, missing: MissingPages): void {
    this.state = 'moved';
    this.groups.forEach((group, i) => {
      group.moveThere(atNs, missing);
      if (!group.isIdle) this.#scheduler.wake(this.#ids[i]!, atNs);
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

  /** Quota in bytes per second and vCPU; 0 lifts the limit. */
  setDirtyLimit(nowNs: number, quota: number, periodNs: number): void {
    if (this.#limit === undefined) return;
    const { limit, actor } = this.#limit;
    limit.set(quota, periodNs);
    if (quota > 0) this.#scheduler.wake(actor, nowNs + periodNs);
  }

  /** vCPU time lost to tracking, locks and throttling so far. */
  get stallNs(): number {
    return this.groups.reduce((sum, group) => sum + group.stallNs + group.throttledNs, 0);
  }
}
