// Keeps one run while it is made. Samples and events are gathered and written in steps (one transaction each), at the latest
// every second, so that an interrupted run keeps what was measured. `finish` is one transaction: what is left, the summary,
// the hash and the status, so that a run is visible as finished only when it is whole.
import { randomUUID } from 'node:crypto';
import type Database from 'better-sqlite3';
import type {
  ExpectResult,
  HeatMap,
  Known,
  RunEvent,
  RunHead,
  SampleChunk,
  Summary,
} from '../../engine/experiment/result.ts';
import { encodeColumn } from './columns.ts';
import { setFields, type RunFields } from './configs.ts';
import { translating } from './errors.ts';
import { writeHeat } from './heat.ts';
import { exactJson } from '../contract/exactJson.ts';
import { thisOwner } from './owner.ts';
import { PyramidBuilder } from './pyramid.ts';

export interface NewRun {
  readonly name: string;
  readonly tags: readonly string[];
  /** The experiment as the user wrote it; of an import, whatever stands in its place. */
  readonly experiment: string;
  /** Without its folder; '' when there was no file. */
  readonly fileName: string;
  readonly head: RunHead;
  /** For filters and columns; where it is not given, somebody reads the experiment later. */
  readonly fields?: RunFields;
  /** The point of a sweep whose run it is; it belongs to it from its first moment. */
  readonly point?: { readonly sweepId: number; readonly number: number };
  /** Of a run that was made elsewhere: what it was there. */
  readonly origin?: RunOrigin;
}

export interface RunOrigin {
  /** Where it is to be known as the same run. */
  readonly uid?: string;
  readonly note: string;
  readonly createdMs: number;
  readonly endedMs: number | null;
}

/** Values of all columns together that are held at most before they are written: 4 MiB. */
const MAX_HELD_VALUES = 512 * 1024;
const MAX_HELD_EVENTS = 4096;
const MAX_HELD_MS = 1000;
/** Values of one chunk at most. */
export const CHUNK_VALUES = 65_536;
/** A part of an upper level is written when it has this many values. */
const LEVEL_CHUNK_VALUES = 8192;

export class RunWriter {
  readonly id: number;
  readonly #db: Database.Database;
  readonly #file: string;
  readonly #clock: () => number;
  readonly #insertChunk: Database.Statement;
  readonly #insertEvent: Database.Statement;
  readonly #beat: Database.Statement;
  readonly #columns: number;
  /** Position −1 (times) first. */
  readonly #pyramids: PyramidBuilder[];
  #held: { readonly times: Float64Array; readonly columns: readonly Float64Array[] }[] = [];
  #heldSamples = 0;
  #heldEvents: RunEvent[] = [];
  /** The newest; written when the run ends. */
  #heat: HeatMap | undefined;
  #writtenSamples = 0;
  #writtenEvents = 0;
  #lastTimeNs = -Infinity;
  readonly #endedMs: number | null;
  #lastWriteMs: number;
  #open = false;
  /** Why it was given up, as long as even that could not be written. */
  #unwritten: string | undefined;

  constructor(db: Database.Database, file: string, run: NewRun, clock: () => number) {
    this.#db = db;
    this.#file = file;
    this.#clock = clock;
    this.#columns = run.head.series.length;
    this.#pyramids = Array.from({ length: this.#columns + 1 }, () => new PyramidBuilder());
    this.#insertChunk = db.prepare(
      'INSERT INTO chunk (run_id, position, level, first, count, min, max, codec, crc, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertEvent = db.prepare(
      'INSERT INTO event (run_id, number, time_ns, duration_ns, kind, text, source, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#beat = db.prepare('UPDATE run SET heartbeat_ms = ?, sample_count = ?, event_count = ? WHERE id = ?');
    this.#endedMs = run.origin?.endedMs ?? null;
    this.#lastWriteMs = clock();
    this.id = this.#step(() => insertRun(db, run, this.#lastWriteMs));
    this.#open = true;
  }

