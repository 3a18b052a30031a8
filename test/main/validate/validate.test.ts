import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { HOST_PROFILES } from '../../../engine/experiment/hosts.ts';
import { createSimulation } from '../../../engine/experiment/simulate.ts';
import { ImportError } from '../../../main/import/problem.ts';
import { calibrate } from '../../../main/validate/calibrate.ts';
import { errorsOf, judge, type Case, type Verdict } from '../../../main/validate/errors.ts';
import { readMeasured, readMeasuredFolder } from '../../../main/validate/measured.ts';
import { experimentOf } from '../../../main/validate/experimentOf.ts';
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
  let cases: readonly Case[];
  let verdict: Verdict;
  beforeAll(async () => {
    ({ cases, verdict } = await validate(readMeasuredFolder(FOLDER).measured, inThisThread));
    // Nineteen configurations with five seeds each.
  }, 600_000);

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
    ['broken.json', '{"name": ', /broken\.json:1: not valid JSON/],
    ['list.json', '[]', /list\.json/],
    ['pattern.json', { name: 'x', config: { guest_memory_mib: 128, pattern: 'zigzag' } }, /config\.pattern: .*"idle"/],
  ])('is refused with file and field when it is no measurement: %s', (name, value, message) => {
    expect(() => readMeasured(write(name, value))).toThrow(ImportError);
    expect(() => readMeasured(write(name, value))).toThrow(message);
  });

  it('a folder without any is refused', () => {
    expect(() => readMeasuredFolder(join(folder, 'nothing'))).toThrow(/cannot be opened \(ENOENT\)/);
  });
});

