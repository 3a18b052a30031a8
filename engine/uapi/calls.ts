// The calls a script can make, a row each: the arguments it takes, which of them it must have, and its primary output
// (what "$name" stands for). An iommufd ioctl takes the fields of its structure; what its pointers lead to is written in
// the script's own way (formats: docs/uapi-script.md).
import { IOMMUFD_IOCTLS } from '../iommufd/ioctl-structs.ts';
import type { IommufdIoctl } from '../iommufd/ioctl-structs.ts';
import { widthOf } from '../iommufd/framing.ts';
import * as names from './names.ts';
import type { NameTable } from './names.ts';

export type ArgumentSpec =
  /** A number of so many bits; `names`: or one of these; `flags`: or an array of names and numbers, ORed. */
  | {
      readonly kind: 'number';
      readonly bits: number;
      readonly signed?: boolean;
      readonly names?: NameTable;
      readonly flags?: boolean;
    }
  /** One of a few words. */
  | { readonly kind: 'word'; readonly words: readonly string[] }
  | { readonly kind: 'boolean' }
  /** A device of the machine, by name. */
  | { readonly kind: 'device'; readonly of?: 'mdev' }
  /** Where a device is attached to: an object's id on an iommufd machine, "container" on a type1 machine. */
  | { readonly kind: 'target' }
  /** GET, SET, PROBE, or an array of them. */
  | { readonly kind: 'operations' }
  /** An array of objects with these number fields (those after the first `required` may be left out); `flags`: names in them. */
  | {
      readonly kind: 'objects';
      readonly fields: readonly string[];
      readonly required: number;
      readonly flags?: NameTable;
    }
  /** One such object. */
  | { readonly kind: 'fields'; readonly fields: readonly string[] }
  /** "$buf", or {"buffer": "$buf", "offset": bytes}. */
  | { readonly kind: 'buffer' }
  /** Reserved bytes: one number for the first, or an array. */
  | { readonly kind: 'bytes'; readonly count: number };

export interface CallSpec {
  readonly args: Readonly<Record<string, ArgumentSpec>>;
  readonly required: readonly string[];
  readonly primary: string | undefined;
}

const u = (bits: number): ArgumentSpec => ({ kind: 'number', bits });
const u64 = u(64);
const u32 = u(32);
const enumerated = (table: NameTable, bits = 32): ArgumentSpec => ({ kind: 'number', bits, names: table });
const flagsOf = (table: NameTable): ArgumentSpec => ({ kind: 'number', bits: 32, names: table, flags: true });
const word = (...words: string[]): ArgumentSpec => ({ kind: 'word', words });
const boolean: ArgumentSpec = { kind: 'boolean' };
const device: ArgumentSpec = { kind: 'device' };
const mdev: ArgumentSpec = { kind: 'device', of: 'mdev' };
const transfer = word('read', 'write');

function ioctl(
  name: IommufdIoctl,
  primary?: string,
  special: Readonly<Record<string, ArgumentSpec | undefined>> = {},
): CallSpec {
  const args: Record<string, ArgumentSpec> = { __trailing: u(8) };
  for (const { name: field, type } of IOMMUFD_IOCTLS[name].struct.fields) {
    args[field] = { kind: 'number', bits: 8 * widthOf(type), signed: type === 's32', flags: field === 'flags' };
  }
  for (const [field, spec] of Object.entries(special)) {
    if (spec === undefined) Reflect.deleteProperty(args, field);
    else args[field] = spec;
  }
  return { args, required: [], primary };
}

function call(args: Readonly<Record<string, ArgumentSpec>>, required: readonly string[], primary?: string): CallSpec {
  return { args, required, primary };
}

const bitmap: ArgumentSpec = { kind: 'fields', fields: ['pgsize', 'size'] };
const invalidateEntry = ['addr', 'npages', 'flags', '__reserved', 'iotlb_id', 'vdev_id', 'cache_id', 'cmd'];

