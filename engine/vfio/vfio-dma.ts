// One mapping of a type1 container (kernel: struct vfio_dma): where it lies, what pins it, what it remembers as dirty.
//
// Hardware gives type1 nothing: bits come from pins of mediated devices and from their writes through the CPU. A page is
// kept as a page of 4 KiB; the container reports in its smallest page.
// Source: drivers/vfio/vfio_iommu_type1.c.
import { DirtyBitmap } from '../core/bitmap.ts';
import type { Span } from '../iommufd/address.ts';

/** DIRTY_BITMAP_PAGES_MAX: more pages than that cannot be tracked. */
export const TRACKED_PAGES_MAX = 0x7fffffff;

export class VfioDma implements Span {
  readonly startPage: number;
  readonly startOffset = 0;
  readonly lastPage: number;
  readonly lastOffset = 0xfff;
  /** READ, WRITE. */
  readonly access: number;
  /** User address >> 12; VFIO_UPDATE_VADDR changes it. */
  vaddrPage: number;
  vaddrInvalid = false;
  /** Its pages are pinned and in every domain. */
  iommuMapped = false;
  /** Pages that mediated devices have pinned, by page from the start, with how often. */
  readonly pins = new Map<number, number>();
  private dirty: DirtyBitmap | undefined;
  private everything = false;

  constructor(firstPage: number, pages: number, vaddrPage: number, access: number) {
    this.startPage = firstPage;
    this.lastPage = firstPage + pages - 1;
    this.vaddrPage = vaddrPage;
    this.access = access;
  }

  get pages(): number {
    return this.lastPage - this.startPage + 1;
  }

  /** Pages charged for it: all while an IOMMU maps it, else those pinned. */
  get charged(): number {
    return this.iommuMapped ? this.pages : this.pins.size;
  }

  /** Pinned pages among `count` from `first` on. */
  pinsIn(first: number, count: number): number {
    if (this.pins.size === 0) return 0;
    if (first === 0 && count >= this.pages) return this.pins.size;
    let pins = 0;
    for (const page of this.pins.keys()) if (page >= first && page < first + count) pins++;
    return pins;
  }

  markDirty(first: number, count: number): void {
    this.dirty ??= new DirtyBitmap(this.pages);
    this.dirty.setRange(first, count);
  }

  markAllDirty(): void {
    this.everything = true;
  }

  /** Forgets everything but the pages pinned now: what a read leaves, and what START begins with. */
  resetToPins(): void {
    this.forget();
    for (const page of this.pins.keys()) this.markDirty(page, 1);
  }

  forget(): void {
    this.everything = false;
    this.dirty = undefined;
  }

  /** Visits runs of dirty pages, from the start of the mapping. */
  forEachDirty(visit: (first: number, count: number) => void): void {
    if (this.everything) visit(0, this.pages);
    else this.dirty?.forEachRun(visit);
  }
}
