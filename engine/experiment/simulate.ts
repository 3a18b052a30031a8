// An experiment run by the engine: lets the world's actors run in order of time, and streams samples, events and the summary
// into a sink. Pure: hosts call advance() in slices and get the same bytes however they slice.
//
// The run begins at 0 with the guest running, starts the migration at `migration.start`, and ends when the guest runs at the
// destination, or again at the source with no further `migrate` to come, or when the limit of simulated time is reached.

import { PAGE_SIZE } from '../core/units.ts';
import { evaluateExpectations } from './expect.ts';
import type { Progress, RunSink } from './result.ts';
import type { Experiment } from './schema.ts';
import { endOf, summaryOf, type EndOfRun } from './summary.ts';
import { World } from './world.ts';

export const ENGINE_VERSION = '0.1.0';

export interface Simulation {
  /** Runs at most so many events; true when the run is over and the sink has everything. */
  advance(maxEvents: number): boolean;
  /** Ends the run as cancelled at the present simulated time; advance() once more to have it finished. */
  cancel(): void;
  progress(): Progress;
  /** Hands over the samples taken so far, for a host that shows them; changes nothing in the result. */
  deliver(): void;
  /** Hands over the heat map so far, which is large: a host that shows it asks now and then. Changes nothing in the result. */
  deliverHeat(): void;
  /** Events run so far. */
  readonly events: number;
}

export function createSimulation(experiment: Experiment, sink: RunSink): Simulation {
  return new Run(experiment, sink);
}

class Run implements Simulation {
  readonly #experiment: Experiment;
  readonly #world: World;
  readonly #limitNs: number;
  #cancelled = false;
  #finished = false;

  constructor(experiment: Experiment, sink: RunSink) {
    this.#experiment = experiment;
    this.#world = new World(experiment, sink);
    this.#limitNs = experiment.limits.simulated;
    this.#world.recorder.begin({
      source: { kind: 'sim', text: `Brownout ${ENGINE_VERSION}` },
      engineVersion: ENGINE_VERSION,
      seed: experiment.seed,
    });
  }

  get events(): number {
    return this.#world.scheduler.eventsRun;
  }

  advance(maxEvents: number): boolean {
    const world = this.#world;
    // One event at a time: the run ends with the event that ends it, wherever a slice ends.
    for (let left = maxEvents; left > 0 && !this.#finished; left--) {
      const more = world.scheduler.advance(1, this.#limitNs) === 'paused';
      world.countEvent();
      if (world.endedNs >= 0 && (this.#cancelled || !world.timeline.comes('migrate'))) this.#finish(world.endedNs);
      else if (!more) this.#finish(world.scheduler.nowNs);
    }
    return this.#finished;
  }

  cancel(): void {
    if (this.#cancelled || this.#finished) return;
    this.#cancelled = true;
    const { thread, scheduler } = this.#world;
    thread.cancel();
    if (thread.status === 'none') this.#finish(scheduler.nowNs);
    else this.#world.wakeThread(scheduler.nowNs);
  }

  deliver(): void {
    this.#world.recorder.deliver();
  }

  deliverHeat(): void {
    this.#world.heat.deliver();
  }

  progress(): Progress {
    const { thread, scheduler } = this.#world;
    const { ram, window, phase } = thread;
    return {
      phase: phase === 'none' ? 'before the migration' : phase,
      round: ram.syncs,
      simulatedNs: scheduler.nowNs,
      limitNs: this.#deadlineNs(),
      pagesLeft: ram.left,
      pagesThreshold: Math.floor(window.thresholdBytes / PAGE_SIZE),
    };
  }

  #deadlineNs(): number {
    const { start, timeout } = this.#experiment.migration;
    return Math.min(this.#limitNs, timeout === 0 ? Infinity : start + timeout);
  }

  #finish(nowNs: number): void {
    this.#finished = true;
    const { oracle, recorder, heat, thread } = this.#world;
    oracle.emitDrops(nowNs, (event) => recorder.event(event));
    recorder.end(nowNs);
    heat.end();
    const lost = (page: number, sinceNs: number): void => {
      heat.lost(page, sinceNs);
    };
    const verdict = thread.end === 'completed' ? oracle.judge(lost) : oracle.tally();
    heat.deliver();
    const end = thread.status === 'none' ? neverStarted(nowNs, this.#cancelled) : endOf(thread, nowNs);
    const summary = summaryOf(thread, verdict, this.#world.guestTally(), end);
    recorder.finish(summary, evaluateExpectations(this.#experiment.expect, summary));
  }
}

const neverStarted = (nowNs: number, cancelled: boolean): EndOfRun => ({
  outcome: cancelled ? 'cancelled' : 'timed-out',
  reason: 'the migration never started',
  nowNs,
});
