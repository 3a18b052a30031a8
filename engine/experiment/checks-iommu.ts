// Checks of IOMMU, vIOMMU and trackers: what the format, the kernel or QEMU cannot do.
// Sources: kernel-side drivers/iommu (formats' rows), hw_pagetable.c; QEMU hw/vfio/migration.c, accel/kvm/kvm-all.c.

import { PAGE_SIZE, spellSize } from '../core/units.ts';
import { machineLayout } from '../machine/layout.ts';
import type { Check } from './check.ts';
import { formatRow, leafSizes } from './formats.ts';
import { deviceComesLater, dimmComesLater } from './presence.ts';
import type { ParsedExperiment } from './schema.ts';

const pageSizes: Check = {
  needs: ['iommu'],
  run: ({ iommu }, { report }) => {
    const row = formatRow(iommu);
    if (row === undefined) {
      const arm = iommu.format.startsWith('arm');
      report({
        path: ['iommu', 'granule'],
        message: `${iommu.format} has no granule of ${spellSize(iommu.granule)}`,
        hint: arm
          ? 'Arm has granules of 4KiB, 16KiB and 64KiB.'
          : 'This format has a granule of 4KiB; only Arm has others.',
      });
      return;
    }
    const sizes = leafSizes(row);
    iommu.page_sizes?.forEach((size, i) => {
      if (sizes.includes(size)) return;
      const listed = row.replicated
        ? 'every power of two from 4KiB on, except 512GiB'
        : sizes.map(spellSize).join(', ');
      const grain = size < iommu.granule ? `it is smaller than the granule of ${spellSize(iommu.granule)}` : undefined;
      report({
        path: ['iommu', 'page_sizes', i],
        message: `${iommu.format} has no page size of ${spellSize(size)}${grain === undefined ? '' : `: ${grain}`}`,
        hint: `With this granule it has ${listed}.`,
      });
    });
    const seen = new Set<number>();
    iommu.page_sizes?.forEach((size, i) => {
      if (seen.has(size)) report({ path: ['iommu', 'page_sizes', i], message: `${spellSize(size)} is listed twice` });
      seen.add(size);
    });
  },
};

const mapping: Check = {
  needs: ['iommu', 'guest', 'devices'],
  run: ({ iommu, guest, devices }, { report }) => {
    if (devices.length === 0) return;
    const sizes = iommu.page_sizes ?? [iommu.granule];
    const smallest = sizes.reduce((least, size) => Math.min(least, size));
    const index = sizes.indexOf(smallest);
    const path = iommu.page_sizes === undefined ? ['iommu', 'granule'] : ['iommu', 'page_sizes', index];
    if (guest.memory % smallest !== 0) {
      report({
        path,
        message: `guest RAM of ${spellSize(guest.memory)} cannot be mapped by pages of ${spellSize(smallest)} alone (EINVAL)`,
        hint: 'List a smaller page size too, or make guest.memory a multiple.',
      });
    }
    if (smallest > guest.backing) {
      report({
        path,
        message: `pages of ${spellSize(smallest)} need contiguous memory, but the host's pages behind RAM are ${spellSize(guest.backing)}`,
        hint: 'Raise guest.backing, or list a smaller page size.',
      });
    }
  },
};

