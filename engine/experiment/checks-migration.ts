// Checks of the migration's parameters. Refusals by QEMU are quoted as it words them:
// migration/options.c migrate_caps_check() and migrate_params_check(), hw/vfio/migration.c (QEMU 9.2).

import type { Check } from './check.ts';
import { spellTime } from './quantity.ts';

const capabilities: Check = {
  needs: ['migration'],
  run: ({ migration }, { report }) => {
    const { auto_converge, dirty_limit, multifd, xbzrle, postcopy, mapped_ram } = migration;
    const refuse = (key: string, words: string, hint: string): void => {
      report({ path: ['migration', ...key.split('.')], message: `QEMU refuses: ${words}`, hint });
    };
    if (dirty_limit.enabled && auto_converge.enabled) {
      refuse(
        'dirty_limit',
        'dirty-limit conflicts with auto-converge either of then available currently',
        'Keep one of the two.',
      );
    }
    if (multifd.enabled && xbzrle.enabled) {
      refuse('xbzrle', 'Multifd is not compatible with xbzrle', 'Keep one of the two.');
    }
    if (mapped_ram.enabled && xbzrle.enabled) {
      refuse('mapped_ram', 'Mapped-ram migration is incompatible with xbzrle', 'Keep one of the two.');
    }
    if (mapped_ram.enabled && postcopy.enabled) {
      refuse('mapped_ram', 'Mapped-ram migration is incompatible with postcopy', 'Keep one of the two.');
    }
    if (multifd.enabled && postcopy.enabled && ['7.2', '8.2', '9.0', '9.2'].includes(migration.qemu)) {
      refuse('postcopy', 'Postcopy is not yet compatible with multifd', 'QEMU allows both from 10.0 on.');
    }
    if (multifd.zero_copy && !multifd.enabled) {
      refuse(
        'multifd.zero_copy',
        'Zero copy only available for non-compressed non-TLS multifd migration',
        'Switch multifd on.',
      );
    }
    if (postcopy.preempt && !postcopy.enabled) {
      refuse('postcopy.preempt', 'Postcopy preempt requires postcopy-ram', 'Switch post-copy on.');
    }
    if (migration.switchover_ack && !migration.return_path) {
      refuse(
        'switchover_ack',
        "Capability 'switchover-ack' requires capability 'return-path'",
        'Write return_path: true as well.',
      );
    }
  },
};

const parameters: Check = {
  needs: ['migration'],
  run: ({ migration: { auto_converge } }, { report }) => {
    if (auto_converge.max < auto_converge.initial) {
      report({
        path: ['migration', 'auto_converge', 'max'],
        message:
          "QEMU refuses: Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99",
        hint: `The first step is ${auto_converge.initial}%.`,
      });
    }
  },
};

const withDevices: Check = {
  needs: ['migration', 'devices'],
  run: ({ migration, devices }, { report }) => {
    if (!migration.postcopy.enabled || devices.length === 0) return;
    report({
      path: ['migration', 'postcopy'],
      message: `QEMU refuses: ${devices[0]!.name}: VFIO migration is not supported with postcopy migration`,
      hint: 'A device cannot wait for pages that have not arrived. Remove the devices or post-copy.',
    });
  },
};

const withTracking: Check = {
  needs: ['migration', 'tracking'],
  run: ({ migration, tracking }, { report }) => {
    if (!migration.dirty_limit.enabled || tracking.vcpus === 'dirty-ring') return;
    report({
      path: ['migration', 'dirty_limit'],
      message: "QEMU refuses: dirty-limit requires KVM with accelerator property 'dirty-ring-size' set",
      hint: 'Write tracking: {vcpus: dirty-ring}.',
    });
  },
};

const inTime: Check = {
  needs: ['migration', 'limits'],
  run: ({ migration, limits }, { report }) => {
    if (migration.start < limits.simulated) return;
    report({
      path: ['migration', 'start'],
      message: `the run ends at ${spellTime(limits.simulated)}, before the migration starts`,
      hint: 'Start earlier, or raise limits.simulated.',
    });
  },
};

const leadTime: Check = {
  needs: ['migration', 'iommu'],
  run: ({ migration, iommu: { split } }, { report }) => {
    if (split.when !== 'ahead' || split.lead <= migration.start) return;
    report({
      path: ['iommu', 'split', 'lead'],
      message: `splitting would begin ${spellTime(split.lead - migration.start)} before the guest runs`,
      hint: `The migration starts at ${spellTime(migration.start)}.`,
    });
  },
};

export const migrationChecks: readonly Check[] = [
  capabilities,
  parameters,
  withDevices,
  withTracking,
  inTime,
  leadTime,
];
