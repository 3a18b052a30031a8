// A paging domain as iommufd and type1 hold it (kernel: struct iommu_domain): a page table, its geometry, whether it
// tracks, and who may be attached.
//
// Addresses come as pages and offsets and go to the table in its granules (4 KiB, the mock's 2 KiB). Physical memory is
// mapped in contiguous runs, so that neighbouring pages share a larger leaf where alignment allows.
// Tracking: AMD and VT-d record only while switched on; SMMUv3 records from birth in a domain made for it.
// An IOTLB in front of the table must hear of removed translations: `onInvalidate`.
// Source: drivers/iommu/iommufd/pages.c batch_to_domain(), batch_iommu_map_small(); driver attach functions.
import type { Errno } from '../core/errno.ts';
import { PAGE_SHIFT, PAGE_SIZE } from '../core/units.ts';
import { isDirty, isReadable, isWritable } from '../iommu/entry.ts';
import { READ, WRITE } from '../iommu/formats/format.ts';
import { formatNamed } from '../iommu/formats/table.ts';
import { setDirty } from '../iommu/hardware.ts';
import { POWER_OF_TWO, isAligned } from '../iommu/leafchoice.ts';
import { PageTable } from '../iommu/pagetable.ts';
import type { DirtyRuns } from '../iommu/runs.ts';
import { findEntry } from '../iommu/walking.ts';
import type { Span } from './address.ts';
import type { IommuUnit, PhysicalDevice } from './hardware.ts';
import type { PageSource } from './memory.ts';

export { READ, WRITE } from '../iommu/formats/format.ts';

export interface HwDomainOptions {
  /** Made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING. */
  readonly dirtyTracking: boolean;
  readonly nestParent: boolean;
}

/** A slice of memory to be mapped: `source` from page `firstPage`, `offset` bytes into it. */
export interface MemorySlice {
  readonly source: PageSource;
  readonly firstPage: number;
  readonly offset: number;
}

/** Takes [start, start + count) in granules. */
export type InvalidateRange = (first: number, count: number) => void;

export class HwDomain {
  readonly iommu: IommuUnit;
  readonly table: PageTable;
  readonly canTrack: boolean;
  readonly nestParent: boolean;
  /** Granules per page of 4 KiB. */
  readonly granulesPerPage: number;
  /** Called when translations or dirty states in a range have changed and an IOTLB must drop them. */
  onInvalidate: InvalidateRange | undefined;
  private readonly granuleShift: number;
  private readonly readOnlyRefused: boolean;
  private enabled = false;

  constructor(iommu: IommuUnit, options: HwDomainOptions) {
    const format = formatNamed(iommu.config.format);
    this.iommu = iommu;
    this.canTrack = options.dirtyTracking;
    this.nestParent = options.nestParent;
    this.readOnlyRefused = options.nestParent && iommu.driver.nestParentNeedsWrite;
    this.table = new PageTable(format, { pageSizes: iommu.config.pageSizes, tracked: options.dirtyTracking });
    // Pages larger than 4 KiB as granule are refused by every IOAS (alignment), so the table is never used then.
    this.granuleShift = Math.min(format.granuleShift, PAGE_SHIFT);
    this.granulesPerPage = 1 << (PAGE_SHIFT - this.granuleShift);
  }

  get smallestPage(): number {
    return this.iommu.smallestPage;
  }

  /** Whether a device can be attached (iommu_attach_group returns EINVAL otherwise). */
  suits(device: PhysicalDevice): boolean {
    const own = this.iommu;
    const other = device.iommu;
    if (own.driver !== other.driver) return false;
    if (this.canTrack && !device.dirtyTracking) return false;
    if (own === other || own.driver.sharing === 'any') return true;
    if (own.driver.sharing === 'same-instance') return false;
    return (
      own.config.pageSizes.every((size) => size <= PAGE_SIZE || other.config.pageSizes.includes(size)) &&
      own.aperture.lastPage <= other.aperture.lastPage
    );
  }

