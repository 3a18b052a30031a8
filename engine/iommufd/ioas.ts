// An I/O address space: areas, reserved and allowed ranges, domains, accesses (kernel: struct io_pagetable in an
// iommufd_ioas). Every domain holds every area; adding a domain fills it, or leaves all as it was.
//
// Checks come in the order of the kernel's functions, so that the errno is right when two things are wrong. The same
// methods serve the ioctl scripts and the simulation: addresses are pairs of numbers (address.ts), bigint only where a
// user's 64-bit field comes in (`place`).
// Sources: drivers/iommu/iommufd/io_pagetable.c, pages.c iopt_area_fill_domains().
// Left out: locks and the races they settle (EBUSY of an area being mapped or locked), CPU cache maintenance.
// Invariants: areas do not overlap each other or a reserved interval; an area is `filled` exactly when there is a domain;
// `alignment` is at least each domain's smallest page and each access's.
import { done, ok, refuse } from '../core/errno.ts';
import type { Errno, Outcome } from '../core/errno.ts';
import { PAGE_SIZE } from '../core/units.ts';
import { allocIova, requestKind } from './alloc-iova.ts';
import { EVERYTHING, isAlignedOffset, isLengthAligned, offsetOf, pageOf, spanFromTo, spanOf } from './address.ts';
import type { Span } from './address.ts';
import type { Area } from './area.ts';
import { follows } from './area.ts';
import type { HwDomain } from './hw-domain.ts';
import { WRITE } from './hw-domain.ts';
import { IntervalIndex } from './interval-index.ts';
import { ReservedIntervals, gapsBetween, joined } from './reserved.ts';
import type { Owner } from './reserved.ts';

/** Kinds of automatic requests that are remembered. */
const KINDS_MAX = 64;

/** An in-kernel user of an IOAS (kernel: struct iommufd_access). */
export interface IoasUser {
  /** iova_alignment it demands. */
  readonly alignment: number;
  /** Must drop every pin it holds in the range. */
  dropPins(span: Span): void;
}

export interface UnmapResult {
  readonly errno: Errno | undefined;
  /** What went, also when the call failed half way: `pages` whole pages and `bytes` more. */
  readonly pages: number;
  readonly bytes: number;
}

export const unmappedBytes = (result: UnmapResult): bigint => BigInt(result.pages) * 4096n + BigInt(result.bytes);

export class Ioas {
  readonly areas = new IntervalIndex<Area>();
  readonly domains: HwDomain[] = [];
  readonly users = new Set<IoasUser>();
  /** Hears before so many areas are made; may throw to forbid it. For hosts that bound work. */
  onInsert: ((areas: number) => void) | undefined;
  private readonly reserved = new ReservedIntervals();
  private allowed: readonly Span[] = [];
  private iovaAlignment = 1;
  /**
   * For each kind of automatic request, the lowest address at which room was found: as long as nothing is freed there is none
   * below, so that a search begins there.
   */
  private readonly noRoomBelow = new Map<string, bigint>();
  private small = false;

  /** Every IOVA, length and page offset is a multiple of this. */
  get alignment(): number {
    return this.iovaAlignment;
  }

  /** Off: areas are mapped in pieces of PAGE_SIZE and may be cut. */
  get largePages(): boolean {
    return !this.small;
  }

  /** The ranges nothing reserves, ascending. */
  get iovaRanges(): Span[] {
    return gapsBetween(this.reserved.spans);
  }

  reserve(span: Span, owner: Owner): Outcome<undefined> {
    if (this.areas.firstIntersecting(span) !== undefined) return refuse('EADDRINUSE', 'an area lies in the range');
    for (const range of this.allowed) {
      if (overlap(range, span)) return refuse('EADDRINUSE', 'an allowed range lies in the range');
    }
    this.reserved.add(span, owner);
    return done;
  }

  unreserve(owner: Owner): void {
    this.reserved.removeOwner(owner);
    this.noRoomBelow.clear();
  }

  /**
   * Replaces the allowed list; the old one stays on failure. `truncated`: more ranges were announced than the user's memory
   * holds, which counts when all that can be read are well formed.
   */
  allow(ranges: readonly { readonly start: bigint; readonly last: bigint }[], truncated = false): Outcome<undefined> {
    const list = new IntervalIndex<Span>();
    for (const { start, last } of ranges) {
      if (start >= last) return refuse('EINVAL', 'a range must have start below last');
      const span = spanFromTo(start, last);
      if (list.firstIntersecting(span) !== undefined) return refuse('EINVAL', 'two ranges overlap');
      list.insert(span);
    }
    if (truncated) return refuse('EFAULT', 'the array ends before num_iovas');
    const allowed: Span[] = [];
    list.forEach((span) => allowed.push(span));
    for (const span of allowed) {
      if (this.reserved.intersects(span)) return refuse('EADDRINUSE', 'a range meets a reserved interval');
    }
    this.allowed = allowed;
    this.noRoomBelow.clear();
    return done;
  }

