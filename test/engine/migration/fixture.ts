// A migration without a guest's machine: RAM of so many pages, trackers that report what a test wrote, costs that are round.

import { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import { costsWith, type CostName } from '../../../engine/core/costs.ts';
import { ok, type Outcome } from '../../../engine/core/errno.ts';
import type { RunEvent } from '../../../engine/core/events.ts';
import type { DirtyTracker, HarvestReport, LockReport, MigratableDevice } from '../../../engine/core/ports.ts';
import { Scheduler, type ActorId } from '../../../engine/core/scheduler.ts';
import { MIGRATION_DEFAULTS, type MigrationConfig } from '../../../engine/migration/config.ts';
import { Oracle } from '../../../engine/migration/oracle.ts';
import type { GuestControl } from '../../../engine/migration/parts.ts';
import type { Unbacked } from '../../../engine/migration/ramsave.ts';
import { MigrationThread } from '../../../engine/migration/thread.ts';
import type { XbzrleConfig } from '../../../engine/migration/xbzrle.ts';

export const MS = 1e6;

/** Reports exactly what was written to it. */
export class PlainTracker implements DirtyTracker {
  readonly name = 'plain';
  readonly dirty: DirtyBitmap;
  harvests = 0;
  harvestNs = 0;

  constructor(pages: number) {
    this.dirty = new DirtyBitmap(pages);
  }

  start(): Outcome<LockReport> {
    this.dirty.reset();
    return ok({ durationNs: 0, lockHeldNs: 0 });
  }

  stop(): number {
    return 0;
  }

  harvest(_nowNs: number, into: DirtyBitmap): HarvestReport {
    this.harvests++;
    const pages = this.dirty.count;
    into.orFrom(this.dirty, 0, 0, this.dirty.pages);
    this.dirty.reset();
    return { pages, durationNs: this.harvestNs, lockHeldNs: 0, entriesTouched: 0, iotlbFlushes: 0 };
  }
}

/** A device with `state` bytes of stop-copy data. */
export const plainDevice = (name: string, state: number, more: Partial<MigratableDevice> = {}): MigratableDevice => ({
  name,
  canP2p: true,
  canPrecopy: false,
  setup: () => ok(0),
  estimateBytes: () => 0,
  exactBytes: () => state,
  iterate: () => 0,
  initialSent: () => true,
  quiesce: () => ok(0),
  stop: () => ok(0),
  takeStopCopy: () => state,
  readNs: () => 0,
  loadNs: () => 0,
  finish: () => 0,
  abort: () => 0,
  ...more,
});

export interface BenchOptions {
  readonly pages: number;
  readonly config?: Partial<Omit<MigrationConfig, 'costs'>>;
  readonly costs?: Partial<Record<CostName, number>>;
  /** Pages that are not zero; default all. */
  readonly nonZero?: number;
  readonly devices?: readonly MigratableDevice[];
  readonly hostPagePages?: number;
  readonly xbzrle?: XbzrleConfig;
  readonly unbacked?: Unbacked | null;
}

/** All steps but sending take no time, unless a test says so. */
const NO_COSTS: Partial<Record<CostName, number>> = {
  setup: 0,
  sync_fixed: 0,
  rate_slack: 0,
  vm_stop: 0,
  device_state_other: 0,
  send_latency: 0,
  resume: 0,
  return_path: 0,
  bql_stall: 0,
  lock_stall: 0,
};

export class MigrationBench {
  readonly scheduler = new Scheduler();
  readonly tracker: PlainTracker;
  readonly oracle: Oracle;
  readonly written: DirtyBitmap;
  readonly events: RunEvent[] = [];
  readonly throttles: number[] = [];
  /** Quotas of the dirty limit, as they were set; 0 lifts it. */
  readonly limits: number[] = [];
  /** Time taken from all vCPUs, as it was taken. */
  readonly stalls: number[] = [];
  thread: MigrationThread;
  threadId: ActorId;
  readonly #start: () => MigrationThread;
  readonly sentRuns: [number, number][] = [];
  running = true;
  ended = -1;

  constructor({
    pages,
    config = {},
    costs = {},
    nonZero = pages,
    devices = [],
    hostPagePages = 1,
    xbzrle,
    unbacked = null,
  }: BenchOptions) {
    this.tracker = new PlainTracker(pages);
    this.oracle = new Oracle(pages);
    this.written = this.oracle.writer('test');
    const contents = new DirtyBitmap(pages);
    contents.setRange(0, nonZero);
    const guest: GuestControl = {
      stop: () => (this.running = false),
      resume: () => (this.running = true),
      stall: (ns) => this.stalls.push(ns),
      setDirtyLimit: (_nowNs, quota) => this.limits.push(quota),
      resumeThere: () => (this.running = true),

      setThrottle: (_nowNs, percent) => this.throttles.push(percent),
      asleepNs: () => 0,
    };
    this.#start = () =>
      new MigrationThread({
        config: { ...MIGRATION_DEFAULTS, ...config, costs: costsWith({ ...NO_COSTS, ...costs }) },
        ram: {
          totalPages: pages,
          blocks: [{ id: 'pc.ram', firstPage: 0, pages }],
          nonZero: contents,
          trackers: [this.tracker],
          sent: (first, count) => {
            this.sentRuns.push([first, count]);
            this.oracle.sent(first, count);
          },
          hostPagePages,
          clearChunkPages: 1 << 18,
          unbacked,
          absent: [],
        },
        devices,
        guest,
        xbzrle: xbzrle ?? null,
        emit: (event) => this.events.push(event) - 1,
        begin: () => {
          this.oracle.begin();
        },
        stopped: () => undefined,
        moment: () => undefined,
        ended: (nowNs) => (this.ended = nowNs),
      });
    this.thread = this.#start();
    this.threadId = this.scheduler.add(this.thread, 0);
  }

  /** Another migration of the same guest with the same trackers, beginning now. */
  migrateAgain(): void {
    this.ended = -1;
    this.thread = this.#start();
    this.threadId = this.scheduler.add(this.thread, this.scheduler.nowNs);
  }

  /** A guest write. */
  write(first: number, count = 1): void {
    if (!this.running) return;
    this.tracker.dirty.setRange(first, count);
    this.written.setRange(first, count);
  }

  /** `act` runs every `everyNs` from the beginning on. */
  every(everyNs: number, act: (nowNs: number) => void): void {
    this.scheduler.add({ name: 'writer', run: (nowNs) => (act(nowNs), nowNs + everyNs) }, 0);
  }

  runUntil(untilNs: number): void {
    while (this.ended < 0 && this.scheduler.advance(1, untilNs) === 'paused');
  }

  finish(): void {
    this.runUntil(3600e9);
  }
}
