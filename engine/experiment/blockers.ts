// What keeps a guest from migrating at all: QEMU's blocked-reasons, as they stand when `migrate` is given.
//
// Source: hw/vfio/migration.c vfio_migration_realize(), hw/vfio/common.c vfio_block_multiple_devices_migration(),
// vfio_block_giommu_migration() (before 11.0); migration/options.c migrate_caps_check().

import type { Experiment } from './schema.ts';

const VIOMMU_SINCE = 11;

/** '' if nothing does. */
export function blockerOf(experiment: Experiment): string {
  const { devices, migration, viommu } = experiment;
  const unable = devices.find((device) => !device.migration.supported);
  if (unable !== undefined) return `${unable.name}: VFIO migration is not supported in kernel`;
  if (devices.length > 1) {
    const noP2p = devices.find((device) => !device.migration.p2p);
    if (noP2p !== undefined) {
      return `multiple VFIO devices migration is supported only if all of them support P2P migration: ${noP2p.name} does not`;
    }
  }
  if (devices.length > 0 && migration.postcopy.enabled)
    return `${devices[0]!.name}: VFIO migration is not supported with postcopy-ram`;
  const behind = devices.some((device) => device.behind_viommu) && viommu.mode !== 'none';
  if (behind && Number(migration.qemu) < VIOMMU_SINCE)
    return 'migration is currently not supported with vIOMMU enabled';
  return '';
}
