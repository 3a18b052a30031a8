// An experiment run by the engine: builds the world, lets its actors run in order of time, and streams samples, events and
// the summary into a sink. Pure: hosts call advance() in slices and get the same bytes however they slice.
//
// The run begins at 0 with the guest running, starts the migration at `migration.start`, and ends when the guest runs at the
// destination, or again at the source, or when the limit of simulated time is reached.

import { invariant } from '../core/invariant.ts';
import { Scheduler, type ActorId } from '../core/scheduler.ts';
import { pcLayout } from '../machine/layout.ts';
import { Guest } from '../machine/guest.ts';
import { GuestWriter } from '../machine/guestwriter.ts';
import { VcpuGroup } from '../machine/vcpu.ts';
import { Oracle } from '../migration/oracle.ts';
import { MigrationThread } from '../migration/thread.ts';
import { PAGE_SIZE } from '../core/units.ts';
import { buildRack } from './build-devices.ts';
import { BACKGROUND, buildKvm, buildRam, kvmConfigOf, vcpuConfigs } from './build-guest.ts';
import { costsOf, migrationConfig } from './build-migration.ts';
import { evaluateExpectations } from './expect.ts';
import { Recorder, type Series } from './recorder.ts';
import type { Progress, RunSink } from './result.ts';
import type { Experiment } from './schema.ts';
import { deviceSeries, guestSeries, migrationSeries, rackSeries } from './series.ts';
import { blockerOf } from './blockers.ts';
import { endOf, summaryOf, type GuestTally } from './summary.ts';

export const ENGINE_VERSION = '0.1.0';

export interface Simulation {
  /** Runs at most so many events; true when the run is over and the sink has everything. */
  advance(maxEvents: number): boolean;
  /** Ends the run as cancelled at the present simulated time; advance() once more to have it finished. */
  cancel(): void;
  progress(): Progress;
  /** Hands the sink the samples taken so far; without it they come in larger chunks. Changes no result. */
  deliver(): void;
  /** Events run so far. */
  readonly events: number;
}

/** Before the migration, what was written is forgotten this often: rates of dirtying then count distinct pages per second. */
const FORGET_NS = 1_000_000_000;

export function createSimulation(experiment: Experiment, sink: RunSink): Simulation {
  return new World(experiment, sink);
}

class World implements Simulation {
  readonly #experiment: Experiment;
  readonly #scheduler = new Scheduler();
  readonly #oracle: Oracle;
  readonly #recorder: Recorder;
  readonly #guest: Guest;
  readonly #writers: readonly GuestWriter[];
  readonly #thread: MigrationThread;
  readonly #threadId: ActorId;
  readonly #faults: () => number;
  readonly #limitNs: number;
  #started: GuestTally | null = null;
  #stopped: GuestTally | null = null;
  #endNs = -1;
  #cancelled = false;
  #finished = false;

  constructor(experiment: Experiment, sink: RunSink) {
    this.#experiment = experiment;
    const { migration, guest, sampling, limits } = experiment;
    this.#limitNs = limits.simulated;
    const costs = costsOf(experiment);
    const layout = pcLayout(guest.memory / PAGE_SIZE);
    const ram = buildRam(experiment, layout);
    this.#oracle = new Oracle(layout.totalPages);

    const configs = vcpuConfigs(experiment, costs);
    const vcpus = configs.map((config) => config.vcpus);
    const kvm = buildKvm(experiment, kvmConfigOf(experiment, layout, costs), vcpus);
    this.#writers = configs.map(
      ({ name }, group) => new GuestWriter(ram, kvm, group, this.#oracle.writer(`vCPUs ${name}`)),
    );
    const groups = configs.map((config, i) => new VcpuGroup(config, this.#writers[i]!));
    this.#guest = new Guest(this.#scheduler, groups, kvm.limit);
    for (const actor of kvm.actors ?? []) this.#scheduler.add(actor, 0);
    this.#faults = () => kvm.faults;

    const rack = buildRack(experiment, layout, costs, {
      written: (device) => this.#oracle.writer(device),
      drop: this.#oracle,
      emit: (event) => this.#recorder.event(event),
    });

    this.#guest.followedBy(rack);

    this.#thread = new MigrationThread({
      config: migrationConfig(experiment, costs),
      ram: {
        totalPages: layout.totalPages,
        blocks: layout.blocks,
        nonZero: ram.nonZero,
        trackers: [kvm, ...rack.containers.map(({ tracker }) => tracker)],
        sent: (first, count) => {
          this.#oracle.sent(first, count);
        },
        hostPagePages: guest.backing / PAGE_SIZE,
        clearChunkPages: experiment.tracking.clear_chunk / PAGE_SIZE,
      },
      devices: rack.devices.flatMap(({ vfio }) => (vfio === null ? [] : [vfio])),
      blockedBy: blockerOf(experiment),
      guest: this.#guest,
      emit: (event) => this.#recorder.event(event),
      begin: () => {
        this.#oracle.begin();
        this.#started = this.#tally();
      },
      stopped: () => {
        this.#stopped = this.#tally();
      },
      ended: (nowNs) => {
        this.#endNs = nowNs;
      },
    });
    this.#threadId = this.#scheduler.add(this.#thread, migration.start);

    const shown = groups.filter(({ name }) => name !== BACKGROUND);
    const series: Series[] = [
      ...shown.flatMap((group) => guestSeries(group, this.#writers[groups.indexOf(group)]!)),
      ...rack.devices.flatMap(deviceSeries),
      ...(rack.devices.length > 0 ? rackSeries(rack) : []),
      ...migrationSeries(this.#thread, this.#guest, this.#faults),
    ];
    this.#recorder = new Recorder(sink, sampling, series, (nowNs) => {
      this.#beforeSample(nowNs);
    });
    const mapped = rack.start(this.#scheduler);
    invariant(mapped.ok, 'guest RAM can be mapped for its devices');
    this.#scheduler.add(this.#recorder, 0);
    this.#recorder.begin({
      source: { kind: 'sim', text: `Brownout ${ENGINE_VERSION}` },
      engineVersion: ENGINE_VERSION,
      seed: experiment.seed,
    });
  }

