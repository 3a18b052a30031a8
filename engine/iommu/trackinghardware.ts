// How each vendor's hardware and driver differ while dirty tracking, as rows. Source: kernel drivers amd/iommu.c
// amd_iommu_set_dirty_tracking(), intel/iommu.c intel_iommu_set_dirty_tracking(), arm-smmu-v3.c.
import type { FormatName } from './formats/format.ts';

export interface TrackingHardware {
  readonly name: string;
  /** What SET_DIRTY_TRACKING switches. */
  readonly control: string;
  /** Enabling or disabling invalidates the whole domain. */
  readonly toggleFlushesDomain: boolean;
  /** Writes are recorded even while tracking is off. */
  readonly recordsWhileOff: boolean;
}

const AMD: TrackingHardware = {
  name: 'AMD-Vi',
  control: 'HAD of the device table entry',
  toggleFlushesDomain: true,
  recordsWhileOff: false,
};

const VTD: TrackingHardware = {
  name: 'VT-d second stage',
  control: 'SSADE of the PASID table entry',
  toggleFlushesDomain: true,
  recordsWhileOff: false,
};

const SMMU: TrackingHardware = {
  name: 'SMMUv3',
  control: 'HA and HD of the context descriptor, set when the domain is made',
  toggleFlushesDomain: false,
  recordsWhileOff: true,
};

/** First-stage tables: hardware always updates A and D; Linux does not offer them for tracking. */
const FIRST_STAGE: TrackingHardware = {
  name: 'first stage',
  control: 'nothing: A and D are always updated',
  toggleFlushesDomain: true,
  recordsWhileOff: true,
};

export function trackingHardwareOf(format: FormatName): TrackingHardware {
  switch (format) {
    case 'amd-v1':
    case 'mock':
      return AMD;
    case 'vtd-ss':
      return VTD;
    case 'x86-64':
      return FIRST_STAGE;
    case 'arm-lpae-s1':
    case 'arm-lpae-s1-16k':
    case 'arm-lpae-s1-64k':
    case 'arm-lpae-s2':
    case 'arm-lpae-s2-16k':
    case 'arm-lpae-s2-64k':
      return SMMU;
  }
}
