// The store as the rest of main/ sees it: one object, one method a question. Nothing outside this folder knows SQL.
import { basename, resolve } from 'node:path';
import type Database from 'better-sqlite3';
import { IN_MEMORY, openDatabase, type OpenOptions } from './database.ts';
import { translating } from './errors.ts';
import type { RunRow, StoredEvent, StoredRun } from './rows.ts';
import { countRuns, findRun, listRuns, runEvents, type ListQuery } from './runs.ts';
import { readEnvelope, readSamples, type Envelope } from './samples.ts';
import { RunWriter, type NewRun } from './writer.ts';

export interface StoreOptions extends OpenOptions {
  /** Unix time in milliseconds. */
  readonly clock?: () => number;
}

export class Store {
  readonly file: string;
  readonly #db: Database.Database;
  readonly #clock: () => number;

  /** Opens the file (or IN_MEMORY), or creates it. Throws a StoreError where that cannot be. */
  constructor(path: string, options: StoreOptions = {}) {
    this.file = path === IN_MEMORY ? path : resolve(path);
    this.#clock = options.clock ?? Date.now;
    this.#db = openDatabase(path, options);
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
    return this.#ask(() => runEvents(this.#db, this.file, id, from, limit));
  }

  /** Samples of one column, by its position among the run's series; TIMES is the time axis. */
  samples(id: number, position: number, first = 0, count = Number.MAX_SAFE_INTEGER): Float64Array {
    return this.#ask(() => readSamples(this.#db, this.file, id, position, first, count));
  }

  envelope(
    id: number,
    positions: readonly number[],
    range: { readonly fromNs: number; readonly toNs: number; readonly columns: number },
  ): Envelope {
    return this.#ask(() => readEnvelope(this.#db, this.file, id, positions, range));
  }

  close(): void {
    this.#db.close();
  }

  #ask<T>(question: () => T): T {
    return translating(this.file, question);
  }
}
