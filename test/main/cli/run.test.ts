import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import stringWidth from 'string-width';
import { describe, expect, it, onTestFinished, vi, type TestContext } from 'vitest';
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { createSimulation } from '../../../engine/experiment/simulate.ts';
import { isGoodNode } from '../../../main/setup/decide.js';
import type { RunRow } from '../../../main/store/rows.ts';
import { Store } from '../../../main/store/store.ts';
import { SimulationPool } from '../../../main/workers/pool.ts';
import { aFolder } from '../aFolder.ts';
import { brownout, type Ended } from './brownout.ts';
import { aLongExperiment, aSmallExperiment } from './experiments.ts';

const aDb = (): string => join(aFolder(), 'runs.db');

function parsed(file: string): Experiment {
  const result = parseExperiment(readFileSync(file, 'utf8'), { fileName: file });
  if (!result.ok) throw new Error('the experiment is wrong');
  return result.experiment;
}

const silent = { head: () => undefined, samples: () => undefined, event: () => undefined };

function hashHere(experiment: Experiment): string {
  let hash = '';
  const simulation = createSimulation(experiment, { ...silent, finished: (_summary, _expect, h) => (hash = h) });
  while (!simulation.advance(1000));
  return hash;
}

async function hashOfCommand(file: string, node?: string): Promise<string> {
  const { stdout } = await brownout(['run', file, '--no-save', '--json'], node === undefined ? {} : { node });
  return (JSON.parse(stdout) as { run: { hash: string } }).run.hash;
}

/** Another Node than ours, as the system brings it; skips the test where there is none. */
function otherNode(context: TestContext): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .find((file) => existsSync(file));
  context.skip(found === undefined, 'there is no other Node on the PATH');
  return found ?? '';
}

/** Whether this Node cannot run Brownout itself and starts the bundled one. */
function launches(node: string): boolean {
  const { version, napi } = JSON.parse(
    execFileSync(node, ['-p', 'JSON.stringify({ version: process.versions.node, napi: process.versions.napi })'], {
      encoding: 'utf8',
    }),
  ) as { version: string; napi: string };
  return !isGoodNode(version, napi);
}

