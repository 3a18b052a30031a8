// Reading samples: exact stretches for exports and comparisons, envelopes for charts.
//
// An envelope answers "what does this stretch look like in about N columns" from the coarsest level of the pyramid that
// still has N pairs in it, so it costs about 16 N values whatever the run's length, and no extreme is lost. What is handed
// out is at most about 2 N: neighbours are folded before they travel. Folds begin at multiples of their own length, so that
// a pan by a pixel shows the same stretches again.
import type Database from 'better-sqlite3';
import { decodeColumn } from './columns.ts';
import { StoreError } from './errors.ts';
import { FANOUT } from './pyramid.ts';
import { chunkRowSchema, readRow } from './rows.ts';

/** Position of the time axis among the columns of a run. */
export const TIMES = -1;

export interface Envelope {
  /** Samples that one entry stands for, a power of two; with 1, least and greatest are the same values. */
  readonly samplesEach: number;
  /** Position of the first entry: it begins with sample `firstEntry · samplesEach`. */
  readonly firstEntry: number;
  /** First and last time of each entry. */
  readonly fromNs: Float64Array;
  readonly toNs: Float64Array;
  /** One for each position asked for. */
  readonly columns: readonly { readonly least: Float64Array; readonly greatest: Float64Array }[];
}

/** Samples `first … first + count − 1` (as many as there are) of one column, exactly as they were reported. */
export function readSamples(
  db: Database.Database,
  file: string,
  run: number,
  position: number,
  first: number,
  count: number,
): Float64Array {
  return readLevel(db, file, run, position, 0, first, count);
}

export interface Stretch {
  readonly first: number;
  readonly count: number;
}

/**
 * The samples of a run as consecutive stretches of about `rows` each, cut where the store's own chunks are: who reads them one
 * by one decodes every chunk once and holds few.
 */
export function readStretches(db: Database.Database, run: number, rows: number): Stretch[] {
  const chunks = db
    .prepare('SELECT first, count FROM chunk WHERE run_id = ? AND position = ? AND level = 0 ORDER BY first')
    .all(run, TIMES) as Stretch[];
  const stretches: Stretch[] = [];
  let [first, count] = [0, 0];
  for (const chunk of chunks) {
    if (count > 0 && count + chunk.count > rows) {
      stretches.push({ first, count });
      [first, count] = [chunk.first, 0];
    }
    count += chunk.count;
  }
  return count === 0 ? stretches : [...stretches, { first, count }];
}

/** Envelope of the samples from the last one at or before `fromNs` to the first one at or after `toNs`. */
export function readEnvelope(
  db: Database.Database,
  file: string,
  run: number,
  positions: readonly number[],
  range: { readonly fromNs: number; readonly toNs: number; readonly columns: number },
): Envelope {
  const total = valuesAt(db, run, 0);
  const first = Math.max(0, firstAfter(db, file, run, range.fromNs, total) - 1);
  const end = Math.min(total, firstAfter(db, file, run, range.toNs, total) + 1);
  const wanted = Math.max(1, range.columns);
  let level = 0;
  // A level was left out where the one below is small enough, or (in an interrupted run) was not written to its end.
  for (let each = FANOUT; (end - first) / each >= wanted && covers(db, run, level + 1, end, each); each *= FANOUT)
    level++;
  const each = FANOUT ** level;
  let fold = 1;
  while ((end - first) / (each * fold * 2) >= wanted) fold *= 2;
  const from = Math.floor(first / (each * fold)) * fold;
  const to = Math.ceil(end / each);
  const read = (position: number): { least: Float64Array; greatest: Float64Array } => {
    if (level === 0) {
      const values = readLevel(db, file, run, position, 0, from, to - from);
      return folded(values, values, fold);
    }
    const pairs = readLevel(db, file, run, position, level, 2 * from, 2 * (to - from));
    const least = new Float64Array(pairs.length / 2);
    const greatest = new Float64Array(pairs.length / 2);
    for (let i = 0; i < least.length; i++) {
      least[i] = pairs[2 * i]!;
      greatest[i] = pairs[2 * i + 1]!;
    }
    return folded(least, greatest, fold);
  };
  const times = read(TIMES);
  return {
    samplesEach: each * fold,
    firstEntry: from / fold,
    fromNs: times.least,
    toNs: times.greatest,
    columns: positions.map(read),
  };
}

