// The DMA log a device keeps itself (VFIO_DEVICE_FEATURE_DMA_LOGGING_*): writes by IOVA, whatever the page tables say.
//
// Ranges are fixed when logging starts. QEMU asks for at most three, each the hull of what was mapped then: below 4 GiB,
// above it, and the 64-bit PCI hole; memory that comes later is not added, and writes there are not logged. A report
// reads and clears its range; bits are OR-ed by the reader. The device may log at a coarser granule than it reports:
// each of its bits then stands for every page of the granule.
// Invariant: a write inside a range is in the next report of that range, unless logging was started again in between.
// Left out: devices that overflow their log and report everything; the mlx5 limits on range count and size.
// Sources: drivers/vfio/vfio_main.c, vfio_ioctl_device_feature_logging_start(); hw/vfio/common.c,
// vfio_dirty_tracking_init(), vfio_device_feature_dma_logging_start_create().

import { DirtyBitmap } from '../core/bitmap.ts';
import type { Outcome } from '../core/errno.ts';
import { done, refuse } from '../core/errno.ts';
import { invariant } from '../core/invariant.ts';

/** IOVA pages [first, first + pages). */
export interface IovaRange {
  readonly first: number;
  readonly pages: number;
}

export type IovaRunVisitor = (firstIovaPage: number, pages: number) => void;

/** LOG_MAX_RANGES: PAGE_SIZE / 16 */
export const LOG_RANGES_MAX = 256;
const PAGES_BELOW_4G = 0x10_0000;

export class DeviceLog {
  readonly #pagesPerBit: number;
  #ranges: readonly IovaRange[] = [];
  /** Bit at which each range begins; a range starts at a granule of its own. */
  #firstBits: number[] = [];
  #bits = new DirtyBitmap(1);
  #active = false;
  #unlogged = 0;

  constructor(pageBytes: number) {
    invariant(pageBytes >= 4096 && (pageBytes & (pageBytes - 1)) === 0, 'a log has a power of two of pages to a bit');
    this.#pagesPerBit = pageBytes / 4096;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Pages written outside the ranges while the log was on. */
  get unloggedPages(): number {
    return this.#unlogged;
  }

  /** Ranges in pages; the checks of the ioctl that a VMM can run into. */
  start(ranges: readonly IovaRange[]): Outcome<undefined> {
    if (ranges.length === 0) return refuse('EINVAL', 'no range to log');
    if (ranges.length > LOG_RANGES_MAX) return refuse('E2BIG', `more than ${LOG_RANGES_MAX} ranges`);
    if (this.#active) return refuse('EINVAL', 'logging is on already');
    const sorted = [...ranges].sort((a, b) => a.first - b.first);
    this.#firstBits = [];
    let bits = 0;
    for (const [i, range] of sorted.entries()) {
      const before = sorted[i - 1];
      if (before !== undefined && before.first + before.pages > range.first) return refuse('EINVAL', 'ranges overlap');
      this.#firstBits.push(bits);
      const lead = range.first % this.#pagesPerBit;
      bits += Math.ceil((lead + range.pages) / this.#pagesPerBit);
    }
    this.#ranges = sorted;
    this.#bits = new DirtyBitmap(bits);
    this.#active = true;
    this.#unlogged = 0;
    return done;
  }

  stop(): void {
    this.#active = false;
    this.#ranges = [];
    this.#bits = new DirtyBitmap(1);
  }

  /** A DMA write; true where all of it lies inside a logged range, or the log is off. */
  write(firstIovaPage: number, pages: number): boolean {
    if (!this.#active) return true;
    let logged = 0;
    for (let r = 0; r < this.#ranges.length; r++) {
      const range = this.#ranges[r]!;
      const from = Math.max(firstIovaPage, range.first);
      const to = Math.min(firstIovaPage + pages, range.first + range.pages);
      if (from >= to) continue;
      const bit = this.#bitOf(r, from);
      this.#bits.setRange(bit, this.#bitOf(r, to - 1) - bit + 1);
      logged += to - from;
    }
    this.#unlogged += pages - logged;
    return logged === pages;
  }

  /** Reads and clears [first, first + pages); runs come ascending and cut to the range. Returns bits looked at. */
  report(first: number, pages: number, visit: IovaRunVisitor): number {
    let examined = 0;
    for (let r = 0; r < this.#ranges.length; r++) {
      const range = this.#ranges[r]!;
      const from = Math.max(first, range.first);
      const to = Math.min(first + pages, range.first + range.pages);
      if (from >= to) continue;
      const fromBit = this.#bitOf(r, from);
      const toBit = this.#bitOf(r, to - 1) + 1;
      examined += toBit - fromBit;
      this.#bits.takeRuns(
        (bit, count) => {
          const start = this.#pageOf(r, bit);
          const runFrom = Math.max(from, start);
          const runTo = Math.min(to, start + count * this.#pagesPerBit);
          visit(runFrom, runTo - runFrom);
        },
        fromBit,
        toBit,
      );
    }
    return examined;
  }

  #bitOf(r: number, page: number): number {
    const lead = this.#ranges[r]!.first % this.#pagesPerBit;
    return this.#firstBits[r]! + Math.floor((page - this.#ranges[r]!.first + lead) / this.#pagesPerBit);
  }

  #pageOf(r: number, bit: number): number {
    const lead = this.#ranges[r]!.first % this.#pagesPerBit;
    return this.#ranges[r]!.first - lead + (bit - this.#firstBits[r]!) * this.#pagesPerBit;
  }
}

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
