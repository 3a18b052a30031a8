// The dispatcher of iommufd's ioctls: framing, then the handler of the row. A handler gets the structure and the user
// memory its pointers mean, and answers what the kernel writes back.
// Source: drivers/iommu/iommufd/main.c.
import type { IommufdContext } from './context.ts';
import { receive } from './framing.ts';
import type { UserStruct } from './framing.ts';
import type { IommufdIoctl } from './ioctl-structs.ts';
import { IOMMUFD_IOCTLS } from './ioctl-structs.ts';
import { changeProcess, copy, map, mapFile, unmap } from './ioctl-map.ts';
import { allocHwpt, faultQueueAlloc, getHwInfo, vdeviceAlloc, viommuAlloc } from './ioctl-hwpt.ts';
import { invalidate } from './invalidate.ts';
import { getDirtyBitmap, setDirtyTrackingCommand } from './ioctl-dirty.ts';
import { allowIovas, destroy, iovaRanges, ioasAlloc, option, vfioIoas } from './ioctl-ioas.ts';
import type { IoctlHandler, IoctlResult, UserPointers } from './ioctl-types.ts';

const HANDLERS: Readonly<Record<IommufdIoctl, IoctlHandler>> = {
  IOMMU_DESTROY: destroy,
  IOMMU_IOAS_ALLOC: ioasAlloc,
  IOMMU_IOAS_ALLOW_IOVAS: allowIovas,
  IOMMU_IOAS_COPY: copy,
  IOMMU_IOAS_IOVA_RANGES: iovaRanges,
  IOMMU_IOAS_MAP: map,
  IOMMU_IOAS_UNMAP: unmap,
  IOMMU_OPTION: option,
  IOMMU_VFIO_IOAS: vfioIoas,
  IOMMU_HWPT_ALLOC: allocHwpt,
  IOMMU_GET_HW_INFO: getHwInfo,
  IOMMU_HWPT_SET_DIRTY_TRACKING: setDirtyTrackingCommand,
  IOMMU_HWPT_GET_DIRTY_BITMAP: getDirtyBitmap,
  IOMMU_HWPT_INVALIDATE: invalidate,
  IOMMU_FAULT_QUEUE_ALLOC: faultQueueAlloc,
  IOMMU_IOAS_MAP_FILE: mapFile,
  IOMMU_VIOMMU_ALLOC: viommuAlloc,
  IOMMU_VDEVICE_ALLOC: vdeviceAlloc,
  IOMMU_IOAS_CHANGE_PROCESS: changeProcess,
};

export function iommufdIoctl(
  context: IommufdContext,
  name: IommufdIoctl,
  struct: UserStruct,
  user: UserPointers = {},
): IoctlResult {
  const command = receive(IOMMUFD_IOCTLS[name].struct, struct);
  return command.ok ? HANDLERS[name](context, command.value, user) : command;
}
