// HWPT_ALLOC, GET_HW_INFO, and the objects around a nested stage 1: fault queues, vIOMMUs, vdevices.
// Sources: drivers/iommu/iommufd/hw_pagetable.c, device.c iommufd_get_hw_info(), eventq.c, viommu.c.
import { refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { U64_MAX } from './address.ts';
import type { IommufdContext } from './context.ts';
import { ALLOC_FAULT_ID_VALID, DATA_NONE } from './drivers.ts';
import type { Command } from './framing.ts';
import { allocateNested, allocatePaging, destroyHwpt } from './hwpt.ts';
import { succeed } from './ioctl-types.ts';
import type { IoctlResult } from './ioctl-types.ts';
import { isRefusal } from './objects.ts';
import type { FaultObject, NestedHwpt, PagingHwpt, VdeviceObject, ViommuObject } from './objects.ts';

const reservedSet = refuse('EOPNOTSUPP', 'a flag is unknown or a reserved field is not 0');

export function allocHwpt(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('__reserved') !== 0) return reservedSet;
  const userData = { type: command.u32('data_type'), length: command.u32('data_len') };
  if ((userData.type === DATA_NONE) !== (userData.length === 0)) {
    return refuse('EINVAL', 'data_type and data_len do not go together');
  }
  const device = context.objects.get(command.u32('dev_id'), 'device');
  if (isRefusal(device)) return device;
  const base = context.objects.any(command.u32('pt_id'));
  const flags = command.u32('flags');
  let made: Outcome<PagingHwpt | NestedHwpt>;
  if (base?.type === 'ioas') {
    const request = { flags, automatic: false, userData: userData.length === 0 ? undefined : userData };
    made = allocatePaging(context, base, device.device, request);
  } else if (base?.type === 'hwpt' || base?.type === 'viommu') {
    made = allocateNested(context, base, device.device.iommu, flags, userData);
  } else {
    return refuse('EINVAL', 'pt_id is neither an IOAS nor a HWPT nor a vIOMMU');
  }
  if (!made.ok) return made;
  if ((flags & ALLOC_FAULT_ID_VALID) !== 0) {
    const fault = context.objects.get(command.u32('fault_id'), 'fault');
    if (isRefusal(fault)) {
      destroyHwpt(context, made.value);
      return fault;
    }
    made.value.fault = fault;
    fault.users++;
  }
  return succeed({ out_hwpt_id: made.value.id });
}

const INFO_INPUT_TYPE = 1;
const CAP_DIRTY_TRACKING = 1;

export function getHwInfo(context: IommufdContext, command: Command): IoctlResult {
  const flags = command.u32('flags');
  const reserved = command.u32('__reserved') | command.u32('__reserved1') | command.u32('__reserved2');
  if ((flags & ~INFO_INPUT_TYPE) !== 0 || reserved !== 0) return reservedSet;
  const device = context.objects.get(command.u32('dev_id'), 'device');
  if (isRefusal(device)) return device;
  const { driver } = device.device.iommu;
  const wanted = (flags & INFO_INPUT_TYPE) === 0 ? 0 : command.u32('in_data_type');
  if (wanted !== 0 && wanted !== driver.hwInfoType) return refuse('EOPNOTSUPP', 'the driver has no such information');
  return succeed({
    out_data_type: driver.hwInfoType,
    data_len: driver.hwInfoLength,
    out_capabilities: device.device.dirtyTracking ? CAP_DIRTY_TRACKING : 0,
    out_max_pasid_log2: 0,
  });
}

export function faultQueueAlloc(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('flags') !== 0) return reservedSet;
  const id = context.objects.allocateId();
  context.objects.add<FaultObject>({ type: 'fault', id, users: 0 });
  return succeed({ out_fault_id: id, out_fault_fd: 1000 + id });
}

export function viommuAlloc(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('flags') !== 0 || command.u32('type') === 0 || command.u32('__reserved') !== 0) return reservedSet;
  const device = context.objects.get(command.u32('dev_id'), 'device');
  if (isRefusal(device)) return device;
  const { iommu } = device.device;
  if (iommu.driver.viommuType !== command.u32('type') || !iommu.config.nesting) {
    return refuse('EOPNOTSUPP', 'the driver has no such vIOMMU');
  }
  const parent = context.objects.get(command.u32('hwpt_id'), 'hwpt');
  if (isRefusal(parent)) return parent;
  if (!parent.domain.nestParent) return refuse('EINVAL', 'the HWPT is no nest parent');
  const id = context.objects.allocateId();
  parent.users++;
  context.objects.add<ViommuObject>({ type: 'viommu', id, users: 0, parent, iommu, virtualIds: new Set() });
  return succeed({ out_viommu_id: id });
}

export function vdeviceAlloc(context: IommufdContext, command: Command): IoctlResult {
  const virtualId = command.u64('virt_id');
  // virt_id indexes an xarray of unsigned long below its last value.
  if (virtualId > U64_MAX - 1n) return refuse('EINVAL', 'virt_id is too large');
  const viommu = context.objects.get(command.u32('viommu_id'), 'viommu');
  if (isRefusal(viommu)) return viommu;
  const device = context.objects.get(command.u32('dev_id'), 'device');
  if (isRefusal(device)) return device;
  if (viommu.iommu !== device.device.iommu) return refuse('EINVAL', 'the device is behind another IOMMU');
  const taken = context.objects.ofType('vdevice').some((vdevice) => vdevice.device === device);
  if (taken || viommu.virtualIds.has(virtualId)) return refuse('EEXIST', 'the device or the number has a vdevice');
  const id = context.objects.allocateId();
  viommu.users++;
  viommu.virtualIds.add(virtualId);
  context.objects.add<VdeviceObject>({ type: 'vdevice', id, users: 0, viommu, device, virtualId });
  return succeed({ out_vdevice_id: id });
}
