// A group of vCPUs with one workload. What it models is the measured guest: a 1 kHz tick hands out rate / 1000 page
// writes and the vCPU halts in between; writes that could not be made are made up for, at most `catchUpNs` worth; at full
// speed there is no pacing.
//
// A tick has a budget of vCPU time: its length times the vCPUs, less what they could not run (throttle, stalls, debt of
// faults). Writes cost vcpu_page_write each; faults put their cost into the debt of the next tick. Throttling is QEMU's
// (system/cpu-throttle.c): each vCPU sleeps 10 ms * p / (1 - p), then runs 10 ms, and so on.
//
// Reads cost nothing until the group runs at the destination with pages missing (post-copy): then a read waits as a write does.
// Left out: scheduling of vCPUs on fewer host CPUs; a group's vCPUs share one pattern and its random stream.

import { RandomStream } from '../core/random.ts';
import type { Actor } from '../core/scheduler.ts';
import { createPattern, type PageTarget, type Pattern, type PatternConfig } from './pattern.ts';

export const TICK_NS = 1_000_000;
export const THROTTLE_TIMESLICE_NS = 10_000_000;
/** Reads of one tick at most. */
const READ_BATCH = 4096;
const readBatch = new Uint32Array(READ_BATCH);

export interface PhaseConfig {
  readonly pattern: PatternConfig;
  /** Page writes per second of the whole group; Infinity = full speed. */
  readonly writesPerSecond: number;
  /** How long the phase lasts; the phases repeat. */
  readonly forNs: number;
}

/** What a group reads, uniformly: of use only where pages may be missing. */
export interface ReadConfig {
  readonly firstPage: number;
  readonly pages: number;
  readonly readsPerSecond: number;
}

export interface VcpuGroupConfig {
  readonly name: string;
  readonly vcpus: number;
  readonly phases: readonly PhaseConfig[];
  readonly catchUpNs: number;
  readonly pageWriteNs: number;
  readonly throttleWakeNs: number;
  readonly seed: number;
  /** null: none. */
  readonly reads: ReadConfig | null;
}

/** Takes the group's writes and says what they cost it, in vCPU nanoseconds since it was last asked. */
export interface VcpuTarget extends PageTarget {
  takeFaultNs(): number;
  /** The writes that follow are made at this time. */
  beginTick?(nowNs: number): void;
  /** Reads matter only at the destination. */
  readPages?(pages: Uint32Array, count: number): void;
  /** From now on the group runs at the destination, where pages may be missing. */
  moveThere?(missing: MissingPages): void;
}

/** Pages that a vCPU at the destination must ask for (post-copy). */
export interface MissingPages {
  readonly missingPages: number;
  /** Brings the missing ones of these pages; returns how long a vCPU waited for them. */
  touch(nowNs: number, first: number, count: number): number;
}

interface Phase {
  readonly pattern: Pattern;
  readonly writesPerSecond: number;
  readonly startNs: number;
  readonly endNs: number;
}

/** How vCPUs are throttled: since when, by how many percent, and how long they take to wake up. */
export interface Throttle {
  readonly sinceNs: number;
  readonly percent: number;
  readonly wakeNs: number;
}

/**
 * The timer fires every timeslice / (1 - p) and each time the vCPU first sleeps p of that; what it takes to wake up is
 * lost from the timeslice in which it runs.
 */
function throttleCycle(throttle: Throttle): { readonly cycleNs: number; readonly sleepNs: number } {
  const cycleNs = (THROTTLE_TIMESLICE_NS * 100) / (100 - throttle.percent);
  return { cycleNs, sleepNs: Math.min(cycleNs, cycleNs - THROTTLE_TIMESLICE_NS + throttle.wakeNs) };
}

/** Time in [fromNs, toNs] during which a throttled vCPU runs. */
export function throttledRunNs(fromNs: number, toNs: number, throttle: Throttle): number {
  if (throttle.percent <= 0) return toNs - fromNs;
  const { cycleNs, sleepNs } = throttleCycle(throttle);
  const runUntil = (atNs: number): number => {
    const elapsed = Math.max(0, atNs - throttle.sinceNs);
    const cycles = Math.floor(elapsed / cycleNs);
    return cycles * (cycleNs - sleepNs) + Math.max(0, elapsed - cycles * cycleNs - sleepNs);
  };
  const before = Math.max(0, Math.min(toNs, throttle.sinceNs) - fromNs);
  return before + runUntil(toNs) - runUntil(fromNs);
}

/** How much longer a throttled vCPU sleeps; 0 while it runs. */
export function throttledSleepNs(atNs: number, throttle: Throttle): number {
  if (throttle.percent <= 0 || atNs < throttle.sinceNs) return 0;
  const { cycleNs, sleepNs } = throttleCycle(throttle);
  return Math.max(0, sleepNs - ((atNs - throttle.sinceNs) % cycleNs));
}

export class VcpuGroup implements Actor {
  readonly name: string;
  readonly vcpus: number;
  readonly #config: VcpuGroupConfig;
  readonly #target: VcpuTarget;
  readonly #phases: readonly Phase[];
  readonly #cycleNs: number;
  #lastNs = 0;
  #owed = 0;
  /** vCPU time lost that is still to be taken from coming ticks. */
  #debtNs = 0;
  #throttle: Throttle;
  #stopped = false;
  /** At the destination. */
  #moved = false;
  #readsOwed = 0;
  readonly #readRandom: RandomStream;
  /** Page writes made. */
  writes = 0;
  /** Page writes asked for by paced phases while the guest ran. */
  asked = 0;
  /** Page writes made by paced phases. */
  pacedWrites = 0;
  /** vCPU time lost to faults, locks and exits. */
  stallNs = 0;
  /** vCPU time lost to throttling. */
  throttledNs = 0;

