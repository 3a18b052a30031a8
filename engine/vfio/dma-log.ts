// The DMA logger of a device: VFIO_DEVICE_FEATURE_DMA_LOGGING_START, STOP and REPORT. It logs writes by IOVA inside the
// ranges it was started with, whatever the page tables say of dirty bits, and knows nothing of the migration state.
//
// The log is kept per 4 KiB page; a logging grain above that marks all pages of a grain. A report ORs bits at its own grain
// and clears what it reported.
// Sources: drivers/vfio/vfio_main.c vfio_ioctl_device_feature_logging_start(), _report(); mlx5 for the driver's part
// (started twice, or read while stopped: EINVAL).
import { CHUNK_PAGES, CHUNK_SHIFT, DirtyBitmap } from '../core/bitmap.ts';
import { done, ok, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { PAGE_SIZE } from '../core/units.ts';
import { U64_MAX, pageOf } from '../iommufd/address.ts';
import type { BitSink } from '../iommufd/user-bitmap.ts';

/** Ranges fit in one page of struct vfio_device_feature_dma_logging_range. */
export const LOGGED_RANGES_MAX = 256;

export interface LoggedRange {
  readonly iova: bigint;
  readonly length: bigint;
}

interface PageRange {
  readonly firstPage: number;
  readonly lastPage: number;
}

/** A sparse set of 52-bit page numbers. */
class PageSet {
  private readonly chunks = new Map<number, DirtyBitmap>();

  add(page: number): void {
    const key = Math.floor(page / CHUNK_PAGES);
    let chunk = this.chunks.get(key);
    if (chunk === undefined) {
      chunk = new DirtyBitmap(1 << CHUNK_SHIFT);
      this.chunks.set(key, chunk);
    }
    chunk.set(page - key * CHUNK_PAGES);
  }

  /** Visits and removes the runs of pages in first … last, ascending. */
  take(first: number, last: number, visit: (first: number, count: number) => void): void {
    const keys = [...this.chunks.keys()]
      .filter((key) => key >= Math.floor(first / CHUNK_PAGES) && key <= Math.floor(last / CHUNK_PAGES))
      .sort((a, b) => a - b);
    for (const key of keys) {
      const base = key * CHUNK_PAGES;
      const from = Math.max(first - base, 0);
      const to = Math.min(last - base + 1, CHUNK_PAGES);
      this.chunks.get(key)!.takeRuns(
        (at, count) => {
          visit(base + at, count);
        },
        from,
        to,
      );
    }
  }
}

export class DmaLogger {
  private ranges: readonly PageRange[] | undefined;
  private grainPages = 1;
  private logged = new PageSet();

  get active(): boolean {
    return this.ranges !== undefined;
  }

  /**
   * `count`: num_ranges, which may exceed the array given; `pageSize`: the user's hint. Answers the page size chosen.
   */
  start(ranges: readonly LoggedRange[], count: number, pageSize: bigint): Outcome<bigint> {
    if (count === 0) return refuse('EINVAL', 'no ranges');
    if (count > LOGGED_RANGES_MAX) return refuse('E2BIG', 'more than 256 ranges');
    const taken: { start: bigint; last: bigint }[] = [];
    const mask = (pageSize - 1n) & U64_MAX;
    for (let i = 0; i < count; i++) {
      const range = ranges[i];
      if (range === undefined) return refuse('EFAULT', 'the array ends before num_ranges');
      const { iova, length } = range;
      if ((iova & mask) !== 0n || (length & mask) !== 0n) return refuse('EINVAL', 'a range is not aligned');
      if (iova + length > U64_MAX) return refuse('EOVERFLOW', 'a range wraps');
      const last = BigInt.asUintN(64, iova + length - 1n);
      if (taken.some((other) => other.start <= last && iova <= other.last)) {
        return refuse('EINVAL', 'two ranges overlap');
      }
      taken.push({ start: iova, last });
    }
    if (this.ranges !== undefined) return refuse('EINVAL', 'the log is on already');
    const grain = chosenPageSize(pageSize);
    this.grainPages = Number(grain / BigInt(PAGE_SIZE));
    this.ranges = taken.map(({ start, last }) => ({ firstPage: pageOf(start), lastPage: pageOf(last) }));
    this.logged = new PageSet();
    return ok(grain);
  }

  /** Stopping a stopped log does nothing. */
  stop(): void {
    this.ranges = undefined;
    this.logged = new PageSet();
  }

  /** A DMA write of the device to one page. */
  record(page: number): void {
    const range = this.ranges?.find((r) => page >= r.firstPage && page <= r.lastPage);
    if (range === undefined) return;
    if (this.grainPages === 1) {
      this.logged.add(page);
      return;
    }
    const first = Math.floor(page / this.grainPages) * this.grainPages;
    const last = Math.min(first + this.grainPages - 1, range.lastPage);
    for (let p = Math.max(first, range.firstPage); p <= last; p++) this.logged.add(p);
  }

  /** Reads and clears; bit 0 is at `iova`. */
  report(iova: bigint, length: bigint, pageSize: bigint, sink: BitSink): Outcome<undefined> {
    if (pageSize < BigInt(PAGE_SIZE) || (pageSize & (pageSize - 1n)) !== 0n) {
      return refuse('EINVAL', 'page_size is below 4 KiB or no power of two');
    }
    if (iova + length > U64_MAX) return refuse('EOVERFLOW', 'the range wraps');
    if (this.ranges === undefined) return refuse('EINVAL', 'the log is not on');
    if (length === 0n) return done;
    const perBit = Number(pageSize);
    const base = Number(iova & 0xfffn);
    const basePage = pageOf(iova);
    const lastBit = Number((length - 1n) / pageSize);
    this.logged.take(basePage, pageOf(iova + length - 1n), (first, count) => {
      const startByte = Math.max(0, (first - basePage) * PAGE_SIZE - base);
      const endByte = (first - basePage + count) * PAGE_SIZE - base;
      const firstBit = Math.floor(startByte / perBit);
      const endBit = Math.min(lastBit, Math.floor((endByte - 1) / perBit));
      if (endBit >= firstBit) sink.setBits(firstBit, endBit - firstBit + 1);
    });
    return done;
  }
}

/** The hint rounded down to a power of two, at least 4 KiB and at most 2 MiB. */
function chosenPageSize(hint: bigint): bigint {
  let size = BigInt(PAGE_SIZE);
  while (size * 2n <= hint && size < 2n << 20n) size *= 2n;
  return size;
}