/** What is pinned when the machine starts: guest RAM, once for each container that holds it and does not copy. */
const pins: Check = {
  needs: ['iommu', 'guest', 'devices', 'viommu', 'changes'],
  run: (experiment, { report, given }) => {
    const { iommu, devices, viommu, guest } = experiment;
    if (iommu.api === 'type1' && iommu.pins === 'copy' && given(['iommu', 'pins'])) {
      report({
        path: ['iommu', 'pins'],
        message: 'type1 cannot copy: each container pins guest RAM for itself',
        hint: 'Leave it out, or write api: iommufd.',
      });
    }
    if (iommu.memlock === undefined) return;
    const shadows = viommu.mode !== 'none' && viommu.mode !== 'nested' && viommu.driver !== 'passthrough';
    const behind = (device: (typeof devices)[number]): boolean => viommu.mode !== 'none' && device.behind_viommu;
    const holdRam = devices.filter((d) => !(behind(d) && shadows) && !deviceComesLater(experiment, d.name));
    const containers = new Set(holdRam.map((d) => (behind(d) ? `device ${d.name}` : `container ${d.container}`)));
    const copies = iommu.api === 'iommufd' && iommu.pins === 'copy';
    const times = copies ? Math.min(1, containers.size) : containers.size;
    const { sections } = machineLayout(guest.machine, Math.max(1, Math.floor(guest.memory / PAGE_SIZE)), []);
    const modules = guest.dimms.filter(({ name }) => !dimmComesLater(experiment, name));
    const bytes =
      sections.reduce((sum, { pages }) => sum + pages * PAGE_SIZE, 0) +
      modules.reduce((sum, { size }) => sum + size, 0);
    if (iommu.memlock >= times * bytes) return;
    const whole = times === 1 ? 'of guest RAM' : `of guest RAM ${times} times`;
    report({
      path: ['iommu', 'memlock'],
      message: `pinning ${spellSize(guest.memory)} ${whole} exceeds the limit of ${spellSize(iommu.memlock)} (ENOMEM)`,
      hint:
        times === 1
          ? `A guest with passthrough devices is pinned whole, its firmware too: ${spellSize(bytes)}.`
          : `Every container pins it whole, its firmware too: ${spellSize(times * bytes)} in all.`,
    });
  },
};

const split: Check = {
  needs: ['iommu'],
  run: ({ iommu }, { report }) => {
    const sizes = iommu.page_sizes ?? [iommu.granule];
    if (iommu.split.when === 'never' || sizes.some((size) => size > iommu.granule)) return;
    report({
      path: ['iommu', 'split', 'when'],
      message: `there is nothing to split: all leaves have the granule's ${spellSize(iommu.granule)}`,
      hint: 'List a larger size in iommu.page_sizes, for example [4KiB, 2MiB, 1GiB].',
    });
  },
};

/** Why the kernel-owned table cannot track, or undefined. */
function cannotTrack({ iommu, viommu }: Pick<ParsedExperiment, 'iommu' | 'viommu'>): string | undefined {
  const row = formatRow(iommu);
  if (row === undefined || row.linuxTracks) return undefined;
  if (iommu.format === 'arm-lpae-s2') {
    return viommu.mode === 'nested'
      ? 'SMMUv3 tracks stage 1 only, and with nesting the kernel owns stage 2 (EOPNOTSUPP)'
      : 'SMMUv3 tracks stage 1 only (EOPNOTSUPP)';
  }
  return `${iommu.format} has no dirty tracking in Linux (EOPNOTSUPP)`;
}

const tracking: Check = {
  needs: ['iommu', 'viommu', 'devices', 'tracking'],
  run: ({ iommu, viommu, devices, tracking: { devices: choice } }, { report, given }) => {
    if (devices.length === 0) return;
    const said = ['tracking', 'devices'];
    // Where nothing is said of trackers, the problem belongs to what rules them out.
    const path = given(said) ? said : ['iommu', 'format'];
    const logs = (device: (typeof devices)[number]): boolean =>
      'dma_logging' in device && device.dma_logging.enabled && device.page_tracking !== 'off';
    const without = devices.find((device) => !logs(device));
    const type1Tracks = iommu.api === 'iommufd' || iommu.type1.tracker !== 'hardware';
    const reason = cannotTrack({ iommu, viommu });
    if (choice === 'device' && without !== undefined) {
      report({
        path,
        message: `QEMU refuses: ${without.name}: VFIO device doesn't support device dirty tracking`,
        hint:
          without.type === 'accelerator'
            ? 'An accelerator has no tracker of its own: use iommu or everything.'
            : `Give '${without.name}' a DMA log (dma_logging: true), or choose another tracker.`,
      });
    }
    if (choice === 'iommu' && reason !== undefined && (iommu.api === 'iommufd' || !type1Tracks)) {
      report({ path, message: reason, hint: 'Choose amd-v1, vtd-ss or arm-lpae-s1, or another tracker.' });
    }
    if (choice === 'auto' && without !== undefined && reason !== undefined && iommu.api === 'iommufd') {
      report({
        path,
        message: `QEMU refuses: ${without.name}: VFIO device doesn't support device and IOMMU dirty tracking`,
        hint: `${reason}. Write tracking.devices: everything to go on with all pages dirty.`,
      });
    }
    if (viommu.mode !== 'none' && (choice === 'device' || (choice === 'auto' && without === undefined))) {
      report({
        path: given(said) ? said : ['viommu', 'mode'],
        message: 'QEMU refuses device dirty tracking behind a vIOMMU: DMA log ranges are fixed at the start',
        hint: 'Write tracking.devices: iommu, or page_tracking: off for a device.',
      });
    }
  },
};

