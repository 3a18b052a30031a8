// Checks of the devices: buffers outside RAM, state that contradicts itself, and what QEMU refuses to migrate.
// Refusals by QEMU are quoted as it words them (hw/vfio/migration.c, hw/vfio/common.c, QEMU 9.2).

import { PAGE_SIZE, spellSize } from '../core/units.ts';
import { HIGH_WINDOW_PAGES_MAX } from '../viommu/iova-space.ts';
import { mappingPagesOf } from './buffers.ts';
import { checkInside } from './check.ts';
import type { Check } from './check.ts';
import { placeRings, ramBytes } from './resolve.ts';

const buffers: Check = {
  needs: ['guest', 'devices'],
  run: (experiment, context) => {
    const { guest, devices } = experiment;
    const ram = ramBytes(guest);
    const rings = placeRings(experiment);
    devices.forEach((device, i) => {
      const { report } = context;
      const path = ['devices', i, 'ring'];
      const what = `the DMA buffers of '${device.name}'`;
      if (!checkInside(context, path, what, rings[i]!, ram)) return;
      if (device.burst > device.ring.size) {
        report({
          path: ['devices', i, 'burst'],
          message: `a burst of ${spellSize(device.burst)} overlaps itself in buffers of ${spellSize(device.ring.size)}`,
          hint: 'Make the burst smaller, or ring.size larger.',
        });
      }
      if (device.type === 'rdma' && device.ring.size % (device.registrations * PAGE_SIZE) !== 0) {
        report({
          path: ['devices', i, 'registrations'],
          message: `${spellSize(device.ring.size)} of buffers do not divide into ${device.registrations} registrations of whole pages`,
          hint: 'Choose a number that divides the buffers.',
        });
      }
      const perOperation = device.buffers === 'per-io' || device.buffers === 'per-packet';
      // A packet has a buffer of whole pages of its own, whatever the burst.
      const bytes = device.buffers === 'per-packet' ? Math.ceil(device.packet / PAGE_SIZE) * PAGE_SIZE : device.burst;
      if ('queue_depth' in device && perOperation && device.queue_depth * bytes > device.ring.size) {
        const fits = Math.floor(device.ring.size / bytes);
        report({
          path: ['devices', i, 'queue_depth'],
          message: `${device.queue_depth} operations of ${spellSize(bytes)} in flight need more than ring.size, ${spellSize(device.ring.size)}`,
          hint: `At most ${fits} fit.`,
        });
      }
    });
    const placed = devices.reduce((sum, { ring }) => (ring.offset === undefined ? sum + ring.size : sum), 0);
    const last = devices.findLastIndex(({ ring }) => ring.offset === undefined);
    if (placed > guest.memory && last >= 0) {
      context.report({
        path: ['devices', last, 'ring'],
        message: `the DMA buffers of all devices, ${spellSize(placed)}, do not fit into ${spellSize(guest.memory)} of memory`,
        hint: 'Make ring.size smaller.',
      });
    }
  },
};

const state: Check = {
  needs: ['devices'],
  run: ({ devices }, { report, given }) => {
    devices.forEach(({ name, migration }, i) => {
      const path = ['devices', i, 'migration'];
      if (!migration.supported) {
        report({
          path: [...path, 'supported'],
          message: `QEMU refuses: ${name}: VFIO migration is not supported in kernel`,
          hint: 'Unplug the device before the migration, or give it migration support.',
        });
      }
      for (const key of ['initial', 'dirty_rate'] as const) {
        if (migration.precopy || migration[key] === 0 || !given([...path, key])) continue;
        report({
          path: [...path, key],
          message: `'${key}' describes pre-copy data, but the device has no pre-copy`,
          hint: `Set precopy: true, or remove '${key}'.`,
        });
      }
    });
    const without = devices.findIndex(({ migration }) => !migration.p2p);
    if (devices.length > 1 && without >= 0) {
      report({
        path: ['devices', without, 'migration', 'p2p'],
        message: 'QEMU refuses: Multiple VFIO devices migration is supported only if all of them support P2P migration',
        hint: `Set p2p: true for '${devices[without]!.name}', or leave one device.`,
      });
    }
  },
};

/** Mappings of a guest that stay lie in its IOVA space all at once, and the tables over IOVAs are bounded. */
const iovas: Check = {
  needs: ['devices', 'viommu'],
  run: ({ devices, viommu }, { report }) => {
    if (viommu.mode === 'none' || viommu.mode === 'nested' || viommu.driver === 'passthrough') return;
    devices.forEach((device, i) => {
      const anew = device.buffers === 'per-io' || device.buffers === 'per-packet';
      if (!device.behind_viommu || (anew && viommu.driver !== 'pooled')) return;
      const mapping = mappingPagesOf(device);
      // The allocator hands out powers of two.
      let slots = 1;
      while (slots < mapping) slots *= 2;
      const bytes = Math.ceil(device.ring.size / PAGE_SIZE / mapping) * slots * PAGE_SIZE;
      const most = HIGH_WINDOW_PAGES_MAX * PAGE_SIZE;
      if (bytes <= most) return;
      report({
        path: ['devices', i, 'ring'],
        message: `the mappings of '${device.name}' take ${spellSize(bytes)} of its IOVA space, at most ${spellSize(most)} can be mapped at once`,
        hint: 'Make ring.size smaller, or use mode: nested or driver: passthrough.',
      });
    });
  },
};

export const deviceChecks: readonly Check[] = [buffers, iovas, state];