describe('brownout run', () => {
  it('runs the experiment, shows what happened in 80 columns, and keeps it', async () => {
    const db = aDb();
    const { code, stdout, stderr } = await brownout(['run', aSmallExperiment('expect: {lost: 0}\n'), '--db', db]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^A small guest\n\nConverged in \d+ rounds\. Blackout [\d.]+ ms of 300 allowed\. /);
    expect(stdout).toMatch(/No page\s+lost\./);
    expect(stdout).toMatch(/^db +[ ▁▂▃▄▅▆▇█]+ +[\d.]+k? pages\/s$/m);
    expect(stdout).toMatch(/^nic0 +[ ▁▂▃▄▅▆▇█]+ +[\d.]+k? pages\/s$/m);
    for (const line of stdout.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(80);
    expect(stderr).toBe(`\nKept as run 1 in ${db}\n`);
    const store = new Store(db);
    expect(store.run(1).row).toMatchObject({
      status: 'finished',
      outcome: 'completed',
      name: 'A small guest',
      expectMet: 1,
    });
    expect(store.run(1).experiment).toContain('name: A small guest\n');
    store.close();
    const shown = await brownout(['show', '1', '--db', db]);
    expect(shown.stdout.startsWith(stdout)).toBe(true);
  });

  it('says nothing of its progress into a pipe', async () => {
    const { stdout, stderr } = await brownout(['run', aSmallExperiment(), '--no-save']);
    expect(stderr).toBe('');
    expect(stdout).not.toMatch(/\r|█░/);
  });

  it('--no-save keeps nothing', async () => {
    const folder = aFolder();
    const { code } = await brownout(['run', aSmallExperiment(), '--no-save'], {
      env: { HOME: folder, XDG_DATA_HOME: folder },
    });
    expect(code).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("keeps runs in the user's data folder when no file is named", async () => {
    const folder = aFolder();
    const env = { XDG_DATA_HOME: folder, HOME: folder, APPDATA: folder };
    await brownout(['run', aSmallExperiment()], { env });
    expect((await brownout(['list'], { env })).stdout).toContain('A small guest');
  });

  it('ends with 1 when an expectation is not met, and says which', async () => {
    const file = aSmallExperiment('expect: {downtime: <= 1ns, lost: 0}\n');
    const { code, stdout } = await brownout(['run', file, '--no-save']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/downtime .*: NOT met: /);
  });

  it('ends with 2 on a wrong file, with every mistake at its place, and keeps nothing', async () => {
    const db = aDb();
    const file = join(aFolder(), 'bad.yaml');
    writeFileSync(file, 'name: x\nguest: {memory: 16G, vcpu: 4}\n');
    const { code, stdout, stderr } = await brownout(['run', file, '--db', db]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^${file}:2:\\d+: guest\\.memory: "16G" is not a size: `, 'm'));
    expect(stderr).toMatch(new RegExp(`^${file}:2:\\d+: guest\\.vcpu: `, 'm'));
    expect(existsSync(db)).toBe(false);
  });

  it.each([
    ['bytes that are no text', Buffer.from([0x6e, 0xff, 0xfe]), 'is not text in UTF-8'],
    [
      'more than a file may hold',
      Buffer.alloc(2 * 1024 * 1024, 0x20),
      'is too large: 2,097,152 bytes, at most 1,048,576',
    ],
  ])('ends with 2 on %s', async (_, bytes, message) => {
    const file = join(aFolder(), 'bad.yaml');
    writeFileSync(file, bytes);
    expect(await brownout(['run', file, '--no-save'])).toMatchObject({
      code: 2,
      stderr: `brownout: ${file} ${message}\n`,
    });
  });

  it('reads standard input, with or without a byte order mark', async () => {
    const input = `\ufeff${readFileSync(aSmallExperiment(), 'utf8')}`;
    expect(await brownout(['run', '-', '--no-save'], { input })).toMatchObject({ code: 0 });
  });

  it('refuses to start QEMU because a file says so', async () => {
    const input = 'name: q\nbackend: qemu\nguest: {memory: 256MiB, vcpus: 1}\n';
    const { code, stderr } = await brownout(['run', '-', '--no-save'], { input });
    expect(code).toBe(2);
    expect(stderr).toContain('--allow-qemu');
  });

  it('says what to do when the store cannot be used', async () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'file'), '');
    const { code, stderr } = await brownout(['run', aSmallExperiment(), '--db', join(folder, 'file', 'a.db')]);
    expect(code).toBe(1);
    expect(stderr).toContain('--no-save shows the result without keeping it');
  });
});

describe('Ctrl-C', () => {
  async function interrupted(
    signal: NodeJS.Signals,
    { node, again = false }: { node?: string; again?: boolean } = {},
  ): Promise<{ ended: Ended; row: () => RunRow }> {
    const db = aDb();
    const store = new Store(db);
    onTestFinished(() => {
      store.close();
    });
    const when = (): boolean => (store.list()[0]?.sampleCount ?? 0) > 0;
    const ended = await brownout(['run', aLongExperiment(), '--db', db], {
      interrupt: { when, signal, again },
      ...(node === undefined ? {} : { node }),
    });
    return { ended, row: () => store.run(1).row };
  }

  it('cancels: what was measured is shown and kept, marked cancelled, and the code is 130', async () => {
    const { ended, row } = await interrupted('SIGINT');
    expect(ended).toMatchObject({ code: 130, signal: null });
    expect(ended.stdout).toMatch(/^Cancelled, after/m);
    expect(ended.stderr).toContain('Kept as run 1');
    expect(row()).toMatchObject({ status: 'finished', outcome: 'cancelled' });
    expect(row().sampleCount).toBeGreaterThan(0);
  });

  it('that arrives twice, as through npm, counts once', async () => {
    const { ended, row } = await interrupted('SIGINT', { again: true });
    expect(ended.code).toBe(130);
    expect(row()).toMatchObject({ status: 'finished', outcome: 'cancelled' });
  });

  it('reaches the bundled Node through the one that launched it', async (context) => {
    const { ended, row } = await interrupted('SIGINT', { node: otherNode(context) });
    expect(ended).toMatchObject({ code: 130, signal: null });
    expect(row()).toMatchObject({ status: 'finished', outcome: 'cancelled' });
  });

  it('is what the bundled Node makes of it when its launcher is killed', async (context) => {
    const node = otherNode(context);
    context.skip(!launches(node), 'the other Node runs Brownout itself');
    const { row } = await interrupted('SIGKILL', { node });
    await vi.waitFor(() => {
      expect(row()).toMatchObject({ status: 'finished', outcome: 'cancelled' });
    }, 10_000);
  });
});

describe('the same file and seed give the same hash', () => {
  it('in this thread, in a worker with any sampling of progress, and from the command', async () => {
    const file = aSmallExperiment();
    const experiment = parsed(file);
    const expected = hashHere(experiment);
    const pool = new SimulationPool({ threads: 2 });
    onTestFinished(() => pool.close());
    const inWorker = async (progressMs: number): Promise<string> => {
      let hash = '';
      const finished = (_summary: unknown, _expect: unknown, h: string): string => (hash = h);
      await pool.run(experiment, { ...silent, finished }, { progressMs });
      return hash;
    };
    expect(await Promise.all([0, 1, 50, 1e9].map(inWorker))).toEqual([expected, expected, expected, expected]);
    expect(await hashOfCommand(file)).toBe(expected);
    expect(hashHere({ ...experiment, seed: 2 })).not.toBe(expected);
  });

  it('also under the Node that the system brings', async (context) => {
    const other = otherNode(context);
    const file = aSmallExperiment();
    expect(await hashOfCommand(file, other)).toBe(hashHere(parsed(file)));
  });

  it('of a kept run, made again from the store alone', async () => {
    const db = aDb();
    await brownout(['run', aSmallExperiment(), '--db', db, '--seed', '99']);
    const { stdout: input } = await brownout(['show', '1', '--experiment', '--db', db]);
    const store = new Store(db);
    const { seed, hash } = store.run(1).row;
    store.close();
    expect(seed).toBe(99);
    const again = await brownout(['run', '-', '--seed', String(seed), '--json', '--no-save'], { input });
    expect((JSON.parse(again.stdout) as { run: { hash: string } }).run.hash).toBe(hash);
  });
});
