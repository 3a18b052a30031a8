// VFIO's type1 container: mappings, their dirty bits, and the groups attached.
//
// The checks come in the kernel's order. v1 and v2 differ in what an unmap may cut: v2 refuses a range that bisects a
// mapping before it touches anything; v1 leaves a mapping that starts before the range and takes a whole one that starts
// in it. What is dirty: everything, always, while a group that never used the pin interface has the mapping in its IOMMU;
// else pages pinned, and pages written through the CPU, since the last read.
// Sources: drivers/vfio/vfio_iommu_type1.c; the mail thread "vfio: ... dirty bitmap on unmap" for the rule variants.
// Left out: locks, fault injection, reserved (MMIO) pages, DMA aliases, VFIO_DMA_UNMAP's retries.
// Invariants: mappings do not overlap; dmaAvail + mappings is constant; the account holds the sum of `charged`.
import { done, ok, refuse } from '../core/errno.ts';
import type { Errno, Outcome } from '../core/errno.ts';
import { invariant } from '../core/invariant.ts';
import { EVERYTHING, U64_MAX, pageOf, pageSpan, spanOf, startOf, toAddress } from '../iommufd/address.ts';
import type { Span } from '../iommufd/address.ts';
import type { HwDomain } from '../iommufd/hw-domain.ts';
import { READ, WRITE } from '../iommufd/hw-domain.ts';
import { IntervalIndex } from '../iommufd/interval-index.ts';
import type { PageSource, PinAccount } from '../iommufd/memory.ts';
import * as vfio from '../iommufd/vfio-uapi.ts';
import type { BitSink } from '../iommufd/user-bitmap.ts';
import { BITMAP_BYTES_MAX, bitZero, bitmapFits, readsDirty, unmapsWithDirty } from './bitmap-rules.ts';
import { AS_MERGED } from './type1-rules.ts';
import type { Type1Rules } from './type1-rules.ts';
import { isValid } from './valid-iova.ts';
import type { ValidRange } from './valid-iova.ts';
import { TRACKED_PAGES_MAX, VfioDma } from './vfio-dma.ts';

/** Pages pinned at a time: PAGE_SIZE / sizeof(struct page *). */
const PIN_BATCH = 512;

/** A group without an IOMMU of its own that pins through the container. */
export interface EmulatedGroup {
  readonly name: string;
  /** Must unpin what it holds of the range (ops->dma_unmap). */
  dmaUnmap(firstPage: number, pages: number): void;
}

export interface Type1Options {
  readonly v2: boolean;
  readonly memory: PageSource;
  readonly account: PinAccount;
  /** Module parameter dma_entry_limit. */
  readonly dmaEntryLimit?: number;
  readonly rules?: Type1Rules;
}

export class Type1Container {
  readonly v2: boolean;
  readonly rules: Type1Rules;
  readonly memory: PageSource;
  readonly account: PinAccount;
  readonly dmas = new IntervalIndex<VfioDma>();
  /** One for groups that share it; the newest first. */
  domains: HwDomain[] = [];
  emulated: EmulatedGroup[] = [];
  validRanges: readonly ValidRange[] = [];
  /** Groups behind an IOMMU that have not declared, by pinning, that they dirty pinned pages only. */
  nonPinnedGroups = 0;
  tracking = false;
  vaddrInvalidCount = 0;
  pageSizes = U64_MAX & ~0xfffn;
  private available: number;

  constructor(options: Type1Options) {
    this.v2 = options.v2;
    this.memory = options.memory;
    this.account = options.account;
    this.available = options.dmaEntryLimit ?? 65535;
    this.rules = options.rules ?? AS_MERGED;
  }

  /** Mappings that may still be made. */
  get dmaAvail(): number {
    return this.available;
  }

  /** The smallest page of the container: what maps are aligned to and what a dirty bit stands for. */
  get pageSize(): bigint {
    return this.pageSizes & -this.pageSizes;
  }

