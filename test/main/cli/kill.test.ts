// kill -9 at any moment: no finished run is lost, and the file always opens.
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { TIMES } from '../../../main/store/samples.ts';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { brownout } from './brownout.ts';
import { aSmallExperiment } from './experiments.ts';

/** A sequence of its own for each run of the tests; printed when a test fails. */
const SEED = Number(process.env['BROWNOUT_TEST_SEED'] ?? Date.now() % 1e6);

function* chances(): Generator<number, never> {
  for (let state = (SEED % 2_147_483_646) + 1; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

/** Looks at everything that is finished, remembers it, and compares it with what was remembered before. */
class Witness {
  readonly #finished = new Map<number, { readonly hash: string | null; readonly samples: number }>();

  /** The statuses that were seen. */
  look(file: string): string[] {
    const store = new Store(file);
    try {
      const rows = new Map(store.list().map((row) => [row.id, row]));
      for (const [id, { hash, samples }] of this.#finished) {
        expect(rows.get(id)).toMatchObject({ status: 'finished', hash, sampleCount: samples });
      }
      for (const { id, status, hash, sampleCount } of rows.values()) {
        if (this.#finished.has(id)) continue;
        const run = store.run(id);
        // What was saved of a run can be read, finished or not.
        expect(store.samples(id, TIMES)).toHaveLength(sampleCount);
        expect(store.samples(id, run.series.length - 1)).toHaveLength(sampleCount);
        expect(store.events(id)).toHaveLength(run.row.eventCount);
        if (status === 'finished') {
          expect(run.summary).not.toBeNull();
          this.#finished.set(id, { hash, samples: sampleCount });
        }
      }
      return [...rows.values()].map(({ status }) => status);
    } finally {
      store.close();
    }
  }
}

it(`brownout run, killed a hundred times at any moment (seed ${SEED})`, { timeout: 600_000 }, async () => {
  const db = join(aFolder(), 'runs.db');
  const experiment = aSmallExperiment();
  const chance = chances();
  const witness = new Witness();
  new Store(db).close();
  const reader = new Store(db);
  // How long a run takes from its beginning, and from the beginning of its process: follows what else the machine does.
  let runMs = 100;
  let processMs = 500;

  const killSomewhere = async (afterBegin: boolean): Promise<boolean> => {
    const newest = reader.list({ limit: 1 })[0]?.id ?? 0;
    const from = performance.now();
    let beganMs = 0;
    const when = (): boolean => {
      if (beganMs === 0 && (reader.list({ limit: 1 })[0]?.id ?? 0) > newest) beganMs = performance.now();
      return !afterBegin || beganMs > 0;
    };
    const delayMs = chance.next().value * 1.2 * (afterBegin ? runMs : processMs);
    const { signal, code, stderr } = await brownout(['run', experiment, '--db', db], {
      interrupt: { when, signal: 'SIGKILL', delayMs },
    });
    const kept = /Kept as run (\d+)/.exec(stderr);
    // What the user was told is kept, is.
    if (kept !== null) expect(reader.run(Number(kept[1])).row.status).toBe('finished');
    if (signal === 'SIGKILL') return true;
    expect({ code, kept: kept !== null }).toEqual({ code: 0, kept: true });
    processMs = (3 * processMs + performance.now() - from) / 4;
    if (beganMs > 0) runMs = (3 * runMs + performance.now() - beganMs) / 4;
    return false;
  };
  let killed = 0;
  for (let attempts = 0; killed < 100 && attempts < 200; attempts++) {
    // Two at a time: one dies while the other writes; one anywhere in its life, one in the middle of its run.
    const outcomes = await Promise.all([killSomewhere(false), killSomewhere(true)]);
    killed += outcomes.filter((wasKilled) => wasKilled).length;
    witness.look(db);
  }
  const statuses = witness.look(db);
  reader.close();
  expect(killed).toBeGreaterThanOrEqual(100);
  expect(statuses.filter((status) => status === 'interrupted').length).toBeGreaterThan(5);
  // Nobody is alive any more: nothing may still claim to be running.
  expect(statuses).not.toContain('running');
  expect(await brownout(['list', '--db', db])).toMatchObject({ code: 0 });
});

it(`a process that does nothing but keep runs, killed fifty times (seed ${SEED})`, { timeout: 300_000 }, async () => {
  const db = join(aFolder(), 'runs.db');
  const writer = resolve(import.meta.dirname, '..', 'store', 'writerProcess.ts');
  const chance = chances();
  const witness = new Witness();
  const told: number[] = [];
  for (let i = 0; i < 50; i++) {
    await new Promise<void>((done) => {
      const child = spawn(process.execPath, [writer, db, 'busy', '100000'], { stdio: ['ignore', 'pipe', 'ignore'] });
      let said = '';
      child.stdout.on('data', (text: Buffer) => (said += text.toString()));
      child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), chance.next().value * 30));
      child.on('close', () => {
        told.push(...said.split('\n').slice(0, -1).map(Number));
        done();
      });
    });
    witness.look(db);
  }
  const store = new Store(db);
  const rows = new Map(store.list().map(({ id, status }) => [id, status]));
  store.close();
  expect(told.length).toBeGreaterThanOrEqual(50);
  // A run of which the writer said that it is kept, is.
  expect(told.filter((id) => rows.get(id) !== 'finished')).toEqual([]);
  expect([...rows.values()]).not.toContain('running');
});
