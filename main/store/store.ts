// The store as the rest of main/ sees it: one object, one method a question. Nothing outside this folder knows SQL.
import { basename, resolve } from 'node:path';
import type Database from 'better-sqlite3';
import type { HeatMap, SeriesKind } from '../../engine/experiment/result.ts';
import { IN_MEMORY, openDatabase, type OpenOptions } from './database.ts';
import { StoreError, translating } from './errors.ts';
import type { RunRow, StoredEvent, StoredRun } from './rows.ts';
import * as configs from './configs.ts';
import * as drafts from './drafts.ts';
import {
  countEvents,
  eventsByTime,
  queryBeside,
  queryEvents,
  type BesideQuery,
  type EventCounts,
  type EventQuery,
} from './events.ts';
import { hasHeat, readHeat } from './heat.ts';
import * as marks from './marks.ts';
import { countRuns, findRun, listRuns, markBroken, type ListQuery } from './runs.ts';
import { readSetting, writeSetting } from './settings.ts';
import { knowStatus, STATUS_SQL } from './status.ts';
import { readSpark, type Spark } from './sparks.ts';
import { readStatistics, type SeriesStatistics, type TimeStretch } from './statistics.ts';
import { SweepTable } from './sweeps.ts';
import { countMatching, distinctValues, queryGroups, queryTable, type Group } from './table.ts';
import type { Condition, TablePage, TableQuery } from './table.ts';
import type { TableColumn } from './tableColumns.ts';
import { readEnvelope, readSamples, readStretches, type Envelope, type Stretch } from './samples.ts';
import { RunWriter, type NewRun } from './writer.ts';

export interface StoreOptions extends OpenOptions {
  /** Unix time in milliseconds. */
  readonly clock?: () => number;
}

export class Store {
  readonly file: string;
  readonly sweeps: SweepTable;
  readonly #db: Database.Database;
  readonly #clock: () => number;

  /** Opens the file (or IN_MEMORY), or creates it. Throws a StoreError where that cannot be. */
  constructor(path: string, options: StoreOptions = {}) {
    this.file = path === IN_MEMORY ? path : resolve(path);
    this.#clock = options.clock ?? Date.now;
    this.#db = openDatabase(path, options);
    knowStatus(this.#db, this.#clock);
    this.sweeps = new SweepTable(this.#db, this.file, this.#clock);
  }

  /** A run that is about to be made; visible as running from now on. */
  begin(run: NewRun): RunWriter {
    return new RunWriter(this.#db, this.file, { ...run, fileName: basename(run.fileName) }, this.#clock);
  }

  list(query: ListQuery = {}): RunRow[] {
    return this.#ask(() => listRuns(this.#db, this.file, query, this.#clock()));
  }

  count(): number {
    return this.#ask(() => countRuns(this.#db));
  }

  /** Throws a StoreError `absent` where there is no such run. */
  run(id: number): StoredRun {
    return this.#ask(() => findRun(this.#db, this.file, id, this.#clock()));
  }

  events(id: number, from = 0, limit = 1_000_000): StoredEvent[] {
    return this.#ask(() => queryEvents(this.#db, this.file, id, { from, limit }));
  }

  /** See events.ts: no writes by this store until the iteration has ended. */
  eventsByTime(id: number): Generator<StoredEvent> {
    return eventsByTime(this.#db, this.file, id);
  }

  eventsWhere(id: number, query: EventQuery): StoredEvent[] {
    return this.#ask(() => queryEvents(this.#db, this.file, id, query));
  }

  eventBeside(id: number, query: BesideQuery): StoredEvent | undefined {
    return this.#ask(() => queryBeside(this.#db, this.file, id, query));
  }

  eventCounts(id: number, fromNs: number, toNs: number, points: number): EventCounts[] {
    return this.#ask(() => countEvents(this.#db, id, fromNs, toNs, points));
  }

  /** Samples of one column, by its position among the run's series; TIMES is the time axis. */
  samples(id: number, position: number, first = 0, count = Number.MAX_SAFE_INTEGER): Float64Array {
    return this.#ask(() => readSamples(this.#db, this.file, id, position, first, count));
  }

  /** How to read all samples in pieces of about `rows`. */
  stretches(id: number, rows: number): Stretch[] {
    return this.#ask(() => readStretches(this.#db, id, rows));
  }

  envelope(
    id: number,
    positions: readonly number[],
    range: { readonly fromNs: number; readonly toNs: number; readonly columns: number },
  ): Envelope {
    return this.#ask(() => readEnvelope(this.#db, this.file, id, positions, range));
  }

  /** Undefined where the run has none. */
  heat(id: number): HeatMap | undefined {
    return this.#ask(() => readHeat(this.#db, this.file, id));
  }

  hasHeat(id: number): boolean {
    return this.#ask(() => hasHeat(this.#db, id));
  }

  /** Figures of a stretch of one series, from every sample in it. */
  statistics(
    id: number,
    series: { readonly position: number; readonly kind: SeriesKind },
    stretch: TimeStretch,
  ): SeriesStatistics {
    return this.#ask(() => readStatistics(this.#db, this.file, id, series, stretch));
  }

  /** Undefined where the run has no samples, or is not there. */
  spark(id: number): Spark | undefined {
    return this.#ask(() => readSpark(this.#db, this.file, id));
  }

  table(query: TableQuery): TablePage {
    return this.#ask(() => queryTable(this.#db, this.file, query, this.#clock()));
  }

  matching(filter: Condition): number {
    return this.#ask(() => countMatching(this.#db, filter, false));
  }

  groups(filter: Condition, by: TableColumn): Group[] {
    return this.#ask(() => queryGroups(this.#db, filter, by));
  }

  distinct(column: TableColumn, limit: number): string[] {
    return this.#ask(() => distinctValues(this.#db, column, limit));
  }

  /** Resolves with those that were deleted: not the ones that are being made, or lie in the bin already. */
  delete(ids: readonly number[]): number[] {
    return this.#ask(() => {
      const running = (id: number): boolean => this.#statusOf(id) === 'running';
      return marks.deleteRuns(this.#db, ids, this.#clock(), running);
    });
  }

  undelete(ids: readonly number[]): number[] {
    return this.#ask(() => marks.undeleteRuns(this.#db, ids));
  }

  /** The same run, if it is here, the bin included. */
  runOfUid(uid: string): RunRow | undefined {
    return this.#ask(() => {
      const id = this.#db.prepare('SELECT id FROM run WHERE uid = ?').pluck().get(uid) as number | undefined;
      return id === undefined ? undefined : findRun(this.#db, this.file, id, this.#clock()).row;
    });
  }

  /** Removes a run for good, at once: one that was never shown as whole. */
  discard(id: number): void {
    this.#ask(() => {
      this.#db.prepare("DELETE FROM run WHERE id = ? AND status <> 'finished'").run(id);
    });
  }

