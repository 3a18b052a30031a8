// Which tracker a container uses: QEMU's choice, or the one an experiment forces.
//
//   1 every device logs its own DMA and none has x-device-dirty-page-tracking=off  -> device
//   2 else the container can track: an HWPT with DIRTY_TRACKING, or type1          -> iommu
//     (what type1 then reports is everything, unless its tracker is a proposed one)
//   3 else every page of each synced section                                      -> everything
// A mixed container holds a device whose IOMMU cannot track. QEMU takes the container for able as soon as one HWPT is, and
// the sync skips the other silently: the defect `mixedContainerSkips`. Without it the container falls back to 3.
// Source: hw/vfio/common.c vfio_devices_all_device_dirty_tracking(), hw/vfio/iommufd.c iommufd_cdev_autodomains_get().

import type { TrackerKind } from '../viommu/vmm-container.ts';
import type { DeviceConfig } from './config.ts';

export interface TrackerChoice {
  readonly tracker: TrackerKind;
  /** Per device, in their order: whether its HWPT is tracked. */
  readonly tracked: readonly boolean[];
  /** The kernel's container answers with dirty bitmaps: whatever the VMM reports, it has asked for it. */
  readonly asksContainer: boolean;
  readonly why: string;
}

export interface TrackerPolicy {
  readonly forced: 'auto' | TrackerKind;
  readonly api: 'iommufd' | 'type1';
  /** What type1 reports as dirty; hardware bits were proposed and never merged. */
  readonly type1Tracker: 'everything' | 'pinned' | 'hardware';
  /** Whether the page-table format has a Dirty bit that the kernel offers. */
  readonly formatTracks: boolean;
  readonly mixedContainerSkips: boolean;
}

type ChoiceInput = Pick<DeviceConfig, 'dmaLogging' | 'iommuDirty' | 'pageTracking'>;

export function chooseTracker(devices: readonly ChoiceInput[], policy: TrackerPolicy): TrackerChoice {
  const able = devices.map((device) => device.iommuDirty && policy.formatTracks);
  const allLog = devices.length > 0 && devices.every((d) => d.dmaLogging !== null && d.pageTracking !== 'off');
  const container = policy.api === 'type1' ? containerOfType1(policy) : containerOfIommufd(able, policy);
  const choice = (tracker: TrackerKind, why: string, asksContainer = false): TrackerChoice => ({
    tracker,
    tracked: able,
    asksContainer,
    why,
  });
  switch (policy.forced) {
    case 'device':
      return choice('device', 'forced');
    case 'everything':
    case 'pinned':
    case 'none':
      return choice(policy.forced, 'forced');
    case 'iommu':
      return container === 'none' ? choice('everything', 'forced') : choice(container, 'forced', true);
    case 'auto':
      if (allLog) return choice('device', 'every device logs its own DMA');
      if (container === 'none') return choice('everything', 'neither the devices nor the IOMMU can track');
      return choice(
        container,
        policy.api === 'type1' ? 'type1 reports what its mappings hold' : 'the IOMMU can track',
        true,
      );
  }
}

function containerOfIommufd(able: readonly boolean[], policy: TrackerPolicy): TrackerKind {
  const some = able.some((tracked) => tracked);
  const all = able.every((tracked) => tracked);
  return all || (some && policy.mixedContainerSkips) ? 'iommu' : 'none';
}

function containerOfType1(policy: TrackerPolicy): TrackerKind {
  if (policy.type1Tracker === 'pinned') return 'pinned';
  return policy.type1Tracker === 'hardware' && policy.formatTracks ? 'iommu' : 'everything';
}
