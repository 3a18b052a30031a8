import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { StoreError } from '../../../main/store/errors.ts';
import { TIMES } from '../../../main/store/samples.ts';
import { Store, type StoreOptions } from '../../../main/store/store.ts';
import { aChunk, anEvent, aRun, aSummary } from './aRun.ts';
import { aFolder } from '../aFolder.ts';

function aStore(options: StoreOptions = {}, file = IN_MEMORY): Store {
  const store = new Store(file, options);
  onTestFinished(() => {
    store.close();
  });
  return store;
}

function aFinishedRun(store: Store, name = 'a run', samples = 10): number {
  const writer = store.begin(aRun(name));
  writer.samples(aChunk(0, samples));
  writer.finish(aSummary(), [], 'abc');
  return writer.id;
}

describe('a run in the store', () => {
  it('comes back as it was reported: head, samples, events, summary, expectations, hash', () => {
    const store = aStore();
    const writer = store.begin(aRun('named'));
    writer.samples(aChunk(0, 3));
    writer.event(anEvent(20_000_000));
    writer.samples(aChunk(3, 2));
    writer.event({ ...anEvent(50_000_000), source: 'nic0', durationNs: 4, detail: { rate: NaN, zero: -0 } });
    const expected = [{ path: 'expect.lost', expected: '0', actual: '0', met: true }];
    writer.finish(aSummary({ downtimeNs: null }), expected, 'abc');

    const run = store.run(writer.id);
    expect(run.row).toMatchObject({
      name: 'named',
      tags: ['test'],
      fileName: 'file.yaml',
      status: 'finished',
      outcome: 'completed',
      downtimeNs: null,
      pagesLost: 0,
      seed: 7,
      sampleCount: 5,
      eventCount: 2,
      expectTotal: 1,
      expectMet: 1,
      hash: 'abc',
    });
    expect(run.experiment).toBe('name: named\n');
    expect(run.summary).toEqual(aSummary({ downtimeNs: null }));
    expect(run.expect).toEqual(expected);
    expect(run.series).toEqual(aRun().head.series);
    expect(store.samples(writer.id, TIMES)).toEqual(aChunk(0, 5).timesNs);
    expect(store.samples(writer.id, 1)).toEqual(aChunk(0, 5).columns[1]);
    expect(store.samples(writer.id, 1, 1, 2)).toEqual(aChunk(1, 2).columns[1]);
    expect(store.events(writer.id)).toEqual([
      { number: 0, ...anEvent(20_000_000) },
      { number: 1, ...anEvent(50_000_000), source: 'nic0', durationNs: 4, detail: { rate: NaN, zero: -0 } },
    ]);
    expect(Object.is(store.events(writer.id, 1)[0]?.detail['zero'], -0)).toBe(true);
  });

  it('gives back any stretch of samples, however they arrived and whenever they were written', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
    const flushes = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(sizes, flushes, fc.nat(100), fc.nat(100), (counts, flush, first, count) => {
        const store = new Store(IN_MEMORY);
        const writer = store.begin(aRun());
        let total = 0;
        for (const [i, size] of counts.entries()) {
          writer.samples(aChunk(total, size));
          total += size;
          if (flush[i] === true) writer.flush();
        }
        writer.finish(aSummary(), [], 'h');
        const expected = aChunk(0, total).columns[0]!.slice(first, first + count);
        expect(store.samples(writer.id, 0, first, count)).toEqual(expected);
        store.close();
      }),
      { numRuns: 100 },
    );
  });

  it('keeps a copy: a producer may use its arrays again', () => {
    const store = aStore();
    const writer = store.begin(aRun());
    const chunk = aChunk(0, 5);
    writer.samples(chunk);
    for (const column of [chunk.timesNs, ...chunk.columns]) column.fill(-1);
    writer.finish(aSummary(), [], 'h');
    expect(store.samples(writer.id, 0)).toEqual(aChunk(0, 5).columns[0]);
  });

  it.each([
    ['a gap', aChunk(4, 1)],
    ['a repeat', aChunk(2, 1)],
    ['time that falls', { ...aChunk(3, 2), timesNs: Float64Array.of(40_000_000, 39_000_000) }],
    ['time that is no number', { ...aChunk(3, 1), timesNs: Float64Array.of(NaN) }],
    ['a column too few', { ...aChunk(3, 1), columns: [Float64Array.of(1)] }],
    ['a column too short', { ...aChunk(3, 2), columns: [Float64Array.of(1, 2), Float64Array.of(1)] }],
  ])('%s among its samples is a defect of the producer and refused', (_, chunk) => {
    const writer = aStore().begin(aRun());
    writer.samples(aChunk(0, 3));
    expect(() => {
      writer.samples(chunk);
    }).toThrow();
  });

  it('is finished only when it is whole: before, it is running and has no figures', () => {
    const file = join(aFolder(), 'a.db');
    const store = aStore({}, file);
    const reader = aStore({}, file);
    const writer = store.begin(aRun());
    writer.samples(aChunk(0, 5));
    writer.flush();
    expect(reader.run(writer.id)).toMatchObject({
      row: { status: 'running', sampleCount: 5, hash: null },
      summary: null,
    });
    writer.finish(aSummary(), [], 'h');
    expect(reader.run(writer.id)).toMatchObject({ row: { status: 'finished', hash: 'h' } });
    expect(() => {
      writer.samples(aChunk(5, 1));
    }).toThrow();
  });

  it('whose producer broke keeps what there was, with the reason', () => {
    const store = aStore();
    const writer = store.begin(aRun());
    writer.samples(aChunk(0, 5));
    writer.fail('the worker ran out of memory');
    expect(store.run(writer.id).row).toMatchObject({
      status: 'failed',
      failure: 'the worker ran out of memory',
      sampleCount: 5,
    });
  });

  it('is written at least every second while it is made', () => {
    let now = 1000;
    const store = aStore({ clock: () => now });
    const writer = store.begin(aRun());
    writer.samples(aChunk(0, 5));
    expect(store.run(writer.id).row.sampleCount).toBe(0);
    now += 1000;
    writer.samples(aChunk(5, 5));
    expect(store.run(writer.id).row.sampleCount).toBe(10);
  });

  it('that is not there is an error that says so', () => {
    expect(() => aStore().run(99)).toThrow(expect.objectContaining({ kind: 'absent' }));
  });
});