  get events(): number {
    return this.#scheduler.eventsRun;
  }

  advance(maxEvents: number): boolean {
    // One event at a time: the run ends with the event that ends it, wherever a slice ends.
    for (let left = maxEvents; left > 0 && !this.#finished; left--) {
      if (this.#endNs >= 0) this.#finish(this.#endNs);
      else if (this.#scheduler.advance(1, this.#limitNs) !== 'paused') {
        if (this.#cannotGoOn()) this.#finish(this.#scheduler.nowNs);
      }
    }
    if (!this.#finished && this.#endNs >= 0) this.#finish(this.#endNs);
    return this.#finished;
  }

  cancel(): void {
    if (this.#cancelled || this.#finished) return;
    this.#cancelled = true;
    this.#thread.cancel();
    if (this.#thread.status === 'none') this.#endNs = this.#scheduler.nowNs;
    else this.#scheduler.wake(this.#threadId, this.#scheduler.nowNs);
  }

  progress(): Progress {
    const { ram, window, phase } = this.#thread;
    return {
      phase: phase === 'none' ? 'before the migration' : phase,
      round: ram.syncs,
      simulatedNs: this.#scheduler.nowNs,
      limitNs: this.#deadlineNs(),
      pagesLeft: ram.left,
      pagesThreshold: Math.floor(window.thresholdBytes / PAGE_SIZE),
    };
  }

  deliver(): void {
    this.#recorder.deliver();
  }

  #deadlineNs(): number {
    const { start, timeout } = this.#experiment.migration;
    return Math.min(this.#limitNs, timeout === 0 ? Infinity : start + timeout);
  }

  /** Nothing more is due within the limit: either it was reached, or nothing will ever happen. */
  #cannotGoOn(): boolean {
    return this.#endNs < 0;
  }

  #beforeSample(nowNs: number): void {
    if (this.#thread.status === 'none' && nowNs % FORGET_NS === 0) this.#oracle.forgetWrites();
    this.#oracle.emitDrops(nowNs, (event) => this.#recorder.event(event));
  }

  #tally(): GuestTally {
    const { groups } = this.#guest;
    const sum = (read: (group: VcpuGroup) => number): number =>
      groups.reduce((total, group) => (group.name === BACKGROUND ? total : total + read(group)), 0);
    return {
      stallNs: sum((group) => group.stallNs + group.throttledNs),
      asked: sum((group) => group.asked),
      made: sum((group) => group.pacedWrites),
      faults: this.#faults(),
    };
  }

  #finish(nowNs: number): void {
    this.#finished = true;
    this.#oracle.emitDrops(nowNs, (event) => this.#recorder.event(event));
    this.#recorder.end(nowNs);
    const completed = this.#thread.end === 'completed';
    const verdict = completed ? this.#oracle.judge() : this.#oracle.tally();
    const end = this.#thread.status === 'none' ? NEVER_STARTED(nowNs, this.#cancelled) : endOf(this.#thread, nowNs);
    const now = this.#stopped ?? this.#tally();
    const before = this.#started ?? now;
    const guest: GuestTally = {
      stallNs: now.stallNs - before.stallNs,
      asked: now.asked - before.asked,
      made: now.made - before.made,
      faults: now.faults - before.faults,
    };
    const summary = summaryOf(this.#thread, verdict, guest, end);
    this.#recorder.finish(summary, evaluateExpectations(this.#experiment.expect, summary));
  }
}

const NEVER_STARTED = (nowNs: number, cancelled: boolean): ReturnType<typeof endOf> => ({
  outcome: cancelled ? 'cancelled' : 'timed-out',
  reason: 'the migration never started',
  nowNs,
});
