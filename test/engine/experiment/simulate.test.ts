import { describe, expect, it } from 'vitest';
import { runExperiment } from './run.ts';

const SMALL = {
  guest: {
    memory: '256MiB',
    populated: '50%',
    vcpus: 2,
    workloads: [{ name: 'db', vcpus: 2, pattern: 'uniform', region: { size: '64MiB' }, rate: '5000 pages/s' }],
  },
  migration: { start: '500ms', bandwidth: '64MiB/s' },
};

describe('a simulation', () => {
  it('runs a small guest to its destination and loses nothing', () => {
    const { summary } = runExperiment(SMALL);
    expect(summary.outcome).toBe('completed');
    expect(summary.pages.lost).toBe(0);
    expect(summary.losses).toEqual([]);
    expect(summary.rounds).toBeGreaterThanOrEqual(3);
  });

  it('gives the same hash however it is sliced', () => {
    const hashes = [1, 7, 1000, 1_000_000].map((slice) => runExperiment(SMALL, { slice }).hash);
    expect(new Set(hashes).size).toBe(1);
  });

  it('delivers samples when a host asks, each once, and its result does not change', () => {
    const whole = runExperiment(SMALL);
    const asked = runExperiment(SMALL, {
      slice: 50,
      between: (simulation) => {
        simulation.deliver();
      },
    });
    expect(asked.chunks.length).toBeGreaterThan(whole.chunks.length);
    expect(asked.timesNs).toEqual(whole.timesNs);
    expect(asked.series('left')).toEqual(whole.series('left'));
    expect(asked.hash).toBe(whole.hash);
  });

  it('gives another hash for another seed', () => {
    expect(runExperiment({ ...SMALL, seed: 2 }).hash).not.toBe(runExperiment(SMALL).hash);
  });

  it('samples at the interval and once more at the end', () => {
    const { timesNs, summary } = runExperiment({ ...SMALL, sampling: '50ms' });
    expect(timesNs.slice(0, 3)).toEqual([50e6, 100e6, 150e6]);
    expect(timesNs.at(-1)).toBe(summary.simulatedNs);
  });

  it('downtime is the sum of its parts, bytes the sum of their kinds, pages those once and those again', () => {
    const { summary, series } = runExperiment(SMALL);
    expect(summary.downtimeParts.reduce((sum, part) => sum + part.durationNs, 0)).toBe(summary.downtimeNs);
    const { total, normal, zero, device, protocol } = summary.bytes;
    expect(normal! + zero! + device! + protocol!).toBe(total);
    const { pages } = summary;
    expect(pages.normal! + pages.zero!).toBe(pages.total);
    expect(pages.total! - pages.resent!).toBe(65536 + 130);
    expect(series('sent').at(-1)).toBe(total);
  });

  it('phases follow each other without a gap and end with the total time', () => {
    const { events, summary } = runExperiment(SMALL);
    const phases = events.filter((event) => event.kind === 'phase');
    expect(phases.map((event) => event.text)).toEqual(['setup', 'precopy', 'switchover']);
    expect(phases.reduce((sum, event) => sum + event.durationNs, 0)).toBe(summary.totalNs);
    expect(phases[1]!.timeNs).toBe(phases[0]!.timeNs + phases[0]!.durationNs);
    expect(phases[2]!.durationNs).toBe(summary.downtimeNs);
  });

  it('cancelled at any moment, the guest runs on at the source and nothing counts as lost', () => {
    for (const after of [1, 10, 600, 1200]) {
      let slices = 0;
      const { summary } = runExperiment(SMALL, {
        slice: 1,
        between: (simulation) => {
          if (++slices === after) simulation.cancel();
        },
      });
      expect(summary.outcome).toBe('cancelled');
      expect(summary.pages.lost).toBe(0);
    }
  });

  it('a guest that writes faster than the link carries runs into the timeout', () => {
    const { summary } = runExperiment({
      guest: {
        memory: '64MiB',
        workloads: [{ name: 'w', pattern: 'sequential', region: { size: '32MiB' }, rate: 'full' }],
      },
      migration: { start: '0ms', bandwidth: '8MiB/s', downtime_limit: '10ms', timeout: '12s' },
    });
    expect(summary.outcome).toBe('timed-out');
    expect(summary.totalNs).toBe(12e9);
  });
});
