// Whatever the guest, the devices and the policy: with safe tracking no page is lost, and what is counted adds up.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateExperiment } from '../../../engine/experiment/parse.ts';
import { runExperiment } from './run.ts';

const size = (mib: number): { size: string } => ({ size: `${mib}MiB` });
const pattern = fc.constantFrom<object>(
  { pattern: 'sequential', region: size(12), rate: '9000 pages/s' },
  { pattern: 'uniform', region: size(20), rate: '3000 pages/s' },
  { pattern: 'uniform', region: size(1), rate: 'full' },
  { pattern: 'hotcold', region: size(20), rate: '8000 pages/s', hot: { size: '1MiB', share: '90%' } },
  { pattern: 'zipf', region: size(20), rate: '8000 pages/s' },
  { pattern: 'window', region: size(20), rate: '8000 pages/s', window: { size: '3MiB', every: '50ms' } },
  { pattern: 'burst', region: size(8), rate: '20000 pages/s', burst: { on: '30ms', off: '70ms' } },
);
const device = fc.constantFrom<object>(
  { type: 'nic', rate: '60MB/s', ring: size(2) },
  { type: 'nic', rate: '40MB/s', ring: size(2), buffers: 'per-packet', packet: '4096B' },
  { type: 'nvme', rate: '50MB/s', ring: size(4), burst: '16KiB', buffers: 'per-io' },
  { type: 'rdma', rate: '50MB/s', ring: size(4), migration: { state: '4MiB', initial: '2MiB', dirty_rate: '1MiB/s' } },
  { type: 'accelerator', rate: '50MB/s', ring: size(4) },
);
const change = fc.constantFrom<object>(
  { do: 'region', at: '150ms', offset: '24MiB', size: '1MiB', to: 'separate' },
  { do: 'region', at: '250ms', offset: '24MiB', size: '1MiB', to: 'ram' },
  { do: 'region', on: 'round 2', offset: '26MiB', size: '2MiB', to: 'rom' },
  { do: 'plug-memory', at: '220ms', dimm: 'dimm0' },
  { do: 'lose-link', at: '180ms', for: '60ms' },
  { do: 'set', at: '300ms', bandwidth: '200MiB/s' },
);
const experiments = fc.record({
  seed: fc.nat(1000),
  guest: fc.record({
    memory: fc.constantFrom('48MiB', '64MiB'),
    populated: fc.constantFrom('10%', '70%'),
    backing: fc.constantFrom('4KiB', '2MiB'),
    dimms: fc.constant([{ name: 'dimm0', size: '8MiB' }]),
    vcpus: fc.constant(2),
    workloads: fc.array(pattern, { maxLength: 2 }).map((list) => list.map((each, i) => ({ name: `w${i}`, ...each }))),
  }),
  devices: fc.array(device, { maxLength: 2 }).map((list) => list.map((each, i) => ({ name: `d${i}`, ...each }))),
  // Dirt held in the IOTLB is safe at an unmap only where the flush comes before the read.
  iommu: fc
    .record({
      page_sizes: fc.constantFrom(['4KiB'], ['4KiB', '2MiB']),
      iotlb: fc.constantFrom(
        { sets: 4, ways: 2 },
        { sets: 64, ways: 8 },
        { sets: 64, ways: 8, dirty_writeback: 'held' },
      ),
      unmap: fc.constantFrom('query-then-unmap', 'nonpresent-flush-read', 'exchange'),
    })
    .map((iommu) => ('dirty_writeback' in iommu.iotlb ? { ...iommu, unmap: 'nonpresent-flush-read' } : iommu)),
  viommu: fc.constantFrom<object>({ mode: 'none' }, { mode: 'shadow' }, { mode: 'explicit', driver: 'lazy' }),
  tracking: fc.record({
    vcpus: fc.constantFrom('dirty-log', 'dirty-log-legacy', 'dirty-ring'),
    hardware: fc.constantFrom('write-protect', 'pml'),
    devices: fc.constantFrom('auto', 'iommu', 'everything'),
    clear_chunk: fc.constantFrom('256KiB', '16MiB', '1GiB'),
    precopy: fc.boolean(),
  }),
  memory_map: fc.record({
    update: fc.constantFrom('as-is', 'compared', 'unmergeable'),
    hotplug_while_migrating: fc.boolean(),
  }),
  changes: fc.uniqueArray(change, { maxLength: 3 }),
  migration: fc.record({
    bandwidth: fc.constantFrom('0MiB/s', '60MiB/s', '120MiB/s'),
    downtime_limit: fc.constantFrom('20ms', '300ms'),
    multifd: fc.constantFrom(false, true),
    xbzrle: fc.constantFrom<unknown>(false, false, { cache: '16MiB' }),
    auto_converge: fc.constantFrom(false, true),
    start: fc.constant('100ms'),
    timeout: fc.constant('3s'),
  }),
  sampling: fc.constant('20ms'),
});

describe('whatever the guest, the devices and the policy', () => {
  it('with safe tracking no page is lost, and bytes, pages and time add up', () => {
    let completed = 0;
    fc.assert(
      fc.property(experiments, (experiment) => {
        // Combinations that make no sense together are refused elsewhere.
        if (!validateExperiment({ name: 'any', ...experiment }).ok) return;
        const { summary, events, series, heat } = runExperiment(experiment);
        const { pages, bytes } = summary;
        expect(pages.normal! + pages.zero!).toBe(pages.total);
        expect(bytes.normal! + bytes.zero! + bytes.device! + bytes.protocol!).toBe(bytes.total);
        expect(series('sent').at(-1)).toBe(bytes.total);
        expect(pages.needless!).toBeLessThanOrEqual(pages.resent!);
        expect(pages.lost).toBe(0);
        const phases = events.filter((event) => event.kind === 'phase');
        expect(phases.reduce((sum, event) => sum + event.durationNs, 0)).toBe(summary.totalNs);
        if (summary.outcome !== 'completed') return;
        completed++;
        // Sent = once + again + needless: every page that was there went out once.
        const absent = (experiment.changes as { do: string }[]).some((each) => each.do === 'plug-memory');
        const plugged = absent && events.some(({ text }) => text === 'dimm0 plugged');
        const present = heat!.totalPages - (absent && !plugged ? 2048 : 0);
        const again = pages.resent! - pages.needless!;
        expect(again).toBeGreaterThanOrEqual(0);
        expect(pages.total).toBe(present + again + pages.needless!);
        expect(summary.downtimeParts.reduce((sum, part) => sum + part.durationNs, 0)).toBe(summary.downtimeNs);
      }),
      { numRuns: 60 },
    );
    expect(completed).toBeGreaterThan(10);
  });
});
