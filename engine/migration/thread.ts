// The migration thread: set-up, the loop that decides between another iteration and the blackout, and the end.
// (QEMU 9.2, migration.c migration_thread(), migration_iteration_run(), migration_rate_limit(); qemu-migration.md section 2.)
//
// One step of the loop:
//   estimate = what bitmap and devices know; if estimate < threshold: exact query = dirty sync + devices asked again
//   (nothing pending, or pending < threshold) and may switch over: blackout
//   else one iteration (iteration.ts)
// The comparison is strict; the threshold is 0 until the first window closes; a round ends by the threshold, not by a pass.
// Nothing but the exact query syncs (and the 5 s timer of auto-converge, and the blackout). It holds the big lock: vCPUs that
// need it stall.
//
// The thread is one actor: each call of run() does a piece of at most 1 ms of sending, or one call into trackers or devices,
// and returns when that piece is over. Cancel and the lab's timeout act between pieces (interruptions.ts).

import { done, refuse, type Outcome } from '../core/errno.ts';
import type { DirtyTracker, MigratableDevice } from '../core/ports.ts';
import type { Actor } from '../core/scheduler.ts';
import { Blackout, type BlackoutHost } from './blackout.ts';
import { Chronicle } from './chronicle.ts';
import type { MigrationConfig } from './config.ts';
import { Convergence } from './convergence.ts';
import { DevicePrecopy } from './device-precopy.ts';
import { DirtySync } from './dirty-sync.ts';
import { Interruptions } from './interruptions.ts';
import { Iteration } from './iteration.ts';
import type { MigrationParts } from './parts.ts';
import { Postcopy } from './postcopy.ts';
import { Xbzrle } from './xbzrle.ts';
import { RamSave } from './ramsave.ts';
import { canCancel, isFinal, nextStatus, type MigrationStatus } from './status.ts';
import { streamCosts, StreamCounters } from './stream.ts';
import { RateWindow } from './window.ts';
import { blockListBytes, MULTIFD_INIT_BYTES, PAGE_BYTES, STREAM_HEADER_BYTES } from './wire.ts';

export type EndReason = 'completed' | 'cancelled' | 'timed out' | 'failed';

export class MigrationThread implements Actor, BlackoutHost {
  readonly name = 'migration';
  readonly config: MigrationConfig;
  readonly ram: RamSave;
  readonly counters = new StreamCounters();
  readonly window: RateWindow;
  status: MigrationStatus = 'none';
  end: EndReason | null = null;
  /** Why it failed, or what else is worth saying. */
  error = '';
  startNs = 0;
  setupNs = 0;
  stopNs = -1;
  /** When the source was done, or gave up. */
  endNs = -1;
  resumeNs = -1;
  /** When the guest could run at the destination; with post-copy before the end. */
  downtimeEndNs = -1;
  blackout: Blackout | null = null;
  postcopy: Postcopy | null = null;
  readonly convergence: Convergence;
  readonly xbzrle: Xbzrle | null;
  readonly #parts: MigrationParts;
  readonly #trackers: readonly DirtyTracker[];
  /** Its dirty syncs, and what they cost so far. */
  readonly syncs: DirtySync;
  readonly #precopy: DevicePrecopy;
  readonly #interruptions: Interruptions;
  readonly #iteration: Iteration;
  readonly #chronicle: Chronicle;
  #step: (nowNs: number) => number = (nowNs) => this.#setup(nowNs);
  #postcopyRequested = false;
  #busyUntilNs = -1;
  #stepStartNs = 0;
  #trackersStarted = 0;
  #devicesSetUp = 0;

