import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_PROFILES } from '../../../engine/experiment/hosts.ts';
import { createSimulation } from '../../../engine/experiment/simulate.ts';
import { calibrate } from '../../../main/validate/calibrate.ts';
import { errorsOf, judge, type Case, type Verdict } from '../../../main/validate/errors.ts';
import { MeasuredFileError, readMeasured, readMeasuredFolder } from '../../../main/validate/measured.ts';
import { predict, type Simulate } from '../../../main/validate/predict.ts';
import { jsonReport } from '../../../main/validate/report.ts';
import { median, quantile } from '../../../engine/experiment/stats/quantiles.ts';
import { relativeSpread } from '../../../main/validate/statistics.ts';
import { validate } from '../../../main/validate/validate.ts';

const FOLDER = 'test/fixtures/measured';

const inThisThread: Simulate = (experiment, sink) => {
  const simulation = createSimulation(experiment, sink);
  while (!simulation.advance(1_000_000));
  return Promise.resolve();
};

describe('predictions of measured migrations', () => {
  let cases: Case[];
  let verdict: Verdict;
  beforeAll(async () => {
    ({ cases, verdict } = await validate(readMeasuredFolder(FOLDER), inThisThread));
  });

  it('get every outcome right on which the repeats agree', () => {
    expect(verdict.outcomesWrong).toEqual([]);
    expect(verdict.judged).toBeGreaterThanOrEqual(13);
  });

  it('keep the goals of total time, bytes, rounds and downtime', () => {
    expect(verdict.total!.median).toBeLessThanOrEqual(0.04);
    expect(verdict.total!.p90).toBeLessThanOrEqual(0.2);
    expect(verdict.bytes!.median).toBeLessThanOrEqual(0.01);
    expect(verdict.bytes!.p90).toBeLessThanOrEqual(0.06);
    expect(verdict.rounds!.median).toBeLessThanOrEqual(1);
    expect(verdict.downtimeMs!.median).toBeLessThanOrEqual(5);
    expect(verdict.downtimeMs!.p90).toBeLessThanOrEqual(40);
  });

  it('do not judge what the host profile was calibrated from', () => {
    const calibration = cases.filter((entry) => entry.calibration).map(({ name }) => name);
    expect(calibration).toEqual(HOST_PROFILES['tcg-loopback'].calibratedFrom);
  });

  it('leave a case out whose repeats disagree on the outcome', () => {
    const mixed = cases.find(({ name }) => name === 'ac-512-seq-full')!;
    expect(mixed.measured!.outcome).toBe(null);
    expect(errorsOf(mixed)).toBe(null);
    expect(jsonReport([mixed])).toMatchObject([{ measured: { outcome: 'mixed' } }]);
  });
});

describe('a file without what was measured', () => {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-validate-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const write = (name: string, value: unknown): string => {
    const file = join(folder, name);
    writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
    return file;
  };

  it('is predicted as the whole file is, from nothing but configuration and earlier write rate', async () => {
    for (const name of ['few-512-window', 'ac-256-uni', 'never-256-seq-full']) {
      const file = join(FOLDER, `${name}.json`);
      const whole = JSON.parse(readFileSync(file, 'utf8')) as {
        config: unknown;
        environment: unknown;
        repeats: { guest_rate: { before_pages_per_s: number } }[];
      };
      const stripped = readMeasured(
        write(`${name}.json`, {
          name,
          config: whole.config,
          environment: whole.environment,
          repeats: whole.repeats.map(({ guest_rate: { before_pages_per_s } }) => ({
            guest_rate: { before_pages_per_s },
          })),
        }),
      );
      expect(stripped.repeats).toEqual([]);
      expect(await predict(stripped, inThisThread)).toEqual(await predict(readMeasured(file), inThisThread));
    }
  });

  it('may have the rate at its top, or none: then the configured one counts', async () => {
    const { config } = JSON.parse(readFileSync(join(FOLDER, 'edge-128-uni-bw20.json'), 'utf8')) as { config: object };
    const bare = { name: 'bare', config, environment: { accelerator: 'tcg, thread=multi' } };
    const none = await predict(readMeasured(write('bare.json', bare)), inThisThread);
    const same = { ...bare, guest_rate: { before_pages_per_s: 5000 } };
    expect(await predict(readMeasured(write('same.json', same)), inThisThread)).toEqual(none);
    expect(none.outcome).toBe('converged');
    const calm = { ...bare, guest_rate: { before_pages_per_s: 50 } };
    expect((await predict(readMeasured(write('calm.json', calm)), inThisThread)).rounds).toBeLessThan(none.rounds);
  });

  it.each([
    ['broken.json', '{"name": ', /broken\.json: not JSON/],
    ['list.json', '[]', /list\.json/],
    ['pattern.json', { name: 'x', config: { guest_memory_mib: 128, pattern: 'zigzag' } }, /config\.filled_pages/],
  ])('is refused with file and field when it is no measurement: %s', (name, value, message) => {
    expect(() => readMeasured(write(name, value))).toThrow(MeasuredFileError);
    expect(() => readMeasured(write(name, value))).toThrow(message);
  });

  it('a folder without any is refused', () => {
    expect(() => readMeasuredFolder(join(folder, 'nothing'))).toThrow(/cannot be read/);
  });
});

describe('a host profile', () => {
  const measured = readMeasuredFolder(FOLDER);

  it('is what its idle migrations tell', () => {
    const profile = HOST_PROFILES['tcg-loopback'];
    const told = calibrate(measured.filter(({ name }) => (profile.calibratedFrom as readonly string[]).includes(name)));
    expect(profile.costs).toMatchObject(told);
  });

  it('is never taken from a guest that writes', () => {
    expect(() => calibrate(measured)).toThrow(/idle guests only/);
  });
});

describe('figures', () => {
  it('quantiles interpolate between order statistics', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 0.9)).toBeCloseTo(46);
    expect(relativeSpread([90, 100, 120])).toBeCloseTo(0.3);
  });

  it('a wrong outcome is counted, and its numbers are not compared with what does not exist', () => {
    const numbers = { outcome: 'converged', totalMs: 1000, downtimeMs: 5, bytes: 10, rounds: 3 } as const;
    const entry: Case = {
      name: 'wrong',
      predicted: numbers,
      measured: {
        outcome: 'cancelled-not-converging',
        totalMs: null,
        downtimeMs: null,
        bytes: 20,
        rounds: 4,
        totalSpread: null,
      },
      calibration: false,
    };
    expect(errorsOf(entry)).toEqual({ outcomeRight: false, total: null, bytes: 0.5, rounds: 1, downtimeMs: null });
    expect(judge([entry, { ...entry, name: 'known', calibration: true }])).toMatchObject({
      judged: 1,
      outcomesWrong: ['wrong'],
      total: null,
      bytes: { cases: 1, median: 0.5 },
    });
  });
});
