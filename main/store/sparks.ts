// The shape of a run in a few dozen numbers, for the first column of the list and for cards: made once from the pyramid when
// a finished run is first asked for, then kept.
import type Database from 'better-sqlite3';
import * as z from 'zod';
import { readRow } from './rows.ts';
import { fromJson } from './runs.ts';
import { readEnvelope } from './samples.ts';

export interface Spark {
  readonly id: number;
  readonly endNs: number;
  /** Greatest dirty rate of all sources together in each of equal stretches; null: no sample. */
  readonly peaks: (number | null)[];
  readonly startNs: number | null;
  readonly stopNs: number | null;
  readonly resumeNs: number | null;
}

export const SPARK_POINTS = 60;

const sparkSchema = z.object({
  id: z.number(),
  endNs: z.number(),
  peaks: z.array(z.number().nullable()),
  startNs: z.number().nullable(),
  stopNs: z.number().nullable(),
  resumeNs: z.number().nullable(),
});

export function readSpark(db: Database.Database, file: string, id: number): Spark | undefined {
  const kept = db.prepare('SELECT json FROM run_spark WHERE run_id = ?').pluck().get(id);
  if (typeof kept === 'string') return readRow(file, sparkSchema, fromJson(file, kept));
  const run = db.prepare('SELECT status, sample_count FROM run WHERE id = ?').get(id) as
    { status: string; sample_count: number } | undefined;
  if (run === undefined || run.sample_count === 0) return undefined;
  const spark = makeSpark(db, file, id);
  if (run.status === 'finished') {
    db.prepare('INSERT OR IGNORE INTO run_spark (run_id, json) VALUES (?, ?)').run(id, JSON.stringify(spark));
  }
  return spark;
}

function makeSpark(db: Database.Database, file: string, id: number): Spark {
  const positions = db
    .prepare("SELECT position FROM series WHERE run_id = ? AND id LIKE 'dirty.%' ORDER BY position LIMIT 64")
    .pluck()
    .all(id) as number[];
  const whole = { fromNs: 0, toNs: Number.MAX_SAFE_INTEGER, columns: SPARK_POINTS };
  const { fromNs, toNs, columns } = readEnvelope(db, file, id, positions, whole);
  const endNs = toNs.at(-1) ?? 0;
  const peaks = new Array<number | null>(SPARK_POINTS).fill(null);
  const stretch = (ns: number): number =>
    Math.min(SPARK_POINTS - 1, Math.floor((ns / Math.max(1, endNs)) * SPARK_POINTS));
  for (let i = 0; i < toNs.length; i++) {
    let sum = 0;
    for (const { greatest } of columns) sum += Number.isFinite(greatest[i]!) ? greatest[i]! : 0;
    for (let at = stretch(fromNs[i]!); at <= stretch(toNs[i]!); at++) peaks[at] = Math.max(peaks[at] ?? 0, sum);
  }
  // Of several migrations in one run the last blackout is the one that counts.
  const last = (kind: 'stop' | 'resume'): number | null =>
    (db
      .prepare(
        'SELECT time_ns FROM event WHERE run_id = ? AND kind = ? AND source IS NULL ORDER BY number DESC LIMIT 1',
      )
      .pluck()
      .get(id, kind) as number | undefined) ?? null;
  const stopNs = last('stop');
  const resumeNs = last('resume');
  const summary = db.prepare('SELECT summary FROM run_document WHERE run_id = ?').pluck().get(id);
  const start = typeof summary === 'string' ? (fromJson(file, summary) as { startNs?: unknown }).startNs : null;
  return {
    ...{ id, endNs, peaks },
    startNs: typeof start === 'number' ? start : null,
    stopNs,
    resumeNs: stopNs !== null && resumeNs !== null && resumeNs >= stopNs ? resumeNs : null,
  };
}
