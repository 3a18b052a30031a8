// Devices behind a vIOMMU in whole experiments: the oracle's verdict on each way of unmapping.
import { describe, expect, it } from 'vitest';
import { NOT_READ } from '../../../engine/viommu/unmap-causes.ts';
import { runExperiment } from '../experiment/run.ts';

const nic = {
  name: 'nic0',
  type: 'nic',
  rate: '400Mbit/s',
  buffers: 'per-packet',
  ring: { offset: '512MiB', size: '16MiB' },
};

const experiment = (overrides: object): object => ({
  guest: { memory: '1GiB', vcpus: 4, populated: '5%', workloads: [] },
  devices: [nic],
  iommu: { format: 'vtd-ss' },
  viommu: { mode: 'shadow', driver: 'strict' },
  migration: { start: '100ms', bandwidth: '1GiB/s', link: '25Gbit/s', qemu: '11.0' },
  limits: { simulated: '20s' },
  ...overrides,
});

describe('a NIC behind a vIOMMU, migrated', () => {
  it.each([
    ['shadow', 'strict'],
    ['explicit', 'strict'],
    ['explicit', 'lazy'],
    ['nested', 'strict'],
    ['nested', 'lazy'],
    ['shadow', 'pooled'],
    ['nested', 'pooled'],
    ['shadow', 'passthrough'],
  ])('%s, %s: completes and loses nothing', (mode, driver) => {
    const { summary } = runExperiment(experiment({ viommu: { mode, driver } }));
    expect([summary.outcome, summary.pages.lost]).toEqual(['completed', 0]);
    expect(summary.pages.resent).toBeGreaterThan(0);
  });

  it('unmapping without a query loses pages, and the loss names the step', () => {
    const { summary } = runExperiment(experiment({ defects: { unmap_without_query: true } }));
    expect(summary.pages.lost).toBeGreaterThan(1000);
    expect(summary.losses.map(({ cause }) => cause).join()).toContain(NOT_READ);
    expect(summary.losses[0]!.writers).toContain('nic0');
  });

  it('a sync of pooled buffers takes longer with smaller mappings', () => {
    const harvestNs = (buffers: string): number => {
      const devices = [{ ...nic, buffers, ring: { offset: '512MiB', size: '64MiB' } }];
      const { summary } = runExperiment(experiment({ devices, viommu: { mode: 'shadow', driver: 'pooled' } }));
      return (summary.tracking.harvestNs ?? 0) / (summary.rounds ?? 1);
    };
    expect(harvestNs('pool')).toBeGreaterThan(10 * harvestNs('hugepages'));
  });

  it('gives the same result twice', () => {
    const hashes = [1, 2].map(() => runExperiment(experiment({})).hash);
    expect(hashes[0]).toBe(hashes[1]);
  });
});