export const CALLS: Readonly<Record<string, CallSpec>> = {
  IOMMU_DESTROY: ioctl('IOMMU_DESTROY'),
  IOMMU_IOAS_ALLOC: ioctl('IOMMU_IOAS_ALLOC', 'out_ioas_id'),
  IOMMU_IOAS_ALLOW_IOVAS: ioctl('IOMMU_IOAS_ALLOW_IOVAS', undefined, {
    allowed_iovas: { kind: 'objects', fields: ['start', 'last'], required: 2 },
  }),
  IOMMU_IOAS_COPY: ioctl('IOMMU_IOAS_COPY', 'dst_iova', { flags: flagsOf(names.MAP_FLAGS) }),
  IOMMU_IOAS_IOVA_RANGES: ioctl('IOMMU_IOAS_IOVA_RANGES', 'num_iovas', { allowed_iovas: undefined }),
  IOMMU_IOAS_MAP: ioctl('IOMMU_IOAS_MAP', 'iova', { flags: flagsOf(names.MAP_FLAGS) }),
  IOMMU_IOAS_MAP_FILE: ioctl('IOMMU_IOAS_MAP_FILE', 'iova', { flags: flagsOf(names.MAP_FLAGS) }),
  IOMMU_IOAS_UNMAP: ioctl('IOMMU_IOAS_UNMAP', 'length'),
  IOMMU_IOAS_CHANGE_PROCESS: ioctl('IOMMU_IOAS_CHANGE_PROCESS'),
  IOMMU_OPTION: ioctl('IOMMU_OPTION', 'val64', {
    option_id: enumerated(names.OPTION_IDS),
    op: enumerated(names.OPTION_OPS, 16),
  }),
  IOMMU_VFIO_IOAS: ioctl('IOMMU_VFIO_IOAS', 'ioas_id', { op: enumerated(names.VFIO_IOAS_OPS, 16) }),
  IOMMU_HWPT_ALLOC: ioctl('IOMMU_HWPT_ALLOC', 'out_hwpt_id', {
    flags: flagsOf(names.HWPT_ALLOC_FLAGS),
    data_type: enumerated(names.HWPT_DATA_TYPES),
  }),
  IOMMU_GET_HW_INFO: ioctl('IOMMU_GET_HW_INFO', undefined, {
    flags: flagsOf(names.HW_INFO_FLAGS),
    in_data_type: enumerated(names.HW_INFO_TYPES),
    out_data_type: enumerated(names.HW_INFO_TYPES),
    __reserved: { kind: 'bytes', count: 3 },
    __reserved1: undefined,
    __reserved2: undefined,
  }),
  IOMMU_HWPT_SET_DIRTY_TRACKING: ioctl('IOMMU_HWPT_SET_DIRTY_TRACKING', undefined, {
    flags: flagsOf(names.DIRTY_TRACKING_FLAGS),
  }),
  IOMMU_HWPT_GET_DIRTY_BITMAP: ioctl('IOMMU_HWPT_GET_DIRTY_BITMAP', undefined, {
    flags: flagsOf(names.GET_DIRTY_FLAGS),
    data: { kind: 'buffer' },
  }),
  IOMMU_HWPT_INVALIDATE: ioctl('IOMMU_HWPT_INVALIDATE', 'entry_num', {
    data_type: enumerated(names.INVALIDATE_DATA_TYPES),
    data: { kind: 'objects', fields: invalidateEntry, required: 0, flags: names.INVALIDATE_ENTRY_FLAGS },
  }),
  IOMMU_FAULT_QUEUE_ALLOC: ioctl('IOMMU_FAULT_QUEUE_ALLOC', 'out_fault_id'),
  IOMMU_VIOMMU_ALLOC: ioctl('IOMMU_VIOMMU_ALLOC', 'out_viommu_id', { type: enumerated(names.VIOMMU_TYPES) }),
  IOMMU_VDEVICE_ALLOC: ioctl('IOMMU_VDEVICE_ALLOC', 'out_vdevice_id'),

  VFIO_GET_API_VERSION: call({}, [], 'return'),
  VFIO_CHECK_EXTENSION: call({ extension: enumerated(names.VFIO_EXTENSIONS, 64) }, ['extension'], 'return'),
  VFIO_SET_IOMMU: call({ type: enumerated(names.VFIO_EXTENSIONS, 64) }, ['type'], 'return'),
  VFIO_IOMMU_GET_INFO: call({ argsz: u32, flags: flagsOf({}), iova_pgsizes: u64, cap_offset: u32 }, []),
  VFIO_IOMMU_MAP_DMA: call({ argsz: u32, flags: flagsOf(names.MAP_DMA_FLAGS), vaddr: u64, iova: u64, size: u64 }, []),
  VFIO_IOMMU_UNMAP_DMA: call(
    { argsz: u32, flags: flagsOf(names.UNMAP_DMA_FLAGS), iova: u64, size: u64, bitmap },
    [],
    'size',
  ),
  VFIO_IOMMU_DIRTY_PAGES: call(
    { argsz: u32, flags: flagsOf(names.DIRTY_PAGES_FLAGS), iova: u64, size: u64, bitmap },
    [],
  ),
  VFIO_DEVICE_FEATURE: call(
    {
      device,
      feature: enumerated(names.DEVICE_FEATURES, 16),
      op: { kind: 'operations' },
      argsz: u32,
      flags: u64,
      device_state: enumerated(names.DEVICE_STATE_NAMES),
      data_fd: { kind: 'number', bits: 32, signed: true },
      stop_copy_length: u64,
      page_size: u64,
      num_ranges: u32,
      __reserved: u32,
      ranges: { kind: 'objects', fields: ['iova', 'length'], required: 2 },
      iova: u64,
      length: u64,
    },
    ['device', 'feature'],
  ),

  'device.attach': call({ device, to: { kind: 'target' } }, ['device', 'to'], 'pt_id'),
  'device.replace': call({ device, to: { kind: 'target' } }, ['device', 'to'], 'pt_id'),
  'device.detach': call({ device }, ['device']),
  'device.dma': call({ device, op: transfer, iova: u64, length: u64 }, ['device', 'op', 'iova', 'length'], 'bytes'),
  'vcpu.write': call({ gpa: u64, length: u64 }, ['gpa', 'length']),
  'vcpu.read': call({ gpa: u64, length: u64 }, ['gpa', 'length']),
  'buffer.alloc': call({ length: u64, fill: u(8) }, ['length'], 'buffer'),
  'buffer.read': call({ buffer: u64, offset: u64, length: u64 }, ['buffer'], 'hex'),
  'ioas.reserve': call({ ioas: u32, start: u64, length: u64 }, ['ioas', 'start', 'length']),
  'access.create': call({ ioas: u32, needs_pin_pages: boolean }, ['ioas'], 'access'),
  'access.destroy': call({ access: u32 }, ['access']),
  'access.pin': call({ access: u32, iova: u64, length: u64, write: boolean }, ['access', 'iova', 'length'], 'pin'),
  'access.unpin': call({ access: u32, pin: u64 }, ['access', 'pin']),
  'access.rw': call({ access: u32, iova: u64, length: u64, op: transfer }, ['access', 'iova', 'length', 'op']),
  'mdev.pin': call({ device: mdev, iova: u64, npage: u32, write: boolean }, ['device', 'iova', 'npage']),
  'mdev.unpin': call({ device: mdev, iova: u64, npage: u32 }, ['device', 'iova', 'npage']),
  'mdev.rw': call({ device: mdev, iova: u64, length: u64, op: transfer }, ['device', 'iova', 'length', 'op']),
  'pins.count': call({}, [], 'locked_pages'),
  'table.walk': call({ hwpt: u32, iova: u64 }, ['hwpt', 'iova']),
};
