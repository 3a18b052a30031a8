// Making and destroying HWPTs: paging ones on an IOAS, nested ones on a parent or a vIOMMU.
// Sources: drivers/iommu/iommufd/hw_pagetable.c, viommu.c; drivers' domain_alloc_paging_flags() and
// domain_alloc_nested(). The order of checks is theirs.
import { ok, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { formatNamed } from '../iommu/formats/table.ts';
import type { IommufdContext } from './context.ts';
import { ALLOC_DIRTY_TRACKING, ALLOC_FAULT_ID_VALID, ALLOC_NEST_PARENT, ALLOC_PASID, DATA_NONE } from './drivers.ts';
import type { Driver } from './drivers.ts';
import type { IommuUnit, PhysicalDevice } from './hardware.ts';
import { HwDomain } from './hw-domain.ts';
import type { IoasObject, IommufdObject, NestedHwpt, PagingHwpt, ViommuObject } from './objects.ts';

const PAGING_FLAGS = ALLOC_NEST_PARENT | ALLOC_DIRTY_TRACKING | ALLOC_FAULT_ID_VALID | ALLOC_PASID;
const NESTED_FLAGS = ALLOC_FAULT_ID_VALID | ALLOC_PASID;

/** data_type and data_len of IOMMU_HWPT_ALLOC. */
export interface UserData {
  readonly type: number;
  readonly length: number;
}

export interface PagingRequest {
  readonly flags: number;
  readonly automatic: boolean;
  readonly userData: UserData | undefined;
  /** Attaches before the domain is filled, as an attach to an IOAS does; `undo` takes it back. */
  readonly attach?: (hwpt: PagingHwpt) => Outcome<undefined>;
  readonly undo?: () => void;
}

/** iommufd_hwpt_paging_alloc(). */
export function allocatePaging(
  context: IommufdContext,
  ioas: IoasObject,
  device: PhysicalDevice,
  request: PagingRequest,
): Outcome<PagingHwpt> {
  const { flags } = request;
  const refused = refusePaging(device, request);
  if (refused !== undefined) return refused;
  const domain = new HwDomain(device.iommu, {
    dirtyTracking: (flags & ALLOC_DIRTY_TRACKING) !== 0,
    nestParent: (flags & ALLOC_NEST_PARENT) !== 0,
  });
  const id = context.objects.allocateId();
  const hwpt: PagingHwpt = {
    type: 'hwpt',
    id,
    users: 0,
    ioas,
    domain,
    automatic: request.automatic,
    fault: undefined,
  };
  if (request.attach !== undefined) {
    const attached = request.attach(hwpt);
    if (!attached.ok) return attached;
  }
  const added = ioas.ioas.addDomain(domain);
  if (!added.ok) {
    request.undo?.();
    return added;
  }
  ioas.users++;
  ioas.hwpts.push(hwpt);
  context.objects.add(hwpt);
  return ok(hwpt);
}

function refusePaging(device: PhysicalDevice, request: PagingRequest): Outcome<never> | undefined {
  const { flags, userData } = request;
  const { driver, config } = device.iommu;
  if ((flags & ~PAGING_FLAGS) !== 0) return refuse('EOPNOTSUPP', 'unknown flag');
  if ((flags & ALLOC_DIRTY_TRACKING) !== 0 && !device.dirtyTracking) {
    return refuse('EOPNOTSUPP', 'the IOMMU of the device cannot track');
  }
  if ((flags & ALLOC_FAULT_ID_VALID) !== 0 && (flags & ALLOC_NEST_PARENT) !== 0) {
    return refuse('EOPNOTSUPP', 'a nest parent takes no fault queue');
  }
  const driverFlags = flags & ~ALLOC_FAULT_ID_VALID;
  if (!driver.allocFlags.includes(driverFlags)) return refuse('EOPNOTSUPP', 'the driver does not offer these flags');
  if ((flags & ALLOC_NEST_PARENT) !== 0 && !config.nesting) return refuse('EOPNOTSUPP', 'the IOMMU cannot nest');
  if ((flags & ALLOC_DIRTY_TRACKING) !== 0 && !formatNamed(config.format).linuxTracks) {
    return refuse('EOPNOTSUPP', 'Linux does not track on this page-table format');
  }
  if (userData !== undefined && userData.type !== driver.pagingData) {
    return refuse('EOPNOTSUPP', 'the driver takes no such data for a paging HWPT');
  }
  if (userData !== undefined && !dataFits(driver, userData)) return refuse('EINVAL', 'data_len is not the structure’s');
  return undefined;
}

/** __iommu_copy_struct_from_user(). */
function dataFits({ nested }: Driver, { length }: UserData): boolean {
  return length >= nested.dataMin && length <= nested.dataMax;
}

/** iommufd_hwpt_nested_alloc(), and through a vIOMMU iommufd_viommu_alloc_hwpt_nested(). */
export function allocateNested(
  context: IommufdContext,
  base: PagingHwpt | ViommuObject,
  iommu: IommuUnit,
  flags: number,
  userData: UserData,
): Outcome<NestedHwpt> {
  const row = iommu.driver.nested;
  const onParent = base.type === 'hwpt';
  if (!onParent && base.iommu !== iommu) return refuse('EINVAL', 'the vIOMMU belongs to another IOMMU');
  if ((flags & ~NESTED_FLAGS) !== 0 || userData.type === DATA_NONE || userData.length === 0) {
    return refuse('EOPNOTSUPP', 'flag or data not fit for a nested HWPT');
  }
  const offered = row.on === (onParent ? 'parent' : 'viommu') || iommu.driver.name === 'mock';
  if (!offered) return refuse('EOPNOTSUPP', 'the driver does not build a nested HWPT on this');
  const parent = onParent ? base : base.parent;
  if (onParent && (!base.domain.nestParent || base.domain.iommu.driver !== iommu.driver)) {
    return refuse('EINVAL', 'the HWPT cannot be a parent here');
  }
  if (!iommu.config.nesting || userData.type !== row.dataType) {
    return refuse('EOPNOTSUPP', 'the driver does not take this data');
  }
  if (!dataFits(iommu.driver, userData)) return refuse('EINVAL', 'data_len is not the structure’s');
  const id = context.objects.allocateId();
  base.users++;
  return ok(
    context.objects.add<NestedHwpt>({
      type: 'nested',
      id,
      users: 0,
      parent,
      base,
      driverName: iommu.driver.name,
      fault: undefined,
    }),
  );
}

/** Gives back one reference; an automatic HWPT dies with its last. */
export function releaseHwpt(context: IommufdContext, hwpt: PagingHwpt | NestedHwpt): void {
  if (hwpt.users > 0) hwpt.users--;
  if (hwpt.type === 'hwpt' && hwpt.automatic && hwpt.users === 0) destroyHwpt(context, hwpt);
}

/** Destroys a HWPT nothing refers to. */
export function destroyHwpt(context: IommufdContext, hwpt: PagingHwpt | NestedHwpt): void {
  if (hwpt.fault !== undefined) hwpt.fault.users--;
  if (hwpt.type === 'nested') {
    hwpt.base.users--;
  } else {
    const { ioas } = hwpt;
    ioas.hwpts.splice(ioas.hwpts.indexOf(hwpt), 1);
    ioas.ioas.removeDomain(hwpt.domain);
    ioas.users--;
  }
  context.objects.remove(hwpt);
}

/** IOMMU_DESTROY: ENOENT, EBUSY while anything refers to it. */
export function destroyObject(context: IommufdContext, id: number): Outcome<undefined> {
  const object = context.objects.any(id);
  if (object === undefined) return refuse('ENOENT', `there is no object ${id}`);
  if (object.users > 0) return refuse('EBUSY', `something refers to ${object.type} ${id}`);
  destroy(context, object);
  return ok(undefined);
}

function destroy(context: IommufdContext, object: IommufdObject): void {
  switch (object.type) {
    case 'hwpt':
    case 'nested':
      destroyHwpt(context, object);
      return;
    case 'ioas':
      object.ioas.unmapAll();
      if (context.compatIoas === object) context.compatIoas = undefined;
      break;
    case 'viommu':
      object.parent.users--;
      break;
    case 'vdevice':
      object.viommu.virtualIds.delete(object.virtualId);
      object.viommu.users--;
      break;
    case 'device':
    case 'access':
    case 'fault':
      break;
  }
  context.objects.remove(object);
}
