// What the IOMMU drivers of Linux differ in, as seen from iommufd: a row each.
//
// Sources: drivers/iommu/amd/iommu.c amd_iommu_domain_alloc_paging_flags(), intel/iommu.c and intel/nested.c,
// arm/arm-smmu-v3/arm-smmu-v3.c and arm-smmu-v3-iommufd.c, iommufd/selftest.c.
// Left out: PASIDs beyond the allocation flag, page request queues, SME, VT-d snoop control, ARM S2FWB.
import type { FormatName } from '../iommu/formats/format.ts';

export type DriverName = 'amd' | 'intel' | 'smmuv3' | 'mock';

/** IOMMU_HWPT_ALLOC_*. */
export const ALLOC_NEST_PARENT = 1;
export const ALLOC_DIRTY_TRACKING = 2;
export const ALLOC_FAULT_ID_VALID = 4;
export const ALLOC_PASID = 8;

/** enum iommu_hwpt_data_type. */
export const DATA_NONE = 0;
export const DATA_VTD_S1 = 1;
export const DATA_ARM_SMMUV3 = 2;
export const DATA_AMD_GUEST = 3;
export const DATA_SELFTEST = 0xdead;

/** Whose nested stage 1 a user may build, and on what. */
interface NestedRow {
  readonly dataType: number;
  /** Bytes of data the driver takes: up to the first version's last field, and the whole structure. */
  readonly dataMin: number;
  readonly dataMax: number;
  /** A nested HWPT is built on the parent HWPT, or on a vIOMMU made of it. */
  readonly on: 'parent' | 'viommu';
}

export interface Driver {
  readonly name: DriverName;
  /** Combinations of ALLOC_ flags (without FAULT_ID_VALID) a paging HWPT may have. */
  readonly allocFlags: readonly number[];
  /** IOMMU_HW_INFO_TYPE_* and the length of that structure. */
  readonly hwInfoType: number;
  readonly hwInfoLength: number;
  readonly nested: NestedRow;
  /** IOMMU_VIOMMU_TYPE_* of the driver; undefined where it has no vIOMMU. */
  readonly viommuType: number | undefined;
  /** Stage 2 of this driver refuses read-only maps when it is a nest parent. */
  readonly nestParentNeedsWrite: boolean;
  /** Which of several instances of the hardware may share a domain. */
  readonly sharing: 'any' | 'same-instance' | 'features';
  /** Every domain enforces cache coherency (AMD's FC bit). */
  readonly enforcesCoherency: boolean;
  /** The selftest takes user data for a paging HWPT too. */
  readonly pagingData: number | undefined;
}

const allOf = (bits: readonly number[]): number[] =>
  bits.reduce<number[]>((sets, bit) => [...sets, ...sets.map((set) => set | bit)], [0]);

const AMD: Driver = {
  name: 'amd',
  allocFlags: [0, ALLOC_DIRTY_TRACKING, ALLOC_NEST_PARENT, ALLOC_NEST_PARENT | ALLOC_DIRTY_TRACKING, ALLOC_PASID],
  hwInfoType: 4,
  hwInfoLength: 16,
  nested: { dataType: DATA_AMD_GUEST, dataMin: 32, dataMax: 32, on: 'viommu' },
  viommuType: undefined,
  nestParentNeedsWrite: false,
  sharing: 'any',
  enforcesCoherency: true,
  pagingData: undefined,
};

const INTEL: Driver = {
  name: 'intel',
  allocFlags: allOf([ALLOC_NEST_PARENT, ALLOC_DIRTY_TRACKING, ALLOC_PASID]),
  hwInfoType: 1,
  hwInfoLength: 24,
  nested: { dataType: DATA_VTD_S1, dataMin: 24, dataMax: 24, on: 'parent' },
  viommuType: undefined,
  nestParentNeedsWrite: true,
  sharing: 'features',
  enforcesCoherency: false,
  pagingData: undefined,
};

const SMMUV3: Driver = {
  name: 'smmuv3',
  allocFlags: [0, ALLOC_DIRTY_TRACKING, ALLOC_PASID, ALLOC_DIRTY_TRACKING | ALLOC_PASID, ALLOC_NEST_PARENT],
  hwInfoType: 2,
  hwInfoLength: 40,
  nested: { dataType: DATA_ARM_SMMUV3, dataMin: 16, dataMax: 16, on: 'viommu' },
  viommuType: 1,
  nestParentNeedsWrite: false,
  sharing: 'same-instance',
  enforcesCoherency: false,
  pagingData: undefined,
};

const MOCK: Driver = {
  name: 'mock',
  allocFlags: allOf([ALLOC_NEST_PARENT, ALLOC_DIRTY_TRACKING, ALLOC_PASID]),
  hwInfoType: 0xfeedbeef,
  hwInfoLength: 8,
  nested: { dataType: DATA_SELFTEST, dataMin: 4, dataMax: 8, on: 'parent' },
  viommuType: 0xdeadbeef,
  nestParentNeedsWrite: false,
  sharing: 'any',
  enforcesCoherency: false,
  pagingData: DATA_SELFTEST,
};

/** By page-table format. A domain of SMMUv3's stage 2 cannot track: the format's row says so, not the driver's. */
export function driverOfFormat(format: FormatName): Driver {
  if (format === 'amd-v1' || format === 'x86-64') return AMD;
  if (format === 'vtd-ss') return INTEL;
  if (format === 'mock') return MOCK;
  return SMMUV3;
}
