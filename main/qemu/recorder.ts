// Puts query-migrate answers and guest reports, which come at their own times, on one axis of samples.
//
// An observation waits until the guest has reported past it (200 ms, or a second and more when the guest is throttled),
// because its write rate is interpolated between two reports.

import type { Known } from '../../engine/experiment/result.ts';
import { WriteCurve } from './curve.ts';
import { chunkOf, observedSeries, SentRates, type HashingSink, type Observation } from './observed.ts';

/** An observation older than this is passed on without the guest's write rate. */
const WAIT_NS_MAX = 2.5e9;

type Pending = Pick<Observation, 'timeNs' | 'figures' | 'thresholdPages' | 'newlyDirtyPages'>;

export class Recorder {
  readonly #sink: Pick<HashingSink, 'samples'>;
  readonly #series: ReturnType<typeof observedSeries>;
  readonly #rates = new SentRates();
  readonly #curve = new WriteCurve();
  #pending: Pending[] = [];
  #emitted = 0;
  #lastTimeNs = 0;

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
    this.#curve.add(timeNs, writes);
    this.#pass(false);
  }

  /** Page writes until then, as far as reported. */
  writesAt(timeNs: number): Known {
    return this.#curve.at(timeNs);
  }

  finish(): void {
    this.#pass(true);
  }

  #pass(all: boolean): void {
    const newestNs = this.#pending.at(-1)?.timeNs ?? 0;
    const ready: Observation[] = [];
    for (const pending of this.#pending) {
      const { timeNs, figures } = pending;
      if (!all && timeNs > this.#curve.lastTimeNs && newestNs - timeNs < WAIT_NS_MAX) break;
      const writesPerSecond = this.#curve.rate(this.#lastTimeNs, timeNs);
      ready.push({ ...pending, ...this.#rates.next(timeNs, figures), writesPerSecond });
      this.#lastTimeNs = timeNs;
    }
    if (ready.length === 0) return;
    this.#pending = this.#pending.slice(ready.length);
    this.#sink.samples(chunkOf(this.#series, ready, this.#emitted));
    this.#emitted += ready.length;
  }
}