  /** Removes for good what has lain in the bin for so long. */
  purge(olderThanMs: number): number {
    return this.#ask(() => marks.purgeRuns(this.#db, this.#clock() - olderThanMs));
  }

  tag(ids: readonly number[], add: readonly string[], remove: readonly string[]): void {
    this.#ask(() => {
      if (!marks.tagRuns(this.#db, ids, add, remove)) throw this.#absent('one of these runs');
    });
  }

  note(id: number, note: string): void {
    this.#ask(() => {
      if (!marks.noteRun(this.#db, id, note)) throw this.#absent(`run ${id}`);
    });
  }

  rename(id: number, name: string): void {
    this.#ask(() => {
      if (!marks.renameRun(this.#db, id, name)) throw this.#absent(`run ${id}`);
    });
  }

  baseline(): number | null {
    return this.#ask(() => marks.baseline(this.#db));
  }

  setBaseline(id: number | null): void {
    this.#ask(() => {
      if (id !== null && this.#statusOf(id) === undefined) throw this.#absent(`run ${id}`);
      marks.setBaseline(this.#db, id);
    });
  }

  setting(key: string): string | null {
    return this.#ask(() => readSetting(this.#db, `window.${key}`));
  }

  setSetting(key: string, value: string | null): void {
    this.#ask(() => {
      writeSetting(this.#db, `window.${key}`, value);
    });
  }

  drafts(): drafts.StoredDraft[] {
    return this.#ask(() => drafts.listDrafts(this.#db, this.file));
  }

  /** When a draft was changed last; undefined: there is none. */
  draftUpdatedMs(id: number): number | undefined {
    return this.#ask(() => drafts.draftUpdatedMs(this.#db, id));
  }

  saveDraft(id: number | null, draft: { name: string; text: string; fileName: string }): drafts.StoredDraft {
    return this.#ask(() => {
      const saved = drafts.saveDraft(this.#db, this.file, id, draft, this.#clock());
      if (saved === undefined) throw this.#absent(`draft ${id}`);
      return saved;
    });
  }

  deleteDraft(id: number): void {
    this.#ask(() => {
      if (!drafts.deleteDraft(this.#db, id)) throw this.#absent(`draft ${id}`);
    });
  }

  recentExperiments(limit: number): ReturnType<typeof configs.recentExperiments> {
    return this.#ask(() => configs.recentExperiments(this.#db, limit));
  }

  newestRunOf(experiment: string): number | null {
    return this.#ask(() => configs.newestRunOf(this.#db, experiment));
  }

  runsWithoutFields(limit: number): ReturnType<typeof configs.runsWithoutFields> {
    return this.#ask(() => configs.runsWithoutFields(this.#db, limit));
  }

  setFields(id: number, experiment: string, fields: configs.RunFields): void {
    this.#ask(() => {
      this.#db
        .transaction(() => {
          configs.setFields(this.#db, id, experiment, fields);
        })
        .immediate();
    });
  }

  /** Runs that this process (or the one named) was making are marked as failed: their producer broke and will not return. */
  markBroken(pid: number, reason: string): number[] {
    return this.#ask(() => markBroken(this.#db, pid, reason, this.#clock()));
  }

  /** Changes whenever another connection, of this process or of another one, has written to the file. */
  foreignChanges(): number {
    return this.#ask(() => this.#db.pragma('data_version', { simple: true }) as number);
  }

  close(): void {
    this.#db.close();
  }

  #statusOf(id: number): string | undefined {
    return this.#db.prepare(`SELECT ${STATUS_SQL} FROM run WHERE id = ?`).pluck().get(id) as string | undefined;
  }

  #absent(what: string): StoreError {
    return new StoreError('absent', this.file, `there is no ${what} in ${this.file}`);
  }

  #ask<T>(question: () => T): T {
    return translating(this.file, question);
  }
}