  samples(chunk: SampleChunk): void {
    const { firstIndex, count, timesNs, columns } = chunk;
    this.#expectOpen();
    if (firstIndex !== this.#writtenSamples + this.#heldSamples) throw new Error('samples must come without gaps');
    if (columns.length !== this.#columns) throw new Error('a chunk must hold every column');
    if ([timesNs, ...columns].some((column) => column.length < count)) throw new Error('a column is too short');
    for (let i = 0; i < count; i++) {
      if (!(timesNs[i]! >= this.#lastTimeNs)) throw new Error('times must never fall');
      this.#lastTimeNs = timesNs[i]!;
    }
    // A copy: the producer may use its arrays again.
    this.#held.push({ times: timesNs.slice(0, count), columns: columns.map((column) => column.slice(0, count)) });
    this.#heldSamples += count;
    this.#writeWhenDue();
  }

  event(event: RunEvent): void {
    this.#expectOpen();
    this.#heldEvents.push(event);
    this.#writeWhenDue();
  }

  heat(map: HeatMap): void {
    this.#expectOpen();
    this.#heat = map;
  }

  /** A sign of life; to be called now and then while the producer has nothing to say, and as long as it is not settled. */
  heartbeat(): void {
    if (this.#open) this.flush();
    else if (this.#unwritten !== undefined) this.#giveUp(this.#unwritten);
  }

  /** The store knows how it ended; false also of a run that was given up on a disk without room for that. */
  get isSettled(): boolean {
    return !this.#open && this.#unwritten === undefined;
  }

  /** Writes what is held. */
  flush(): void {
    this.#expectOpen();
    this.#step(() => {
      this.#writeHeld();
    });
    this.#release();
  }

  finish(summary: Summary, expect: readonly ExpectResult[], hash: string): void {
    this.#expectOpen();
    this.#step(() => {
      this.#writeHeld();
      for (const [i, pyramid] of this.#pyramids.entries()) {
        for (const part of pyramid.finish()) this.#writeChunk(i - 1, part.level, part.first, part.values);
      }
      if (this.#heat !== undefined) writeHeat(this.#db, this.id, this.#heat);
      finishRun(this.#db, this.id, summary, expect, hash, this.#endedMs ?? this.#clock());
    });
    this.#open = false;
    this.#release();
  }

  /** The producer broke: keeps what there is, with the reason. */
  fail(reason: string): void {
    if (!this.#open) return;
    this.#step(() => {
      this.#writeHeld();
      if (this.#heat !== undefined) writeHeat(this.#db, this.id, this.#heat);
      markFailed(this.#db, this.id, reason, this.#endedMs ?? this.#clock());
    });
    this.#open = false;
    this.#release();
  }

  #expectOpen(): void {
    if (!this.#open) throw new Error('the run has ended');
  }

  #writeWhenDue(): void {
    if (
      this.#heldSamples * (this.#columns + 1) >= MAX_HELD_VALUES ||
      this.#heldEvents.length >= MAX_HELD_EVENTS ||
      this.#clock() - this.#lastWriteMs >= MAX_HELD_MS
    ) {
      this.flush();
    }
  }

  /** One transaction. After a failure nothing more is written: what the columns held is not in step with the store. */
  #step<T>(work: () => T): T {
    try {
      return translating(this.#file, () => this.#db.transaction(work).immediate());
    } catch (error) {
      if (this.#open) this.#giveUp(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  #giveUp(reason: string): void {
    this.#open = false;
    this.#release();
    try {
      markFailed(this.#db, this.id, reason, this.#clock());
      this.#unwritten = undefined;
    } catch {
      // Not even that (the disk is full): the next heartbeat tries again. Meanwhile the store says that it runs, and that it was
      // interrupted once this process has ended.
      this.#unwritten = reason;
    }
  }

  #release(): void {
    this.#writtenSamples += this.#heldSamples;
    this.#writtenEvents += this.#heldEvents.length;
    this.#held = [];
    this.#heldSamples = 0;
    this.#heldEvents = [];
    this.#lastWriteMs = this.#clock();
  }

  #writeHeld(): void {
    for (let position = -1; position < this.#columns; position++) {
      const values = joined(
        this.#held.map(({ times, columns }) => (position < 0 ? times : columns[position]!)),
        this.#heldSamples,
      );
      this.#writeChunk(position, 0, this.#writtenSamples, values);
      const pyramid = this.#pyramids[position + 1]!;
      pyramid.add(values);
      for (const part of pyramid.takeReady(LEVEL_CHUNK_VALUES)) {
        this.#writeChunk(position, part.level, part.first, part.values);
      }
    }
    for (const [i, event] of this.#heldEvents.entries()) {
      const { timeNs, durationNs, kind, text, source, detail } = event;
      this.#insertEvent.run(
        this.id,
        this.#writtenEvents + i,
        timeNs,
        durationNs,
        kind,
        text,
        source ?? null,
        exactJson(detail),
      );
    }
    this.#beat.run(
      this.#clock(),
      this.#writtenSamples + this.#heldSamples,
      this.#writtenEvents + this.#heldEvents.length,
      this.id,
    );
  }

  #writeChunk(position: number, level: number, first: number, values: Float64Array): void {
    for (let from = 0; from < values.length; from += CHUNK_VALUES) {
      const part = values.subarray(from, from + CHUNK_VALUES);
      const { codec, crc, data } = encodeColumn(part);
      const { min, max } = extremes(part);
      this.#insertChunk.run(this.id, position, level, first + from, part.length, min, max, codec, crc, data);
    }
  }
}

function insertRun(db: Database.Database, run: NewRun, nowMs: number): number {
  const { head } = run;
  const owner = thisOwner();
  const { lastInsertRowid } = db
    .prepare(
      `INSERT INTO run (uid, name, tags, note, file_name, source_kind, source_text, engine_version, seed, status, created_ms,
        heartbeat_ms, owner_host, owner_pid, owner_start, sampling_ns)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      run.origin?.uid ?? randomUUID(),
      run.name,
      JSON.stringify(run.tags),
      run.origin?.note ?? '',
      run.fileName,
      head.source.kind,
      head.source.text,
      head.engineVersion,
      head.seed,
      run.origin?.createdMs ?? nowMs,
      nowMs,
      owner.host,
      owner.pid,
      owner.start,
      head.samplingNs,
    );
  const id = Number(lastInsertRowid);
  db.prepare('INSERT INTO run_document (run_id, experiment) VALUES (?, ?)').run(id, run.experiment);
  if (run.fields !== undefined) setFields(db, id, run.experiment, run.fields);
  if (run.point !== undefined) {
    const point = db.prepare('UPDATE sweep_point SET run_id = ?, failure = NULL WHERE sweep_id = ? AND number = ?');
    const { changes } = point.run(id, run.point.sweepId, run.point.number);
    if (changes !== 1) throw new Error(`sweep ${run.point.sweepId} has no point ${run.point.number}`);
  }
  const insertSeries = db.prepare(
    'INSERT INTO series (run_id, position, id, label, unit, kind, source) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  for (const [i, { id: name, label, unit, kind, source }] of head.series.entries()) {
    insertSeries.run(id, i, name, label, unit, kind, source ?? null);
  }
  return id;
}

function markFailed(db: Database.Database, id: number, reason: string, nowMs: number): void {
  db.prepare("UPDATE run SET status = 'failed', failure = ?, ended_ms = ? WHERE id = ? AND status = 'running'").run(
    reason,
    nowMs,
    id,
  );
}

function finishRun(
  db: Database.Database,
  id: number,
  summary: Summary,
  expect: readonly ExpectResult[],
  hash: string,
  nowMs: number,
): void {
  const { bytes, pages } = summary;
  // NaN would become NULL by itself; infinities are no figures to sort by either.
  const known = (value: Known): number | null => (value !== null && Number.isFinite(value) ? value : null);
  db.prepare(
    `UPDATE run SET status = 'finished', ended_ms = ?, hash = ?, outcome = ?, total_ns = ?, setup_ns = ?, downtime_ns = ?,
      bytes_total = ?, pages_total = ?, pages_resent = ?, pages_needless = ?, pages_lost = ?, rounds = ?,
      guest_stall_ns = ?, guest_speed = ?, throttle_max_percent = ?, expect_total = ?, expect_met = ? WHERE id = ?`,
  ).run(
    nowMs,
    hash,
    summary.outcome,
    known(summary.totalNs),
    known(summary.setupNs),
    known(summary.downtimeNs),
    known(bytes.total),
    known(pages.total),
    known(pages.resent),
    known(pages.needless),
    known(pages.lost),
    known(summary.rounds),
    known(summary.guestStallNs),
    known(summary.guestSpeed),
    known(summary.throttleMaxPercent),
    expect.length,
    expect.filter(({ met }) => met).length,
    id,
  );
  db.prepare('UPDATE run_document SET summary = ?, expect = ? WHERE run_id = ?').run(
    exactJson(summary),
    exactJson(expect),
    id,
  );
}

function joined(parts: readonly Float64Array[], count: number): Float64Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float64Array(count);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Null where every value is NaN. */
function extremes(values: Float64Array): { min: number | null; max: number | null } {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? { min, max } : { min: null, max: null };
}
