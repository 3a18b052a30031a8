// The DMA log that a device keeps itself: VFIO_DEVICE_FEATURE_DMA_LOGGING_START, STOP and REPORT. It logs writes by IOVA inside
// the ranges it was started with, whatever the page tables say, and knows nothing of the migration state. Memory that is
// mapped after the start lies outside of the ranges, and writes there are not logged.
//
// The log is kept per 4 KiB page; a device that logs at a coarser grain marks all pages of the grain. A report reads and clears
// exactly the pages it is asked for; its bits may have a grain of their own.
// One model for scripts (the ioctls' 64-bit fields and bitmaps) and for the simulation (pages and runs).
// Invariant: a write inside a range is in the next report of its page, unless logging was started again in between.
// Left out: devices that overflow their log and report everything; the mlx5 limits on range count and size.
// Sources: drivers/vfio/vfio_main.c vfio_ioctl_device_feature_logging_start(), _report(); mlx5 for the driver's part
// (started twice, or read while stopped: EINVAL).
import { CHUNK_PAGES, CHUNK_SHIFT, DirtyBitmap } from '../core/bitmap.ts';
import { done, ok, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { invariant } from '../core/invariant.ts';
import { PAGE_SIZE } from '../core/units.ts';
import { U64_MAX, pageOf } from '../iommufd/address.ts';
import type { BitSink } from '../iommufd/user-bitmap.ts';

/** Ranges fit in one page of struct vfio_device_feature_dma_logging_range. */
export const LOGGED_RANGES_MAX = 256;

export interface LoggedRange {
  readonly iova: bigint;
  readonly length: bigint;
}

export type IovaRunVisitor = (firstIovaPage: number, pages: number) => void;

interface PageRange {
  readonly first: number;
  /** The page after the last. */
  readonly end: number;
}

/** A sparse set of 52-bit page numbers. */
class PageSet {
  private readonly chunks = new Map<number, DirtyBitmap>();
  private lastKey = -1;
  private lastChunk: DirtyBitmap | undefined;

  /** Adds first … end-1. */
  add(first: number, end: number): void {
    for (let at = first; at < end;) {
      const key = Math.floor(at / CHUNK_PAGES);
      const base = key * CHUNK_PAGES;
      const to = Math.min(end, base + CHUNK_PAGES);
      this.chunkOf(key).setRange(at - base, to - at);
      at = to;
    }
  }

  /** Visits and removes the runs of pages in first … end-1, ascending; a run ends where a chunk does. */
  take(first: number, end: number, visit: IovaRunVisitor): void {
    const last = Math.floor((end - 1) / CHUNK_PAGES);
    const keys = [...this.chunks.keys()].filter((key) => key >= Math.floor(first / CHUNK_PAGES) && key <= last);
    for (const key of keys.sort((a, b) => a - b)) {
      const base = key * CHUNK_PAGES;
      this.chunks.get(key)!.takeRuns(
        (at, count) => {
          visit(base + at, count);
        },
        Math.max(first - base, 0),
        Math.min(end - base, CHUNK_PAGES),
      );
    }
  }

  private chunkOf(key: number): DirtyBitmap {
    if (key === this.lastKey) return this.lastChunk!;
    let chunk = this.chunks.get(key);
    if (chunk === undefined) {
      chunk = new DirtyBitmap(1 << CHUNK_SHIFT);
      this.chunks.set(key, chunk);
    }
    this.lastKey = key;
    this.lastChunk = chunk;
    return chunk;
  }
}

export class DmaLog {
  /** What the device logs at; undefined: what it is asked for, as far as it can. */
  private readonly fixedGrainBytes: number | undefined;
  private ranges: readonly PageRange[] = [];
  private grainPages = 1;
  private logged = new PageSet();
  private on = false;
  private unlogged = 0;

  constructor(grainBytes?: number) {
    invariant(
      grainBytes === undefined || (grainBytes >= PAGE_SIZE && (grainBytes & (grainBytes - 1)) === 0),
      'a log has a power of two of pages to a bit',
    );
    this.fixedGrainBytes = grainBytes;
  }

  get active(): boolean {
    return this.on;
  }

  /** Pages written outside the ranges since the start. */
  get unloggedPages(): number {
    return this.unlogged;
  }

  /**
   * `count`: num_ranges, which may exceed the array given; `pageSize`: the user's hint. Answers the page size chosen.
   */
  start(ranges: readonly LoggedRange[], count: number, pageSize: bigint): Outcome<bigint> {
    if (count === 0) return refuse('EINVAL', 'no ranges');
    if (count > LOGGED_RANGES_MAX) return refuse('E2BIG', `more than ${LOGGED_RANGES_MAX} ranges`);
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
    if (this.on) return refuse('EINVAL', 'the log is on already');
    const grain = this.fixedGrainBytes === undefined ? chosenPageSize(pageSize) : BigInt(this.fixedGrainBytes);
    this.grainPages = Number(grain / BigInt(PAGE_SIZE));
    this.ranges = taken.map(({ start, last }) => ({ first: pageOf(start), end: pageOf(last) + 1 }));
    this.logged = new PageSet();
    this.unlogged = 0;
    this.on = true;
    return ok(grain);
  }

  /** Stopping a stopped log does nothing. */
  stop(): void {
    this.on = false;
    this.ranges = [];
    this.logged = new PageSet();
  }

  /** A DMA write; true where all of it lies inside logged ranges, or the log is off. */
  write(firstIovaPage: number, pages: number): boolean {
    if (!this.on) return true;
    const { grainPages } = this;
    let logged = 0;
    for (const range of this.ranges) {
      const from = Math.max(firstIovaPage, range.first);
      const to = Math.min(firstIovaPage + pages, range.end);
      if (from >= to) continue;
      logged += to - from;
      this.logged.add(
        Math.max(from - (from % grainPages), range.first),
        Math.min(Math.ceil(to / grainPages) * grainPages, range.end),
      );
    }
    this.unlogged += pages - logged;
    return logged === pages;
  }

  /** Reads and clears [first, first + pages); runs come ascending. */
  take(first: number, pages: number, visit: IovaRunVisitor): void {
    this.logged.take(first, first + pages, visit);
  }

  /** The ioctl's report: reads and clears; bit 0 is at `iova`. */
  report(iova: bigint, length: bigint, pageSize: bigint, sink: BitSink): Outcome<undefined> {
    if (pageSize < BigInt(PAGE_SIZE) || (pageSize & (pageSize - 1n)) !== 0n) {
      return refuse('EINVAL', 'page_size is below 4 KiB or no power of two');
    }
    if (iova + length > U64_MAX) return refuse('EOVERFLOW', 'the range wraps');
    if (!this.on) return refuse('EINVAL', 'the log is not on');
    if (length === 0n) return done;
    const perBit = Number(pageSize);
    const base = Number(iova & 0xfffn);
    const basePage = pageOf(iova);
    const lastBit = Number((length - 1n) / pageSize);
    this.take(basePage, pageOf(iova + length - 1n) - basePage + 1, (first, count) => {
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
