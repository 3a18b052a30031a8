import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compilerVersion } from './baseline.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'brownout-bench-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Report {
  readonly machine: { readonly node: string };
  readonly results: readonly {
    readonly name: string;
    readonly value: number;
    readonly baseline?: number;
    readonly met?: boolean;
  }[];
}

function run(...args: string[]): Promise<{ code: number; report: Report | undefined; progress: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(import.meta.dirname, 'run.ts'), ...args], (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, report: stdout === '' ? undefined : (JSON.parse(stdout) as Report), progress: stderr });
    });
  });
}

function aBenchFile(name: string, check: string, baseline: boolean): string {
  const file = path.join(folder, name);
  const source = baseline ? `baseline: { source: 'event_queue.cc', args: [4, 100] },` : '';
  writeFileSync(
    file,
    `export const benches = [{ name: 'planted', unit: 'ms', better: 'lower', ${source} goal: { max: 3 },
      prepare: () => () => ({ value: 5, check: '${check}', extra: { peakMiB: 7 } }) }];`,
  );
  return file;
}

describe('the bench runner', () => {
  it('prints one JSON document, with values, goals and whether they were met', async () => {
    const { code, report, progress } = await run('--rounds', '1', aBenchFile('plain.mjs', 'x', false));
    expect(code).toBe(0);
    expect(report?.machine.node).toBe(process.version);
    expect(report?.results).toEqual([
      {
        name: 'planted',
        unit: 'ms',
        better: 'lower',
        value: 5,
        range: [5, 5],
        checkValue: 'x',
        extra: { peakMiB: 7 },
        goal: { max: 3 },
        met: false,
      },
    ]);
    expect(progress).toContain('MISSED');
  });

  it('leaves out what cannot be measured here, with the reason, and does not fail for it', async () => {
    const file = path.join(folder, 'skipped.mjs');
    const prepare = `() => { throw new Error('not to be called'); }`;
    writeFileSync(
      file,
      `export const benches = [{ name: 'planted', unit: 'ms', better: 'lower', skip: () => 'no such thing here', prepare: ${prepare} }];`,
    );
    const { code, report, progress } = await run(file);
    expect(code).toBe(0);
    expect(report).toMatchObject({ results: [], skipped: [{ name: 'planted', why: 'no such thing here' }] });
    expect(progress).toContain('SKIPPED planted: no such thing here');
  });

  it.skipIf(compilerVersion('c++') === null)('fails when the check value is not the baseline’s', async () => {
    const { code, progress } = await run('--rounds', '1', aBenchFile('wrong.mjs', 'wrong', true));
    expect(code).toBe(1);
    expect(progress).toContain('planted: check value wrong, the baseline');
  });

  it('says which name it does not know', async () => {
    const { code, progress } = await run('--only', 'no such bench');
    expect(code).toBe(2);
    expect(progress).toContain('no bench is called like "no such bench"');
  });

  it.skipIf(compilerVersion('c++') === null)(
    'gets the same check values from the event queue and its baseline',
    async () => {
      const { code, report } = await run('--rounds', '1', '--only', 'event queue');
      expect(code).toBe(0);
      expect(report?.results.map(({ baseline }) => baseline !== undefined && baseline > 0)).toEqual([true, true]);
    },
  );
});