  /** Where a map of `length` bytes goes: at `iova`, or at an address of the kernel's choice (`undefined`). */
  place(iova: bigint | undefined, length: bigint, address: bigint): Outcome<Span> {
    if (length === 0n || !isAlignedOffset(offsetOf(length), this.iovaAlignment)) {
      return refuse('EINVAL', 'the length is no multiple of the IOVA alignment');
    }
    if (iova === undefined) return this.placeAnywhere(length, address);
    if (!isAlignedOffset(offsetOf(iova), this.iovaAlignment)) return refuse('EINVAL', 'the IOVA is not aligned');
    const span = spanOf(iova, length);
    if (span === undefined) return refuse('EOVERFLOW', 'IOVA and length pass 2^64');
    const failure = this.occupied(span);
    return failure ?? ok(span);
  }

  /** Whether a fixed range is free: the checks of `place` for a range in numbers. */
  checkFixed(span: Span): Outcome<undefined> {
    if (!isLengthAligned(span, this.iovaAlignment) || !isAlignedOffset(span.startOffset, this.iovaAlignment)) {
      return refuse('EINVAL', 'the range is not aligned');
    }
    return this.occupied(span) ?? done;
  }

  /** Inserts areas at places that were checked, and fills all domains. Nothing stays on failure. */
  insert(areas: readonly Area[]): Outcome<undefined> {
    this.onInsert?.(areas.length);
    for (const area of areas) {
      if ((area.access & WRITE) !== 0 && !area.pages.writable) return refuse('EPERM', 'the memory is pinned read-only');
      if (!isAlignedOffset(area.offset, this.iovaAlignment)) return refuse('EINVAL', 'the memory is not aligned');
    }
    for (let i = 0; i < areas.length; i++) {
      const failure = this.fill(areas[i]!);
      if (failure === undefined) continue;
      for (let j = 0; j < i; j++) this.unfill(areas[j]!);
      return refuse(failure, 'the area cannot be put into the domains');
    }
    for (const area of areas) this.areas.insert(area);
    return done;
  }

  /** One map of whole memory at a fixed range: check and insert. */
  map(area: Area): Outcome<undefined> {
    const free = this.checkFixed(area);
    return free.ok ? this.insert([area]) : free;
  }

  /** The pieces of areas that cover `span` without a hole, or undefined. Each comes with the part of `span` it covers. */
  pieces(span: Span): { readonly area: Area; readonly span: Span }[] | undefined {
    const result: { area: Area; span: Span }[] = [];
    const complete = this.forEachContiguous(span, (area, part) => {
      result.push({ area, span: part });
    });
    return complete ? result : undefined;
  }

  /**
   * Visits the areas from the start of `span` up to its end or to the first address no area covers; false if it ended
   * before. The visitor may stop the walk by answering false.
   */
  forEachContiguous(span: Span, visit: (area: Area, part: Span) => unknown): boolean {
    let area = this.areas.at(span.startPage, span.startOffset);
    let startPage = span.startPage;
    let startOffset = span.startOffset;
    while (area !== undefined) {
      const reachesEnd = !isBefore(area.lastPage, area.lastOffset, span.lastPage, span.lastOffset);
      const end = reachesEnd ? span : area;
      const part = { startPage, startOffset, lastPage: end.lastPage, lastOffset: end.lastOffset };
      if (visit(area, part) === false) return false;
      if (reachesEnd) return true;
      const next = this.areas.after(area);
      if (next === undefined || !follows(area, next)) return false;
      area = next;
      startPage = area.startPage;
      startOffset = area.startOffset;
    }
    return false;
  }

  /** Unmaps every area in `span`. Not atomic: areas below the one that stops it are gone. Nothing there is no error here. */
  unmap(span: Span): UnmapResult {
    let pages = 0;
    let bytes = 0;
    for (;;) {
      const area = this.areas.firstIntersecting(span);
      if (area === undefined) return { errno: undefined, pages, bytes };
      if (
        isBefore(area.startPage, area.startOffset, span.startPage, span.startOffset) ||
        isBefore(span.lastPage, span.lastOffset, area.lastPage, area.lastOffset)
      ) {
        return { errno: 'ENOENT', pages, bytes };
      }
      if (area.accesses > 0) {
        area.preventAccess = true;
        for (const user of this.users) user.dropPins(area);
        if (area.accesses > 0) return { errno: 'EDEADLK', pages, bytes };
      }
      this.areas.remove(area);
      this.noRoomBelow.clear();
      this.unfill(area);
      pages += area.lastPage - area.startPage;
      bytes += area.lastOffset - area.startOffset + 1;
    }
  }

  unmapAll(): UnmapResult {
    return this.unmap(EVERYTHING);
  }

