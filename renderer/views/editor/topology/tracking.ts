// Who tells of a device's writes, in words: what the file says, and what `auto` comes to. `auto` is QEMU's choice: the devices'
// own logs if all of them have one, else the IOMMU if its format has Dirty bits.
import type { ExperimentFacts } from '../../../../main/contract/experiments.ts';

const TRACKS: readonly string[] = ['amd-v1', 'vtd-ss', 'arm-lpae-s1'];

export function deviceTracker({ trackers, devices, iommu }: ExperimentFacts, index: number): string {
  switch (trackers.devices) {
    case 'device':
      return 'its own DMA log';
    case 'iommu':
      return 'IOMMU Dirty bits';
    case 'everything':
      return 'every page counts as dirty';
    case 'none':
      return 'nobody';
    default:
      if (devices.every(({ logsDma }) => logsDma)) return 'its own DMA log';
      if (TRACKS.includes(iommu.format))
        return devices[index]?.logsDma === true ? 'IOMMU Dirty bits, not its log' : 'IOMMU Dirty bits';
      return 'nobody can';
  }
}

export const VCPU_TRACKERS: Readonly<Record<string, string>> = {
  'dirty-log': 'KVM dirty log, protected when cleared',
  'dirty-log-legacy': 'KVM dirty log, cleared when read',
  'dirty-ring': 'KVM dirty rings',
};

export const VIOMMU_MODES: Readonly<Record<string, string>> = {
  none: 'none: devices use guest-physical addresses',
  shadow: 'shadowed by the VMM (caching mode)',
  explicit: 'explicit requests (virtio-iommu)',
  nested: 'nested: the guest owns stage 1',
};
