// The guest's IOMMU and driver, in base units.

import type { FlushQueueShape } from './flush-queue.ts';

/**
 * shadow    VT-d with caching mode: the VMM walks the guest's table at each invalidation and maps the same for the host
 * explicit  virtio-iommu: MAP and UNMAP come as requests
 * nested    the guest owns stage 1, hardware walks it; the VMM maps and tracks stage 2 only
 */
export type ViommuMode = 'shadow' | 'explicit' | 'nested';

/**
 * passthrough  identity: the device sees guest physical memory, no mapping per buffer
 * strict       unmap, flush, then the IOVA may be reused
 * lazy         unmap now, flush later: the flush queue
 * pooled       buffers stay mapped for the life of the driver
 */
export type GuestDriverMode = 'passthrough' | 'strict' | 'lazy' | 'pooled';

export interface ViommuConfig {
  readonly mode: ViommuMode;
  readonly driver: GuestDriverMode;
  readonly flushQueue: FlushQueueShape;
  /** `fresh`: a freed IOVA comes back as late as possible; Linux takes the one freed last. */
  readonly iova: 'reuse' | 'fresh';
  readonly addressBits: number;
  /** Entries of the request queue: with virtio-iommu this many unmaps wait at most. */
  readonly requestQueue: number;
  /** Entries of the emulated unit's IOTLB. */
  readonly iotlbEntries: number;
  /** Guest CPUs that run the device's driver. */
  readonly cpus: number;
}