  /** Cuts the area over `address` after it (VFIO type1 v1 on iommufd). */
  cutAfter(page: number, offset: number): Outcome<undefined> {
    const area = this.areas.at(page, offset);
    if (area === undefined || isAt(area.startPage, area.startOffset, page, offset)) return done;
    if (isAt(area.lastPage, area.lastOffset, page, offset)) return done;
    if (area.preventAccess) return refuse('EBUSY', 'the area is being unmapped');
    const lowerSpan = { ...spanOfArea(area), lastPage: page, lastOffset: offset };
    const upperPage = offset === 0xfff ? page + 1 : page;
    const upperOffset = (offset + 1) & 0xfff;
    const upperSpan = { ...spanOfArea(area), startPage: upperPage, startOffset: upperOffset };
    if (
      !isAlignedOffset(upperOffset, this.iovaAlignment) ||
      !isAlignedOffset(area.offsetAt(upperOffset), this.iovaAlignment)
    ) {
      return refuse('EINVAL', 'the cut is not aligned');
    }
    if (area.accesses > 0) return refuse('EINVAL', 'the area is in use by an access');
    if (area.filled && !this.small) return refuse('EINVAL', 'a domain may hold large pages');
    const lower = area.part(lowerSpan);
    const upper = area.part(upperSpan);
    this.areas.remove(area);
    this.noRoomBelow.clear();
    for (const half of [lower, upper]) {
      half.filled = area.filled;
      if (half.filled) invariantPin(half);
      this.areas.insert(half);
    }
    if (area.filled) area.pages.unpin(area.index, area.lastIndex);
    return done;
  }

  /** Adds a domain and fills it with every area. On failure all is as before. */
  addDomain(domain: HwDomain): Outcome<undefined> {
    const alignment = Math.max(domain.smallestPage, this.iovaAlignment);
    if (alignment > PAGE_SIZE) return refuse('EINVAL', 'the smallest page of the domain is larger than PAGE_SIZE');
    if (alignment !== this.iovaAlignment && !this.areasAligned(alignment)) {
      return refuse('EADDRINUSE', 'an area is not aligned to the smallest page of the domain');
    }
    for (const gap of gapsBetween([domain.iommu.aperture])) {
      const reserved = this.reserve(gap, domain);
      if (!reserved.ok) {
        this.unreserve(domain);
        return reserved;
      }
    }
    const failure = this.fillDomain(domain);
    if (failure !== undefined) {
      this.unreserve(domain);
      return refuse(failure, 'an area cannot be put into the domain');
    }
    this.iovaAlignment = alignment;
    this.domains.push(domain);
    return done;
  }

  removeDomain(domain: HwDomain): void {
    this.domains.splice(this.domains.indexOf(domain), 1);
    this.areas.forEach((area) => {
      domain.unmap(area);
      if (this.domains.length > 0) return;
      area.filled = false;
      area.pages.unpin(area.index, area.lastIndex);
    });
    this.unreserve(domain);
    this.iovaAlignment = this.neededAlignment();
  }

  addUser(user: IoasUser): Outcome<undefined> {
    this.users.add(user);
    if (this.raiseAlignment()) return done;
    this.users.delete(user);
    return refuse('EADDRINUSE', 'an area is not aligned as the access needs it');
  }

  removeUser(user: IoasUser): void {
    this.users.delete(user);
    this.iovaAlignment = this.neededAlignment();
  }

  setLargePages(on: boolean): Outcome<undefined> {
    if (on) {
      this.small = false;
      this.iovaAlignment = this.neededAlignment();
      return done;
    }
    if (this.small) return done;
    if (this.domains.length > 0 && this.areas.size > 0) return refuse('EINVAL', 'a domain holds areas already');
    this.small = true;
    if (this.raiseAlignment()) return done;
    this.small = false;
    return refuse('EADDRINUSE', 'an area is not PAGE_SIZE aligned');
  }

  private placeAnywhere(length: bigint, address: bigint): Outcome<Span> {
    const kind = requestKind(address, length);
    const iova = allocIova({
      address,
      length,
      alignment: this.iovaAlignment,
      allowed: this.allowed,
      usedFrom: (from) => this.usedFrom(from),
      noRoomBelow: this.noRoomBelow.get(kind) ?? 0n,
    });
    if (typeof iova === 'string') return refuse(iova, 'no IOVA can be chosen');
    if (this.noRoomBelow.size === KINDS_MAX) this.noRoomBelow.clear();
    this.noRoomBelow.set(kind, iova);
    return ok(spanFromTo(iova, iova + length - 1n));
  }

