import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { APPLICATION_ID, shippedMigrations } from '../../../main/store/database.ts';
import { StoreError } from '../../../main/store/errors.ts';
import { Store } from '../../../main/store/store.ts';
import { aChunk, aRun, aSummary } from './aRun.ts';
import { aFolder } from '../aFolder.ts';

const run = promisify(execFile);

function aStoreFile(folder: string, runs = 3): string {
  const file = join(folder, 'runs.db');
  const store = new Store(file);
  for (let i = 0; i < runs; i++) {
    const writer = store.begin(aRun(`run ${i}`));
    writer.samples(aChunk(0, 500));
    writer.finish(aSummary(), [], 'h');
  }
  store.close();
  return file;
}

function troubleOf(open: () => unknown): StoreError {
  try {
    open();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Everything in the folder, so that a new file beside the store counts as a change too. */
const contents = (folder: string): [string, string][] =>
  readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]);

describe('a file that is not a whole store of this version is refused and not changed by a byte', () => {
  const spoil: Record<string, [kind: string, spoil: (file: string) => void]> = {
    'a text file': [
      'foreign',
      (file) => {
        writeFileSync(file, 'name: an experiment\n'.repeat(20));
      },
    ],
    'one byte': [
      'foreign',
      (file) => {
        writeFileSync(file, 'S');
      },
    ],
    'nothing but zeros': [
      'foreign',
      (file) => {
        writeFileSync(file, new Uint8Array(8192));
      },
    ],
    "another program's SQLite file": [
      'foreign',
      (file) => {
        writeFileSync(file, '');
        const db = new Database(file);
        db.exec('CREATE TABLE bookmark (url TEXT)');
        db.close();
      },
    ],
    'a store of a newer Brownout': [
      'newer',
      (file) => {
        const db = new Database(file);
        db.pragma(`user_version = ${shippedMigrations().length + 1}`);
        db.close();
      },
    ],
    'a store that was cut off': [
      'damaged',
      (file) => {
        writeFileSync(file, readFileSync(file).subarray(0, 10_000));
      },
    ],
    'a store of which the middle was overwritten': [
      'damaged',
      (file) => {
        const bytes = readFileSync(file);
        bytes.fill(0xa5, 4096, bytes.length - 4096);
        writeFileSync(file, bytes);
      },
    ],
    'a store whose schema page was overwritten': [
      'damaged',
      (file) => {
        const bytes = readFileSync(file);
        bytes.fill(0xff, 100, 4096);
        writeFileSync(file, bytes);
      },
    ],
  };
  it.each(Object.entries(spoil))('%s', (_, [kind, change]) => {
    const folder = aFolder();
    const file = aStoreFile(folder);
    change(file);
    const before = contents(folder);
    const trouble = troubleOf(() => new Store(file));
    expect(trouble.kind).toBe(kind);
    expect(trouble.message).toContain(file);
    expect(trouble.message).toMatch(/untouched/);
    expect(contents(folder)).toEqual(before);
  });

  it('every single byte of the header that SQLite checks, changed, opens or is refused, but is never rewritten', () => {
    const folder = aFolder();
    const good = readFileSync(aStoreFile(folder));
    for (let i = 0; i < 100; i++) {
      const file = join(folder, `byte${i}.db`);
      const bytes = Buffer.from(good);
      bytes[i]! ^= 0xff;
      writeFileSync(file, bytes);
      try {
        const store = new Store(file);
        store.list();
        store.close();
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
        expect(readFileSync(file).equals(bytes)).toBe(true);
      }
    }
  });

  it('a folder', () => {
    expect(troubleOf(() => new Store(aFolder())).kind).toBe('foreign');
  });
});

describe('damage inside', () => {
  it('a chunk is found when it is read, and other runs stay readable', () => {
    const file = aStoreFile(aFolder());
    const db = new Database(file);
    db.prepare('UPDATE chunk SET data = zeroblob(length(data)) WHERE run_id = 2 AND position = 1').run();
    db.close();
    const store = new Store(file);
    expect(troubleOf(() => store.samples(2, 1)).message).toMatch(/samples of run 2 .* do not match their checksum/);
    expect(store.samples(2, 0)).toEqual(aChunk(0, 500).columns[0]);
    expect(store.samples(1, 1)).toEqual(aChunk(0, 500).columns[1]);
    store.close();
  });

  it('a row that other hands changed is an error, not undefined figures', () => {
    const file = aStoreFile(aFolder());
    const db = new Database(file);
    db.prepare(`UPDATE run SET tags = '{"a":1}' WHERE id = 2`).run();
    db.close();
    const store = new Store(file);
    expect(troubleOf(() => store.list()).kind).toBe('damaged');
    expect(store.run(1).row.id).toBe(1);
    store.close();
  });
});