describe('events', () => {
  it('are stepped through in the order in which they begin, one at a time, there and back, past kinds that are not wanted', () => {
    const store = aStore();
    const writer = store.begin(aRun());
    const at = (timeNs: number, kind: 'round' | 'fault' | 'split', durationNs = 0): void => {
      writer.event({ timeNs, durationNs, kind, text: `${kind} ${timeNs}`, detail: {} });
    };
    // A span is reported when it is over: after what happened meanwhile.
    at(20, 'fault');
    at(20, 'split');
    at(30, 'fault');
    at(10, 'round', 25);
    writer.finish(aSummary(), [], 'h');
    const walk = (by: 1 | -1, timeNs: number, number: number, kinds?: ('round' | 'split')[]): string[] => {
      const seen: string[] = [];
      let from = { timeNs, number };
      for (;;) {
        const event = store.eventBeside(writer.id, { ...from, by, kinds });
        if (event === undefined) return seen;
        seen.push(event.text);
        from = { timeNs: event.timeNs, number: event.number };
      }
    };
    expect(walk(1, 0, -1)).toEqual(['round 10', 'fault 20', 'split 20', 'fault 30']);
    expect(walk(-1, 30, 2)).toEqual(['split 20', 'fault 20', 'round 10']);
    expect(walk(1, 0, -1, ['round', 'split'])).toEqual(['round 10', 'split 20']);
  });
});

describe('an envelope', () => {
  it('shows every extreme of its stretch at the resolution that was asked for', () => {
    const store = aStore();
    const count = 70_000;
    const writer = store.begin(aRun('long', 1));
    const spikes = [3, 4_097, 33_333, 69_999];
    for (let from = 0; from < count; from += 10_000) {
      const chunk = aChunk(from, 10_000, 1);
      for (const spike of spikes)
        if (spike >= from && spike < from + 10_000) chunk.columns[0]![spike - from] = 1e9 + spike;
      writer.samples(chunk);
    }
    writer.finish(aSummary(), [], 'h');
    const dt = 10_000_000;
    for (const columns of [10, 100, 1000, 3000, 60_000]) {
      const {
        samplesEach,
        fromNs,
        toNs,
        columns: shown,
      } = store.envelope(writer.id, [0], {
        fromNs: 0,
        toNs: Infinity,
        columns,
      });
      expect(fromNs.length).toBeGreaterThanOrEqual(Math.min(columns, count));
      expect(fromNs.length).toBeLessThanOrEqual(columns * 2 + 1);
      expect(fromNs[0]).toBe(dt);
      expect(toNs.at(-1)).toBe(count * dt);
      for (const spike of spikes) expect(shown[0]?.greatest[Math.floor(spike / samplesEach)]).toBe(1e9 + spike);
    }
    // A pan by less than an entry shows the same entries again.
    const near = (fromNs: number): number[] => [
      ...store.envelope(writer.id, [0], { fromNs, toNs: fromNs + 30_000 * dt, columns: 1000 }).fromNs,
    ];
    const pans = [10_001, 10_003, 10_007].map((from) => near(from * dt));
    expect(pans[1]).toEqual(pans[0]);
    expect(pans[2]).toEqual(pans[0]);
    const part = store.envelope(writer.id, [0], { fromNs: 4_090 * dt, toNs: 4_100 * dt, columns: 100 });
    expect(part.samplesEach).toBe(1);
    expect([...part.fromNs]).toEqual(Array.from({ length: 12 }, (_, i) => (4_090 + i) * dt));
    expect(part.columns[0]?.least).toEqual(part.columns[0]?.greatest);
  });

  it('of a run that was interrupted reads the samples that the pyramid does not cover', () => {
    const store = aStore();
    const writer = store.begin(aRun('long', 1));
    for (let from = 0; from < 200_000; from += 50_000) writer.samples(aChunk(from, 50_000, 1));
    writer.flush();
    const { toNs } = store.envelope(writer.id, [0], { fromNs: 0, toNs: Infinity, columns: 50 });
    expect(toNs.at(-1)).toBe(200_000 * 10_000_000);
  });

  it('of entries that are not known in part has what is known, as reading every sample would', () => {
    const store = aStore();
    const writer = store.begin(aRun('gaps', 1));
    const chunk = aChunk(0, 9_000, 1);
    for (let i = 0; i < 9_000; i++) if (i % 97 < 40 || (i > 2_000 && i < 3_000)) chunk.columns[0]![i] = NaN;
    writer.samples(chunk);
    writer.finish(aSummary(), [], 'h');
    const values = store.samples(writer.id, 0);
    for (const columns of [7, 90, 1_100]) {
      const {
        samplesEach,
        firstEntry,
        columns: shown,
      } = store.envelope(writer.id, [0], { fromNs: 0, toNs: 1e18, columns });
      shown[0]!.least.forEach((least, entry) => {
        const from = (firstEntry + entry) * samplesEach;
        const known = [...values.subarray(from, from + samplesEach)].filter((value) => !Number.isNaN(value));
        expect([least, shown[0]!.greatest[entry]]).toEqual(
          known.length === 0 ? [NaN, NaN] : [Math.min(...known), Math.max(...known)],
        );
      });
    }
  });

  it('of an empty run is empty', () => {
    const store = aStore();
    const writer = store.begin(aRun());
    writer.finish(aSummary(), [], 'h');
    expect(store.envelope(writer.id, [0], { fromNs: 0, toNs: 1e9, columns: 10 }).fromNs).toHaveLength(0);
  });
});

