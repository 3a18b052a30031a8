// Puts query-migrate answers and guest reports, which come at their own times, on one axis of samples.
//
// An observation waits until the guest has reported past it (200 ms, or a second and more when the guest is throttled),
// because its write rate is interpolated between two reports. While the guest stood still its count stood still too: the
// blackout becomes two knots of the curve.

import type { Known } from '../../engine/experiment/result.ts';
import type { Figures } from './figures.ts';
import { chunkOf, OBSERVED_SERIES, type HashingSink, type Observation } from './observed.ts';

/** An observation older than this is passed on without the guest's write rate. */
const WAIT_NS_MAX = 2.5e9;

interface Knot {
  readonly timeNs: number;
  readonly writes: number;
}

export class Recorder {
  readonly #sink: Pick<HashingSink, 'samples'>;
  readonly #knots: Knot[] = [];
  #pending: { timeNs: number; figures: Figures | null }[] = [];
  #emitted = 0;
  #lastTimeNs = 0;
  /** Knots before this one are not needed any more. */
  #knotFrom = 0;

  constructor(sink: Pick<HashingSink, 'samples'>) {
    this.#sink = sink;
  }

  /** Times must rise; one that does not is left out. */
  observe(timeNs: number, figures: Figures | null): void {
    const last = this.#pending.at(-1)?.timeNs ?? this.#lastTimeNs;
    if (timeNs <= last && !(this.#emitted === 0 && this.#pending.length === 0)) return;
    this.#pending.push({ timeNs, figures });
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
    for (let i = this.#knots.length - 1; i > 0; i--) {
      const a = this.#knots[i - 1]!;
      const b = this.#knots[i]!;
      if (timeNs < a.timeNs) continue;
      if (timeNs > b.timeNs) return null;
      return a.writes + ((b.writes - a.writes) * (timeNs - a.timeNs)) / (b.timeNs - a.timeNs);
    }
    return null;
  }

  finish(): void {
    this.#pass(true);
  }

  #pass(all: boolean): void {
    const reportedNs = this.#knots.at(-1)?.timeNs ?? -Infinity;
    const newestNs = this.#pending.at(-1)?.timeNs ?? 0;
    const ready: Observation[] = [];
    for (const { timeNs, figures } of this.#pending) {
      if (!all && timeNs > reportedNs && newestNs - timeNs < WAIT_NS_MAX) break;
      ready.push({ timeNs, figures, writesPerSecond: this.#rate(this.#lastTimeNs, timeNs) });
      this.#lastTimeNs = timeNs;
    }
    if (ready.length === 0) return;
    this.#pending = this.#pending.slice(ready.length);
    this.#sink.samples(chunkOf(OBSERVED_SERIES, ready, this.#emitted));
    this.#emitted += ready.length;
  }

  /** Mean of the guest's write rate over an interval that begins where the one before ended. */
  #rate(fromNs: number, toNs: number): Known {
    const before = this.#advance(fromNs);
    const after = this.#advance(toNs);
    return before === null || after === null || toNs <= fromNs ? null : ((after - before) / (toNs - fromNs)) * 1e9;
  }

  /** As writesAt, for times that never fall: constant time on average. */
  #advance(timeNs: number): Known {
    const knots = this.#knots;
    while (this.#knotFrom + 1 < knots.length && knots[this.#knotFrom + 1]!.timeNs < timeNs) this.#knotFrom++;
    const a = knots[this.#knotFrom];
    const b = knots[this.#knotFrom + 1];
    if (a === undefined || timeNs < a.timeNs) return null;
    if (b === undefined) return timeNs === a.timeNs ? a.writes : null;
    return a.writes + ((b.writes - a.writes) * (timeNs - a.timeNs)) / (b.timeNs - a.timeNs);
  }
}