describe('opening', () => {
  it('creates the file and its folders, with our identity, in WAL and with synchronous=FULL', () => {
    const file = join(aFolder(), 'a', 'b', 'runs.db');
    new Store(file).close();
    const db = new Database(file);
    expect(db.pragma('application_id', { simple: true })).toBe(APPLICATION_ID);
    expect(db.pragma('user_version', { simple: true })).toBe(shippedMigrations().length);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    db.close();
  });

  it('takes an empty file as a new store', () => {
    const file = join(aFolder(), 'empty.db');
    writeFileSync(file, '');
    const store = new Store(file);
    expect(store.count()).toBe(0);
    store.close();
  });

  it('says when there is no permission', (context) => {
    context.skip(process.getuid?.() === 0, 'root may write everywhere');
    const folder = aFolder();
    mkdirSync(join(folder, 'locked'));
    chmodSync(join(folder, 'locked'), 0o500);
    expect(troubleOf(() => new Store(join(folder, 'locked', 'a.db'))).kind).toBe('unusable');
  });

  it('where the system makes no folders says so at once', (context) => {
    context.skip(process.platform !== 'linux', 'there is no /proc');
    expect(() => new Store('/proc/brownout/deep/runs.db')).toThrow(
      /^\/proc\/brownout\/deep\/runs\.db cannot be used: ENOENT/u,
    );
  });

  it('says that SQLite needs room for files beside it, as on a disk that cannot be written', () => {
    const file = aStoreFile(aFolder());
    mkdirSync(`${file}-wal`);
    expect(troubleOf(() => new Store(file))).toMatchObject({
      kind: 'unusable',
      message: expect.stringContaining('its folder must be writable') as string,
    });
  });

  it('says when a folder on the way is a file', () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(troubleOf(() => new Store(join(folder, 'file', 'a.db'))).kind).toBe('unusable');
  });
});

describe('a migration', () => {
  const newer = [
    ...shippedMigrations(),
    { number: shippedMigrations().length + 1, sql: "ALTER TABLE run ADD COLUMN later TEXT NOT NULL DEFAULT ''" },
  ];

  it('puts a whole copy of the old store beside it first, and keeps every run', () => {
    const folder = aFolder();
    const file = aStoreFile(folder);
    new Store(file, { migrations: newer }).close();
    const copy = `${file}.format-${shippedMigrations().length}`;
    const old = new Store(copy);
    expect(old.list().map(({ name }) => name)).toEqual(['run 2', 'run 1', 'run 0']);
    old.close();
    const migrated = new Store(file, { migrations: newer });
    expect(migrated.count()).toBe(3);
    expect(migrated.samples(2, 1)).toEqual(aChunk(0, 500).columns[1]);
    migrated.close();
    expect(troubleOf(() => new Store(file)).kind).toBe('newer');
  });

  it('that fails half-way leaves the store as it was', () => {
    const folder = aFolder();
    const file = aStoreFile(folder);
    const bad = [...newer, { number: newer.length + 1, sql: 'ALTER TABLE nothing ADD COLUMN x' }];
    expect(() => new Store(file, { migrations: bad })).toThrow();
    const store = new Store(file);
    expect(store.count()).toBe(3);
    store.close();
  });
});

describe('two processes', () => {
  const child = resolve(import.meta.dirname, 'writerProcess.ts');

  it('that create one file at the same time both succeed', async () => {
    for (let round = 0; round < 3; round++) {
      const file = join(aFolder(), 'runs.db');
      await Promise.all(['a', 'b', 'c', 'd'].map((name) => run(process.execPath, [child, file, name, '3'])));
      const store = new Store(file);
      expect(store.count()).toBe(12);
      store.close();
    }
  });

  it('keep their runs in one file at the same time, and neither loses one', async () => {
    const file = aStoreFile(aFolder(), 0);
    await Promise.all(['a', 'b'].map((name) => run(process.execPath, [child, file, name, '40'])));
    const store = new Store(file);
    const rows = store.list();
    for (const name of ['a', 'b']) {
      expect(rows.filter((row) => row.name === name && row.status === 'finished')).toHaveLength(40);
    }
    for (const { id } of rows) expect(store.samples(id, 0)).toEqual(aChunk(0, 50).columns[0]);
    store.close();
  });

  it('a run of a living process is running, one of a dead process is interrupted', async () => {
    const file = aStoreFile(aFolder(), 0);
    const mine = new Store(file);
    const writer = mine.begin(aRun('mine'));
    await run(process.execPath, [child, file, 'theirs', 'abandon']);
    const rows = mine.list({ order: 'name', descending: false });
    expect(rows.map(({ name, status }) => [name, status])).toEqual([
      ['mine', 'running'],
      ['theirs', 'interrupted'],
    ]);
    expect(rows[1]?.sampleCount).toBe(50);
    expect(mine.samples(rows[1]?.id ?? 0, 0)).toEqual(aChunk(0, 50).columns[0]);
    writer.finish(aSummary(), [], 'h');
    mine.close();
  });

  it('a process that was killed leaves nothing that keeps others from the file', async () => {
    const folder = aFolder();
    const file = aStoreFile(folder, 1);
    await run(process.execPath, [child, file, 'x', 'kill']).catch(() => undefined);
    expect(existsSync(`${file}-wal`) && statSync(`${file}-wal`).size > 0).toBe(true);
    // As after a power cut: the files as they lie on the disk, opened elsewhere.
    const copy = join(aFolder(), 'copy.db');
    for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, `${copy}${end}`);
    const store = new Store(copy);
    expect(store.list().map(({ name, status }) => [name, status])).toEqual([
      ['x', 'finished'],
      ['run 0', 'finished'],
    ]);
    store.close();
  });
});
