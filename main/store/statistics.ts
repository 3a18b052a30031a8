// Figures of a stretch of a run, from every sample in it, exactly: what a selection in a chart comes to.
//
// Each sample stands for a part of the axis of time: that of a rate for the interval that ends with it (its value is the mean
// over that), that of a level or a total for the time until the next. Parts are cut at the edges of the stretch and weigh by
// their length, so the integral of a rate over any stretch is what the counter behind it grew by. Unknown samples (NaN) are
// counted and left out. Sums are compensated (Neumaier), so a million small parts lose no digits.
import type Database from 'better-sqlite3';
import type { SeriesKind } from '../../engine/experiment/result.ts';
import { readSamples, TIMES } from './samples.ts';

export interface TimeStretch {
  readonly fromNs: number;
  readonly toNs: number;
}

/** null: no known sample stands for any part of the stretch. */
export interface SeriesStatistics {
  readonly samples: number;
  /** Of these, how many are not known. */
  readonly unknown: number;
  readonly least: number | null;
  readonly greatest: number | null;
  /** When they were reached first. */
  readonly leastNs: number | null;
  readonly greatestNs: number | null;
  /** Weighed by time. */
  readonly mean: number | null;
  /** Value times seconds; of a rate, what it came to. */
  readonly integral: number | null;
  /** At the edges: the difference is what a total grew by. */
  readonly first: number | null;
  readonly last: number | null;
}

const BLOCK = 65_536;

export function readStatistics(
  db: Database.Database,
  file: string,
  run: number,
  series: { readonly position: number; readonly kind: SeriesKind },
  stretch: TimeStretch,
): SeriesStatistics {
  const gathering = new Gathering(series.kind, stretch);
  // One sample earlier: a level reaches into the stretch from before it, and a rate's interval begins with the one before.
  const start = firstAtOrAfter(db, file, run, stretch.fromNs);
  for (let first = Math.max(0, start - 1); ; first += BLOCK) {
    const times = readSamples(db, file, run, TIMES, first, BLOCK);
    const values = readSamples(db, file, run, series.position, first, BLOCK);
    for (let i = 0; i < values.length; i++) if (!gathering.add(times[i]!, values[i]!)) return gathering.take();
    if (values.length < BLOCK) return gathering.take();
  }
}

/** Index of the first sample that is not before `timeNs`, or near before it. */
function firstAtOrAfter(db: Database.Database, file: string, run: number, timeNs: number): number {
  const chunk = db
    .prepare(
      'SELECT first, count FROM chunk WHERE run_id = ? AND position = ? AND level = 0 AND max >= ? ORDER BY first LIMIT 1',
    )
    .get(run, TIMES, timeNs) as { first: number; count: number } | undefined;
  if (chunk === undefined) {
    const all = db
      .prepare('SELECT coalesce(max(first + count), 0) FROM chunk WHERE run_id = ? AND position = ? AND level = 0')
      .pluck()
      .get(run, TIMES) as number;
    return all;
  }
  const times = readSamples(db, file, run, TIMES, chunk.first, chunk.count);
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < timeNs) low = middle + 1;
    else high = middle;
  }
  return chunk.first + low;
}

class Gathering {
  readonly #kind: SeriesKind;
  readonly #stretch: TimeStretch;
  /** The sample before, whose part ends with the next one. */
  #beforeNs = NaN;
  #before = NaN;
  #samples = 0;
  #unknown = 0;
  #least = NaN;
  #greatest = NaN;
  #leastNs = NaN;
  #greatestNs = NaN;
  #first = NaN;
  #last = NaN;
  /** Value times nanoseconds. */
  readonly #area = new Sum();
  readonly #lengthNs = new Sum();

  constructor(kind: SeriesKind, stretch: TimeStretch) {
    this.#kind = kind;
    this.#stretch = stretch;
  }

  /** False: nothing that comes later matters. */
  add(timeNs: number, value: number): boolean {
    const { toNs } = this.#stretch;
    if (this.#kind === 'rate') {
      if (!Number.isNaN(this.#beforeNs)) this.#part(value, timeNs, this.#beforeNs, timeNs);
      this.#beforeNs = timeNs;
      return timeNs < toNs;
    }
    if (!Number.isNaN(this.#beforeNs)) this.#part(this.#before, this.#beforeNs, this.#beforeNs, timeNs);
    this.#beforeNs = timeNs;
    this.#before = value;
    return timeNs <= toNs;
  }

  take(): SeriesStatistics {
    // The last sample of a run holds to the end of the stretch.
    if (this.#kind !== 'rate' && this.#beforeNs <= this.#stretch.toNs) {
      this.#part(this.#before, this.#beforeNs, this.#beforeNs, Math.max(this.#beforeNs, this.#stretch.toNs));
    }
    const known = (value: number): number | null => (Number.isNaN(value) ? null : value);
    const lengthNs = this.#lengthNs.value;
    const none = this.#samples === this.#unknown;
    return {
      samples: this.#samples,
      unknown: this.#unknown,
      least: known(this.#least),
      greatest: known(this.#greatest),
      leastNs: known(this.#leastNs),
      greatestNs: known(this.#greatestNs),
      // Of one moment, what it is then.
      mean: none ? null : lengthNs > 0 ? this.#area.value / lengthNs : known(this.#last),
      integral: none ? null : this.#area.value / 1e9,
      first: known(this.#first),
      last: known(this.#last),
    };
  }

  #part(value: number, atNs: number, beginsNs: number, endsNs: number): void {
    const { fromNs, toNs } = this.#stretch;
    const from = Math.max(beginsNs, fromNs);
    const to = Math.min(endsNs, toNs);
    // A part that only touches the stretch is none of it, unless the stretch is one moment or the part has no length.
    if (to < from || (to === from && beginsNs < endsNs && fromNs < toNs)) return;
    this.#samples++;
    if (Number.isNaN(value)) {
      this.#unknown++;
      return;
    }
    if (!(value >= this.#least)) [this.#least, this.#leastNs] = [value, Math.min(Math.max(atNs, fromNs), toNs)];
    if (!(value <= this.#greatest))
      [this.#greatest, this.#greatestNs] = [value, Math.min(Math.max(atNs, fromNs), toNs)];
    if (Number.isNaN(this.#first)) this.#first = value;
    this.#last = value;
    this.#lengthNs.add(to - from);
    this.#area.add(value * (to - from));
  }
}

class Sum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const next = this.#sum + value;
    this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - next + value : value - next + this.#sum;
    this.#sum = next;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}
