// Attaching devices to HWPTs, replacing and detaching, with automatic HWPTs, in the order of the kernel's checks.
//
// Each device is alone in its group. Attaching reserves the device's regions in the IOAS of the (parent) HWPT, then
// attaches the domain; an attach to an IOAS takes the first automatic HWPT that suits, else makes one without dirty
// tracking. EINVAL means that a domain does not suit, and the search goes on; any other errno ends it. A failed replace
// leaves the old attachment; what it drops of the reservations is the device's in the IOAS of the new HWPT, even where that is
// the old one's too (iommufd_device_do_replace(), err_unresv): the device stays attached and its regions are open to maps.
// Source: drivers/iommu/iommufd/device.c.
import { done, ok, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import type { IommufdContext } from './context.ts';
import { allocatePaging, releaseHwpt } from './hwpt.ts';
import type { DeviceObject, IoasObject, NestedHwpt, PagingHwpt } from './objects.ts';

type AnyHwpt = PagingHwpt | NestedHwpt;
type Connect = (device: DeviceObject, hwpt: AnyHwpt) => Outcome<undefined>;

const pagingOf = (hwpt: AnyHwpt): PagingHwpt => (hwpt.type === 'hwpt' ? hwpt : hwpt.parent);

/** iommufd_device_attach(); answers the id of the HWPT in use. */
export function attachDevice(context: IommufdContext, device: DeviceObject, id: number): Outcome<number> {
  return changeTable(context, device, id, connect, true);
}

/** iommufd_device_replace(). */
export function replaceDevice(context: IommufdContext, device: DeviceObject, id: number): Outcome<number> {
  const old = device.attached;
  const result = changeTable(context, device, id, reconnect, false);
  // The reference of the old attachment goes after everything else.
  if (result.ok && old !== undefined && device.attached !== old) releaseHwpt(context, old);
  return result;
}

/** iommufd_device_detach(). Detaching a device that is not attached does nothing. */
export function detachDevice(context: IommufdContext, device: DeviceObject): void {
  const hwpt = device.attached;
  if (hwpt === undefined) return;
  device.attached = undefined;
  pagingOf(hwpt).ioas.ioas.unreserve(device);
  releaseHwpt(context, hwpt);
}

function changeTable(
  context: IommufdContext,
  device: DeviceObject,
  id: number,
  join: Connect,
  attachFirst: boolean,
): Outcome<number> {
  const target = context.objects.any(id);
  if (target === undefined) return refuse('ENOENT', `there is no object ${id}`);
  if (target.type === 'hwpt' || target.type === 'nested') {
    const joined = join(device, target);
    return joined.ok ? ok(target.id) : joined;
  }
  if (target.type === 'ioas') return joinAutomatic(context, device, target, join, attachFirst);
  return refuse('EINVAL', `object ${id} is neither an IOAS nor a HWPT`);
}

/** iommufd_device_auto_get_domain(). */
function joinAutomatic(
  context: IommufdContext,
  device: DeviceObject,
  ioas: IoasObject,
  join: Connect,
  attachFirst: boolean,
): Outcome<number> {
  for (const hwpt of ioas.hwpts) {
    if (!hwpt.automatic) continue;
    const joined = join(device, hwpt);
    if (joined.ok) return ok(hwpt.id);
    if (joined.errno !== 'EINVAL') return joined;
  }
  const made = allocatePaging(context, ioas, device.device, {
    flags: 0,
    automatic: true,
    userData: undefined,
    ...(attachFirst
      ? {
          attach: (hwpt: PagingHwpt) => join(device, hwpt),
          undo: () => {
            disconnect(device);
          },
        }
      : {}),
  });
  if (!made.ok) return made;
  if (attachFirst) return ok(made.value.id);
  const joined = join(device, made.value);
  if (joined.ok) return ok(made.value.id);
  releaseHwpt(context, made.value);
  return joined;
}

/** iommufd_hw_pagetable_attach(). */
function connect(device: DeviceObject, hwpt: AnyHwpt): Outcome<undefined> {
  if (device.attached !== undefined) return refuse('EBUSY', 'the device is attached already');
  const paging = pagingOf(hwpt);
  const reserved = reserveRegions(device, paging);
  if (!reserved.ok) return reserved;
  if (!paging.domain.suits(device.device)) {
    paging.ioas.ioas.unreserve(device);
    return refuse('EINVAL', 'the domain does not suit the device');
  }
  device.attached = hwpt;
  hwpt.users++;
  return done;
}

function disconnect(device: DeviceObject): void {
  const hwpt = device.attached!;
  device.attached = undefined;
  hwpt.users--;
  pagingOf(hwpt).ioas.ioas.unreserve(device);
}

/** iommufd_device_do_replace(). The old HWPT's reference is the caller's to give back. */
function reconnect(device: DeviceObject, hwpt: AnyHwpt): Outcome<undefined> {
  const old = device.attached;
  if (old === undefined) return refuse('EINVAL', 'the device is not attached');
  if (old === hwpt) return done;
  const paging = pagingOf(hwpt);
  const oldIoas = pagingOf(old).ioas;
  const moves = paging.ioas !== oldIoas;
  if (moves) {
    const reserved = reserveRegions(device, paging);
    if (!reserved.ok) return reserved;
  }
  if (!paging.domain.suits(device.device)) {
    paging.ioas.ioas.unreserve(device);
    return refuse('EINVAL', 'the domain does not suit the device');
  }
  if (moves) oldIoas.ioas.unreserve(device);
  device.attached = hwpt;
  hwpt.users++;
  return done;
}

/** iopt_table_enforce_dev_resv_regions(). */
function reserveRegions(device: DeviceObject, paging: PagingHwpt): Outcome<undefined> {
  const { ioas } = paging.ioas;
  for (const region of device.device.reserved) {
    const reserved = ioas.reserve(region, device);
    if (reserved.ok) continue;
    ioas.unreserve(device);
    return reserved;
  }
  return done;
}
