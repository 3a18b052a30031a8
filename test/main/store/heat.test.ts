import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeatMap } from '../../../engine/experiment/result.ts';
import { shippedMigrations } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { aChunk, anEvent, aRun, aSummary } from './aRun.ts';

const KINDS = ['written', 'dirty', 'sent', 'sent-again', 'lost'] as const;

function aHeat(rows: number, columns: number, layers: number, cell: (i: number) => number): HeatMap {
  return {
    ...{ rows, columns, totalPages: rows * 64 - 3, pagesPerRow: 64 },
    edgesNs: Float64Array.from({ length: columns + 1 }, (_, i) => i * 12_500_000),
    layers: Array.from({ length: layers }, (_, i) => ({
      ...{ id: `layer${i}`, kind: KINDS[i % KINDS.length]!, label: `Schicht ${i} — µ 🔥` },
      ...(i % 2 === 0 ? {} : { source: `nic"${i}` }),
      pages: Uint32Array.from({ length: rows * columns }, (_unused, at) => cell(at + i)),
    })),
  };
}

function keep(store: Store, map: HeatMap | undefined): number {
  const writer = store.begin(aRun());
  writer.samples(aChunk(0, 50));
  // Each replaces the one before.
  if (map !== undefined) {
    writer.heat(aHeat(1, 1, 1, () => 1));
    writer.heat(map);
  }
  writer.finish(aSummary(), [], 'h');
  return writer.id;
}

describe('the heat map of a run', () => {
  it('comes back as it was told last, in every number', () => {
    const store = new Store(join(aFolder(), 'runs.db'));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 256 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(6),
        fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: 1, maxLength: 20 }),
        (rows, columns, layers, values) => {
          const map = aHeat(rows, columns, layers, (i) => values[i % values.length]!);
          const id = keep(store, map);
          expect(store.hasHeat(id)).toBe(true);
          expect(store.heat(id)).toEqual(map);
        },
      ),
      { numRuns: 30 },
    );
    store.close();
  });

  it('is absent, not zero, where the producer told none, and kept of a run that broke', () => {
    const store = new Store(join(aFolder(), 'runs.db'));
    const without = keep(store, undefined);
    expect(store.hasHeat(without)).toBe(false);
    expect(store.heat(without)).toBeUndefined();
    const broken = store.begin(aRun());
    broken.heat(aHeat(4, 4, 1, (i) => i));
    broken.fail('the engine broke');
    expect(store.heat(broken.id)?.layers[0]?.pages[5]).toBe(5);
    store.close();
  });

  it('of the largest size takes less than a megabyte in the store when it is of the usual kind', () => {
    const file = join(aFolder(), 'runs.db');
    const store = new Store(file);
    // Full rows that go down as they are sent, and a few hot ones.
    const id = keep(
      store,
      aHeat(256, 512, 8, (i) => (i % 256 < 20 ? (i * 7919) % 1000 : i < 60_000 ? 65_536 : 0)),
    );
    store.close();
    const db = new Database(file, { readonly: true });
    const bytes = db.prepare('SELECT sum(length(pages)) FROM heat_layer WHERE run_id = ?').pluck().get(id);
    db.close();
    expect(bytes).toBeLessThan(1024 * 1024);
  });

  it('that was damaged is an error that says so, and the run stays readable', () => {
    const file = join(aFolder(), 'runs.db');
    const store = new Store(file);
    const id = keep(
      store,
      aHeat(16, 16, 2, (i) => i),
    );
    const db = new Database(file);
    db.prepare('UPDATE heat_layer SET pages = zeroblob(length(pages)) WHERE position = 1').run();
    db.close();
    expect(() => store.heat(id)).toThrow(/heat map of run 1 .* does not match its checksum/);
    expect(store.samples(id, 0)).toHaveLength(50);
    store.close();
  });

  it('that is larger than a map may be is refused before anything is written', () => {
    const store = new Store(join(aFolder(), 'runs.db'));
    expect(() =>
      keep(
        store,
        aHeat(257, 1, 1, () => 0),
      ),
    ).toThrow(/bounded/);
    store.close();
  });
});

describe('a store of an older format', () => {
  const RUNS = 150;
  it.each([1, 2])('%i is brought up to date with all its runs, samples and events', (format) => {
    const file = join(aFolder(), 'runs.db');
    const old = new Store(file, { migrations: shippedMigrations().slice(0, format) });
    // Today's writer writes a note, which format 1 has no place for: lent to it while the runs are made.
    const alter = (statement: string): void => {
      const db = new Database(file);
      if (format === 1) db.exec(`ALTER TABLE run ${statement}`);
      db.close();
    };
    alter("ADD COLUMN note TEXT NOT NULL DEFAULT ''");
    for (let i = 0; i < RUNS; i++) {
      const writer = old.begin(aRun(`run ${i}`, 3));
      writer.samples(aChunk(0, 700, 3));
      writer.event(anEvent(1_000_000 * i, `event of run ${i}`));
      if (i % 10 === 9) writer.fail('it broke');
      else writer.finish(aSummary({ rounds: i }), [], `hash ${i}`);
    }
    old.close();
    alter('DROP COLUMN note');

    const store = new Store(file);
    expect(store.count()).toBe(RUNS);
    for (const row of store.list({ order: 'created', descending: false })) {
      const i = row.id - 1;
      expect(row).toMatchObject({ name: `run ${i}`, note: '', status: i % 10 === 9 ? 'failed' : 'finished' });
      expect(store.run(row.id).summary?.rounds).toBe(i % 10 === 9 ? undefined : i);
      expect(store.samples(row.id, 2)).toEqual(aChunk(0, 700, 3).columns[2]);
      expect(store.events(row.id).map(({ text }) => text)).toEqual([`event of run ${i}`]);
      expect(store.heat(row.id)).toBeUndefined();
    }
    // And goes on: new runs have what old ones lack.
    const map = aHeat(8, 8, 2, (i) => i);
    expect(store.heat(keep(store, map))).toEqual(map);
    store.close();
    const copy = new Database(`${file}.format-${format}`, { readonly: true });
    expect(copy.pragma('user_version', { simple: true })).toBe(format);
    expect(copy.prepare('SELECT count(*) FROM run').pluck().get()).toBe(RUNS);
    copy.close();
  });
});