  /** VFIO_IOMMU_MAP_DMA. */
  mapDma(request: vfio.MapDma): Outcome<undefined> {
    const known = vfio.MAP_READ | vfio.MAP_WRITE | vfio.MAP_VADDR;
    if (request.argsz < vfio.MAP_MIN_SIZE || (request.flags & ~known) !== 0) {
      return refuse('EINVAL', 'argsz too small or an unknown flag');
    }
    const { iova, vaddr, size } = request;
    if (size === 0n) return refuse('EINVAL', 'the size is 0');
    const span = spanOf(iova, size);
    if (span === undefined || spanOf(vaddr, size) === undefined) return refuse('EOVERFLOW', 'a range wraps');
    const setsVaddr = (request.flags & vfio.MAP_VADDR) !== 0;
    const access =
      ((request.flags & vfio.MAP_READ) === 0 ? 0 : READ) | ((request.flags & vfio.MAP_WRITE) === 0 ? 0 : WRITE);
    if (setsVaddr === (access !== 0)) return refuse('EINVAL', 'READ or WRITE, or VADDR, but not both');
    if (((size | iova | vaddr) & (this.pageSize - 1n)) !== 0n) return refuse('EINVAL', 'not aligned to the page size');
    if (setsVaddr) return this.setVaddr(span, pageOf(vaddr));
    return this.map(pageOf(iova), span.lastPage - span.startPage + 1, pageOf(vaddr), access);
  }

  /** Maps whole pages. */
  map(firstPage: number, pages: number, vaddrPage: number, access: number): Outcome<undefined> {
    const span = pageSpan(firstPage, pages);
    if (this.dmas.firstIntersecting(span) !== undefined) return refuse('EEXIST', 'the range meets a mapping');
    if (this.available === 0) return refuse('ENOSPC', 'dma_entry_limit is reached');
    if (this.validRanges.length > 0 && !isValid(this.validRanges, startOf(span), toAddress(span.lastPage, 0xfff))) {
      return refuse('EINVAL', 'the range does not lie in one valid IOVA range');
    }
    const dma = new VfioDma(firstPage, pages, vaddrPage, access);
    this.available--;
    this.dmas.insert(dma);
    let failure = this.domains.length === 0 ? undefined : this.pinAndMap(dma, this.domains);
    if (failure === undefined && this.tracking && !this.canTrack(dma)) failure = 'EINVAL';
    if (failure === undefined) return done;
    this.remove(dma);
    return refuse(failure, 'the mapping cannot be pinned, mapped or tracked');
  }

  private setVaddr(span: Span, vaddrPage: number): Outcome<undefined> {
    const dma = this.dmas.firstIntersecting(span);
    if (dma === undefined) return refuse('ENOENT', 'no mapping there');
    if (!dma.vaddrInvalid || dma.startPage !== span.startPage || dma.lastPage !== span.lastPage) {
      return refuse('EINVAL', 'the mapping is not this one, or its vaddr is valid');
    }
    dma.vaddrPage = vaddrPage;
    dma.vaddrInvalid = false;
    this.vaddrInvalidCount--;
    return done;
  }

