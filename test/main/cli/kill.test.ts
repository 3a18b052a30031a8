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

it(`brownout run, killed a hundred times at any moment (seed ${SEED})`, { timeout: 300_000 }, async () => {
  const db = join(aFolder(), 'runs.db');
  const experiment = aSmallExperiment();
  const chance = chances();
  const witness = new Witness();
  let tookMs = 0;
  const run = async (killAfterMs?: number): Promise<boolean> => {
    const from = performance.now();
    const { signal, code, stderr } = await brownout(
      ['run', experiment, '--db', db],
      killAfterMs === undefined ? {} : { killAfterMs },
    );
    if (signal !== 'SIGKILL') {
      expect({ code, stderr: stderr.includes('Kept as run') }).toEqual({ code: 0, stderr: true });
      // How long it takes changes with what else the machine does: follow it.
      tookMs = tookMs === 0 ? performance.now() - from : (tookMs * 3 + performance.now() - from) / 4;
    }
    return signal === 'SIGKILL';
  };
  await run();
  let killed = 0;
  for (let attempts = 0; killed < 100 && attempts < 250; attempts += 2) {
    // Two at a time: one dies while the other writes. The second half of a run is where it writes.
    const moments = [chance.next().value, chance.next().value].map((c) => (0.25 + 0.8 * c) * tookMs);
    const outcomes = await Promise.all(moments.map((ms) => run(ms)));
    killed += outcomes.filter((wasKilled) => wasKilled).length;
    witness.look(db);
  }
  const statuses = witness.look(db);
  expect(killed).toBeGreaterThanOrEqual(100);
  // Nobody is alive any more: nothing may still claim to be running.
  expect(new Set(statuses)).toEqual(new Set(['finished', 'interrupted']));
  expect(await brownout(['list', '--db', db])).toMatchObject({ code: 0 });
});

it(`a process that does nothing but keep runs, killed fifty times (seed ${SEED})`, { timeout: 120_000 }, async () => {
  const db = join(aFolder(), 'runs.db');
  const writer = resolve(import.meta.dirname, '..', 'store', 'writerProcess.ts');
  const chance = chances();
  const witness = new Witness();
  for (let i = 0; i < 50; i++) {
    await new Promise<void>((done) => {
      const child = spawn(process.execPath, [writer, db, 'busy', '100000'], { stdio: ['ignore', 'pipe', 'ignore'] });
      // It tells when it begins to write.
      child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), chance.next().value * 40));
      child.on('close', () => {
        done();
      });
    });
    witness.look(db);
  }
  const statuses = witness.look(db);
  expect(statuses.filter((status) => status === 'finished').length).toBeGreaterThan(50);
  expect(statuses).not.toContain('running');
});
