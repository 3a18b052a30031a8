// The numbers and structures of include/uapi/linux/vfio.h that a container's ioctls use; for both front doors, type1 and
// iommufd's compatibility layer.
import type { Errno } from '../core/errno.ts';
import { U64_MAX } from './address.ts';

export type VfioErrno = Errno;

/** Extensions and container types. */
export const TYPE1_IOMMU = 1;
export const TYPE1V2_IOMMU = 3;
export const DMA_CC_IOMMU = 4;
export const UNMAP_ALL = 9;
export const UPDATE_VADDR = 10;

export const MAP_READ = 1;
export const MAP_WRITE = 2;
export const MAP_VADDR = 4;
export const UNMAP_FLAG_GET_DIRTY_BITMAP = 1;
export const UNMAP_FLAG_ALL = 2;
export const UNMAP_FLAG_VADDR = 4;
export const DIRTY_PAGES_START = 1;
export const DIRTY_PAGES_STOP = 2;
export const DIRTY_PAGES_GET_BITMAP = 4;

/** Sizes up to the end of the last mandatory field. */
export const MAP_MIN_SIZE = 32;
export const UNMAP_MIN_SIZE = 24;
export const INFO_MIN_SIZE = 16;
export const DIRTY_PAGES_MIN_SIZE = 8;
/** struct vfio_bitmap: pgsize, size, data. */
export const BITMAP_SIZE = 24;
/** iova, size and a vfio_bitmap after DIRTY_PAGES_MIN_SIZE. */
export const GET_BITMAP_SIZE = 40;

export interface MapDma {
  readonly argsz: number;
  readonly flags: number;
  readonly vaddr: bigint;
  readonly iova: bigint;
  readonly size: bigint;
}

/** A user's bitmap: one bit per `pgsize`, `size` bytes of it. */
export interface VfioBitmap {
  readonly pgsize: bigint;
  readonly size: bigint;
}

export interface UnmapDma {
  readonly argsz: number;
  readonly flags: number;
  readonly iova: bigint;
  readonly size: bigint;
  readonly bitmap?: VfioBitmap | undefined;
}

/** Sizes below PAGE_SIZE are hidden: PAGE_SIZE is offered in their place. */
export function hideSubPages(pageSizes: bigint): bigint {
  return (pageSizes & 0xfffn) === 0n ? pageSizes : (pageSizes & ~0xfffn & U64_MAX) | 0x1000n;
}

export interface ContainerCapabilities {
  readonly migration?: { readonly pgsizeBitmap: bigint; readonly maxDirtyBitmapSize: bigint };
  readonly dmaAvail: number;
  /** Absent from the answer while empty on type1. */
  readonly iovaRanges: readonly { readonly start: bigint; readonly end: bigint }[] | undefined;
}

export interface ContainerInfo {
  readonly flags: number;
  readonly iovaPgsizes: bigint;
  readonly argsz: number;
  /** What argsz must be for all capabilities. */
  readonly needed: number;
  readonly capOffset: number;
  /** What the user can reach: nothing if argsz did not suffice. */
  readonly capabilities: ContainerCapabilities | undefined;
}

const INFO_PGSIZES = 1;
const INFO_CAPS = 2;
const INFO_SIZE = 24;
const CAP_MIGRATION_SIZE = 32;
const CAP_DMA_AVAIL_SIZE = 16;
const CAP_IOVA_HEADER_SIZE = 16;
const IOVA_RANGE_SIZE = 16;

/** VFIO_IOMMU_GET_INFO's answer; `argsz` undefined: the caller has room for everything. */
export function containerInfo(
  argsz: number | undefined,
  iovaPgsizes: bigint,
  capabilities: ContainerCapabilities,
): ContainerInfo {
  const needed =
    INFO_SIZE +
    (capabilities.migration === undefined ? 0 : CAP_MIGRATION_SIZE) +
    CAP_DMA_AVAIL_SIZE +
    (capabilities.iovaRanges === undefined
      ? 0
      : CAP_IOVA_HEADER_SIZE + IOVA_RANGE_SIZE * capabilities.iovaRanges.length);
  const fits = argsz === undefined || argsz >= needed;
  return {
    flags: INFO_PGSIZES | INFO_CAPS,
    iovaPgsizes,
    argsz: fits && argsz !== undefined ? argsz : needed,
    needed,
    capOffset: fits ? INFO_SIZE : 0,
    capabilities: fits ? capabilities : undefined,
  };
}
