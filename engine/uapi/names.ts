// Enumerators and flags that a script may give by the uAPI's own name. Source: include/uapi/linux/iommufd.h, vfio.h;
// drivers/iommu/iommufd/iommufd_test.h for the selftest's.
import { DEVICE_STATES, MIGRATION_P2P, MIGRATION_PRE_COPY, MIGRATION_STOP_COPY } from '../vfio/migration-states.ts';

export type NameTable = Readonly<Record<string, number>>;

export const MAP_FLAGS = {
  IOMMU_IOAS_MAP_FIXED_IOVA: 1,
  IOMMU_IOAS_MAP_WRITEABLE: 2,
  IOMMU_IOAS_MAP_READABLE: 4,
} as const satisfies NameTable;

export const HWPT_ALLOC_FLAGS = {
  IOMMU_HWPT_ALLOC_NEST_PARENT: 1,
  IOMMU_HWPT_ALLOC_DIRTY_TRACKING: 2,
  IOMMU_HWPT_FAULT_ID_VALID: 4,
  IOMMU_HWPT_ALLOC_PASID: 8,
} as const satisfies NameTable;

export const HWPT_DATA_TYPES = {
  IOMMU_HWPT_DATA_NONE: 0,
  IOMMU_HWPT_DATA_VTD_S1: 1,
  IOMMU_HWPT_DATA_ARM_SMMUV3: 2,
  IOMMU_HWPT_DATA_AMD_GUEST: 3,
  IOMMU_HWPT_DATA_SELFTEST: 0xdead,
} as const satisfies NameTable;

export const INVALIDATE_DATA_TYPES = {
  IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: 0,
  IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3: 1,
  IOMMU_HWPT_INVALIDATE_DATA_SELFTEST: 0xdeadbeef,
  IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST: 0xdeadbeef,
} as const satisfies NameTable;

export const INVALIDATE_ENTRY_FLAGS = {
  IOMMU_VTD_INV_FLAGS_LEAF: 1,
  IOMMU_TEST_INVALIDATE_FLAG_ALL: 1,
} as const satisfies NameTable;

export const DIRTY_TRACKING_FLAGS = { IOMMU_HWPT_DIRTY_TRACKING_ENABLE: 1 } as const satisfies NameTable;
export const GET_DIRTY_FLAGS = { IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR: 1 } as const satisfies NameTable;
export const HW_INFO_FLAGS = { IOMMU_HW_INFO_FLAG_INPUT_TYPE: 1 } as const satisfies NameTable;

export const HW_INFO_TYPES = {
  IOMMU_HW_INFO_TYPE_NONE: 0,
  IOMMU_HW_INFO_TYPE_DEFAULT: 0,
  IOMMU_HW_INFO_TYPE_INTEL_VTD: 1,
  IOMMU_HW_INFO_TYPE_ARM_SMMUV3: 2,
  IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV: 3,
  IOMMU_HW_INFO_TYPE_AMD: 4,
  IOMMU_HW_INFO_TYPE_SELFTEST: 0xfeedbeef,
} as const satisfies NameTable;

export const VIOMMU_TYPES = {
  IOMMU_VIOMMU_TYPE_DEFAULT: 0,
  IOMMU_VIOMMU_TYPE_ARM_SMMUV3: 1,
  IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: 2,
  IOMMU_VIOMMU_TYPE_SELFTEST: 0xdeadbeef,
} as const satisfies NameTable;

export const OPTION_IDS = { IOMMU_OPTION_RLIMIT_MODE: 0, IOMMU_OPTION_HUGE_PAGES: 1 } as const satisfies NameTable;
export const OPTION_OPS = { IOMMU_OPTION_OP_SET: 0, IOMMU_OPTION_OP_GET: 1 } as const satisfies NameTable;

export const VFIO_IOAS_OPS = {
  IOMMU_VFIO_IOAS_GET: 0,
  IOMMU_VFIO_IOAS_SET: 1,
  IOMMU_VFIO_IOAS_CLEAR: 2,
} as const satisfies NameTable;

/** Container types and extensions are numbered together. */
export const VFIO_EXTENSIONS = {
  VFIO_TYPE1_IOMMU: 1,
  VFIO_SPAPR_TCE_IOMMU: 2,
  VFIO_TYPE1v2_IOMMU: 3,
  VFIO_DMA_CC_IOMMU: 4,
  VFIO_EEH: 5,
  VFIO_TYPE1_NESTING_IOMMU: 6,
  VFIO_SPAPR_TCE_v2_IOMMU: 7,
  VFIO_NOIOMMU_IOMMU: 8,
  VFIO_UNMAP_ALL: 9,
  VFIO_UPDATE_VADDR: 10,
} as const satisfies NameTable;

export const MAP_DMA_FLAGS = {
  VFIO_DMA_MAP_FLAG_READ: 1,
  VFIO_DMA_MAP_FLAG_WRITE: 2,
  VFIO_DMA_MAP_FLAG_VADDR: 4,
} as const satisfies NameTable;

export const UNMAP_DMA_FLAGS = {
  VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP: 1,
  VFIO_DMA_UNMAP_FLAG_ALL: 2,
  VFIO_DMA_UNMAP_FLAG_VADDR: 4,
} as const satisfies NameTable;

export const DIRTY_PAGES_FLAGS = {
  VFIO_IOMMU_DIRTY_PAGES_FLAG_START: 1,
  VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP: 2,
  VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP: 4,
} as const satisfies NameTable;

export const DEVICE_FEATURES = {
  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN: 0,
  VFIO_DEVICE_FEATURE_MIGRATION: 1,
  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE: 2,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY: 3,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP: 4,
  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT: 5,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_START: 6,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP: 7,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT: 8,
  VFIO_DEVICE_FEATURE_MIG_DATA_SIZE: 9,
  VFIO_DEVICE_FEATURE_BUS_MASTER: 10,
  VFIO_DEVICE_FEATURE_DMA_BUF: 11,
  VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2: 12,
} as const satisfies NameTable;

/** Flags a device answers, never asked with. */
const MIGRATION_FLAGS = {
  VFIO_MIGRATION_STOP_COPY: MIGRATION_STOP_COPY,
  VFIO_MIGRATION_P2P: MIGRATION_P2P,
  VFIO_MIGRATION_PRE_COPY: MIGRATION_PRE_COPY,
} as const satisfies NameTable;

const HW_CAPABILITIES = {
  IOMMU_HW_CAP_DIRTY_TRACKING: 1,
  IOMMU_HW_CAP_PCI_PASID_EXEC: 2,
  IOMMU_HW_CAP_PCI_PASID_PRIV: 4,
  IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED: 8,
} as const satisfies NameTable;

export const DEVICE_STATE_NAMES: NameTable = Object.fromEntries(
  DEVICE_STATES.map((state, value) => [`VFIO_DEVICE_STATE_${state}`, value]),
);

/** Every name with a value, for what a call answers. Names of the uAPI are unique over all tables. */
const ALL: NameTable = {
  ...HWPT_DATA_TYPES,
  ...HW_INFO_TYPES,
  ...HW_CAPABILITIES,
  ...OPTION_IDS,
  ...OPTION_OPS,
  ...VFIO_IOAS_OPS,
  ...VFIO_EXTENSIONS,
  ...MIGRATION_FLAGS,
  ...DEVICE_STATE_NAMES,
};

export const numberNamed = (name: string): number | undefined => (Object.hasOwn(ALL, name) ? ALL[name] : undefined);