  /** VFIO_IOMMU_UNMAP_DMA; answers the bytes unmapped (or, with VADDR, marked). Dirty bits go to `sink`. */
  unmapDma(request: vfio.UnmapDma, sink?: BitSink): Outcome<bigint> {
    const { flags, iova, size, bitmap } = request;
    const known = vfio.UNMAP_FLAG_GET_DIRTY_BITMAP | vfio.UNMAP_FLAG_ALL | vfio.UNMAP_FLAG_VADDR;
    if (request.argsz < vfio.UNMAP_MIN_SIZE || (flags & ~known) !== 0) {
      return refuse('EINVAL', 'argsz too small or an unknown flag');
    }
    const dirty = (flags & vfio.UNMAP_FLAG_GET_DIRTY_BITMAP) !== 0;
    const all = (flags & vfio.UNMAP_FLAG_ALL) !== 0;
    const vaddr = (flags & vfio.UNMAP_FLAG_VADDR) !== 0;
    if (dirty && (all || vaddr)) return refuse('EINVAL', 'GET_DIRTY_BITMAP goes with neither ALL nor VADDR');
    if (dirty) {
      if (request.argsz < vfio.UNMAP_MIN_SIZE + vfio.BITMAP_SIZE || bitmap === undefined) {
        return refuse('EINVAL', 'argsz leaves out the bitmap');
      }
      if (!this.bitmapFits(iova, size, bitmap)) return refuse('EINVAL', 'the bitmap’s size is wrong');
    }
    if (vaddr && this.emulated.length > 0) return refuse('EBUSY', 'a mediated device is in the container');
    const pageMask = this.pageSize - 1n;
    if ((iova & pageMask) !== 0n) return refuse('EINVAL', 'the IOVA is not aligned');
    if (all && (iova !== 0n || size !== 0n)) return refuse('EINVAL', 'ALL goes with iova and size 0');
    if (!all && (size === 0n || (size & pageMask) !== 0n)) return refuse('EINVAL', 'the size is 0 or not aligned');
    const span = all ? EVERYTHING : spanOf(iova, size);
    if (span === undefined) return refuse('EOVERFLOW', 'the range wraps');
    if (dirty && (!this.tracking || bitmap!.pgsize !== this.pageSize)) {
      return refuse('EINVAL', 'not tracking, or not the smallest page size');
    }
    if (!all && this.v2 && this.bisects(span)) return refuse('EINVAL', 'the range bisects a mapping');
    if (dirty && !unmapsWithDirty(this.rules, this.isOneMapping(span))) {
      return refuse('EINVAL', 'the range is not exactly one mapping');
    }
    if (vaddr) return this.invalidateVaddrs(span);
    const pages = this.unmap(span, dirty ? sink : undefined);
    return ok(BigInt(pages) * 4096n);
  }

  /** Removes the mappings of a range, reporting their dirt first where a sink is given. Answers pages removed. */
  unmap(span: Span, sink?: BitSink): number {
    let pages = 0;
    let dma = this.dmas.firstIntersecting(span);
    while (dma !== undefined && dma.startPage <= span.lastPage) {
      // v1 keeps a mapping that starts before the range, and stops there.
      if (!this.v2 && span.startPage > dma.startPage) break;
      if (dma.pins.size > 0) {
        for (const group of this.emulated) group.dmaUnmap(dma.startPage, dma.pages);
      }
      if (sink !== undefined) this.reportDirty(dma, span.startPage, sink);
      pages += dma.pages;
      const next = this.dmas.after(dma);
      this.remove(dma);
      dma = next;
    }
    return pages;
  }

  private invalidateVaddrs(span: Span): Outcome<bigint> {
    const marked: VfioDma[] = [];
    for (
      let dma = this.dmas.firstIntersecting(span);
      dma !== undefined && dma.startPage <= span.lastPage;
      dma = this.dmas.after(dma)
    ) {
      if (!this.v2 && span.startPage > dma.startPage) break;
      if (dma.vaddrInvalid) {
        for (const other of marked) other.vaddrInvalid = false;
        this.vaddrInvalidCount -= marked.length;
        return refuse('EINVAL', 'a mapping’s vaddr is invalid already');
      }
      dma.vaddrInvalid = true;
      this.vaddrInvalidCount++;
      marked.push(dma);
    }
    return ok(marked.reduce((bytes, dma) => bytes + BigInt(dma.pages) * 4096n, 0n));
  }