const viommu: Check = {
  needs: ['iommu', 'viommu', 'guest', 'devices', 'migration'],
  run: ({ iommu, viommu: { mode, driver }, guest, devices, migration }, { report }) => {
    if (mode === 'none') return;
    const arm = iommu.format.startsWith('arm') || guest.machine === 'virt';
    if (mode === 'nested' && (iommu.format === 'x86-64' || iommu.format === 'arm-lpae-s1')) {
      report({
        path: ['iommu', 'format'],
        message: `${iommu.format} is a first stage: with nesting the kernel owns the second (NEST_PARENT)`,
        hint: `Use ${arm ? 'arm-lpae-s2' : 'amd-v1 or vtd-ss'}.`,
      });
    }
    if (mode === 'shadow' && arm) {
      report({
        path: ['viommu', 'mode'],
        message: 'an emulated SMMUv3 cannot be shadowed: QEMU has no MAP notifier for it',
        hint: 'Use explicit (virtio-iommu) or nested.',
      });
    }
    if (mode === 'shadow' && driver === 'lazy') {
      report({
        path: ['viommu', 'driver'],
        message: 'Linux forces strict mode under VT-d caching mode, which shadowing needs',
        hint: 'Use strict, or mode explicit (virtio-iommu) for lazy flushing.',
      });
    }
    if (devices.some(({ behind_viommu }) => behind_viommu) && migration.qemu !== '11.0') {
      report({
        path: ['migration', 'qemu'],
        message: 'QEMU refuses: Migration is currently not supported with vIOMMU enabled',
        hint: 'QEMU migrates VFIO devices behind a vIOMMU from 11.0 on.',
      });
    }
  },
};

const RESERVED = { 'write-protect': 64, pml: 64 + 512 } as const;

const vcpuTracker: Check = {
  needs: ['tracking', 'guest', 'iommu'],
  run: ({ tracking: { ring, vcpus, hardware }, guest, iommu }, { report }) => {
    if (vcpus === 'dirty-ring' && ring.entries <= RESERVED[hardware]) {
      report({
        path: ['tracking', 'ring', 'entries'],
        message: `${RESERVED[hardware]} entries are reserved, so a ring of ${ring.entries} is always full`,
        hint: 'QEMU suggests 1024 or more.',
      });
    }
    if (hardware === 'pml' && (guest.machine === 'virt' || iommu.format.startsWith('arm'))) {
      report({
        path: ['tracking', 'hardware'],
        message: 'PML is an Intel feature: an Arm host write-protects',
        hint: 'Use write-protect.',
      });
    }
  },
};

/** Settings that would do nothing because the switch they belong to was forgotten. */
const forgotten: Check = {
  needs: ['iommu', 'viommu', 'tracking'],
  run: (_, { report, given }) => {
    const belongs = (path: readonly [string, string], to: readonly [string, string], hint: string): void => {
      if (!given(path) || given(to)) return;
      report({ path, atKey: true, message: `'${path.join('.')}' does nothing without '${to.join('.')}'`, hint });
    };
    const mode = 'Write mode: shadow, explicit or nested (or mode: none to keep the setting for later).';
    for (const key of ['driver', 'flush_queue', 'iova', 'address_width', 'queue', 'iotlb']) {
      belongs(['viommu', key], ['viommu', 'mode'], mode);
    }
    belongs(['iommu', 'type1'], ['iommu', 'api'], 'Write api: type1 (or api: iommufd to keep the setting for later).');
    belongs(
      ['tracking', 'ring'],
      ['tracking', 'vcpus'],
      'Write vcpus: dirty-ring (or another tracker to keep it for later).',
    );
  },
};

export const iommuChecks: readonly Check[] = [
  pageSizes,
  mapping,
  pins,
  split,
  tracking,
  viommu,
  vcpuTracker,
  forgotten,
];
