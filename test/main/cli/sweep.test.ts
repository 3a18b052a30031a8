// `brownout sweep` as a user runs it: as a process of its own, paused, killed, gone on with.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { planOfText, SMALL_SWEEP, theHash } from '../sweeps/aSweep.ts';
import { brownout } from './brownout.ts';

/** A sequence of its own for each run of the tests; printed when a test fails. */
const SEED = Number(process.env['BROWNOUT_TEST_SEED'] ?? Date.now() % 1e6);

function* chances(): Generator<number, never> {
  for (let state = (SEED % 2_147_483_646) + 1; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

function aSweepFile(text = SMALL_SWEEP): string {
  const file = join(aFolder(), 'sweep.yaml');
  writeFileSync(file, text);
  return file;
}

interface Shown {
  readonly sweep: { readonly id: number; readonly status: string; readonly done: number };
  readonly front: readonly number[];
  readonly points: readonly {
    readonly number: number;
    readonly status: string;
    readonly runId: number | null;
    readonly hash: string | null;
    readonly values: readonly unknown[];
  }[];
}

/** By number, as the engine gives them in one process. */
const hashes: string[] = [];
beforeAll(() => {
  const plan = planOfText(SMALL_SWEEP);
  for (const point of plan.points) hashes.push(theHash({ experiment: plan.experiment(point) }));
});

describe('brownout sweep', () => {
  it('runs every point and shows what they came to; the same with --json', async () => {
    const db = join(aFolder(), 'runs.db');
    const file = aSweepFile();
    const { code, stdout, stderr } = await brownout(['sweep', file, '--db', db, '--workers', '2', '--json']);
    expect(code).toBe(0);
    expect(stderr).toContain('8 of 8 points done');
    expect(stderr).toContain('Kept as sweep 1');
    const shown = JSON.parse(stdout) as Shown;
    expect(shown.sweep).toMatchObject({ id: 1, status: 'finished', done: 8 });
    expect(shown.points.map(({ hash }) => hash)).toEqual(hashes);
    expect(shown.points[0]!.values).toEqual(['500Mbit/s', '20ms']);
    const table = await brownout(['sweep', 'show', '1', '--db', db]);
    expect(table.stdout).toContain('Sweep 1, finished: 8 of 8 points done');
    expect(table.stdout).toMatch(/^ *bandwidth +downtime_limit +DOWN +TOTAL +SENT +LOST$/mu);
    expect(table.stdout.match(/^\* /gmu)).toHaveLength(shown.front.length + 1);
    const listed = await brownout(['list', 'tag = sweep-1', '--db', db, '--json']);
    expect((JSON.parse(listed.stdout) as { runs: unknown[] }).runs).toHaveLength(8);
    expect((await brownout(['sweep', 'list', '--db', db])).stdout).toMatch(/1 \d{4}-.* finished +8\/8 Small/u);
  });

  it('shows a plan without running it, and refuses a plan that is too large or wrong', async () => {
    const db = join(aFolder(), 'runs.db');
    const file = aSweepFile();
    const plan = await brownout(['sweep', file, '--plan', '--db', db]);
    expect(plan.stdout).toContain('4 settings × 2 seeds: 8 points');
    expect(await brownout(['sweep', file, '--max-points', '7', '--db', db])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /sweep\.yaml:\d+:\d+: sweep: this is a plan of 8 runs; at most 7 are allowed/u,
      ) as string,
    });
    const wrong = aSweepFile(SMALL_SWEEP.replace('2Gbit/s', '2Gbits'));
    expect(await brownout(['sweep', wrong, '--db', db])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /sweep\.yaml:9:\d+: sweep\.fields\.migration\.bandwidth\[1\]: point 5 \(/u,
      ) as string,
    });
    expect((await brownout(['sweep', 'list', '--db', db])).code).toBe(2);
    expect(await brownout(['sweep', 'show', '1'], { env: { BROWNOUT_DB: db } })).toMatchObject({ code: 2 });
  });

  it('pauses on Ctrl-C, cleanly, and goes on with the same command', async () => {
    const db = join(aFolder(), 'runs.db');
    const file = aSweepFile(SMALL_SWEEP.replace('seeds: 2', 'seeds: 8'));
    new Store(db).close();
    const watching = new Store(db);
    const when = (): boolean => (watching.sweeps.list()[0]?.done ?? 0) >= 3;
    const first = await brownout(['sweep', file, '--db', db, '--workers', '1'], {
      interrupt: { when, signal: 'SIGINT' },
    });
    expect(first.code).toBe(130);
    expect(first.stderr).toContain('Paused: brownout sweep resume 1 goes on with it.');
    const paused = watching.sweeps.get(1);
    expect(paused.status).toBe('paused');
    expect(watching.count()).toBe(paused.done);
    const before = watching.sweeps.points(1).filter(({ status }) => status === 'done');
    const second = await brownout(['sweep', file, '--db', db]);
    expect(second).toMatchObject({ code: 0 });
    expect(second.stderr).toContain('Going on with sweep 1 of this file');
    expect(watching.sweeps.get(1)).toMatchObject({ status: 'finished', done: 32 });
    expect(watching.count()).toBe(32);
    for (const point of before) expect(watching.sweeps.points(1)[point.number - 1]).toEqual(point);
    watching.close();
  });

  it(
    `killed again and again, repeats no finished point and loses none (seed ${SEED})`,
    { timeout: 300_000 },
    async () => {
      const db = join(aFolder(), 'runs.db');
      const file = aSweepFile(SMALL_SWEEP.replace('seeds: 2', 'seeds: 3'));
      new Store(db).close();
      const watching = new Store(db);
      const chance = chances();
      const known = new Map<number, { readonly runId: number | null; readonly hash: string | null }>();
      let kills = 0;
      for (let attempt = 0; attempt < 40; attempt++) {
        const done = watching.sweeps.list()[0]?.done ?? 0;
        // Somewhere between this point and the next but one.
        const when = (): boolean => (watching.sweeps.list()[0]?.done ?? 0) > done;
        const interrupt = { when, signal: 'SIGKILL', delayMs: chance.next().value * 120 } as const;
        const { signal, code } = await brownout(['sweep', file, '--db', db, '--workers', '2'], { interrupt });
        // A connection of its own: what one knows of a living owner it believes for a second.
        const fresh = new Store(db);
        const { status: left } = fresh.sweeps.get(1);
        fresh.close();
        // A kill may come between the last point and the end of the process.
        if (left !== 'finished') expect([signal, left]).toEqual(['SIGKILL', 'interrupted']);
        const points = watching.sweeps.points(1);
        for (const [number, before] of known) expect(points[number - 1]).toMatchObject(before);
        for (const { number, status, runId, hash } of points) if (status === 'done') known.set(number, { runId, hash });
        if (signal !== 'SIGKILL') expect(code).toBe(0);
        else kills++;
        if (left === 'finished') break;
      }
      expect(kills).toBeGreaterThan(1);
      const points = watching.sweeps.points(1);
      expect(points.every(({ status }) => status === 'done')).toBe(true);
      // Nothing in pieces is left either.
      expect(watching.count()).toBe(12);
      const plan = planOfText(SMALL_SWEEP.replace('seeds: 2', 'seeds: 3'));
      for (const { number, hash } of points) {
        expect(hash).toBe(theHash({ experiment: plan.experiment(plan.points[number - 1]!) }));
      }
      watching.close();
    },
  );
});
