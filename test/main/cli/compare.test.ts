import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparisonSchema, type Comparison } from '../../../main/contract/compare.ts';
import { brownout, ROOT } from './brownout.ts';
import { aSmallExperiment } from './experiments.ts';

const folder = mkdtempSync(join(tmpdir(), 'brownout-compare-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const db = join(folder, 'runs.db');
const compare = (...args: string[]): ReturnType<typeof brownout> => brownout(['compare', ...args, '--db', db]);
const json = async (...args: string[]): Promise<Comparison> =>
  comparisonSchema.parse(JSON.parse((await compare(...args, '--json')).stdout));

const SMALL = `name: A small guest
guest:
  memory: 256MiB
  vcpus: 2
  workloads: [{name: db, vcpus: 2, pattern: uniform, region: {size: 64MiB}, rate: 5000 pages/s}]
devices: [{name: nic0, type: nic, rate: 200Mbit/s, ring: {offset: 128MiB, size: 4MiB}}]
migration: {start: 200ms, bandwidth: 512MiB/s}
`;

/** Runs 1 … 4: seeds of a small guest; 5 … 8: the same with another bandwidth. */
beforeAll(async () => {
  for (const bandwidth of ['512MiB/s', '0.25GiB/s']) {
    const file = join(folder, 'small.yaml');
    writeFileSync(file, SMALL.replace('512MiB/s', bandwidth));
    for (const seed of ['1', '2', '3', '4']) await brownout(['run', file, '--seed', seed, '--db', db]);
  }
}, 120_000);

describe('brownout compare', () => {
  it('folds seeds, shows only what differs, and counts a difference whose interval excludes no change', async () => {
    const comparison = await json('1', '2', '3', '4', '5', '6', '7', '8');
    expect(comparison.groups.map(({ repeats }) => repeats)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    expect(comparison.differences.map(({ path }) => path)).toEqual(['migration.bandwidth']);
    expect(comparison.patches[1]!.steps).toEqual(['migration.bandwidth: 0.25GiB/s']);
    const total = comparison.results.find(({ metric }) => metric === 'total')!.cells[1]!;
    expect(total).toMatchObject({ judgement: 'worse', n: 4, effect: 1 });
    expect(total.deltaInterval!.low).toBeGreaterThan(0);
  });

  it('says it for people in 80 columns, and as Markdown', async () => {
    const { code, stdout } = await compare('1', '5');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}migration\.bandwidth +512MiB\/s +0\.25GiB\/s$/m);
    expect(stdout).toMatch(/what would make b of a:\n {4}migration\.bandwidth: 0\.25GiB\/s/);
    expect(stdout).toMatch(/total time +↓ .* → .*\n +\+[^\n]+one run each/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const md = (await compare('1', '5', '--md')).stdout;
    expect(md).toContain('| `migration.bandwidth` | 512MiB/s | 0.25GiB/s |');
  });

  it('takes files too: experiments run on the spot, measurements read', async () => {
    const measured = join(ROOT, 'test/fixtures/measured/ac-256-uni.json');
    const comparison = await json('1', aSmallExperiment(), measured);
    expect(comparison.runs.map(({ id }) => id)).toEqual([1, null, null, null, null]);
    // The same experiment, seed and engine: one run, identical, wherever it was made.
    expect(comparison.groups[0]).toMatchObject({ members: [0, 1], repeats: [0] });
    expect(comparison.mismatches).toEqual([]);
    expect(comparison.groups[1]!.repeats).toHaveLength(3);
    expect(comparison.differences.find(({ path }) => path === 'source')!.cells[1]!.text).toMatch(/^imported: measured/);
  });

  it('holds the others against the run that it is told', async () => {
    expect((await json('1', '5', '--baseline', '5')).baseline).toBe(1);
    expect(await compare('1', '5', '--baseline', '3')).toMatchObject({ code: 2 });
  });

  it('says what is wrong with a name', async () => {
    for (const [word, message] of [
      ['99', /there is no run 99/],
      ['nothing.yaml', /neither the number of a run nor a file/],
      [aSmallExperiment('nonsense: 1\n'), /nonsense/],
    ] as const) {
      const { code, stderr, stdout } = await compare('1', word);
      expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
      expect(stderr).toMatch(message);
    }
  });
});
