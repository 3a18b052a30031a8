// The heat map of whole runs: its sums are the summary's counts and the series' totals, whoever looks at it and when.
import { describe, expect, it } from 'vitest';
import type { HeatMap } from '../../../engine/experiment/result.ts';
import { runExperiment, type Run, type RunOptions } from './run.ts';

const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};
const layer = (map: HeatMap, id: string): Uint32Array => {
  const found = map.layers.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no layer ${id}`);
  return found.pages;
};
const column = (map: HeatMap, pages: Uint32Array, c: number): number =>
  sum(pages.subarray(c * map.rows, (c + 1) * map.rows));
const heatOf = ({ heat }: Run): HeatMap => {
  if (heat === undefined) throw new Error('a simulated run has a heat map');
  return heat;
};

const busy = {
  guest: {
    memory: '64MiB',
    populated: '50%',
    vcpus: 2,
    workloads: [
      { name: 'hot', pattern: 'uniform', region: { size: '4MiB' }, rate: '6000 pages/s' },
      { name: 'scan', pattern: 'sequential', region: { offset: '8MiB', size: '16MiB' }, rate: '4000 pages/s' },
    ],
  },
  devices: [{ name: 'nic0', type: 'nic', rate: '60MB/s', ring: { size: '2MiB' } }],
  migration: { start: '100ms', bandwidth: '160MiB/s', downtime_limit: '60ms', timeout: '3s' },
  sampling: '10ms',
};
/** Loses pages: what devices wrote is dropped at unmaps. */
const losing = {
  ...busy,
  devices: [
    { name: 'nic0', type: 'nic', rate: '60MB/s', ring: { size: '2MiB' }, buffers: 'per-packet', packet: '4096B' },
  ],
  iommu: { unmap: 'unmap-only' },
  viommu: { mode: 'shadow' },
};

describe('the heat map of a run', () => {
  it.each([
    ['with safe tracking', busy],
    ['that loses pages', losing],
    ['sampled so often that columns fold', { ...busy, sampling: '250us' }],
    ['whose guest is smaller than 256 pages are rows', { ...busy, guest: { memory: '32MiB' } }],
    ['that is cancelled', { ...busy, changes: [{ do: 'cancel', at: '400ms' }] }],
    ['with XBZRLE and multifd off', { ...busy, migration: { ...busy.migration, xbzrle: true } }],
    ['in post-copy', { ...busy, devices: [], migration: { ...busy.migration, postcopy: { after: '200ms' } } }],
  ])('%s adds up to its summary and series', (_, experiment) => {
    const run = runExperiment(experiment);
    const map = heatOf(run);
    const { summary } = run;
    expect(map.rows).toBeLessThanOrEqual(256);
    expect(map.columns).toBeLessThanOrEqual(512);
    expect(map.rows).toBe(Math.ceil(map.totalPages / map.pagesPerRow));
    expect(sum(layer(map, 'sent'))).toBe(summary.pages.total);
    expect(sum(layer(map, 'sent-again'))).toBe(summary.pages.resent);
    expect(sum(layer(map, 'lost'))).toBe(summary.pages.lost);

    // Edges are times of samples; the last one is the end.
    expect(map.edgesNs.length).toBe(map.columns + 1);
    expect(map.edgesNs[0]).toBe(0);
    expect(map.edgesNs.at(-1)).toBe(run.timesNs.at(-1));
    const times = new Set(run.timesNs);
    expect([...map.edgesNs.subarray(1)].filter((edge) => !times.has(edge))).toEqual([]);

    // Each layer of writes is the integral of the dirty rates of its source, between any two edges.
    for (const { id, source, pages } of map.layers.filter(({ kind }) => kind === 'written')) {
      const series = run.head.series.filter((info) =>
        id === 'written.vcpu' ? info.id.startsWith('dirty.vcpu.') : info.id === `dirty.device.${source!}`,
      );
      const rates = series.map((info) => run.series(info.id));
      let at = 0;
      let before = 0;
      for (let c = 0; c < map.columns; c++) {
        let written = 0;
        for (; at < run.timesNs.length && run.timesNs[at]! <= map.edgesNs[c + 1]!; at++) {
          for (const rate of rates) written += (rate[at]! * (run.timesNs[at]! - before)) / 1e9;
          before = run.timesNs[at]!;
        }
        if (id === 'written.vcpu') expect(column(map, pages, c)).toBeGreaterThanOrEqual(Math.round(written));
        else expect(column(map, pages, c)).toBe(Math.round(written));
      }
    }
  });

  it('has every page dirty when the migration begins, and none at the end but the lost ones', () => {
    for (const experiment of [busy, losing]) {
      const run = runExperiment(experiment);
      const map = heatOf(run);
      const dirty = layer(map, 'dirty');
      // A sample at the very moment of the start is taken after it.
      const start = map.edgesNs.findIndex((edge) => edge >= run.summary.startNs) - 1;
      for (let c = 0; c < start; c++) expect(column(map, dirty, c)).toBe(0);
      // Zero pages go out fast.
      expect(column(map, dirty, start + 1)).toBeGreaterThan(0.7 * map.totalPages);
      expect(column(map, dirty, map.columns - 1)).toBe(run.summary.pages.lost);
    }
  });

  it('shows lost pages where and when their dirt was dropped', () => {
    const run = runExperiment(losing);
    const map = heatOf(run);
    const lost = layer(map, 'lost');
    expect(run.summary.pages.lost).toBeGreaterThan(0);
    const expected = new Map<number, number>();
    for (const { eventIndex, runs, pages } of run.summary.losses) {
      // Only then does a group list all its pages.
      expect(runs.length).toBeLessThan(64);
      const timeNs = eventIndex < 0 ? map.edgesNs.at(-1)! : run.events[eventIndex]!.timeNs;
      const c = map.edgesNs.findIndex((edge) => edge >= timeNs) - 1;
      expect(sum(runs.map(([, count]) => count))).toBe(pages);
      for (const [first, count] of runs) {
        for (let page = first; page < first + count; page++) {
          const cell = Math.max(0, c) * map.rows + Math.floor(page / map.pagesPerRow);
          expected.set(cell, (expected.get(cell) ?? 0) + 1);
        }
      }
    }
    for (const [cell, pages] of lost.entries()) expect(pages).toBe(expected.get(cell) ?? 0);
  });

  it('does not depend on how a host slices the run, nor on who looks at it meanwhile', () => {
    const one = runExperiment(losing);
    for (const slice of [7, 1000]) {
      let slices = 0;
      const between: RunOptions['between'] = (simulation) => {
        if (slices++ % 100 === 0) simulation.deliverHeat();
      };
      const other = runExperiment(losing, { slice, between });
      expect(other.hash).toBe(one.hash);
      expect(other.heat).toEqual(one.heat);
    }
  });

  it('of more devices than it has layers for keeps the sum', () => {
    const devices = Array.from({ length: 18 }, (_, i) => ({
      ...{ name: `nic${i}`, type: 'nic', rate: '5MB/s', ring: { size: '1MiB', offset: `${20 + i}MiB` } },
    }));
    const run = runExperiment({ ...busy, devices });
    const map = heatOf(run);
    expect(map.layers).toHaveLength(20);
    const rest = map.layers.find(({ id }) => id === 'written.device.*')!;
    const series = Array.from({ length: 4 }, (_, i) => run.series(`dirty.device.nic${14 + i}`));
    const written = series.map((rates) =>
      sum(rates.map((rate, i) => rate * (run.timesNs[i]! - (run.timesNs[i - 1] ?? 0)))),
    );
    expect(sum(rest.pages)).toBe(Math.round(sum(written) / 1e9));
  });
});
