// Sweeps in the store: their points, who works on them, and what their runs came to.
//
// A sweep has one worker at a time, which claims it as a run has an owner (owner.ts). A point belongs to its run from the run's
// first moment, in the transaction that begins the run: a worker that is killed leaves an interrupted run that its successor
// finds and removes, and never a finished one that nobody knows.
import { randomUUID } from 'node:crypto';
import type Database from 'better-sqlite3';
import * as z from 'zod';
import { textHash } from './configs.ts';
import { damaged, StoreError, translating } from './errors.ts';
import { isAlive, thisOwner } from './owner.ts';
import { readRow } from './rows.ts';
import { STATUS_SQL } from './status.ts';

export type SweepStatus =
  /** A living process works on it. */
  | 'running'
  | 'paused'
  /** No point is left that can be run; some may have failed. */
  | 'finished'
  /** The process that worked on it is gone. */
  | 'interrupted';

export type PointStatus = 'waiting' | 'running' | 'done' | 'failed';

/** A field that is varied, as the plan calls it. */
const fieldSchema = z.object({ name: z.string(), title: z.string(), kind: z.string() });
export type StoredField = z.infer<typeof fieldSchema>;

export interface NewSweep {
  readonly name: string;
  readonly fileName: string;
  readonly text: string;
  readonly engineVersion: string;
  readonly fields: readonly StoredField[];
  readonly points: readonly {
    readonly number: number;
    readonly key: string;
    readonly setting: number;
    readonly seed: number;
    readonly written: readonly unknown[];
  }[];
}

export interface SweepRow {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly fileName: string;
  readonly engineVersion: string;
  readonly fields: readonly StoredField[];
  readonly status: SweepStatus;
  readonly failure: string | null;
  readonly createdMs: number;
  readonly endedMs: number | null;
  readonly workedMs: number;
  readonly points: number;
  readonly done: number;
  readonly failed: number;
}

export interface PointRow {
  readonly number: number;
  readonly key: string;
  readonly setting: number;
  readonly seed: number;
  readonly written: readonly unknown[];
  readonly status: PointStatus;
  readonly runId: number | null;
  readonly failure: string | null;
  readonly hash: string | null;
  readonly outcome: string | null;
  readonly expectMet: boolean;
  readonly figures: Readonly<Record<PointFigure, number | null>>;
}

/** What a picture of a sweep can show, and the column of `run` that holds it. */
const FIGURES = {
  downtimeNs: 'downtime_ns',
  totalNs: 'total_ns',
  bytesTotal: 'bytes_total',
  pagesLost: 'pages_lost',
  pagesResent: 'pages_resent',
  pagesNeedless: 'pages_needless',
  rounds: 'rounds',
  guestStallNs: 'guest_stall_ns',
  guestSpeed: 'guest_speed',
  throttleMaxPercent: 'throttle_max_percent',
} as const;
export type PointFigure = keyof typeof FIGURES;

const SWEEP_STATUS_SQL =
  'brownout_status(sweep.status, sweep.owner_host, sweep.owner_pid, sweep.owner_start, sweep.heartbeat_ms)';

/** A point is done when its run is whole; a run that was cut short, or lies in pieces, does not count. */
const POINT_STATUS_SQL = `CASE
  WHEN sweep_point.failure IS NOT NULL THEN 'failed'
  WHEN run.id IS NULL THEN 'waiting'
  WHEN run.status = 'finished' THEN CASE WHEN run.outcome = 'cancelled' THEN 'waiting' ELSE 'done' END
  WHEN run.status = 'failed' THEN 'failed'
  WHEN ${STATUS_SQL} = 'running' THEN 'running'
  ELSE 'waiting' END`;

const sweepRowSchema = z.object({
  id: z.number(),
  uid: z.string(),
  name: z.string(),
  file_name: z.string(),
  engine_version: z.string(),
  fields: z.string(),
  seen: z.enum(['running', 'paused', 'finished', 'interrupted']),
  failure: z.string().nullable(),
  created_ms: z.number(),
  ended_ms: z.number().nullable(),
  worked_ms: z.number(),
  points: z.number(),
  done: z.number(),
  failed: z.number(),
});

const figure = z.number().nullable();
const pointRowSchema = z.object({
  number: z.number(),
  key: z.string(),
  setting: z.number(),
  seed: z.number(),
  written: z.string(),
  seen: z.enum(['waiting', 'running', 'done', 'failed']),
  run_id: z.number().nullable(),
  failure: z.string().nullable(),
  hash: z.string().nullable(),
  outcome: z.string().nullable(),
  expect_total: figure,
  expect_met: figure,
  ...(Object.fromEntries(Object.values(FIGURES).map((column) => [column, figure])) as Record<
    (typeof FIGURES)[PointFigure],
    typeof figure
  >),
});

export class SweepTable {
  readonly #db: Database.Database;
  readonly #file: string;
  readonly #clock: () => number;

  constructor(db: Database.Database, file: string, clock: () => number) {
    this.#db = db;
    this.#file = file;
    this.#clock = clock;
  }

