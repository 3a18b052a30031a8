// VFIO container ioctls on the compatibility IOAS of an iommufd. Argument sizes and flags are checked before the IOAS is
// looked up (ENODEV without one).
//
// VFIO_TYPE1_IOMMU (v1) switches huge pages off, so that an unmap may cut areas; v2 does not. There is no dirty tracking
// here: DIRTY_PAGES is no ioctl of it (ENOTTY).
// Source: drivers/iommu/iommufd/vfio_compat.c. Accounting follows IOMMU_OPTION_RLIMIT_MODE, as the code does (its comment
// says per process).
import { done, ok, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { U64_MAX, lastOf, offsetOf, pageOf, spanOf, startOf } from './address.ts';
import type { IommufdContext } from './context.ts';
import { READ, WRITE } from './hw-domain.ts';
import { unmappedBytes } from './ioas.ts';
import type { UnmapResult } from './ioas.ts';
import { mapUser } from './ioctl-map.ts';
import type { IoasObject } from './objects.ts';
import * as vfio from './vfio-uapi.ts';

function compatIoas(context: IommufdContext): Outcome<IoasObject> {
  return context.compatIoas === undefined ? refuse('ENODEV', 'there is no compatibility IOAS') : ok(context.compatIoas);
}

/** Answers the ioctl's return value. */
export function compatCheckExtension(context: IommufdContext, extension: number): Outcome<number> {
  switch (extension) {
    case vfio.TYPE1_IOMMU:
    case vfio.TYPE1V2_IOMMU:
    case vfio.UNMAP_ALL:
      return ok(1);
    case vfio.DMA_CC_IOMMU: {
      const object = compatIoas(context);
      if (!object.ok) return object;
      const coherent = object.value.hwpts.every((hwpt) => hwpt.domain.iommu.driver.enforcesCoherency);
      return ok(coherent ? 1 : 0);
    }
    default:
      return ok(0);
  }
}

export function compatSetIommu(context: IommufdContext, type: number): Outcome<number> {
  if (type !== vfio.TYPE1_IOMMU && type !== vfio.TYPE1V2_IOMMU) return refuse('EINVAL', 'no such container type');
  const object = compatIoas(context);
  if (!object.ok) return object;
  if (type === vfio.TYPE1V2_IOMMU) return ok(0);
  const set = object.value.ioas.setLargePages(false);
  return set.ok ? ok(0) : set;
}

export function compatMapDma(context: IommufdContext, request: vfio.MapDma): Outcome<undefined> {
  const known = vfio.MAP_READ | vfio.MAP_WRITE;
  if (request.argsz < vfio.MAP_MIN_SIZE || (request.flags & ~known) !== 0) {
    return refuse('EINVAL', 'argsz too small or an unknown flag');
  }
  const object = compatIoas(context);
  if (!object.ok) return object;
  const access =
    ((request.flags & vfio.MAP_READ) === 0 ? 0 : READ) | ((request.flags & vfio.MAP_WRITE) === 0 ? 0 : WRITE);
  const mapped = mapUser(context, object.value.ioas, request.iova, {
    source: context.memory,
    address: request.vaddr,
    length: request.size,
    access,
  });
  return mapped.ok ? done : mapped;
}

/** `size`: what was unmapped; written also when areas in the way end it half way. */
export type CompatUnmapResult =
  | { readonly ok: true; readonly size: bigint }
  | { readonly ok: false; readonly errno: vfio.VfioErrno; readonly why: string; readonly size?: bigint };

export function compatUnmapDma(context: IommufdContext, request: vfio.UnmapDma): CompatUnmapResult {
  if (request.argsz < vfio.UNMAP_MIN_SIZE || (request.flags & ~vfio.UNMAP_FLAG_ALL) !== 0) {
    return refuse('EINVAL', 'argsz too small or a flag not offered here');
  }
  const object = compatIoas(context);
  if (!object.ok) return object;
  const { ioas } = object.value;
  const { iova, size } = request;
  if ((request.flags & vfio.UNMAP_FLAG_ALL) !== 0) {
    if (iova !== 0n || size !== 0n) return refuse('EINVAL', 'ALL goes with iova and size 0');
    return unmapResult(ioas.unmapAll());
  }
  if (!ioas.largePages) {
    // Cuts after the last address and before the first, as the kernel computes them (they may wrap).
    const cuts = [BigInt.asUintN(64, iova + size - 1n)];
    if (iova !== 0n) cuts.push(iova - 1n);
    for (const cut of cuts) {
      const result = ioas.cutAfter(pageOf(cut), offsetOf(cut));
      if (!result.ok) return result;
    }
  }
  if (size === 0n) return { ...refuse('EINVAL', 'the size is 0'), size: 0n };
  const span = spanOf(iova, size);
  if (span === undefined) return { ...refuse('EOVERFLOW', 'the range wraps'), size: 0n };
  return unmapResult(ioas.unmap(span));
}

function unmapResult(result: UnmapResult): CompatUnmapResult {
  const size = unmappedBytes(result);
  if (result.errno === undefined) return { ok: true, size };
  return { ...refuse(result.errno, 'an area is not wholly inside the range'), size };
}

export function compatGetInfo(context: IommufdContext, argsz: number | undefined): Outcome<vfio.ContainerInfo> {
  if (argsz !== undefined && argsz < vfio.INFO_MIN_SIZE) return refuse('EINVAL', 'argsz too small');
  const object = compatIoas(context);
  if (!object.ok) return object;
  const { ioas } = object.value;
  let pageSizes = U64_MAX;
  for (const domain of ioas.domains) pageSizes &= pageSizeBitmap(domain.iommu.config.pageSizes);
  pageSizes = vfio.hideSubPages(pageSizes);
  if (pageSizes < BigInt(ioas.alignment)) pageSizes = BigInt(ioas.alignment);
  const ranges = ioas.iovaRanges.map((span) => ({ start: startOf(span), end: lastOf(span) }));
  const info = vfio.containerInfo(argsz, pageSizes, { dmaAvail: 0xffffffff, iovaRanges: ranges });
  return ok({ ...info, argsz: info.needed });
}

const pageSizeBitmap = (sizes: readonly number[]): bigint => sizes.reduce((bitmap, size) => bitmap | BigInt(size), 0n);