  /** VFIO_IOMMU_DIRTY_PAGES_FLAG_START; again does nothing. */
  startTracking(): Outcome<undefined> {
    if (this.tracking) return done;
    for (let dma = this.dmas.first(); dma !== undefined; dma = this.dmas.after(dma)) {
      if (!this.canTrack(dma)) return refuse('EINVAL', 'a mapping has more pages than a bitmap');
    }
    this.dmas.forEach((dma) => {
      dma.resetToPins();
    });
    this.tracking = true;
    return done;
  }

  stopTracking(): void {
    this.tracking = false;
    this.dmas.forEach((dma) => {
      dma.forget();
    });
  }

  /** VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP. */
  getDirtyBitmap(
    request: { readonly iova: bigint; readonly size: bigint; readonly bitmap: vfio.VfioBitmap },
    sink: BitSink,
  ): Outcome<undefined> {
    const { iova, size, bitmap } = request;
    if (size === 0n) return refuse('EINVAL', 'the size is 0');
    const span = spanOf(iova, size);
    if (span === undefined) return refuse('EOVERFLOW', 'the range wraps');
    if (!this.bitmapFits(iova, size, bitmap)) return refuse('EINVAL', 'the bitmap’s size is wrong');
    if (bitmap.pgsize !== this.pageSize) return refuse('EINVAL', 'not the smallest page size');
    if (((iova | size) & (this.pageSize - 1n)) !== 0n) return refuse('EINVAL', 'the range is not aligned');
    if (!this.tracking) return refuse('EINVAL', 'tracking is off');
    if (this.bisects(span)) return refuse('EINVAL', 'the range bisects a mapping');
    if (!readsDirty(this.rules, this.isOneMapping(span))) {
      return refuse('EINVAL', 'the range is not exactly one mapping');
    }
    this.readDirty(span, sink);
    return done;
  }

  /** Reads and resets the bits of the mappings of a range, which bisects none. Bit 0 is at `bitmapBase`. */
  readDirty(span: Span, sink: BitSink): void {
    for (
      let dma = this.dmas.firstIntersecting(span);
      dma !== undefined && dma.startPage <= span.lastPage;
      dma = this.dmas.after(dma)
    ) {
      this.reportDirty(dma, span.startPage, sink);
      dma.resetToPins();
    }
  }

  /** The page bit 0 of a bitmap for a range stands for. */
  bitmapBase(firstPage: number): number {
    const perBit = Number(this.pageSize / 4096n);
    return bitZero(this.rules, Math.floor(firstPage / perBit)) * perBit;
  }

  /** VFIO_IOMMU_GET_INFO. */
  getInfo(argsz: number | undefined): Outcome<vfio.ContainerInfo> {
    if (argsz !== undefined && argsz < vfio.INFO_MIN_SIZE) return refuse('EINVAL', 'argsz too small');
    return ok(
      vfio.containerInfo(argsz, this.pageSizes, {
        migration: { pgsizeBitmap: this.pageSize, maxDirtyBitmapSize: BigInt(BITMAP_BYTES_MAX) },
        dmaAvail: this.available,
        iovaRanges: this.validRanges.length === 0 ? undefined : this.validRanges,
      }),
    );
  }

  checkExtension(extension: number): number {
    switch (extension) {
      case vfio.TYPE1_IOMMU:
      case vfio.TYPE1V2_IOMMU:
      case vfio.UNMAP_ALL:
        return 1;
      case vfio.UPDATE_VADDR:
        return this.emulated.length === 0 ? 1 : 0;
      case vfio.DMA_CC_IOMMU:
        return this.domains.every((domain) => domain.iommu.driver.enforcesCoherency) ? 1 : 0;
      default:
        return 0;
    }
  }

  /** Removes a mapping with its pins of IOMMU pages and their charge. */
  remove(dma: VfioDma): void {
    if (dma.iommuMapped) this.unmapFromDomains(dma);
    invariant(dma.pins.size === 0, 'devices have unpinned what goes');
    this.dmas.remove(dma);
    if (dma.vaddrInvalid) this.vaddrInvalidCount--;
    this.available++;
  }

