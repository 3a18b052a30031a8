// What an experiment asks of QEMU, and what it is told when QEMU cannot show it.

import { describe, expect, it } from 'vitest';
import { validateExperiment } from '../../../engine/experiment/parse.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { machineArguments, type MachineOptions } from '../../../main/qemu/machine.ts';
import { planQemuRun } from '../../../main/qemu/plan.ts';
import { smallGuest } from './support.ts';

/** As validated for the engine, which offers more than the QEMU backend does. */
function forEngine(over: Readonly<Record<string, unknown>>): Experiment {
  const result = validateExperiment({ name: 'x', guest: { memory: '64MiB' }, ...over });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result.experiment;
}

describe('plan of a QEMU run', () => {
  it('hands on what the experiment says', () => {
    const plan = planQemuRun(
      smallGuest({
        workload: { pattern: 'hotcold', hot: { size: '1MiB', share: '75%' }, catch_up: '2ms' },
        migration: { multifd: { channels: 4 }, auto_converge: { initial: '30%' }, return_path: true },
      }),
    );
    expect(plan).toMatchObject({
      memoryBytes: 64 * 2 ** 20,
      startMs: 300,
      timeoutMs: 20_000,
      writer: 'db',
      pacedWritesPerSecond: 5000,
      multifd: true,
      parameters: {
        'max-bandwidth': 64 * 2 ** 20,
        'downtime-limit': 100,
        'multifd-channels': 4,
        'cpu-throttle-initial': 30,
      },
    });
    expect(plan.capabilities.map(({ capability }) => capability)).toEqual([
      'events',
      'auto-converge',
      'multifd',
      'return-path',
    ]);
    expect(plan.program).toMatchObject({ fillFirstPage: 512, fillPages: 8192, flushTlb: true });
    expect(plan.program.vcpus).toEqual([
      [
        {
          ...{ durationMs: 0, pattern: 'hotcold', firstPage: 512, pages: 1024, writesPerSecond: 5000, catchUpMs: 2 },
          hot: { pages: 256, share: 0.75 },
        },
      ],
    ]);
  });

  it('gives each phase its own length and pattern, and no single rate', () => {
    const phases = [
      { for: '2s', pattern: 'sequential', region: { size: '4MiB' }, rate: 'full' },
      { for: '1s', pattern: 'idle' },
    ];
    const plan = planQemuRun(smallGuest({ guest: { workloads: [{ name: 'w', pattern: 'phases', phases }] } }));
    expect(
      plan.program.vcpus[0]!.map(({ durationMs, pattern, writesPerSecond }) => [durationMs, pattern, writesPerSecond]),
    ).toEqual([
      [2000, 'sequential', 'full'],
      [1000, 'idle', 0],
    ]);
    expect(plan.pacedWritesPerSecond).toBeNull();
  });

  it.each([
    [{ devices: [{ name: 'nic0', type: 'nic' }] }, 'devices: '],
    [{ guest: { memory: '64MiB', backing: '2MiB' } }, 'guest.backing: '],
    [{ guest: { memory: '64MiB', machine: 'virt' } }, 'guest.machine: '],
    [{ guest: { memory: '8GiB' } }, 'guest.memory: source and destination take 16384 MiB'],
    [{ guest: { memory: '8MiB' } }, 'guest.memory: at least 16MiB'],
    [{ guest: { memory: '64MiB', vcpus: 65 } }, 'guest.vcpus: '],
    [{ migration: { postcopy: true }, qemu: { compare: true } }, 'qemu.compare: in post-copy'],
    [{ tracking: { vcpus: 'dirty-ring' } }, 'tracking.vcpus: only KVM has dirty rings'],
    [{ migration: { mapped_ram: true } }, 'migration.mapped_ram: '],
    [
      {
        guest: {
          ...{ memory: '64MiB', vcpus: 20 },
          workloads: [{ name: 'w', vcpus: 17, pattern: 'uniform', rate: '5 pages/s', region: { size: '1MiB' } }],
        },
      },
      'guest.workloads: 17 vCPUs write; at most 16 can',
    ],
    [
      {
        guest: {
          memory: '64MiB',
          workloads: [{ name: 'w', pattern: 'uniform', rate: '5 pages/s', region: { offset: '1MiB', size: '1MiB' } }],
        },
      },
      'lies below 2 MiB',
    ],
  ])('%j is refused by name: %s', (over, reason) => {
    expect(() => planQemuRun(forEngine(over))).toThrow(reason);
  });

  it('gives each vCPU of a group its share of the writes, and of a sweep its part of the region', () => {
    const plan = planQemuRun(
      smallGuest({
        guest: {
          vcpus: 6,
          workloads: [
            { name: 'sweep', vcpus: 3, pattern: 'sequential', region: { size: '40KiB' }, rate: '3000 pages/s' },
            { name: 'heap', vcpus: 2, pattern: 'zipf', region: { size: '1MiB' }, rate: '500 pages/s', skew: 1.2 },
            { name: 'calm', pattern: 'idle' },
          ],
        },
      }),
    );
    const told = plan.program.vcpus
      .flat()
      .map((phase) => [phase.pattern, phase.firstPage, phase.pages, phase.writesPerSecond]);
    expect(told).toEqual([
      ['sequential', 512, 3, 1000],
      ['sequential', 515, 3, 1000],
      ['sequential', 518, 4, 1000],
      ['zipf', 512, 256, 250],
      ['zipf', 512, 256, 250],
    ]);
    expect(plan).toMatchObject({ vcpus: 6, writer: 'guest', pacedWritesPerSecond: 3500 });
  });

  it('passes post-copy and the dirty limit on to QEMU', () => {
    const moved = planQemuRun(smallGuest({ migration: { postcopy: { after: '1500ms', bandwidth: '50MiB/s' } } }));
    expect(moved).toMatchObject({ postcopyAfterMs: 1500, dirtyRingEntries: null });
    expect(moved.capabilities).toContainEqual({ capability: 'postcopy-ram', state: true });
    expect(moved.parameters['max-postcopy-bandwidth']).toBe(50 * 2 ** 20);
    const limited = planQemuRun(
      forEngine({
        qemu: { accelerator: 'kvm' },
        tracking: { vcpus: 'dirty-ring', ring: { entries: 2048 } },
        migration: { dirty_limit: { vcpu_limit: '5MiB/s', period: '500ms' } },
      }),
    );
    expect(limited).toMatchObject({ postcopyAfterMs: null, dirtyRingEntries: 2048 });
    expect(limited.capabilities).toContainEqual({ capability: 'dirty-limit', state: true });
    expect(limited.parameters).toMatchObject({ 'vcpu-dirty-limit': 5, 'x-vcpu-dirty-limit-period': 500 });
  });

  it('names every reason at once', () => {
    const plan = (): unknown =>
      planQemuRun(forEngine({ devices: [{ name: 'nic0', type: 'nic' }], guest: { memory: '64MiB', backing: '2MiB' } }));
    expect(plan).toThrow(/devices: .*\n {2}guest\.backing: /);
  });
});

describe('command line of QEMU', () => {
  const options: MachineOptions = {
    ...{ binary: 'qemu', memoryBytes: 2 ** 26, vcpus: 1, image: '/run/guest.bin', dirtyRingEntries: null },
    accelerator: 'tcg',
    machine: 'pc',
    ...{ incoming: false, startStopped: false, trace: [] },
  };

  it('has a sandbox, no user configuration, no default device, no network and no socket by name', () => {
    const line = machineArguments(options).join(' ');
    for (const part of [
      '-sandbox on,',
      'spawn=deny',
      '-no-user-config',
      '-nodefaults',
      '-display none',
      'fd=3',
      'fd=4',
    ])
      expect(line).toContain(part);
    for (const part of ['-netdev', '-nic', '-drive', 'path=', 'host=']) expect(line).not.toContain(part);
  });

  it('makes the destination wait, and hold when both memories are to be compared', () => {
    expect(machineArguments({ ...options, incoming: true, startStopped: true }).join(' ')).toContain(
      '-incoming defer -S',
    );
    expect(machineArguments({ ...options, trace: ['a', 'b'] }).join(' ')).toContain(
      '-msg timestamp=on -trace a -trace b',
    );
  });
});
