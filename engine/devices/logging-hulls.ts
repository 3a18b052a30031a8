// What QEMU asks a device to log: ranges are fixed when logging starts, at most three of them, each the hull of what was mapped
// then: below 4 GiB, above it, and the 64-bit PCI hole. Memory that comes later is not added.
// Source: hw/vfio/common.c vfio_dirty_tracking_init(), vfio_device_feature_dma_logging_start_create().
import { PAGE_SIZE } from '../core/units.ts';
import { toAddress } from '../iommufd/address.ts';
import type { LoggedRange } from '../vfio/dma-log.ts';

/** IOVA pages [first, first + pages). */
export interface IovaRange {
  readonly first: number;
  readonly pages: number;
}

const PAGES_BELOW_4G = 0x10_0000;

/** The range as the ioctl takes it. */
export const loggedRange = ({ first, pages }: IovaRange): LoggedRange => ({
  iova: toAddress(first, 0),
  length: BigInt(pages) * BigInt(PAGE_SIZE),
});

/**
 * QEMU's hulls of what is mapped at the start: [min, max] below 4 GiB and [min, max] above. (Its third, for the 64-bit
 * PCI hole, holds no RAM.) A section is taken to lie on one side by its last page, as in vfio_dirty_tracking_update().
 */
export function loggingHulls(mapped: readonly IovaRange[]): IovaRange[] {
  const hulls: IovaRange[] = [];
  const low = mapped.filter((range) => range.first + range.pages <= PAGES_BELOW_4G);
  const high = mapped.filter((range) => range.first + range.pages > PAGES_BELOW_4G);
  for (const side of [low, high]) {
    if (side.length === 0) continue;
    const first = side.reduce((min, range) => Math.min(min, range.first), Infinity);
    const end = side.reduce((max, range) => Math.max(max, range.first + range.pages), 0);
    hulls.push({ first, pages: end - first });
  }
  return hulls;
}