  removeAll(): void {
    for (let dma = this.dmas.first(); dma !== undefined; dma = this.dmas.first()) this.remove(dma);
  }

  /** Takes a mapping out of the domains; pages that devices have pinned stay charged. */
  unmapFromDomains(dma: VfioDma): void {
    for (const domain of this.domains) domain.unmap(dma);
    dma.iommuMapped = false;
    this.account.release('mm', dma.pages - dma.pins.size);
  }

  /** Pins all pages of a mapping and maps them into `domains`. Nothing stays on failure. */
  pinAndMap(dma: VfioDma, domains: readonly HwDomain[]): Errno | undefined {
    const fault = this.pinFault(dma);
    if (fault !== undefined) return fault;
    const slice = { source: this.memory, firstPage: dma.vaddrPage, offset: 0 };
    for (let i = 0; i < domains.length; i++) {
      const failure = domains[i]!.map(dma, slice, dma.access, false);
      if (failure === undefined) continue;
      for (let j = 0; j < i; j++) domains[j]!.unmap(dma);
      return failure;
    }
    this.account.charge('mm', dma.pages - dma.pins.size);
    dma.iommuMapped = true;
    return undefined;
  }

  /** Which comes first, page by page in batches: a page that is not there, or the limit. */
  private pinFault(dma: VfioDma): Errno | undefined {
    const { pages } = dma;
    const unpinned = pages - dma.pins.size;
    if (this.memory.contiguous(dma.vaddrPage, pages) === pages && this.account.fits('mm', unpinned)) return undefined;
    let charge = 0;
    for (let at = 0; at < pages;) {
      const there = this.memory.contiguous(dma.vaddrPage + at, Math.min(PIN_BATCH, pages - at));
      if (there === 0) return this.memory.missing;
      const more = there - dma.pinsIn(at, there);
      if (more > 0 && !this.account.fits('mm', charge + more)) return 'ENOMEM';
      charge += more;
      at += there;
    }
    return undefined;
  }

  private canTrack(dma: VfioDma): boolean {
    return dma.pages / Number(this.pageSize / 4096n) <= TRACKED_PAGES_MAX;
  }

  /** Whether the range starts or ends inside a mapping that reaches beyond it. */
  private bisects(span: Span): boolean {
    const first = this.dmas.at(span.startPage, span.startOffset);
    if (first !== undefined && first.startPage !== span.startPage) return true;
    const last = this.dmas.at(span.lastPage, span.lastOffset);
    return last !== undefined && last.lastPage !== span.lastPage;
  }

  private isOneMapping(span: Span): boolean {
    const dma = this.dmas.firstIntersecting(span);
    return dma !== undefined && dma.startPage === span.startPage && dma.lastPage === span.lastPage;
  }

  /** For what the user says; sizes that a double does not hold exactly are far beyond any bitmap. */
  private bitmapFits(iova: bigint, size: bigint, bitmap: vfio.VfioBitmap): boolean {
    // __ffs(0) is 64 on x86-64, and a shift by 64 is one by 0.
    const pageSize = bitmap.pgsize === 0n ? 1n : bitmap.pgsize & -bitmap.pgsize;
    const leadIn = Number((iova / pageSize) % 64n);
    return bitmapFits(this.rules, leadIn, Number(size / pageSize), Number(bitmap.size));
  }

  private reportDirty(dma: VfioDma, rangeFirst: number, sink: BitSink): void {
    const perBit = Number(this.pageSize / 4096n);
    const offset = dma.startPage - this.bitmapBase(rangeFirst);
    const report = (first: number, count: number): void => {
      const firstBit = Math.floor((offset + first) / perBit);
      sink.setBits(firstBit, Math.ceil((offset + first + count) / perBit) - firstBit);
    };
    if (this.nonPinnedGroups > 0 && dma.iommuMapped) report(0, dma.pages);
    else dma.forEachDirty(report);
  }
}
