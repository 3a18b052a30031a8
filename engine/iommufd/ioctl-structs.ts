// The structures of include/uapi/linux/iommufd.h, and the numbers of the ioctls that carry them. IOCTL type ';' (0x3b).
import { struct } from './framing.ts';
import type { StructRow } from './framing.ts';

export interface IoctlNumber {
  readonly number: number;
  readonly struct: StructRow;
}

export const IOMMUFD_IOCTLS = {
  IOMMU_DESTROY: { number: 0x80, struct: struct('size:u32 id:u32') },
  IOMMU_IOAS_ALLOC: { number: 0x81, struct: struct('size:u32 flags:u32 out_ioas_id:u32') },
  IOMMU_IOAS_ALLOW_IOVAS: {
    number: 0x82,
    struct: struct('size:u32 ioas_id:u32 num_iovas:u32 __reserved:u32 allowed_iovas:u64'),
  },
  IOMMU_IOAS_COPY: {
    number: 0x83,
    struct: struct('size:u32 flags:u32 dst_ioas_id:u32 src_ioas_id:u32 length:u64 dst_iova:u64 src_iova:u64'),
  },
  IOMMU_IOAS_IOVA_RANGES: {
    number: 0x84,
    struct: struct('size:u32 ioas_id:u32 num_iovas:u32 __reserved:u32 allowed_iovas:u64 out_iova_alignment:u64'),
  },
  IOMMU_IOAS_MAP: {
    number: 0x85,
    struct: struct('size:u32 flags:u32 ioas_id:u32 __reserved:u32 user_va:u64 length:u64 iova:u64'),
  },
  IOMMU_IOAS_UNMAP: { number: 0x86, struct: struct('size:u32 ioas_id:u32 iova:u64 length:u64') },
  IOMMU_OPTION: {
    number: 0x87,
    struct: struct('size:u32 option_id:u32 op:u16 __reserved:u16 object_id:u32 val64:u64'),
  },
  IOMMU_VFIO_IOAS: { number: 0x88, struct: struct('size:u32 ioas_id:u32 op:u16 __reserved:u16') },
  IOMMU_HWPT_ALLOC: {
    number: 0x89,
    struct: struct(
      'size:u32 flags:u32 dev_id:u32 pt_id:u32 out_hwpt_id:u32 __reserved:u32 data_type:u32 data_len:u32 data_uptr:u64 fault_id:u32 __reserved2:u32',
      '__reserved',
    ),
  },
  IOMMU_GET_HW_INFO: {
    number: 0x8a,
    struct: struct(
      'size:u32 flags:u32 dev_id:u32 data_len:u32 data_uptr:u64 in_data_type:u32 out_max_pasid_log2:u8 __reserved:u8 __reserved1:u8 __reserved2:u8 out_capabilities:u64',
      '__reserved2',
    ),
  },
  IOMMU_HWPT_SET_DIRTY_TRACKING: { number: 0x8b, struct: struct('size:u32 flags:u32 hwpt_id:u32 __reserved:u32') },
  IOMMU_HWPT_GET_DIRTY_BITMAP: {
    number: 0x8c,
    struct: struct('size:u32 hwpt_id:u32 flags:u32 __reserved:u32 iova:u64 length:u64 page_size:u64 data:u64'),
  },
  IOMMU_HWPT_INVALIDATE: {
    number: 0x8d,
    struct: struct('size:u32 hwpt_id:u32 data_uptr:u64 data_type:u32 entry_len:u32 entry_num:u32 __reserved:u32'),
  },
  IOMMU_FAULT_QUEUE_ALLOC: { number: 0x8e, struct: struct('size:u32 flags:u32 out_fault_id:u32 out_fault_fd:u32') },
  IOMMU_IOAS_MAP_FILE: {
    number: 0x8f,
    struct: struct('size:u32 flags:u32 ioas_id:u32 fd:s32 start:u64 length:u64 iova:u64'),
  },
  IOMMU_VIOMMU_ALLOC: {
    number: 0x90,
    struct: struct(
      'size:u32 flags:u32 type:u32 dev_id:u32 hwpt_id:u32 out_viommu_id:u32 data_len:u32 __reserved:u32 data_uptr:u64',
      'out_viommu_id',
    ),
  },
  IOMMU_VDEVICE_ALLOC: {
    number: 0x91,
    struct: struct('size:u32 viommu_id:u32 dev_id:u32 out_vdevice_id:u32 virt_id:u64'),
  },
  IOMMU_IOAS_CHANGE_PROCESS: { number: 0x92, struct: struct('size:u32 __reserved:u32') },
} as const satisfies Record<string, IoctlNumber>;

export type IommufdIoctl = keyof typeof IOMMUFD_IOCTLS;
