// Guest RAM: its layout and which of its pages are not zero. Contents are not kept: a page is zero or it is not, and
// whether the destination has its last contents is the oracle's business (migration/oracle.ts), never this file's.
//
// Non-zero at the start: the populated pages (from 2 MiB upwards), part of the firmware, and the regions given by
// `touch`: a device driver has used its DMA buffers long before a migration starts. A vCPU's write makes a page non-zero
// for good; no workload writes a page back to zero.

import { DirtyBitmap } from '../core/bitmap.ts';
import { invariant } from '../core/invariant.ts';
import type { RamLayout } from './layout.ts';

/** Workloads and population start here, in pages: below lie firmware tables and the boot program. */
export const POPULATED_FIRST_PAGE = 512;
/** Of the firmware blocks and the boot program, pages that are not zero (measured: 113 with QEMU 7.2's SeaBIOS). */
export const FIRMWARE_NONZERO_PAGES = 113;

export class Ram {
  readonly layout: RamLayout;
  /** Set: the page is not zero. Bulk populations are set as runs. */
  readonly nonZero: DirtyBitmap;
  /** Set: a vCPU's write does not reach the page: read-only, behind MMIO, or unplugged. */
  readonly unwritable: DirtyBitmap;

  constructor(layout: RamLayout, populatedPages: number) {
    invariant(populatedPages >= 0 && populatedPages <= layout.guestPages, 'populated pages lie inside the guest');
    this.layout = layout;
    this.nonZero = new DirtyBitmap(layout.totalPages);
    const first = Math.min(POPULATED_FIRST_PAGE, layout.guestPages);
    const upper = Math.min(populatedPages, layout.guestPages - first);
    this.nonZero.setRange(first, upper);
    this.nonZero.setRange(0, populatedPages - upper);
    const firmware = layout.dimms.reduce((end, dimm) => Math.max(end, dimm.ramPage + dimm.pages), layout.guestPages);
    this.nonZero.setRange(firmware, Math.min(FIRMWARE_NONZERO_PAGES, layout.totalPages - firmware));
    this.unwritable = new DirtyBitmap(layout.totalPages);
  }

  /** Marks a region as used before the run begins. */
  touch(firstPage: number, count: number): void {
    this.nonZero.setRange(firstPage, count);
  }
}