  constructor(parts: MigrationParts) {
    this.#parts = parts;
    this.config = parts.config;
    this.ram = new RamSave(parts.ram);
    this.#trackers = parts.ram.trackers;
    this.window = new RateWindow(parts.config, 0);
    this.convergence = new Convergence(parts.config, parts.guest, parts.emit);
    this.syncs = new DirtySync(parts, this.ram, this.convergence);
    this.#precopy = new DevicePrecopy(() => this.devices, this.counters, parts.config.linkBandwidth);
    this.#interruptions = new Interruptions(parts.config.timeoutNs, parts.config.costs.link_timeout);
    this.xbzrle = parts.xbzrle === null ? null : new Xbzrle(parts.xbzrle);
    this.#chronicle = new Chronicle(parts.emit);
    this.#iteration = new Iteration({
      ...{ config: parts.config, ram: this.ram, counters: this.counters, window: this.window },
      ...{ convergence: this.convergence, xbzrle: this.xbzrle, guest: parts.guest, precopy: this.#precopy },
      periodicSync: (nowNs) => {
        this.#periodicSync(nowNs);
      },
    });
  }

  /** Those that are plugged now; none comes or goes while a migration is under way. */
  get devices(): readonly MigratableDevice[] {
    return this.#parts.devices;
  }

  get phase(): string {
    if (this.blackout !== null && !isFinal(this.status)) return `blackout: ${this.blackout.part}`;
    return this.status === 'active' ? 'precopy' : this.status;
  }

  /** `migrate_cancel`; wake the actor now. */
  cancel(): void {
    this.#interruptions.cancel();
  }

  /** migrate-set-parameters while it runs. */
  set(parameters: { readonly maxBandwidth?: number; readonly downtimeLimitNs?: number }): void {
    if (parameters.maxBandwidth !== undefined) this.window.setMaxBandwidth(parameters.maxBandwidth);
    if (parameters.downtimeLimitNs !== undefined) this.window.setDowntimeLimit(parameters.downtimeLimitNs);
  }

  /** The destination is gone: the next piece fails. Wake the actor. */
  failDestination(): void {
    this.#interruptions.fail('the destination failed: broken pipe');
  }

  /** `migrate-start-postcopy`. */
  startPostcopy(): Outcome<undefined> {
    if (this.config.postcopy === null) {
      return refuse('EINVAL', 'enable postcopy with migrate_set_capability before the start of migration');
    }
    if (this.status === 'none')
      return refuse('EINVAL', 'postcopy must be started after the migration has been started');
    this.#postcopyRequested = true;
    return done;
  }

  /** The network carries nothing until then; Infinity: until TCP gives up. */
  loseLink(nowNs: number, untilNs: number): void {
    this.#interruptions.loseLink(nowNs, untilNs);
  }

  run(nowNs: number): number {
    if (this.status !== 'none' && this.end === null) {
      const interruption = this.#interruptions.at(nowNs, this.status, this.startNs);
      if (interruption.kind === 'end') return this.#giveUp(nowNs, interruption.end, interruption.why);
      if (interruption.kind === 'wait') {
        if (this.status === 'postcopy-active') this.status = nextStatus(this.status, 'postcopy-paused');
        return interruption.untilNs;
      }
    }
    if (this.status === 'postcopy-paused') this.#recover(nowNs);
    // Woken for something that did not concern it: the piece under way is not over.
    if (nowNs < this.#busyUntilNs) return this.#busyUntilNs;
    const next = this.#step(nowNs);
    this.#busyUntilNs = next;
    if (!canCancel(this.status) || this.blackout !== null) return next;
    return Math.min(next, Math.max(nowNs, this.#interruptions.deadlineNs(this.startNs)));
  }

  /** The link is back: migrate-recover on both sides. */
  #recover(nowNs: number): void {
    for (const next of ['postcopy-recover-setup', 'postcopy-recover', 'postcopy-active'] as const) {
      this.status = nextStatus(this.status, next);
    }
    this.#chronicle.recovered(nowNs, this.ram.left);
  }

  // --- set-up -------------------------------------------------------------------------------------------------------

  #setup(nowNs: number): number {
    this.status = nextStatus(this.status, 'setup');
    this.startNs = nowNs;
    this.window.startNs = nowNs;
    this.syncs.begin(nowNs);
    this.#parts.begin();
    this.#parts.moment(nowNs, 'setup');
    const { config } = this;
    this.counters.protocolBytes += STREAM_HEADER_BYTES + blockListBytes(this.#parts.ram.blocks.map(({ id }) => id));
    this.counters.protocolBytes += config.multifdChannels * MULTIFD_INIT_BYTES;
    let ns = config.costs.setup;
    for (const tracker of this.#trackers) {
      const started = tracker.start(nowNs + Math.round(ns));
      if (!started.ok) return this.#giveUp(nowNs, 'failed', `${tracker.name}: ${started.errno}: ${started.why}`);
      this.#trackersStarted++;
      ns += started.value.durationNs;
      this.#parts.guest.stall(started.value.lockHeldNs * config.costs.lock_stall);
    }
    for (const device of this.devices) {
      const ready = device.setup(nowNs + Math.round(ns));
      if (!ready.ok) return this.#giveUp(nowNs, 'failed', `${device.name}: ${ready.errno}: ${ready.why}`);
      this.#devicesSetUp++;
      ns += ready.value;
    }
    ns += this.#sync(nowNs + Math.round(ns), false);
    this.#step = (at) => this.#activate(at);
    return nowNs + Math.round(ns);
  }

  #activate(nowNs: number): number {
    this.status = nextStatus(this.status, 'active');
    this.setupNs = nowNs - this.startNs;
    this.#chronicle.phase('setup', this.startNs, nowNs);
    this.#parts.moment(nowNs, 'precopy');
    return this.#decide(nowNs);
  }

  // --- the loop -----------------------------------------------------------------------------------------------------

  #canSwitchover(nowNs: number): boolean {
    return !this.config.switchoverAck || this.#precopy.initialSent(nowNs);
  }

  #decide(nowNs: number): number {
    this.#stepStartNs = nowNs;
    if (this.status === 'postcopy-active') {
      return this.ram.left === 0 ? this.#completePostcopy(nowNs) : this.#beginIteration(nowNs);
    }
    const pending = this.ram.left * PAGE_BYTES + this.#precopy.estimateBytes(nowNs);
    if (pending < this.window.thresholdBytes) {
      const ns = this.#sync(nowNs, false);
      const exact = this.ram.left * PAGE_BYTES + this.#precopy.exactBytes(nowNs + ns);
      this.#step = (at) => this.#decideBy(at, exact);
      return nowNs + ns;
    }
    return this.#decideBy(nowNs, pending);
  }

  #postcopyAsked(nowNs: number): boolean {
    const { postcopy } = this.config;
    return postcopy !== null && (this.#postcopyRequested || nowNs >= this.startNs + postcopy.afterNs);
  }

  #decideBy(nowNs: number, pending: number): number {
    if ((pending === 0 || pending < this.window.thresholdBytes) && this.#canSwitchover(nowNs)) {
      return this.#beginBlackout(nowNs, false);
    }
    // With post-copy all RAM may come later: only what devices need first is compared, and here not strictly.
    const must = this.#precopy.estimateBytes(nowNs);
    if (this.#postcopyAsked(nowNs) && must <= this.window.thresholdBytes && this.#canSwitchover(nowNs)) {
      return this.#beginBlackout(nowNs, true);
    }
    return this.#beginIteration(nowNs);
  }

  #beginIteration(nowNs: number): number {
    this.#iteration.begin(nowNs, this.#stepStartNs);
    this.#step = (at) => this.#iterate(at);
    return this.#iterate(nowNs);
  }

  #iterate(nowNs: number): number {
    const next = this.#iteration.run(nowNs);
    if (next !== null) return next;
    this.#step = (at) => this.#decide(at);
    return this.#decide(nowNs);
  }

  /** Since 9.2: while auto-converge is on, no more than 5 s without a sync once there were two. */
  #periodicSync(nowNs: number): void {
    const every = this.config.autoConverge?.periodicSyncNs ?? 0;
    if (every === 0 || this.ram.syncs <= 1 || nowNs - this.syncs.lastNs < every) return;
    this.#sync(nowNs, false);
  }

  #sync(nowNs: number, lastStage: boolean): number {
    const { thresholdBytes } = this.window;
    return this.syncs.run(nowNs, {
      thresholdBytes,
      transferred: this.counters.transferred,
      lastStage,
    });
  }

  // --- the blackout -------------------------------------------------------------------------------------------------

  #beginBlackout(nowNs: number, toPostcopy: boolean): number {
    this.#chronicle.phase('precopy', this.startNs + this.setupNs, nowNs);
    this.stopNs = nowNs;
    this.#parts.moment(nowNs, 'switchover');
    this.blackout = new Blackout(this, nowNs, this.#precopy.sentBytes, toPostcopy);
    if (this.config.pauseBeforeSwitchoverNs !== null) this.status = nextStatus(this.status, 'pre-switchover');
    this.#step = (at) => this.#runBlackout(at);
    return this.#runBlackout(nowNs);
  }

  #runBlackout(nowNs: number): number {
    const blackout = this.blackout!;
    if (blackout.done) return blackout.toPostcopy ? this.#enterPostcopy(nowNs) : this.#complete(nowNs);
    if (this.status === 'pre-switchover' && blackout.part === 'final sync') {
      this.status = nextStatus(this.status, 'device');
    }
    const before = this.counters.transferred;
    const next = blackout.run(nowNs);
    this.counters.stoppedBytes += this.counters.transferred - before;
    return next.ok ? next.value : this.#giveUp(nowNs, 'failed', `${next.errno}: ${next.why}`);
  }

  stopGuest(nowNs: number): void {
    this.#parts.guest.stop(nowNs);
    this.#parts.moment(nowNs, 'stop');
    this.#parts.stopped();
    this.#chronicle.stopped(nowNs, this.ram.left, this.window.thresholdBytes);
  }

  finalSync(nowNs: number): number {
    return this.#sync(nowNs, true);
  }

  get encodeLast(): ((page: number) => number) | null {
    return this.xbzrle === null ? null : (page) => this.xbzrle!.encode(page, this.ram.syncs, true);
  }

  // --- post-copy ----------------------------------------------------------------------------------------------------

  /** The guest runs there; what it misses comes as it asks, the rest in the background. */
  #enterPostcopy(nowNs: number): number {
    const { costs, postcopy } = this.config;
    this.status = nextStatus(this.status, 'postcopy-active');
    this.downtimeEndNs = nowNs;
    this.#chronicle.phase('switchover', this.stopNs, nowNs);
    for (const tracker of this.#trackers) tracker.stop(nowNs);
    this.convergence.release(nowNs);
    this.window.setMaxBandwidth(postcopy!.bandwidth);
    this.postcopy = new Postcopy({
      ram: this.ram,
      counters: this.counters,
      pageCosts: streamCosts(this.config, false),
      faultNs: postcopy!.preempt ? costs.postcopy_fault_preempt : costs.postcopy_fault,
      hostPagePages: this.#parts.ram.hostPagePages,
      linkUpNs: () => this.#interruptions.linkUpNs,
    });
    const resumeNs = nowNs + Math.round(costs.resume);
    this.#parts.guest.resumeThere(resumeNs, this.postcopy);
    this.#resumeEvent(resumeNs);
    this.#step = (at) => this.#decide(at);
    return this.#decide(nowNs);
  }

  #completePostcopy(nowNs: number): number {
    this.status = nextStatus(this.status, 'completed');
    this.end = 'completed';
    this.endNs = nowNs;
    this.#chronicle.phase('post-copy', this.downtimeEndNs, nowNs);
    this.#parts.guest.stop(Math.max(nowNs, this.resumeNs));
    this.#end(nowNs);
    return Infinity;
  }

  #complete(nowNs: number): number {
    this.status = nextStatus(this.status, 'completed');
    this.end = 'completed';
    this.endNs = nowNs;
    this.downtimeEndNs = nowNs;
    this.#chronicle.phase('switchover', this.stopNs, nowNs);
    for (const device of this.devices) device.finish(nowNs);
    for (const tracker of this.#trackers) tracker.stop(nowNs);
    this.convergence.release(nowNs);
    const loadNs = this.config.returnPath ? 0 : this.blackout!.loadNs;
    this.#step = (at) => this.#resumed(at);
    return nowNs + loadNs + Math.round(this.config.costs.resume);
  }

  #resumed(nowNs: number): number {
    this.#resumeEvent(nowNs);
    this.#end(nowNs);
    return Infinity;
  }

  #resumeEvent(nowNs: number): void {
    this.resumeNs = nowNs;
    const text = this.config.mappedRamRate === null ? 'guest runs at the destination' : 'guest is in the file';
    this.#chronicle.resumed(nowNs, text, { blackoutNs: nowNs - this.stopNs });
    this.#parts.moment(nowNs, 'resume');
  }

  #end(nowNs: number): void {
    if (this.xbzrle !== null) this.#chronicle.encoded(nowNs, this.xbzrle);
    this.#parts.moment(nowNs, 'end');
    this.#parts.ended(nowNs);
  }

  // --- other ends ---------------------------------------------------------------------------------------------------

  /** The source goes on: devices back to RUNNING, tracking off, throttle off, vCPUs on. */
  #giveUp(nowNs: number, end: 'cancelled' | 'timed out' | 'failed', error: string): number {
    const there = this.postcopy !== null;
    if (end === 'failed') {
      this.status = nextStatus(this.status, 'failed');
    } else {
      this.status = nextStatus(nextStatus(this.status, 'cancelling'), 'cancelled');
    }
    this.end = end;
    this.error = there ? `${error}; the guest is lost: part of its memory was here, it ran there` : error;
    if (this.stopNs < 0) this.#parts.stopped();
    this.endNs = nowNs;
    for (const device of this.devices.slice(0, this.#devicesSetUp)) device.abort(nowNs);
    for (const tracker of this.#trackers.slice(0, this.#trackersStarted)) tracker.stop(nowNs);
    this.convergence.release(nowNs);
    const phaseStartNs = this.stopNs >= 0 ? this.stopNs : this.startNs + this.setupNs;
    this.#chronicle.phase(this.stopNs >= 0 ? 'switchover' : 'precopy', phaseStartNs, nowNs);
    this.#chronicle.gaveUp(nowNs, end, error);
    if (there) {
      this.#parts.guest.stop(Math.max(nowNs, this.resumeNs));
    } else if (this.stopNs >= 0) {
      this.#parts.guest.resume(nowNs);
      this.resumeNs = nowNs;
      this.#chronicle.resumed(nowNs, 'guest runs at the source', {});
      this.#parts.moment(nowNs, 'resume');
    }
    this.#end(nowNs);
    return Infinity;
  }
}
