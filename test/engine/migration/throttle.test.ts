import { describe, expect, it } from 'vitest';
import { throttledRunNs, throttledSleepNs } from '../../../engine/machine/vcpu.ts';
import { AUTO_CONVERGE_DEFAULTS } from '../../../engine/migration/config.ts';
import { DirtyPeriod, nextThrottlePercent } from '../../../engine/migration/throttle.ts';
import { MigrationBench, MS } from './fixture.ts';

const SECOND = 1e9;

describe('auto-converge', () => {
  it('goes 20, 30 … 90, 99 by default', () => {
    const steps: number[] = [];
    for (let percent = 0; percent < 99;) {
      percent = nextThrottlePercent(AUTO_CONVERGE_DEFAULTS, percent, 1, 1);
      steps.push(percent);
    }
    expect(steps).toEqual([20, 30, 40, 50, 60, 70, 80, 90, 99]);
  });

  it('with tail-slow takes no more than is missing to the threshold', () => {
    const config = { ...AUTO_CONVERGE_DEFAULTS, tailslow: true };
    // 20 % throttled leaves 80; dirtying 1.05 times the threshold asks for 76: a step of 4.
    expect(nextThrottlePercent(config, 20, 105, 100)).toBe(24);
    expect(nextThrottlePercent(config, 20, 300, 100)).toBe(30);
  });

  it.each([
    [20, 2.5],
    [30, 4.29],
    [40, 6.67],
    [50, 10],
    [60, 15],
    [70, 23.3],
    [80, 40],
    [90, 90],
    [99, 990],
  ])('at %d % sleeps %d ms for 10 ms of running', (percent, sleepMs) => {
    const cycleMs = sleepMs + 10;
    const throttle = { sinceNs: 0, percent, wakeNs: 0 };
    const ran = throttledRunNs(0, 100 * cycleMs * MS, throttle) / MS;
    expect(ran / 100).toBeCloseTo(10, 0);
    expect(throttledRunNs(0, Math.floor(sleepMs) * MS, throttle)).toBe(0);
  });

  it('what a vCPU needs to wake up is taken from the timeslice in which it runs, not from the sleep', () => {
    const throttle = { sinceNs: 0, percent: 50, wakeNs: 1 * MS };
    expect(throttledRunNs(0, 20 * MS, throttle)).toBe(9 * MS);
    expect(throttledSleepNs(0, throttle)).toBe(11 * MS);
    expect(throttledSleepNs(11 * MS, throttle)).toBe(0);
    expect(throttledSleepNs(20 * MS, throttle)).toBe(11 * MS);
  });

  it('needs two periods of more than 1 s that dirtied too much, not necessarily one after the other', () => {
    const period = new DirtyPeriod(50);
    const MUCH = 1000;
    expect(period.atSync(0, MUCH, 0)).toBe(null);
    expect(period.atSync(1000 * MS, MUCH, 0)).toBe(null); // not more than 1000 ms
    expect(period.atSync(1001 * MS, MUCH, 0)?.slow).toBe(null); // first hit
    expect(period.atSync(2100 * MS, 1, 1e9)?.slow).toBe(null); // a quiet period between
    expect(period.atSync(3200 * MS, MUCH, 1e9)?.slow).not.toBe(null); // second hit
    expect(period.atSync(4300 * MS, MUCH, 1e9)?.slow).toBe(null); // counts from 0 again
  });

  it('compares strictly: dirtying exactly the share is not too much', () => {
    const period = new DirtyPeriod(50);
    period.atSync(0, 0, 0);
    for (let i = 1; i < 6; i++) expect(period.atSync(i * 1100 * MS, 100, i * 819200)?.slow).toBe(null);
  });

  it('two syncs less than 1 s apart count as one period, and pages still waiting are not dirtied again', () => {
    const period = new DirtyPeriod(50);
    period.atSync(0, 0, 0);
    expect(period.atSync(600 * MS, 100, 0)).toBe(null);
    const merged = period.atSync(1200 * MS, 300, 0);
    expect(merged?.dirtyPagesRate).toBeCloseTo(250, 6);
  });

  it('reaches 99 % after at least 18 periods, and lets go when the migration ends', () => {
    const bench = new MigrationBench({
      pages: 40_000,
      config: {
        maxBandwidth: 20_000_000,
        downtimeLimitNs: 10 * MS,
        autoConverge: AUTO_CONVERGE_DEFAULTS,
        timeoutNs: 150 * SECOND,
      },
      costs: { page_send: 1000 },
    });
    let at = 0;
    // 6,000 pages per second, more than the 4,873 that are sent, and the writer does not obey.
    bench.every(1 * MS, () => {
      bench.write((at = (at + 6) % 30_000), 6);
    });
    const reached: number[] = [];
    bench.every(10 * MS, (nowNs) => {
      if (bench.thread.convergence.throttlePercent === 99 && reached.length === 0) reached.push(nowNs);
    });
    bench.finish();
    expect(bench.throttles.slice(0, 9)).toEqual([20, 30, 40, 50, 60, 70, 80, 90, 99]);
    expect(reached[0]).toBeGreaterThan(18 * SECOND);
    expect(bench.throttles.at(-1)).toBe(0);
  });

  it('the first sync of a bulk round finds nothing new: the dirty rate starts at 0', () => {
    const bench = new MigrationBench({ pages: 100_000, costs: { page_send: 1000 } });
    bench.every(1 * MS, () => {
      bench.write(5, 10);
    });
    bench.runUntil(1500 * MS);
    expect(bench.thread.ram.syncs).toBe(1);
    expect(bench.thread.convergence.dirtyPagesRate).toBe(0);
  });

  it('syncs after 5 s when rounds are long, only with auto-converge and only once there were two syncs', () => {
    const run = (on: boolean): number => {
      const bench = new MigrationBench({
        pages: 100_000,
        config: {
          maxBandwidth: 10_000_000,
          downtimeLimitNs: 100 * MS,
          autoConverge: on ? AUTO_CONVERGE_DEFAULTS : null,
          timeoutNs: 70 * SECOND,
        },
        costs: { page_send: 1000 },
      });
      bench.every(100 * MS, () => {
        bench.write(0, 90_000);
      });
      bench.finish();
      return bench.thread.ram.syncs;
    };
    // The bulk round takes 41 s; after its sync the next round is as long.
    expect(run(false)).toBe(2);
    expect(run(true)).toBeGreaterThanOrEqual(6);
  });
});
