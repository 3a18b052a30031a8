// Where the guest's IOVAs lie, and a dense number ("slot") for each page of them.
//
// Linux hands IOVAs out from the top downwards: first below 4 GiB, and only when that is full from the top of the
// device's address width. So two windows, each counted from its top, hold every IOVA in use in a dense run of numbers:
//   low window   slots 0 … 2^20 - 1         = iova pages 2^20 - 1 … 0
//   high window  slots 2^20 …               = iova pages limit, limit - 1, …
// All tables about guest IOVAs (allocation bits, gpa, dirty state) are typed arrays over slots; they grow with use.
// A range of pages [iova, iova + n) covers the n slots that end at slotOf(iova): slots run against the addresses.
// Source: drivers/iommu/dma-iommu.c, iommu_dma_alloc_iova(); iova.c, __alloc_and_insert_iova_range().

import { invariant } from '../core/invariant.ts';

/** Pages below 4 GiB. */
export const LOW_WINDOW_PAGES = 0x10_0000;

/** Slots a table may have: 2^26 slots are 256 GiB of guest mappings. */
export const SLOTS_MAX = 0x400_0000;
/** Pages of the high window that are handed out. */
export const HIGH_WINDOW_PAGES_MAX = SLOTS_MAX - LOW_WINDOW_PAGES;

export class IovaSpace {
  /** The highest iova page a device may use. */
  readonly limitPage: number;

  /** `addressBits`: width of the IOVA, 32 … 57; 48 is VT-d's usual aw-bits. */
  constructor(addressBits = 48) {
    invariant(addressBits >= 32 && addressBits <= 57, 'an IOVA has 32 to 57 bits');
    let pages = LOW_WINDOW_PAGES;
    for (let bits = 32; bits < addressBits; bits++) pages *= 2;
    this.limitPage = pages - 1;
  }

  slotOf(iovaPage: number): number {
    return iovaPage < LOW_WINDOW_PAGES
      ? LOW_WINDOW_PAGES - 1 - iovaPage
      : LOW_WINDOW_PAGES + (this.limitPage - iovaPage);
  }

  iovaOf(slot: number): number {
    return slot < LOW_WINDOW_PAGES ? LOW_WINDOW_PAGES - 1 - slot : this.limitPage - (slot - LOW_WINDOW_PAGES);
  }
}