  constructor(config: VcpuGroupConfig, target: VcpuTarget) {
    this.name = config.name;
    this.vcpus = config.vcpus;
    this.#config = config;
    this.#target = target;
    this.#throttle = { sinceNs: 0, percent: 0, wakeNs: config.throttleWakeNs };
    const random = new RandomStream(config.seed, `vcpu ${config.name}`);
    this.#readRandom = new RandomStream(config.seed, `vcpu ${config.name} reads`);
    let startNs = 0;
    this.#phases = config.phases.map((phase) => {
      const endNs = startNs + phase.forNs;
      const made: Phase = {
        pattern: createPattern(phase.pattern, random),
        writesPerSecond: phase.writesPerSecond,
        startNs,
        endNs,
      };
      startNs = endNs;
      return made;
    });
    this.#cycleNs = startNs;
  }

  /** Whether it ever does anything that shows here. */
  get isIdle(): boolean {
    if (this.#moved && this.#config.reads !== null) return false;
    return this.#config.phases.every((phase) => phase.pattern.kind === 'idle' || phase.writesPerSecond === 0);
  }

  get throttlePercent(): number {
    return this.#throttle.percent;
  }

  /** Time until a throttled vCPU wakes; 0 if it is awake. */
  asleepNs(nowNs: number): number {
    return throttledSleepNs(nowNs, this.#throttle);
  }

  setThrottle(nowNs: number, percent: number): void {
    const sinceNs = this.#throttle.percent === 0 ? nowNs : this.#throttle.sinceNs;
    this.#throttle = { ...this.#throttle, sinceNs, percent };
  }

  /** All vCPUs of the group lose `ns` of time each. */
  stall(ns: number): void {
    this.#debtNs += ns * this.vcpus;
    this.stallNs += ns * this.vcpus;
  }

  /** The guest is stopped: its clock stands still, and nothing is owed for that time. */
  stop(nowNs: number): void {
    this.run(nowNs);
    this.#stopped = true;
  }

  resume(nowNs: number): void {
    this.#stopped = false;
    this.#lastNs = nowNs;
    this.#owed = 0;
    this.#debtNs = 0;
  }

  /** Runs on at the destination from `nowNs` on. */
  moveThere(nowNs: number, missing: MissingPages): void {
    this.#target.moveThere?.(missing);
    this.#moved = true;
    this.resume(nowNs);
  }

  run(nowNs: number): number {
    if (this.#stopped) return Infinity;
    const elapsedNs = nowNs - this.#lastNs;
    if (elapsedNs > 0) this.#tick(this.#lastNs, nowNs);
    this.#lastNs = nowNs;
    return this.isIdle ? Infinity : nowNs + TICK_NS;
  }

  #tick(fromNs: number, toNs: number): void {
    const elapsedNs = toNs - fromNs;
    const runNs = throttledRunNs(fromNs, toNs, this.#throttle);
    this.throttledNs += (elapsedNs - runNs) * this.vcpus;
    let budgetNs = runNs * this.vcpus;
    const paid = Math.min(budgetNs, this.#debtNs);
    this.#debtNs -= paid;
    budgetNs -= paid;

    if (this.#moved && this.#config.reads !== null)
      budgetNs -= this.#read(this.#config.reads, elapsedNs, budgetNs, toNs);

    const atNs = this.#cycleNs === Infinity ? fromNs : fromNs % this.#cycleNs;
    const phase = this.#phases.find((candidate) => atNs < candidate.endNs);
    if (phase === undefined) return;
    const sinceStartNs = atNs - phase.startNs;
    const rate = phase.writesPerSecond;
    if (rate === 0 || !phase.pattern.active(sinceStartNs)) return;

    const possible = Math.floor(budgetNs / this.#config.pageWriteNs);
    let writes: number;
    if (rate === Infinity) {
      writes = possible;
    } else {
      const due = (rate * elapsedNs) / 1e9;
      this.asked += due;
      // Whole writes only; the fraction is kept beyond the cap, or a slow rate would never write.
      const cap = Math.max((rate * Math.max(this.#config.catchUpNs, elapsedNs)) / 1e9, 1);
      this.#owed = Math.min(this.#owed + due, cap);
      writes = Math.min(Math.floor(this.#owed), possible);
      this.#owed -= writes;
      this.pacedWrites += writes;
    }
    if (writes <= 0) return;
    this.writes += writes;
    this.#target.beginTick?.(toNs);
    phase.pattern.write(writes, sinceStartNs, this.#target);
    const faultNs = this.#target.takeFaultNs();
    this.#debtNs += faultNs;
    this.stallNs += faultNs;
  }

  /** Reads what is due, at most as much as fits the time; returns how much of it that took. */
  #read({ firstPage, pages, readsPerSecond }: ReadConfig, elapsedNs: number, budgetNs: number, nowNs: number): number {
    const { pageWriteNs } = this.#config;
    this.#readsOwed = Math.min(this.#readsOwed + (readsPerSecond * elapsedNs) / 1e9, READ_BATCH);
    const reads = Math.min(Math.floor(this.#readsOwed), Math.floor(budgetNs / pageWriteNs));
    if (reads <= 0) return 0;
    this.#readsOwed -= reads;
    this.#readRandom.fillBelow(pages, readBatch, reads);
    for (let i = 0; i < reads; i++) readBatch[i]! += firstPage;
    this.#target.beginTick?.(nowNs);
    this.#target.readPages?.(readBatch, reads);
    const faultNs = this.#target.takeFaultNs();
    this.#debtNs += faultNs;
    this.stallNs += faultNs;
    return reads * pageWriteNs;
  }
}