describe('configurations unlike the known ones', () => {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-validate-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const config = {
    ...{ guest_memory_mib: 64, filled_pages: 8000, pattern: 'uniform', working_set_pages: 2048, full_speed: false },
    ...{ target_page_writes_per_s: 3000, catchup_ms: 20, max_bandwidth_bytes_per_s: 64e6, downtime_limit_ms: 50 },
    ...{ cancel_after_s: 10 },
  };
  let number = 0;
  const readOf = (change: object, more: object = {}): ReturnType<typeof readMeasured> => {
    const file = join(folder, `odd-${++number}.json`);
    const environment = { accelerator: 'tcg, thread=multi', qemu: '7.2.22' };
    writeFileSync(file, JSON.stringify({ config: { ...config, ...change }, environment, ...more }));
    return readMeasured(file);
  };

  it.each([
    [
      'what an older or newer script leaves null',
      { hot_pages: null, auto_converge: null, multifd_channels: null, phase_ms: null },
    ],
    ['no bandwidth limit', { max_bandwidth_bytes_per_s: 0 }],
    [
      'nothing but memory, pattern and working set',
      {
        ...Object.fromEntries(Object.keys(config).map((key) => [key, null])),
        ...{ guest_memory_mib: 64, pattern: 'seq', working_set_pages: 2048 },
      },
    ],
    ['a share instead of a number of filled pages', { filled_pages: null, guest_filled_fraction: 0.5 }],
    ['every pattern: sequential', { pattern: 'sequential' }],
    ['every pattern: zipf', { pattern: 'zipf' }],
    ['every pattern: hotcold', { pattern: 'hotcold', hot_pages: 100 }],
    ['every pattern: window', { pattern: 'window', region_pages: 4096, phase_ms: 300 }],
    ['every pattern: burst', { pattern: 'burst', phase_ms: 300 }],
    ['full speed', { full_speed: true, target_page_writes_per_s: 0, cancel_after_s: 1 }],
    ['XBZRLE with a cache of its own', { xbzrle: true, xbzrle_cache_bytes: 16777216 }],
    ['multifd without a number of channels', { multifd: true }],
    [
      'steep throttling, QEMU 9.2’s tail',
      {
        auto_converge: true,
        cpu_throttle_initial_pct: 70,
        cpu_throttle_increment_pct: 25,
        cpu_throttle_tailslow: true,
      },
    ],
    ['post-copy', { postcopy: true, postcopy_after_ms: 200 }],
    ['a dirty limit', { dirty_limit: true, vcpu_dirty_limit_mib_s: 20 }],
    ['mapped-ram', { mapped_ram: true }],
    ['no zero page detection', { zero_page_detection: 'none' }],
    ['a guest that writes next to nothing', { target_page_writes_per_s: 1e-9 }],
    [
      'memory of another size, and eight vCPUs',
      { guest_memory_mib: 16, filled_pages: 0, working_set_pages: 512, vcpus: 8 },
    ],
  ])('%s: predicted, with figures that make sense', async (_what, change) => {
    const { bytes, rounds, outcome, totalMs, downtimeMs } = await predict(readOf(change), inThisThread);
    expect(bytes).toBeGreaterThan(16 * 256 * 9);
    expect(rounds).toBeGreaterThanOrEqual(2);
    if (outcome === 'cancelled-not-converging') return;
    expect(totalMs!).toBeGreaterThan(downtimeMs!);
    expect(downtimeMs!).toBeGreaterThan(0);
  });

  it('the version of QEMU and the accelerator are those of the file', () => {
    const of = (environment: object): Experiment => experimentOf(readOf({ multifd_channels: 4 }, { environment }), 1);
    expect(of({ accelerator: 'tcg, thread=multi', qemu: '7.2.22' })).toMatchObject({
      host: 'tcg-loopback',
      migration: { qemu: '7.2', zero_pages: 'legacy', multifd: { channels: 4, flush_each_section: true } },
    });
    expect(of({ accelerator: 'kvm', qemu: '9.1.0' })).toMatchObject({
      host: 'default',
      migration: { qemu: '9.0', zero_pages: 'multifd', multifd: { flush_each_section: false } },
    });
    expect(of({})).toMatchObject({ host: 'default', migration: { qemu: '7.2' } });
    expect(of({ qemu: 'v12.1-rc0' })).toMatchObject({ migration: { qemu: '11.0' } });
  });

  it('channels share the CPUs of a host that has both ends', () => {
    const sameHost = { accelerator: 'tcg', source_and_destination: 'same host' };
    const alone = HOST_PROFILES['tcg-loopback'].costs.page_send_multifd;
    const copyNs = (channels: number, environment: object): number => {
      const { costs } = experimentOf(readOf({ multifd_channels: channels }, { environment }), 1);
      expect(costs.page_send_stopped).toBe(costs.page_send_multifd);
      return costs.page_send_multifd ?? alone;
    };
    expect(copyNs(2, { accelerator: 'tcg' })).toBe(alone);
    expect(copyNs(2, { ...sameHost, host_cpus: 4 })).toBe(alone);
    expect(copyNs(2, { ...sameHost, host_cpus: 2 })).toBe(2 * alone);
    expect(copyNs(8, { ...sameHost, host_cpus: 4 })).toBe(4 * alone);
    expect(copyNs(2, { ...sameHost, host_cpus: 1 })).toBe(2 * alone);
    expect(copyNs(2, { ...sameHost, source_and_destination: 'two hosts', host_cpus: 2 })).toBe(alone);
  });

  it('a burst guest is paced by what it was asked, as a mean over its pauses says little', () => {
    const rateAt = (before: number): unknown => {
      const measured = readOf({ pattern: 'burst', phase_ms: 500 }, { guest_rate: { before_pages_per_s: before } });
      return experimentOf(measured, 1).guest.workloads[0];
    };
    expect(rateAt(1500)).toMatchObject({ rate: 3000 });
    expect(rateAt(2700)).toMatchObject({ rate: 2700 });
  });

  it.each([
    [{ filled_pages: 20_000 }, 'config.filled_pages'],
    [{ working_set_pages: 0 }, 'config.working_set_pages'],
    [{ working_set_pages: 40_000 }, 'config.working_set_pages'],
    [{ pattern: 'hotcold' }, 'config.hot_pages'],
    [{ pattern: 'window', region_pages: 100 }, 'config.region_pages'],
    [{ guest_memory_mib: '64' }, 'config.guest_memory_mib'],
    [{ cpu_throttle_initial_pct: 100 }, 'config.cpu_throttle_initial_pct'],
    [{ max_bandwidth_bytes_per_s: 1e14 }, 'config.max_bandwidth_bytes_per_s'],
    [{ downtime_limit_ms: 2.5 }, 'config.downtime_limit_ms'],
    [{ downtime_limit_ms: 3e6 }, 'config.downtime_limit_ms'],
    [{ xbzrle: true, xbzrle_cache_bytes: 5000 }, 'config.xbzrle_cache_bytes'],
    [{ xbzrle: true, multifd_channels: 2 }, 'config.xbzrle'],
    [{ multifd_channels: 256 }, 'config.multifd_channels'],
    [{ auto_converge: true, cpu_throttle_initial_pct: 60, max_cpu_throttle_pct: 50 }, 'config.max_cpu_throttle_pct'],
    [{ pattern: 'burst', phase_ms: 0 }, 'config.phase_ms'],
  ])('%j is refused by its field', (change, field) => {
    const refused = (): unknown => experimentOf(readOf(change), 1);
    expect(refused).toThrow(ImportError);
    expect(refused).toThrow(expect.objectContaining({ path: field }) as Error);
  });

  it('in a folder cost each other nothing, whatever is wrong with some', async () => {
    const mixed = mkdtempSync(join(folder, 'mixed-'));
    const put = (name: string, value: unknown): void => {
      writeFileSync(join(mixed, name), typeof value === 'string' ? value : JSON.stringify(value));
    };
    const environment = { accelerator: 'tcg' };
    put('1-good.json', { config, environment, guest_rate: { before_pages_per_s: 2990 } });
    put('2-bom-crlf.json', `\ufeff${JSON.stringify({ config, environment }, null, 2).replaceAll('\n', '\r\n')}`);
    put('3-cut.json', JSON.stringify({ config }).slice(0, 100));
    put('4-type.json', { config: { ...config, catchup_ms: 'long' } });
    put('5-huge.json', { config: { ...config, max_bandwidth_bytes_per_s: 1e14 } });
    put('6-other.json', { scripts: {} });
    put('7-broken-measurement.json', {
      ...{ config: { ...config, colour: 'red' }, environment },
      repeats: [
        { outcome: 'converged', final: { ram: { transferred: -1 } }, guest_rate: { before_pages_per_s: 2990 } },
      ],
    });
    writeFileSync(join(mixed, '8-packed.json'), Buffer.from([0x1f, 0x8b, 8, 0]));
    const { measured, problems, notes } = readMeasuredFolder(mixed);
    const read = problems.map(({ message }) => message.replaceAll(`${mixed}/`, ''));
    expect(read).toEqual([
      expect.stringMatching(/^3-cut\.json:1: not valid JSON/),
      expect.stringMatching(/^4-type\.json: config\.catchup_ms: /),
      '8-packed.json: is compressed by gzip: unpack it first',
    ]);
    expect(notes.join('\n')).toMatch(
      /6-other\.json: no measured migration[^]*7-broken-measurement\.json: repeats\[0\]\.final\.ram\.transferred[^]*config\.colour: not known/,
    );
    const { cases, problems: refused } = await validate(measured, inThisThread);
    expect(cases.map(({ name }) => name)).toEqual(['1-good', '2-bom-crlf', '7-broken-measurement']);
    expect(cases[2]).toEqual({ ...cases[0], name: '7-broken-measurement' });
    expect(refused.map(({ path }) => path)).toEqual(['config.max_bandwidth_bytes_per_s']);
  });
});

describe('a host profile', () => {
  const { measured } = readMeasuredFolder(FOLDER);

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