  /** Whether hardware sets dirty states now. */
  get recording(): boolean {
    return this.canTrack && (this.enabled || this.table.format.bornDirty);
  }

  get trackingEnabled(): boolean {
    return this.enabled;
  }

  set trackingEnabled(on: boolean) {
    this.enabled = on;
  }

  granule(page: number, offset: number): number {
    return page * this.granulesPerPage + (offset >>> this.granuleShift);
  }

  granules(span: Span): number {
    return this.granule(span.lastPage, span.lastOffset) - this.granule(span.startPage, span.startOffset) + 1;
  }

  /** Bytes of one granule. */
  get granuleSize(): number {
    return 1 << this.granuleShift;
  }

  /** Maps memory that is there at `span`; `small`: in pieces of 4 KiB. Nothing stays on failure. */
  map(span: Span, slice: MemorySlice, access: number, small: boolean): Errno | undefined {
    if (this.readOnlyRefused && (access & WRITE) === 0) return 'EINVAL';
    const first = this.granule(span.startPage, span.startOffset);
    const total = this.granules(span);
    let done = 0;
    let page = slice.firstPage;
    let skip = slice.offset >>> this.granuleShift;
    while (done < total) {
      const wantedPages = Math.ceil((total - done + skip) / this.granulesPerPage);
      const pages = small ? 1 : slice.source.contiguous(page, wantedPages);
      const count = Math.min(total - done, pages * this.granulesPerPage - skip);
      const pa = slice.source.frame(page) * this.granulesPerPage + skip;
      this.iommu.onMap?.(this.leavesFor(first + done, pa, count, small));
      const failure = this.table.map(first + done, pa, count, access);
      if (failure !== undefined) {
        if (done > 0) this.table.unmap(first, done);
        return failure;
      }
      done += count;
      page += pages;
      skip = 0;
    }
    return undefined;
  }

  /** Leaves a run takes, about: what lies before and after the largest leaves is not counted. */
  private leavesFor(first: number, pa: number, count: number, small: boolean): number {
    if (small) return Math.ceil(count / this.granulesPerPage);
    const sizes = this.table.leafSizes;
    for (let i = sizes.length - 1; i > 0; i--) {
      const log2 = sizes[i]!;
      const size = POWER_OF_TWO[log2]!;
      if (size <= count && isAligned(Math.abs(first - pa), log2)) return Math.ceil(count / size);
    }
    return count;
  }

  unmap(span: Span): void {
    const first = this.granule(span.startPage, span.startOffset);
    const count = this.granules(span);
    this.table.unmap(first, count);
    this.onInvalidate?.(first, count);
  }

  /** Reads (and with `clear` cleans) the dirty leaves of a mapped range into `runs`, in granules. */
  readDirty(first: number, count: number, clear: boolean, runs: DirtyRuns): void {
    this.table.readDirty(first, count, { clear }, runs);
  }

  /** Drops what an IOTLB holds of a range: after clearing dirty states. */
  invalidate(first: number, count: number): void {
    this.onInvalidate?.(first, count);
  }

  /**
   * An access of a device from `granule` on, by the table alone. Answers how many granules the entry behind it translates
   * from there; 0 where the access faults. Models with an IOTLB do the same through it.
   */
  accessFrom(granule: number, write: boolean): number {
    const { table } = this;
    const entry = table.inRange(granule, 1) ? findEntry(table, granule) : -1;
    if (entry < 0) return 0;
    const span = POWER_OF_TWO[table.foundLevel * table.format.indexBits]!;
    const lo = table.arena.words[2 * entry]!;
    const hi = table.arena.words[2 * entry + 1]!;
    if (write) {
      if (!isWritable(table.format, lo, hi)) return 0;
      if (this.recording && !isDirty(table.format, lo, hi)) setDirty(table, entry);
    } else if (!isReadable(table.format, lo, hi)) {
      return 0;
    }
    return span - (granule - Math.floor(granule / span) * span);
  }
}

/** READ and WRITE as map flags give them. */
export const accessBits = (readable: boolean, writable: boolean): number =>
  (readable ? READ : 0) | (writable ? WRITE : 0);
