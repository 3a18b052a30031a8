// Checks of the frame: how many samples a run would make, and what the QEMU backend can do.

import { spellSize } from '../core/units.ts';
import type { Check } from './check.ts';
import { MAX_SAMPLES } from './limits.ts';
import { spellTime } from './quantity.ts';

/** Series besides one of each vCPU group and two of each device. */
const COMMON_SERIES = 12;

const samples: Check = {
  needs: ['sampling', 'limits', 'migration', 'guest', 'devices'],
  run: ({ sampling, limits, migration, guest, devices }, { report }) => {
    const end =
      migration.timeout === 0 ? limits.simulated : Math.min(limits.simulated, migration.start + migration.timeout);
    if (sampling > end) {
      report({
        path: ['sampling'],
        message: `the run ends at ${spellTime(end)} at the latest, before its first sample`,
        hint: 'For example: 10ms',
      });
      return;
    }
    const series = COMMON_SERIES + guest.workloads.length + 2 * devices.length;
    const count = Math.floor(end / sampling) * series;
    if (count <= MAX_SAMPLES) return;
    const fits = Math.ceil((end * series) / MAX_SAMPLES / 1_000_000) * 1_000_000;
    report({
      path: ['sampling'],
      message: `every ${spellTime(sampling)} for up to ${spellTime(end)}, ${series} series would make ${count} samples, at most ${MAX_SAMPLES} are kept`,
      hint: `Sample every ${spellTime(fits)}, or lower limits.simulated or migration.timeout.`,
    });
  },
};

/** What two real QEMU processes and our small guest can do; see main/qemu. */
const qemuBackend: Check = {
  needs: ['backend', 'qemu', 'guest', 'devices', 'viommu', 'migration', 'changes'],
  run: (experiment, { report }) => {
    if (experiment.backend !== 'qemu') return;
    const { guest, devices, viommu, changes, qemu } = experiment;
    const refuse = (path: (string | number)[], message: string, hint: string): void => {
      report({ path, message: `backend: qemu: ${message}`, hint });
    };
    if (devices.length > 0) {
      refuse(['devices'], 'passthrough devices need hardware, which the lab does not touch', 'Use the sim backend.');
    }
    if (viommu.mode !== 'none')
      refuse(['viommu', 'mode'], 'the guest has no driver for a vIOMMU', 'Use the sim backend.');
    if (changes.length > 0) refuse(['changes'], 'changes are simulated only', 'Use the sim backend.');
    const writing = guest.workloads.reduce((sum, { pattern, vcpus }) => sum + (pattern === 'idle' ? 0 : vcpus), 0);
    if (writing > QEMU_WRITING_VCPUS_MAX) {
      const hint = `Let at most ${QEMU_WRITING_VCPUS_MAX} vCPUs write, or use the sim backend.`;
      refuse(['guest', 'workloads'], `${writing} vCPUs write, more than the guest program can`, hint);
    }
    if (guest.vcpus > QEMU_VCPUS_MAX) {
      refuse(['guest', 'vcpus'], `at most ${QEMU_VCPUS_MAX}`, `Write vcpus: ${QEMU_VCPUS_MAX}.`);
    }
    if (guest.backing !== 4096) refuse(['guest', 'backing'], 'memory is not backed by huge pages', 'Write 4KiB.');
    if (guest.machine === 'virt')
      refuse(['guest', 'machine'], 'the guest program is x86 code', 'Write machine: pc or q35.');
    const both = 2 * guest.memory;
    if (both > qemu.memory_limit) {
      refuse(
        ['guest', 'memory'],
        `source and destination take ${spellSize(both)} together, more than qemu.memory_limit, ${spellSize(qemu.memory_limit)}`,
        'Raise qemu.memory_limit if this machine has it.',
      );
    }
  },
};
/** As main/qemu/plan.ts has it. */
const QEMU_VCPUS_MAX = 64;
const QEMU_WRITING_VCPUS_MAX = 16;

export const labChecks: readonly Check[] = [samples, qemuBackend];
