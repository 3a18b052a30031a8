// Questions about runs: which there are, what one was. None of them reads samples.
import type Database from 'better-sqlite3';
import * as z from 'zod';
import type { ExpectResult, SeriesInfo, Summary } from '../../engine/experiment/result.ts';
import { damaged, StoreError } from './errors.ts';
import { readExactJson } from '../contract/exactJson.ts';
import { isAlive, thisOwner } from './owner.ts';
import { readRow, runRowSchema, seriesRowSchema } from './rows.ts';
import type { RunRow, RunStatus, StoredRun } from './rows.ts';

/** What a list can be sorted by, and the column that holds it. */
const ORDERS = {
  created: 'created_ms',
  name: 'name COLLATE NOCASE',
  outcome: 'outcome',
  total: 'total_ns',
  downtime: 'downtime_ns',
  bytes: 'bytes_total',
  lost: 'pages_lost',
  rounds: 'rounds',
} as const;
export type RunOrder = keyof typeof ORDERS;
export const RUN_ORDERS = Object.keys(ORDERS) as readonly RunOrder[];

export interface ListQuery {
  readonly order?: RunOrder;
  readonly descending?: boolean;
  readonly limit?: number;
  readonly offset?: number;
}

export function listRuns(db: Database.Database, file: string, query: ListQuery, nowMs: number): RunRow[] {
  const { order = 'created', descending = true, limit = -1, offset = 0 } = query;
  const direction = descending ? 'DESC' : 'ASC';
  // What is not known comes last in either direction.
  const rows = db
    .prepare(
      `SELECT * FROM run WHERE deleted_ms IS NULL ORDER BY ${ORDERS[order]} ${direction} NULLS LAST, id ${direction} LIMIT ? OFFSET ?`,
    )
    .all(limit, offset);
  const alive = aliveOnce(nowMs);
  return rows.map((row) => toRunRow(file, row, alive));
}

export function countRuns(db: Database.Database): number {
  return db.prepare('SELECT count(*) FROM run WHERE deleted_ms IS NULL').pluck().get() as number;
}

export function findRun(db: Database.Database, file: string, id: number, nowMs: number): StoredRun {
  const row = db.prepare('SELECT * FROM run WHERE id = ?').get(id);
  if (row === undefined) throw new StoreError('absent', file, `there is no run ${id} in ${file}`);
  const document = readRow(
    file,
    z.object({ experiment: z.string(), summary: z.string().nullable(), expect: z.string().nullable() }),
    db.prepare('SELECT experiment, summary, expect FROM run_document WHERE run_id = ?').get(id),
  );
  const series = db
    .prepare('SELECT id, label, unit, kind, source FROM series WHERE run_id = ? ORDER BY position')
    .all(id)
    .map((one): SeriesInfo => {
      const { source, ...info } = readRow(file, seriesRowSchema, one);
      return source === null ? info : { ...info, source };
    });
  return {
    row: toRunRow(file, row, aliveOnce(nowMs)),
    experiment: document.experiment,
    series,
    // Written by exactJson from these very types; their shape is the format's version.
    summary: document.summary === null ? null : (fromJson(file, document.summary) as Summary),
    expect: document.expect === null ? [] : (fromJson(file, document.expect) as ExpectResult[]),
  };
}

export function fromJson(file: string, text: string): unknown {
  try {
    return readExactJson(text);
  } catch (error) {
    throw damaged(file, error);
  }
}

type RawRow = z.infer<typeof runRowSchema>;

export function toRunRow(file: string, raw: unknown, alive: (row: RawRow) => boolean): RunRow {
  const row = readRow(file, runRowSchema, raw);
  const status: RunStatus = row.status === 'running' && !alive(row) ? 'interrupted' : row.status;
  return {
    id: row.id,
    uid: row.uid,
    name: row.name,
    tags: readRow(file, z.array(z.string()), fromJson(file, row.tags)),
    note: row.note,
    fileName: row.file_name,
    sourceKind: row.source_kind,
    sourceText: row.source_text,
    engineVersion: row.engine_version,
    seed: row.seed,
    status,
    failure: row.failure,
    createdMs: row.created_ms,
    endedMs: status === 'interrupted' ? row.heartbeat_ms : row.ended_ms,
    deletedMs: row.deleted_ms,
    outcome: row.outcome,
    totalNs: row.total_ns,
    setupNs: row.setup_ns,
    downtimeNs: row.downtime_ns,
    bytesTotal: row.bytes_total,
    pagesTotal: row.pages_total,
    pagesResent: row.pages_resent,
    pagesNeedless: row.pages_needless,
    pagesLost: row.pages_lost,
    rounds: row.rounds,
    guestStallNs: row.guest_stall_ns,
    guestSpeed: row.guest_speed,
    throttleMaxPercent: row.throttle_max_percent,
    expectTotal: row.expect_total,
    expectMet: row.expect_met,
    samplingNs: row.sampling_ns,
    sampleCount: row.sample_count,
    eventCount: row.event_count,
    hash: row.hash,
  };
}

/** Asks the system once for each owner, not once for each of its runs. */
export function aliveOnce(nowMs: number): (row: RawRow) => boolean {
  const known = new Map<string, boolean>();
  return (row) => {
    const key = `${row.owner_host} ${row.owner_pid} ${row.owner_start} ${row.heartbeat_ms}`;
    let alive = known.get(key);
    if (alive === undefined) {
      alive = isAlive({ host: row.owner_host, pid: row.owner_pid, start: row.owner_start }, row.heartbeat_ms, nowMs);
      known.set(key, alive);
    }
    return alive;
  };
}

/** Runs of one process of this machine that are still marked as being made. */
export function markBroken(db: Database.Database, pid: number, reason: string, nowMs: number): number[] {
  return db
    .prepare(
      "UPDATE run SET status = 'failed', failure = ?, ended_ms = ? WHERE status = 'running' AND owner_host = ? AND owner_pid = ? RETURNING id",
    )
    .pluck()
    .all(reason, nowMs, thisOwner().host, pid) as number[];
}