  /** A sweep on which nobody works yet. */
  create(sweep: NewSweep): number {
    return this.#write(() => {
      const now = this.#clock();
      const owner = thisOwner();
      const { lastInsertRowid } = this.#db
        .prepare(
          `INSERT INTO sweep (uid, name, file_name, text, text_hash, engine_version, fields, status, created_ms,
            heartbeat_ms, owner_host, owner_pid, owner_start) VALUES (?, ?, ?, ?, ?, ?, ?, 'paused', ?, ?, ?, ?, ?)`,
        )
        .run(
          ...[randomUUID(), sweep.name, sweep.fileName, sweep.text, textHash(sweep.text), sweep.engineVersion],
          ...[JSON.stringify(sweep.fields), now, now, owner.host, owner.pid, owner.start],
        );
      const id = Number(lastInsertRowid);
      const insert = this.#db.prepare(
        'INSERT INTO sweep_point (sweep_id, number, key, setting, seed, written) VALUES (?, ?, ?, ?, ?, ?)',
      );
      for (const { number, key, setting, seed, written } of sweep.points) {
        insert.run(id, number, key, setting, seed, JSON.stringify(written));
      }
      return id;
    });
  }

  /** The newest first. */
  list(): SweepRow[] {
    return this.#read('', []);
  }

  /** Throws a StoreError `absent` where there is no such sweep. */
  get(id: number): SweepRow {
    const [row] = this.#read('WHERE sweep.id = ?', [id]);
    if (row === undefined) throw this.#absent(id);
    return row;
  }

  /** The file, as it was written. */
  text(id: number): string {
    const text = this.#ask(() => this.#db.prepare('SELECT text FROM sweep WHERE id = ?').pluck().get(id));
    if (typeof text !== 'string') throw this.#absent(id);
    return text;
  }

  /** The newest sweep of exactly this text and engine that is not finished. */
  unfinished(text: string, engineVersion: string): SweepRow | undefined {
    return this.#read("WHERE text_hash = ? AND engine_version = ? AND sweep.status <> 'finished'", [
      textHash(text),
      engineVersion,
    ])[0];
  }

  points(id: number): PointRow[] {
    return this.#ask(() => {
      const figures = Object.values(FIGURES).map((column) => `run.${column}`);
      const rows = this.#db
        .prepare(
          `SELECT number, key, setting, sweep_point.seed, written, ${POINT_STATUS_SQL} AS seen, run_id,
            coalesce(sweep_point.failure, run.failure) AS failure, run.hash, run.outcome, run.expect_total, run.expect_met,
            ${figures.join(', ')}
           FROM sweep_point LEFT JOIN run ON run.id = run_id AND run.deleted_ms IS NULL
           WHERE sweep_id = ? ORDER BY number`,
        )
        .all(id);
      return rows.map((row) => this.#pointRow(row));
    });
  }

  /** The sweep that a run is a point of. */
  ofRun(runId: number): { readonly sweepId: number; readonly number: number } | undefined {
    return this.#ask(
      () =>
        this.#db.prepare('SELECT sweep_id AS sweepId, number FROM sweep_point WHERE run_id = ?').get(runId) as
          { sweepId: number; number: number } | undefined,
    );
  }

  /**
   * Makes this process the one that works on it, and removes what earlier workers left in pieces: runs that are not whole, and
   * failures, which are tried again. False where a living process works on it.
   */
  claim(id: number): boolean {
    return this.#write(() => {
      const row = this.#db
        .prepare('SELECT status, owner_host, owner_pid, owner_start, heartbeat_ms FROM sweep WHERE id = ?')
        .get(id);
      if (row === undefined) throw this.#absent(id);
      const { status, ...owner } = row as Record<string, string | number>;
      const now = this.#clock();
      const alive = isAlive(
        { host: String(owner['owner_host']), pid: Number(owner['owner_pid']), start: String(owner['owner_start']) },
        Number(owner['heartbeat_ms']),
        now,
      );
      if (status === 'running' && alive) return false;
      const me = thisOwner();
      this.#db
        .prepare(
          `UPDATE sweep SET status = 'running', pause_wanted = 0, failure = NULL, ended_ms = NULL, heartbeat_ms = ?,
            owner_host = ?, owner_pid = ?, owner_start = ? WHERE id = ?`,
        )
        .run(now, me.host, me.pid, me.start, id);
      this.#db
        .prepare(
          `DELETE FROM run WHERE id IN (SELECT run_id FROM sweep_point WHERE sweep_id = ?)
            AND (status <> 'finished' OR outcome = 'cancelled' OR deleted_ms IS NOT NULL)`,
        )
        .run(id);
      this.#db.prepare('UPDATE sweep_point SET failure = NULL WHERE sweep_id = ?').run(id);
      return true;
    });
  }

  /** A sign of life, with the time worked since the last one. */
  beat(id: number, workedMs: number): void {
    this.#ask(() =>
      this.#db
        .prepare('UPDATE sweep SET heartbeat_ms = ?, worked_ms = worked_ms + ? WHERE id = ?')
        .run(this.#clock(), Math.round(workedMs), id),
    );
  }

  isPauseWanted(id: number): boolean {
    return this.#ask(() => this.#db.prepare('SELECT pause_wanted FROM sweep WHERE id = ?').pluck().get(id)) === 1;
  }

  /** Asks whoever works on it to pause; true: somebody does. */
  wantPause(id: number): boolean {
    const { status } = this.get(id);
    if (status !== 'running') return false;
    this.#write(() => this.#db.prepare('UPDATE sweep SET pause_wanted = 1 WHERE id = ?').run(id));
    return true;
  }

  /** This process works on it no longer. */
  release(id: number, status: 'paused' | 'finished', workedMs: number, failure: string | null = null): void {
    this.#write(() => {
      const now = this.#clock();
      this.#db
        .prepare(
          `UPDATE sweep SET status = ?, pause_wanted = 0, failure = ?, ended_ms = ?, heartbeat_ms = ?,
            worked_ms = worked_ms + ? WHERE id = ?`,
        )
        .run(status, failure, status === 'finished' ? now : null, now, Math.round(workedMs), id);
    });
  }

  /** A point that failed before its run began. */
  failPoint(id: number, number: number, reason: string): void {
    this.#ask(() =>
      this.#db.prepare('UPDATE sweep_point SET failure = ? WHERE sweep_id = ? AND number = ?').run(reason, id, number),
    );
  }

  /** Removes the run of a point that was not carried to its end. */
  discardRun(id: number, number: number): void {
    this.#write(() =>
      this.#db
        .prepare('DELETE FROM run WHERE id = (SELECT run_id FROM sweep_point WHERE sweep_id = ? AND number = ?)')
        .run(id, number),
    );
  }

  /** Forgets the sweep; its runs stay. */
  remove(id: number): void {
    this.#write(() => {
      if (this.#db.prepare('DELETE FROM sweep WHERE id = ?').run(id).changes === 0) throw this.#absent(id);
    });
  }

  #read(where: string, params: readonly (string | number)[]): SweepRow[] {
    return this.#ask(() =>
      this.#db
        .prepare(
          `SELECT sweep.id, uid, name, file_name, engine_version, fields, ${SWEEP_STATUS_SQL} AS seen, failure, created_ms,
            ended_ms, worked_ms, (SELECT count(*) FROM sweep_point WHERE sweep_id = sweep.id) AS points,
            (SELECT count(*) FROM sweep_point JOIN run ON run.id = run_id WHERE sweep_id = sweep.id
              AND run.deleted_ms IS NULL AND run.status = 'finished' AND run.outcome <> 'cancelled') AS done,
            (SELECT count(*) FROM sweep_point LEFT JOIN run ON run.id = run_id WHERE sweep_id = sweep.id
              AND (sweep_point.failure IS NOT NULL OR (run.deleted_ms IS NULL AND run.status = 'failed'))) AS failed
           FROM sweep ${where} ORDER BY sweep.id DESC`,
        )
        .all(...params)
        .map((row) => this.#sweepRow(row)),
    );
  }

  #sweepRow(raw: unknown): SweepRow {
    const row = readRow(this.#file, sweepRowSchema, raw);
    const fields = z.array(fieldSchema).safeParse(readJson(row.fields));
    if (!fields.success) throw damaged(this.#file, fields.error);
    return {
      ...{ id: row.id, uid: row.uid, name: row.name, fileName: row.file_name, engineVersion: row.engine_version },
      ...{ fields: fields.data, status: row.seen, failure: row.failure },
      ...{ createdMs: row.created_ms, endedMs: row.ended_ms, workedMs: row.worked_ms },
      ...{ points: row.points, done: row.done, failed: row.failed },
    };
  }

  #pointRow(raw: unknown): PointRow {
    const row = readRow(this.#file, pointRowSchema, raw);
    const written = readJson(row.written);
    if (!Array.isArray(written)) throw damaged(this.#file);
    const isDone = row.seen === 'done';
    const figures = Object.entries(FIGURES).map(([name, column]) => {
      // A guest that never stopped for good had no downtime, rather than one of 0.
      const isKnown = isDone && (name !== 'downtimeNs' || row.outcome === 'completed');
      return [name, isKnown ? row[column] : null] as const;
    });
    return {
      ...{ number: row.number, key: row.key, setting: row.setting, seed: row.seed, written: written as unknown[] },
      ...{ status: row.seen, runId: row.seen === 'waiting' ? null : row.run_id, failure: row.failure },
      ...{ hash: isDone ? row.hash : null, outcome: isDone ? row.outcome : null },
      expectMet: (row.expect_total ?? 0) === (row.expect_met ?? 0),
      figures: Object.fromEntries(figures) as Record<PointFigure, number | null>,
    };
  }

  #absent(id: number): StoreError {
    return new StoreError('absent', this.#file, `there is no sweep ${id} in ${this.#file}`);
  }

  #ask<T>(question: () => T): T {
    return translating(this.#file, question);
  }

  #write<T>(work: () => T): T {
    return translating(this.#file, () => this.#db.transaction(work).immediate());
  }
}

/** Undefined where it is no JSON. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