/** The least and the greatest of each `fold` neighbours; NaN (not known) counts only where there is nothing else. */
function folded(
  least: Float64Array,
  greatest: Float64Array,
  fold: number,
): { least: Float64Array; greatest: Float64Array } {
  if (fold === 1) return { least, greatest };
  const length = Math.ceil(least.length / fold);
  const low = new Float64Array(length);
  const high = new Float64Array(length);
  for (let to = 0; to < length; to++) {
    const end = Math.min(least.length, (to + 1) * fold);
    let lowest = NaN;
    let highest = NaN;
    for (let i = to * fold; i < end; i++) {
      if (!(lowest <= least[i]!) && !Number.isNaN(least[i]!)) lowest = least[i]!;
      if (!(highest >= greatest[i]!) && !Number.isNaN(greatest[i]!)) highest = greatest[i]!;
    }
    low[to] = lowest;
    high[to] = highest;
  }
  return { least: low, greatest: high };
}

function covers(db: Database.Database, run: number, level: number, end: number, each: number): boolean {
  return (valuesAt(db, run, level) / 2) * each >= end;
}

/** Values of a level of the time axis; every column has as many. */
function valuesAt(db: Database.Database, run: number, level: number): number {
  return db
    .prepare('SELECT coalesce(max(first + count), 0) FROM chunk WHERE run_id = ? AND position = ? AND level = ?')
    .pluck()
    .get(run, TIMES, level) as number;
}

/** Index of the first sample later than `timeNs`, or `total`. */
function firstAfter(db: Database.Database, file: string, run: number, timeNs: number, total: number): number {
  const chunk = db
    .prepare(
      'SELECT first, count, codec, crc, data FROM chunk WHERE run_id = ? AND position = ? AND level = 0 AND max > ? ORDER BY first LIMIT 1',
    )
    .get(run, TIMES, timeNs);
  if (chunk === undefined) return total;
  const { first, values } = decode(file, run, chunk);
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! > timeNs) high = middle;
    else low = middle + 1;
  }
  return first + low;
}

function readLevel(
  db: Database.Database,
  file: string,
  run: number,
  position: number,
  level: number,
  first: number,
  count: number,
): Float64Array {
  const rows = db
    .prepare(
      `SELECT first, count, codec, crc, data FROM chunk
       WHERE run_id = ? AND position = ? AND level = ? AND first < ? AND first + count > ? ORDER BY first`,
    )
    .iterate(run, position, level, first + count, first);
  const parts: Float64Array[] = [];
  let length = 0;
  for (const row of rows) {
    const chunk = decode(file, run, row);
    const from = Math.max(0, first - chunk.first);
    const part = chunk.values.subarray(from, Math.min(chunk.values.length, first + count - chunk.first));
    if (chunk.first + from !== first + length) throw lostSamples(file, run);
    parts.push(part);
    length += part.length;
  }
  if (parts.length === 1) return parts[0]!;
  const all = new Float64Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function decode(file: string, run: number, row: unknown): { first: number; values: Float64Array } {
  const { first, count, codec, crc, data } = readRow(file, chunkRowSchema, row);
  const values = decodeColumn({ codec, crc, data }, count);
  if (values === undefined) throw lostSamples(file, run);
  return { first, values };
}

function lostSamples(file: string, run: number): StoreError {
  return new StoreError(
    'damaged',
    file,
    `samples of run ${run} in ${file} are damaged: they do not match their checksum`,
  );
}
