// IOMMU_* steps: the script's arguments become the structure and the memory its pointers mean.
import { iommufdIoctl } from '../iommufd/ioctl.ts';
import { IOMMUFD_IOCTLS } from '../iommufd/ioctl-structs.ts';
import type { IommufdIoctl } from '../iommufd/ioctl-structs.ts';
import type { UserPointers } from '../iommufd/ioctl-types.ts';
import { DATA_AMD_GUEST, DATA_ARM_SMMUV3, DATA_SELFTEST, DATA_VTD_S1 } from '../iommufd/drivers.ts';
import { answered, bitmapFields, refused } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Lab } from './lab.ts';
import type { Operands } from './operands.ts';

export function isIommufdIoctl(call: string): call is IommufdIoctl {
  return Object.hasOwn(IOMMUFD_IOCTLS, call);
}

/** Lengths of struct iommu_hwpt_vtd_s1 and its like: the default of data_len. */
const DATA_LENGTHS: ReadonlyMap<number, bigint> = new Map([
  [DATA_VTD_S1, 24n],
  [DATA_ARM_SMMUV3, 16n],
  [DATA_AMD_GUEST, 32n],
  [DATA_SELFTEST, 8n],
]);

export function callIommufd(lab: Lab, call: IommufdIoctl, operands: Operands): Answer {
  const values = new Map<string, bigint>();
  for (const { name } of IOMMUFD_IOCTLS[call].struct.fields) {
    if (operands.has(name)) values.set(name, operands.u64(name));
  }
  const user = pointers(lab, call, operands, values);
  const struct = {
    values,
    size: operands.has('size') ? operands.u32('size') : undefined,
    trailing: operands.u32('__trailing'),
  };
  spendOnReading(lab, call, operands);
  const result = iommufdIoctl(lab.context, call, struct, user);
  if (!result.ok) return refused(result, result.out as Parameters<typeof refused>[1]);
  const bitmap = result.bitmap === undefined ? {} : bitmapFields(result.bitmap, lab);
  return answered({ ...(result.out as Parameters<typeof answered>[0]), ...bitmap });
}

/** Fills in what the script writes in its own way, and the defaults that depend on other fields. */
function pointers(lab: Lab, call: IommufdIoctl, operands: Operands, values: Map<string, bigint>): UserPointers {
  switch (call) {
    case 'IOMMU_IOAS_ALLOW_IOVAS': {
      const ranges = (operands.objects('allowed_iovas') ?? []).map((range) => ({
        start: range.get('start') ?? 0n,
        last: range.get('last') ?? 0n,
      }));
      if (!values.has('num_iovas')) values.set('num_iovas', BigInt(ranges.length));
      return { ranges };
    }
    case 'IOMMU_HWPT_ALLOC':
      if (!values.has('data_len')) {
        const length = DATA_LENGTHS.get(Number(values.get('data_type') ?? 0n));
        if (length !== undefined) values.set('data_len', length);
      }
      return {};
    case 'IOMMU_GET_HW_INFO': {
      operands.fields('__reserved')?.forEach((value, index) => {
        values.set(index === '0' ? '__reserved' : `__reserved${index}`, value);
      });
      return {};
    }
    case 'IOMMU_HWPT_INVALIDATE': {
      const entries = operands.objects('data');
      return entries === undefined ? {} : { entries };
    }
    case 'IOMMU_HWPT_GET_DIRTY_BITMAP': {
      const data = operands.fields('data');
      if (data === undefined) return {};
      const bytes = lab.buffers.get(data.get('buffer') ?? 0n) ?? new Uint8Array(0);
      return { bitmap: { bytes, offset: Math.min(Number(data.get('offset') ?? 0n), bytes.length) } };
    }
    default:
      return {};
  }
}

/** A dirty read goes through the tables below its range, and through a buffer it is given. */
function spendOnReading(lab: Lab, call: IommufdIoctl, operands: Operands): void {
  if (call !== 'IOMMU_HWPT_GET_DIRTY_BITMAP' && call !== 'IOMMU_HWPT_SET_DIRTY_TRACKING') return;
  const domain = lab.domainById(operands.u32('hwpt_id'));
  if (domain !== undefined) lab.spend(domain.table.arena.tables * TABLE_WORK, 'args.hwpt_id');
  const buffer = operands.fields('data')?.get('buffer');
  if (buffer !== undefined) lab.spend(lab.buffers.get(buffer)?.length ?? 0, 'args.data');
}

/** Clean entries are passed over many at a time. */
const TABLE_WORK = 64;
