// Questions about the events of a run.
import type Database from 'better-sqlite3';
import type { EventKind, RunEvent } from '../../engine/experiment/result.ts';
import { eventRowSchema, readRow, type StoredEvent } from './rows.ts';
import { fromJson } from './runs.ts';

export interface EventQuery {
  readonly from: number;
  readonly limit: number;
  readonly kinds?: readonly EventKind[] | undefined;
  /** Those that begin or last within this stretch. */
  readonly fromNs?: number | undefined;
  readonly toNs?: number | undefined;
}

/** Events in the order in which they were reported, from number `from` on. */
export function queryEvents(db: Database.Database, file: string, id: number, query: EventQuery): StoredEvent[] {
  const { from, limit, kinds, fromNs, toNs } = query;
  const conditions = ['run_id = ?', 'number >= ?'];
  const params: (number | string)[] = [id, from];
  if (kinds !== undefined) {
    conditions.push('kind IN (SELECT value FROM json_each(?))');
    params.push(JSON.stringify(kinds));
  }
  if (fromNs !== undefined) {
    conditions.push('time_ns + duration_ns >= ?');
    params.push(fromNs);
  }
  if (toNs !== undefined) {
    conditions.push('time_ns <= ?');
    params.push(toNs);
  }
  return db
    .prepare(
      `SELECT number, time_ns, duration_ns, kind, text, source, detail FROM event WHERE ${conditions.join(' AND ')} ORDER BY number LIMIT ?`,
    )
    .all(...params, limit)
    .map((one) => toEvent(file, one));
}

export interface BesideQuery {
  /** Of the event from which one steps; number −1 before and Infinity after all that begin at that time. */
  readonly timeNs: number;
  readonly number: number;
  readonly by: 1 | -1;
  readonly kinds?: readonly EventKind[] | undefined;
}

/** The next or the previous event in the order in which they begin (reports of spans come when these are over). */
export function queryBeside(
  db: Database.Database,
  file: string,
  id: number,
  { timeNs, number, by, kinds }: BesideQuery,
): StoredEvent | undefined {
  const [than, order] = by > 0 ? ['>', 'ASC'] : ['<', 'DESC'];
  const among = kinds === undefined ? '' : 'AND kind IN (SELECT value FROM json_each(?))';
  const row = db
    .prepare(
      `SELECT number, time_ns, duration_ns, kind, text, source, detail FROM event
       WHERE run_id = ? AND (time_ns, number) ${than} (?, ?) ${among} ORDER BY time_ns ${order}, number ${order} LIMIT 1`,
    )
    .get(id, timeNs, number, ...(kinds === undefined ? [] : [JSON.stringify(kinds)]));
  return row === undefined ? undefined : toEvent(file, row);
}

/**
 * All events by the time at which they begin, a span before what lies within it. The connection takes no writes until the last
 * one was taken, or the iteration was ended.
 */
export function* eventsByTime(db: Database.Database, file: string, id: number): Generator<StoredEvent> {
  const rows = db
    .prepare(
      'SELECT number, time_ns, duration_ns, kind, text, source, detail FROM event WHERE run_id = ? ORDER BY time_ns, duration_ns DESC, number',
    )
    .iterate(id);
  for (const row of rows) yield toEvent(file, row);
}

function toEvent(file: string, row: unknown): StoredEvent {
  const { time_ns, duration_ns, source, detail, ...rest } = readRow(file, eventRowSchema, row);
  return {
    ...rest,
    timeNs: time_ns,
    durationNs: duration_ns,
    detail: fromJson(file, detail) as RunEvent['detail'],
    ...(source === null ? {} : { source }),
  };
}

export interface EventCounts {
  readonly kind: EventKind;
  readonly total: number;
  readonly counts: number[];
}

/** How many events of each kind begin in each of `points` equal stretches of [fromNs, toNs]. */
export function countEvents(
  db: Database.Database,
  id: number,
  fromNs: number,
  toNs: number,
  points: number,
): EventCounts[] {
  const width = (toNs - fromNs) / points;
  if (!(width > 0)) return [];
  const rows = db
    .prepare(
      `SELECT kind, min(CAST((time_ns - ?) / ? AS INTEGER), ?) AS stretch, count(*) AS n FROM event
       WHERE run_id = ? AND time_ns >= ? AND time_ns <= ? GROUP BY 1, 2`,
    )
    .all(fromNs, width, points - 1, id, fromNs, toNs) as { kind: EventKind; stretch: number; n: number }[];
  const kinds = new Map<EventKind, { kind: EventKind; total: number; counts: number[] }>();
  for (const { kind, stretch, n } of rows) {
    let entry = kinds.get(kind);
    if (entry === undefined) kinds.set(kind, (entry = { kind, total: 0, counts: new Array<number>(points).fill(0) }));
    entry.total += n;
    entry.counts[stretch]! += n;
  }
  return [...kinds.values()];
}