  /** Reserved intervals and areas from an address on, ascending. */
  private *usedFrom(from: bigint): Generator<Span> {
    const reserved = joined(this.reserved.spans);
    let next = 0;
    const above = { ...EVERYTHING, startPage: pageOf(from), startOffset: offsetOf(from) };
    let area: Area | undefined = this.areas.firstIntersecting(above);
    for (; area !== undefined; area = this.areas.after(area)) {
      for (; next < reserved.length; next++) {
        const span = reserved[next]!;
        if (!isBefore(span.startPage, span.startOffset, area.startPage, area.startOffset)) break;
        yield span;
      }
      yield area;
    }
    for (; next < reserved.length; next++) yield reserved[next]!;
  }

  private occupied(span: Span): Outcome<never> | undefined {
    if (this.reserved.intersects(span)) return refuse('EINVAL', 'the range meets a reserved interval');
    if (this.areas.firstIntersecting(span) !== undefined) return refuse('EEXIST', 'the range meets an area');
    return undefined;
  }

  /** Pins an area and maps it into every domain (a fault is found before a mapping fails, the limit after). */
  private fill(area: Area): Errno | undefined {
    if (this.domains.length === 0) return undefined;
    const lastIndex = area.lastIndex;
    const fault = area.pages.pinFault(area.index, lastIndex);
    if (fault !== undefined) return fault;
    for (let i = 0; i < this.domains.length; i++) {
      const failure = this.mapInto(this.domains[i]!, area);
      if (failure === undefined) continue;
      for (let j = 0; j < i; j++) this.domains[j]!.unmap(area);
      return failure;
    }
    if (!area.pages.pin(area.index, lastIndex)) {
      for (const domain of this.domains) domain.unmap(area);
      return 'ENOMEM';
    }
    area.filled = true;
    return undefined;
  }

  private unfill(area: Area): void {
    if (!area.filled) return;
    area.filled = false;
    for (const domain of this.domains) domain.unmap(area);
    area.pages.unpin(area.index, area.lastIndex);
  }

  private fillDomain(domain: HwDomain): Errno | undefined {
    const filled: Area[] = [];
    const firstDomain = this.domains.length === 0;
    let failure: Errno | undefined;
    for (let area = this.areas.first(); area !== undefined; area = this.areas.after(area)) {
      const lastIndex = area.lastIndex;
      failure = firstDomain ? area.pages.pinFault(area.index, lastIndex) : undefined;
      failure ??= this.mapInto(domain, area);
      if (failure !== undefined) break;
      if (firstDomain) {
        if (!area.pages.pin(area.index, lastIndex)) {
          domain.unmap(area);
          failure = 'ENOMEM';
          break;
        }
        area.filled = true;
      }
      filled.push(area);
    }
    if (failure === undefined) return undefined;
    for (const area of filled) {
      domain.unmap(area);
      if (!firstDomain) continue;
      area.filled = false;
      area.pages.unpin(area.index, area.lastIndex);
    }
    return failure;
  }

  private mapInto(domain: HwDomain, area: Area): Errno | undefined {
    const { pages } = area;
    const slice = { source: pages.source, firstPage: pages.firstPage + area.index, offset: area.offset };
    return domain.map(area, slice, area.access, this.small);
  }

  private neededAlignment(): number {
    let alignment = this.small ? PAGE_SIZE : 1;
    for (const domain of this.domains) alignment = Math.max(alignment, domain.smallestPage);
    for (const user of this.users) alignment = Math.max(alignment, user.alignment);
    return alignment;
  }

  private raiseAlignment(): boolean {
    const alignment = this.neededAlignment();
    if (alignment > this.iovaAlignment && !this.areasAligned(alignment)) return false;
    this.iovaAlignment = alignment;
    return true;
  }

  private areasAligned(alignment: number): boolean {
    for (let area = this.areas.first(); area !== undefined; area = this.areas.after(area)) {
      if (!isAlignedOffset(area.startOffset | area.offset, alignment) || !isLengthAligned(area, alignment))
        return false;
    }
    return true;
  }
}

/** Splitting moves a pin from one area to its halves: pages already pinned, so no limit applies. */
function invariantPin(half: Area): void {
  if (!half.pages.pin(half.index, half.lastIndex)) throw new Error('pages pinned already need no charge');
}

function isBefore(aPage: number, aOffset: number, bPage: number, bOffset: number): boolean {
  return aPage < bPage || (aPage === bPage && aOffset < bOffset);
}

const isAt = (aPage: number, aOffset: number, bPage: number, bOffset: number): boolean =>
  aPage === bPage && aOffset === bOffset;

const overlap = (a: Span, b: Span): boolean =>
  !isBefore(a.lastPage, a.lastOffset, b.startPage, b.startOffset) &&
  !isBefore(b.lastPage, b.lastOffset, a.startPage, a.startOffset);

const spanOfArea = (area: Area): Span => ({
  startPage: area.startPage,
  startOffset: area.startOffset,
  lastPage: area.lastPage,
  lastOffset: area.lastOffset,
});
