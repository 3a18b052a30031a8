// Puts query-migrate answers and guest reports, which come at their own times, on one axis of samples.
//
// An observation waits until the guest has reported past it (200 ms, or a second and more when the guest is throttled),
// because its write rate is interpolated between two reports. While the guest stood still its count stood still too: the
// blackout becomes two knots of the curve.

import type { Known } from '../../engine/experiment/result.ts';
import { chunkOf, observedSeries, SentRates, type HashingSink, type Observation } from './observed.ts';

/** An observation older than this is passed on without the guest's write rate. */
const WAIT_NS_MAX = 2.5e9;

type Pending = Pick<Observation, 'timeNs' | 'figures' | 'thresholdPages' | 'newlyDirtyPages'>;

interface Knot {
  readonly timeNs: number;
  readonly writes: number;
}

export class Recorder {
  readonly #sink: Pick<HashingSink, 'samples'>;
  readonly #series: ReturnType<typeof observedSeries>;
  readonly #rates = new SentRates();
  readonly #knots: Knot[] = [];
  #pending: Pending[] = [];
  #emitted = 0;
  #lastTimeNs = 0;
  /** Knots before this one are not needed any more. */
  #knotFrom = 0;

  /** `group` names the vCPUs that write. */
  constructor(sink: Pick<HashingSink, 'samples'>, group: string) {
    this.#sink = sink;
    this.#series = observedSeries(group);
  }

  /** Times must rise; an observation that does not is left out. */
  observe(observation: Pending): void {
    const last = this.#pending.at(-1)?.timeNs ?? this.#lastTimeNs;
    if (observation.timeNs <= last && (this.#emitted > 0 || this.#pending.length > 0)) return;
    this.#pending.push(observation);
    this.#pass(false);
  }

  /** The guest had made `writes` page writes at this time. */
  report(timeNs: number, writes: number): void {
    const last = this.#knots.at(-1);
    if (last !== undefined && (timeNs <= last.timeNs || writes < last.writes)) return;
    this.#knots.push({ timeNs, writes });
    this.#pass(false);
  }

  /** Page writes until then, as far as reported. */
  writesAt(timeNs: number): Known {
    const after = this.#knots.findIndex((knot) => knot.timeNs >= timeNs);
    return between(this.#knots[after - 1] ?? this.#knots[0], this.#knots[after], timeNs);
  }

  finish(): void {
    this.#pass(true);
  }

  #pass(all: boolean): void {
    const reportedNs = this.#knots.at(-1)?.timeNs ?? -Infinity;
    const newestNs = this.#pending.at(-1)?.timeNs ?? 0;
    const ready: Observation[] = [];
    for (const pending of this.#pending) {
      const { timeNs, figures } = pending;
      if (!all && timeNs > reportedNs && newestNs - timeNs < WAIT_NS_MAX) break;
      const writesPerSecond = this.#writeRate(this.#lastTimeNs, timeNs);
      ready.push({ ...pending, ...this.#rates.next(timeNs, figures), writesPerSecond });
      this.#lastTimeNs = timeNs;
    }
    if (ready.length === 0) return;
    this.#pending = this.#pending.slice(ready.length);
    this.#sink.samples(chunkOf(this.#series, ready, this.#emitted));
    this.#emitted += ready.length;
  }

  /** Mean of the guest's write rate over an interval that begins where the one before ended. */
  #writeRate(fromNs: number, toNs: number): Known {
    const before = this.#advance(fromNs);
    const after = this.#advance(toNs);
    return before === null || after === null || toNs <= fromNs ? null : ((after - before) / (toNs - fromNs)) * 1e9;
  }

  /** As writesAt, for times that never fall: constant time on average. */
  #advance(timeNs: number): Known {
    const knots = this.#knots;
    while (this.#knotFrom + 1 < knots.length && knots[this.#knotFrom + 1]!.timeNs < timeNs) this.#knotFrom++;
    return between(knots[this.#knotFrom], knots[this.#knotFrom + 1] ?? knots[this.#knotFrom], timeNs);
  }
}

/** Writes at a time between two knots; null outside them. */
function between(a: Knot | undefined, b: Knot | undefined, timeNs: number): Known {
  if (a === undefined || b === undefined || timeNs < a.timeNs || timeNs > b.timeNs) return null;
  if (b.timeNs === a.timeNs) return a.writes;
  return a.writes + ((b.writes - a.writes) * (timeNs - a.timeNs)) / (b.timeNs - a.timeNs);
}
