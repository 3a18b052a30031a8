import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runExperiment, type Run } from './run.ts';

const GUEST = {
  memory: '128MiB',
  populated: '60%',
  workloads: [{ name: 'w', pattern: 'uniform', region: { size: '16MiB' }, rate: '4000 pages/s' }],
};
const MIGRATION = { start: '100ms', bandwidth: '64MiB/s', downtime_limit: '50ms' };
const run = (changes: object[], more: object = {}): Run =>
  runExperiment({ guest: GUEST, migration: MIGRATION, changes, ...more });
const texts = (result: Run, kind: string): string[] =>
  result.events.filter((event) => event.kind === kind).map((event) => event.text);

describe('a change of the migration', () => {
  it('cancel at a time: the source runs on, and nothing is lost', () => {
    const { summary } = run([{ do: 'cancel', at: '700ms' }]);
    expect(summary.outcome).toBe('cancelled');
    expect(summary.totalNs).toBe(600e6);
    expect(summary.pages.lost).toBe(0);
  });

  it.each(['setup', 'precopy', 'round 2', 'switchover', 'stop'])('cancel on %s takes effect there', (on) => {
    const { summary, events } = run([{ do: 'cancel', on }]);
    expect(summary.outcome).toBe('cancelled');
    const resumed = events.some((event) => event.kind === 'resume' && event.text.includes('source'));
    expect(resumed).toBe(on === 'switchover' || on === 'stop');
  });

  it('after the destination has failed the source runs on, and a second migration loses nothing', () => {
    const { summary, events } = run([
      { do: 'fail-destination', on: 'round 2' },
      { do: 'migrate', on: 'end', delay: '200ms' },
    ]);
    expect(summary.outcome).toBe('completed');
    expect(summary.pages.lost).toBe(0);
    expect(events.some((event) => event.text.startsWith('failed: the destination failed'))).toBe(true);
  });

  it('a link that is down for 300 ms delays the migration by as much, while the guest writes on', () => {
    const plain = run([]);
    const lost = run([{ do: 'lose-link', at: '400ms', for: '300ms' }]);
    expect(lost.summary.outcome).toBe('completed');
    expect(lost.summary.totalNs! - plain.summary.totalNs!).toBeGreaterThan(200e6);
    expect(lost.summary.totalNs! - plain.summary.totalNs!).toBeLessThan(450e6);
    expect(lost.summary.pages.lost).toBe(0);
  });

  it('a link that is down for good fails the migration when TCP gives up', () => {
    const { summary } = run([{ do: 'lose-link', at: '400ms' }], {
      costs: { link_timeout: '2s' },
      migration: { ...MIGRATION, timeout: '60s' },
    });
    expect(summary.outcome).toBe('failed');
    expect(summary.reason).toContain('connection timed out');
  });

  it('a higher downtime limit set on the way ends a migration that would not converge', () => {
    const hard = {
      guest: { ...GUEST, workloads: [{ ...GUEST.workloads[0], rate: '40000 pages/s' }] },
      migration: { ...MIGRATION, downtime_limit: '5ms', timeout: '8s' },
    };
    expect(run([], hard).summary.outcome).toBe('timed-out');
    const set = run([{ do: 'set', at: '4s', downtime_limit: '500ms' }], hard);
    expect(set.summary.outcome).toBe('completed');
    expect(set.summary.totalNs).toBeLessThan(4.2e9);
  });

  it('cancelled or failed at any event, a second migration loses nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.constantFrom('cancel', 'fail-destination'),
        fc.constantFrom('dirty-log', 'dirty-log-legacy', 'dirty-ring'),
        (event, what, vcpus) => {
          const { summary } = run(
            [
              { do: what, on: `event ${event}` },
              { do: 'migrate', on: 'end', delay: '50ms' },
            ],
            { tracking: { vcpus }, devices: [{ name: 'nic0', type: 'nic', ring: { size: '1MiB' }, rate: '400MB/s' }] },
          );
          expect(summary.outcome).toBe('completed');
          expect(summary.pages.lost).toBe(0);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('a change of the memory map', () => {
  const nic = { name: 'nic0', type: 'nic', rate: '2GB/s', burst: '4KiB', ring: { offset: '64MiB', size: '8MiB' } };
  const flip = (update: string, more: object = {}): Run =>
    run(
      [
        { do: 'region', at: '150ms', offset: '32MiB', size: '1MiB', to: 'separate' },
        { do: 'region', at: '200ms', offset: '32MiB', size: '1MiB', to: 'ram' },
      ],
      {
        ...{ devices: [nic], memory_map: { update } },
        migration: { ...MIGRATION, bandwidth: '300MiB/s' },
        ...more,
      },
    );

  it('A + B -> A′: memory that never went away is unmapped and mapped again, and DMA in between faults', () => {
    const { events, summary } = flip('as-is');
    const changes = events.filter((event) => event.kind === 'map-change');
    expect(changes).toHaveLength(2);
    expect(changes[1]!.detail).toMatchObject({ deleted: 3, added: 1 });
    expect(changes.reduce((sum, event) => sum + Number(event.detail['faults']), 0)).toBeGreaterThan(0);
    expect(summary.pages.lost).toBe(0);
  });

  it.each(['compared', 'unmergeable'])('%s: the device keeps its mapping and nothing faults', (update) => {
    const faults = flip(update)
      .events.filter((event) => event.kind === 'map-change')
      .reduce((sum, event) => sum + Number(event.detail['faults']), 0);
    // Unmergeable regions are cut once, when the range becomes a region of its own.
    if (update === 'compared') expect(faults).toBe(0);
    const { events } = flip(update);
    expect(Number(events.filter((event) => event.kind === 'map-change')[1]!.detail['faults'])).toBe(0);
  });

  it.each(['dirty-log', 'dirty-log-legacy', 'dirty-ring'])('%s: a slot that goes and comes loses nothing', (vcpus) => {
    const { summary } = flip('as-is', { tracking: { vcpus } });
    expect(summary.outcome).toBe('completed');
    expect(summary.pages.lost).toBe(0);
  });

  it('a slot that comes back initially set is sent again as a whole; in legacy mode it is not', () => {
    const initially = flip('as-is').summary.pages.resent!;
    const legacy = flip('as-is', { tracking: { vcpus: 'dirty-log-legacy' } }).summary.pages.resent!;
    expect(initially).toBeGreaterThan(legacy + 5000);
  });

  it('with dirt in hardware buffers when the slot goes, pages are lost, and the oracle names the step', () => {
    const lossy = run(
      [
        { do: 'region', on: 'round 2', delay: '30ms', offset: '32MiB', size: '1MiB', to: 'separate' },
        { do: 'region', on: 'round 2', delay: '40ms', offset: '32MiB', size: '1MiB', to: 'ram' },
      ],
      {
        guest: { ...GUEST, workloads: [{ ...GUEST.workloads[0], region: { size: '60MiB' } }] },
        tracking: { vcpus: 'dirty-ring', hardware: 'pml' },
        defects: { slot_removal_drops_buffers: true },
      },
    );
    expect(lossy.summary.pages.lost).toBeGreaterThan(0);
    expect(lossy.summary.losses[0]!.cause).toBe('memslot removed with dirt in hardware buffers');
    expect(lossy.events[lossy.summary.losses[0]!.eventIndex]!.kind).toBe('loss');
  });

  it('memory is neither plugged nor unplugged while a migration runs, as QEMU refuses it, but before and after it is', () => {
    const guest = { ...GUEST, dimms: [{ name: 'dimm0', size: '64MiB' }] };
    for (const [change, command] of [
      ['plug-memory', 'device_add'],
      ['unplug-memory', 'device_del'],
    ] as const) {
      const refused = run([{ do: change, at: '400ms', dimm: 'dimm0' }], { guest });
      expect(texts(refused, 'note')).toContain(`${change} refused: EBUSY: ${command} not allowed while migrating`);
      expect(texts(refused, 'map-change')).toEqual([]);
      expect(refused.summary.outcome).toBe('completed');
      const before = run([{ do: change, at: '50ms', dimm: 'dimm0' }], { guest });
      expect(texts(before, 'map-change')).toHaveLength(1);
    }
  });

  it('with the race switched on, memory plugged on the way is migrated too, and memory unplugged is not missed', () => {
    const dimms = [{ name: 'dimm0', size: '64MiB' }];
    const memory_map = { hotplug_while_migrating: true };
    const plugged = run([{ do: 'plug-memory', at: '400ms', dimm: 'dimm0' }], {
      guest: { ...GUEST, dimms },
      memory_map,
    });
    expect(plugged.summary.outcome).toBe('completed');
    expect(plugged.summary.pages.lost).toBe(0);
    expect(plugged.summary.pages.total! - plugged.summary.pages.resent!).toBe(32768 + 16384 + 130);
    const gone = run([{ do: 'unplug-memory', at: '400ms', dimm: 'dimm0' }], { guest: { ...GUEST, dimms }, memory_map });
    expect(gone.summary.outcome).toBe('completed');
    expect(gone.summary.pages.lost).toBe(0);
    expect(gone.summary.pages.total).toBeLessThan(plugged.summary.pages.total!);
  });

  it('a region behind MMIO takes no writes', () => {
    const { summary, series } = run([{ do: 'region', at: '50ms', offset: '2MiB', size: '64MiB', to: 'mmio' }]);
    expect(summary.pages.lost).toBe(0);
    const dirtied = series('dirty.vcpu.w');
    expect(Math.max(...dirtied.slice(10))).toBe(0);
  });

  it('says what was refused', () => {
    const result = run([{ do: 'migrate', at: '300ms' }]);
    expect(texts(result, 'note')[0]).toContain('migrate refused: EBUSY');
  });
});

describe('other machines', () => {
  it.each(['pc', 'q35', 'virt'])('%s migrates', (machine) => {
    const { summary } = runExperiment({
      guest: { memory: '4GiB', populated: '1%', machine },
      devices: [{ name: 'nic0', type: 'nic', rate: '1GB/s', ring: { size: '16MiB' } }],
      migration: { bandwidth: 0 },
    });
    expect(summary.outcome).toBe('completed');
    expect(summary.pages.lost).toBe(0);
  });
});
