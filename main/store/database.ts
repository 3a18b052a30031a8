// Opens the one file that holds all runs: recognises it before SQLite may touch it, creates it, brings it up to date.
//
// What is promised:
// 1. A file that is not ours, is broken or comes from a newer Brownout is refused and not changed by a single byte: its
//    header is read before SQLite sees it, and nothing is written before the checks are done.
// 2. A finished run survives kill and power cut: WAL with synchronous=FULL, whole steps in one transaction.
// 3. A file comes into being complete: schema and identity in one transaction of the rollback journal, WAL only afterwards.
// 4. Before each migration a whole copy is put beside the file; the migrations to be done are one transaction.
//
// Not promised: to find damage inside a large file when it is opened (up to QUICK_CHECK_BYTES it is; beyond, chunks have
// checksums and SQLite reports broken pages when they are read).
import { closeSync, existsSync, fstatSync, openSync, readSync, readdirSync, readFileSync } from 'node:fs';
import { fsyncSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { makeFolder } from './folder.ts';
import { damaged, notAStore, StoreError, translating } from './errors.ts';

/** "BrOu": SQLite's application_id of our files. */
export const APPLICATION_ID = 0x42724f75;
/** How long a process waits for another one's transaction; ours take milliseconds. */
const BUSY_MS = 15_000;
/** Files up to this size are checked whole when they are opened: 70 ms at 24 MB, measured. */
const QUICK_CHECK_BYTES = 32 * 1024 * 1024;
const MAGIC = 'SQLite format 3\0';

export interface Migration {
  /** From 1; also the user_version after it. */
  readonly number: number;
  readonly sql: string;
}

export interface OpenOptions {
  /** Instead of those in migrations/. */
  readonly migrations?: readonly Migration[];
  /** The file may not grow beyond this: a full disk for tests. */
  readonly maxBytes?: number;
}

export function shippedMigrations(): readonly Migration[] {
  const folder = join(import.meta.dirname, 'migrations');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name, i) => {
      const number = Number(name.slice(0, 3));
      if (number !== i + 1) throw new Error(`migrations are not numbered without gaps: ${name}`);
      return { number, sql: readFileSync(join(folder, name), 'utf8') };
    });
}

/** A store that nobody keeps: for a run that is only to be looked at. */
export const IN_MEMORY = ':memory:';

export function openDatabase(path: string, options: OpenOptions = {}): Database.Database {
  const file = path === IN_MEMORY ? path : resolve(path);
  const migrations = options.migrations ?? shippedMigrations();
  return translating(file, () => {
    if (file !== IN_MEMORY) makeFolder(dirname(file));
    const size = file === IN_MEMORY ? 0 : recognise(file, migrations.length);
    const db = new Database(file, { timeout: BUSY_MS });
    try {
      if (size > 0) check(db, file, size, migrations.length);
      // Before anything is written, so that no statement of ours runs with a weaker promise.
      db.pragma('synchronous = FULL');
      // A migration that makes a table anew drops the old one, which with foreign keys on would empty those that refer to it.
      db.pragma('foreign_keys = OFF');
      db.pragma('trusted_schema = OFF');
      if (options.maxBytes !== undefined) limitSize(db, options.maxBytes);
      if (versionOf(db) === 0) create(db, file, migrations);
      useWal(db);
      migrate(db, file, migrations);
      db.pragma('foreign_keys = ON');
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Looks at the header before SQLite may open the file. Returns the file's size; 0 also when there is none. */
function recognise(file: string, newest: number): number {
  if (!existsSync(file)) return 0;
  const fd = openSync(file, 'r');
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw notAStore(file);
    if (stat.size === 0) return 0;
    const header = Buffer.alloc(100);
    const length = readSync(fd, header, 0, 100, 0);
    if (length < 100 || header.toString('latin1', 0, 16) !== MAGIC) throw notAStore(file);
    if (header.readUInt32BE(68) !== APPLICATION_ID) throw notAStore(file);
    refuseNewer(file, header.readUInt32BE(60), newest);
    // Pages that the header counts and the file lacks: it was cut off, unless SQLite is or was about to add them.
    const pageSize = header.readUInt16BE(16) === 1 ? 65536 : header.readUInt16BE(16);
    const pending = existsSync(`${file}-wal`) || existsSync(`${file}-journal`);
    if (stat.size < header.readUInt32BE(28) * pageSize && !pending) throw damaged(file);
    return stat.size;
  } finally {
    closeSync(fd);
  }
}

/** Reads only. The header may lag behind a WAL that has not been merged yet. */
function check(db: Database.Database, file: string, size: number, newest: number): void {
  try {
    if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) throw notAStore(file);
    refuseNewer(file, versionOf(db), newest);
    if (size > QUICK_CHECK_BYTES) return;
    if (db.pragma('quick_check(1)', { simple: true }) !== 'ok') throw damaged(file);
  } catch (error) {
    // Some broken headers are a plain "unsupported file format" to SQLite.
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR') throw damaged(file, error);
    throw error;
  }
}

function refuseNewer(file: string, version: number, newest: number): void {
  if (version <= newest) return;
  throw new StoreError(
    'newer',
    file,
    `${file} was written by a newer Brownout (format ${version}, this one knows ${newest}) and was left untouched`,
  );
}

function versionOf(db: Database.Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}

function create(db: Database.Database, file: string, migrations: readonly Migration[]): void {
  db.transaction(() => {
    // Another process may have been faster; an empty file of somebody else's database stays his.
    if (versionOf(db) !== 0) return;
    const objects = db.prepare('SELECT count(*) AS n FROM sqlite_schema').pluck().get();
    if (objects !== 0) throw notAStore(file);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    for (const { number, sql } of migrations) {
      db.exec(sql);
      db.pragma(`user_version = ${number}`);
    }
  }).exclusive();
}

/** Where the file system has no shared memory SQLite keeps its rollback journal, which is as safe, only slower. */
function useWal(db: Database.Database): void {
  for (const end = Date.now() + BUSY_MS; ;) {
    if (db.pragma('journal_mode', { simple: true }) === 'wal') return;
    try {
      db.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      // Two processes that create one file meet here, and SQLite does not wait by itself.
      const busy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
      if (!busy || Date.now() > end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function migrate(db: Database.Database, file: string, migrations: readonly Migration[]): void {
  const from = versionOf(db);
  const newest = migrations.length;
  if (from >= newest) return;
  backUp(db, file, from);
  db.transaction(() => {
    for (const { number, sql } of migrations) {
      // Read again inside the transaction: another process may have done it meanwhile.
      if (number <= versionOf(db)) continue;
      db.exec(sql);
      db.pragma(`user_version = ${number}`);
    }
    if ((db.pragma('foreign_key_check') as unknown[]).length > 0) throw damaged(file);
  }).immediate();
  // The header of the file itself now tells the new format, so that an older Brownout refuses it at first sight.
  db.pragma('wal_checkpoint(TRUNCATE)');
}

/** A consistent copy beside the file, while others may go on reading and writing it. */
function backUp(db: Database.Database, file: string, version: number): void {
  const copy = `${file}.format-${version}`;
  const unfinished = `${copy}.${process.pid}`;
  rmSync(unfinished, { force: true });
  db.prepare('VACUUM INTO ?').run(unfinished);
  const fd = openSync(unfinished, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(unfinished, copy);
}

function limitSize(db: Database.Database, bytes: number): void {
  const pageSize = db.pragma('page_size', { simple: true }) as number;
  db.pragma(`max_page_count = ${Math.floor(bytes / pageSize)}`);
}
