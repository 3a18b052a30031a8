// What a simulation hands to its sink while it runs: samples of every series at the sampling interval, events as they come,
// and a hash over head, series, events and summary.
//
// A series is a closure that reads a counter or a level of the world; rates are differences over the interval that ends at the
// sample. Samples are hashed in chunks of CHUNK_SAMPLES, counted from the beginning, so that the hash does not depend on how a
// host slices the run; they go out when a chunk is whole, or earlier when a host asks (deliver). The last sample is taken when the run ends, however short its interval.

import { ResultHash } from '../core/hash.ts';
import type { Actor } from '../core/scheduler.ts';
import type { ExpectResult, RunEvent, RunHead, RunSink, SeriesInfo, Summary } from './result.ts';

export const CHUNK_SAMPLES = 512;

export interface Series extends SeriesInfo {
  /** A level now, or for kinds `rate` and `total` the total since the beginning, in the series' unit (times seconds). */
  readonly read: () => number;
}

export class Recorder implements Actor {
  readonly name = 'sampler';
  readonly #sink: RunSink;
  readonly #series: readonly Series[];
  readonly #samplingNs: number;
  readonly #beforeSample: (nowNs: number) => void;
  readonly #times = new Float64Array(CHUNK_SAMPLES);
  #columns: Float64Array[];
  readonly #totals: Float64Array;
  readonly #seriesHash = new ResultHash();
  readonly #eventHash = new ResultHash();
  #head: RunHead | null = null;
  #inChunk = 0;
  /** Samples of the chunk that the sink has. */
  #delivered = 0;
  #firstIndex = 0;
  #lastNs = 0;
  #events = 0;

  constructor(sink: RunSink, samplingNs: number, series: readonly Series[], beforeSample: (nowNs: number) => void) {
    this.#sink = sink;
    this.#series = series;
    this.#samplingNs = samplingNs;
    this.#beforeSample = beforeSample;
    this.#columns = series.map(() => new Float64Array(CHUNK_SAMPLES));
    this.#totals = new Float64Array(series.length);
  }

  begin(head: Omit<RunHead, 'series' | 'samplingNs'>): void {
    this.#head = {
      ...head,
      samplingNs: this.#samplingNs,
      series: this.#series.map(({ id, label, unit, kind, source }) => ({
        ...{ id, label, unit, kind },
        ...(source === undefined ? {} : { source }),
      })),
    };
    this.#sink.head(this.#head);
  }

  run(nowNs: number): number {
    if (nowNs > this.#lastNs) this.#sample(nowNs);
    return nowNs + this.#samplingNs;
  }

  event(event: RunEvent): number {
    const checked: RunEvent = event;
    this.#sink.event(checked);
    this.#eventHash.text(JSON.stringify(checked));
    return this.#events++;
  }

  /** The last sample and the rest of the chunk. */
  end(nowNs: number): void {
    if (nowNs > this.#lastNs || this.#firstIndex + this.#inChunk === 0) this.#sample(nowNs);
    this.#flush();
  }

  finish(summary: Summary, expect: readonly ExpectResult[]): string {
    const hash = new ResultHash()
      .text(JSON.stringify(this.#head))
      .text(this.#seriesHash.hex())
      .text(this.#eventHash.hex())
      .text(JSON.stringify(summary))
      .hex();
    this.#sink.finished(summary, expect, hash);
    return hash;
  }

  #sample(nowNs: number): void {
    this.#beforeSample(nowNs);
    const seconds = (nowNs - this.#lastNs) / 1e9;
    this.#times[this.#inChunk] = nowNs;
    this.#series.forEach((series, i) => {
      const value = series.read();
      let sample = value;
      if (series.kind === 'rate') {
        sample = seconds > 0 ? (value - this.#totals[i]!) / seconds : 0;
        this.#totals[i] = value;
      }
      this.#columns[i]![this.#inChunk] = sample;
    });
    this.#lastNs = nowNs;
    if (++this.#inChunk === CHUNK_SAMPLES) this.#flush();
  }

  /** Hands out the samples that the sink lacks. When, and whether at all, changes no result. */
  deliver(): void {
    const from = this.#delivered;
    const count = this.#inChunk - from;
    if (count === 0) return;
    const timesNs = this.#times.slice(from, this.#inChunk);
    const columns = this.#columns.map((column) => column.slice(from, this.#inChunk));
    this.#sink.samples({ firstIndex: this.#firstIndex + from, count, timesNs, columns });
    this.#delivered = this.#inChunk;
  }

  #flush(): void {
    const count = this.#inChunk;
    if (count === 0) return;
    this.deliver();
    this.#seriesHash.number(this.#firstIndex).float64(this.#times, count);
    for (const column of this.#columns) this.#seriesHash.float64(column, count);
    this.#firstIndex += count;
    this.#inChunk = 0;
    this.#delivered = 0;
  }
}