describe('the list of runs', () => {
  it('is sorted as asked, what is not known last', () => {
    const store = aStore();
    const downtimes = [300, null, 100, 200];
    for (const downtimeNs of downtimes) {
      const writer = store.begin(aRun(`d${String(downtimeNs)}`));
      writer.finish(aSummary({ downtimeNs }), [], 'h');
    }
    const names = (order: Parameters<Store['list']>[0]): string[] => store.list(order).map(({ name }) => name);
    expect(names({ order: 'downtime', descending: false })).toEqual(['d100', 'd200', 'd300', 'dnull']);
    expect(names({ order: 'downtime', descending: true })).toEqual(['d300', 'd200', 'd100', 'dnull']);
    expect(names({ order: 'created', limit: 2, offset: 1 })).toEqual(['d100', 'dnull']);
  });

  it('is in the order that was asked for, whatever the order in which they were made', () => {
    const store = aStore();
    for (const i of [3, 1, 2]) store.begin(aRun(`run ${i}`)).finish(aSummary({ downtimeNs: i }), [], 'h');
    expect(store.list({ order: 'downtime', descending: true }).map(({ name }) => name)).toEqual([
      'run 3',
      'run 2',
      'run 1',
    ]);
  });

  it('survives a hostile name, and so does everything else', () => {
    const store = aStore();
    const name = "'; DROP TABLE run; --\u001b[2J\u0000\ud800";
    const id = aFinishedRun(store, name);
    // Half a surrogate pair is not text: SQLite keeps the replacement character.
    expect(store.run(id).row.name).toBe(name.replace('\ud800', '\ufffd'));
    expect(store.list()).toHaveLength(1);
  });
});

describe('a full disk', () => {
  it('ends the run with a clear error; what was finished before stays', () => {
    const folder = aFolder();
    const file = join(folder, 'full.db');
    const store = aStore({ maxBytes: 400_000 }, file);
    const finished = aFinishedRun(store, 'before');
    const writer = store.begin(aRun('too large', 8));
    const noise = (from: number): ReturnType<typeof aChunk> => {
      const chunk = aChunk(from, 4096, 8);
      for (const [c, column] of chunk.columns.entries())
        for (let i = 0; i < 4096; i++) column[i] = Math.sin(from + i * (c + 1));
      return chunk;
    };
    let error: unknown;
    try {
      for (let from = 0; from < 4096 * 50; from += 4096) {
        writer.samples(noise(from));
        writer.flush();
      }
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ kind: 'full', message: expect.stringContaining('the disk is full') as string });
    // The producer may not notice at once; nothing of what it says reaches the store any more.
    expect(() => {
      writer.finish(aSummary(), [], 'h');
    }).toThrow('the run has ended');
    const other = aStore({}, file);
    expect(other.run(finished).row).toMatchObject({ status: 'finished', hash: 'abc' });
    expect(other.samples(finished, 0)).toEqual(aChunk(0, 10).columns[0]);
    const broken = other.run(writer.id);
    expect(broken.row).toMatchObject({ status: 'failed', failure: (error as StoreError).message });
    expect(other.samples(writer.id, 0)).toHaveLength(broken.row.sampleCount);
    expect(readdirSync(folder).filter((name) => name.includes('journal'))).toEqual([]);
  });
});
