// How often each page of a range of pages is covered by intervals that come and go: the union of the areas in a domain and
// of the accesses of one iopt_pages (domains_itree and access_itree of drivers/iommu/iommufd/pages.c). Pins follow the
// union: a page is pinned when it is covered first and unpinned when its last cover goes.
//
// Nearly every iopt_pages has one area and no access, so one interval is held in place; from the second different one on,
// segments of equal depth lie in an IntervalIndex.
// Invariants: segments are disjoint and have depth ≥ 1; neighbours of equal depth are joined; `pages` is their sum.
import { IntervalIndex } from './interval-index.ts';
import type { Span } from './address.ts';

interface Segment extends Span {
  startPage: number;
  readonly startOffset: 0;
  lastPage: number;
  readonly lastOffset: 0;
  depth: number;
}

const segment = (startPage: number, lastPage: number, depth: number): Segment => ({
  startPage,
  startOffset: 0,
  lastPage,
  lastOffset: 0,
  depth,
});

export type PageRunVisitor = (first: number, last: number) => void;

export class PageCoverage {
  /** Pages covered at least once. */
  pages = 0;
  private soleFirst = 0;
  private soleLast = -1;
  private soleDepth = 0;
  private index: IntervalIndex<Segment> | undefined;

  /** Visits the parts of first … last that nothing covers, ascending. */
  forEachHole(first: number, last: number, visit: PageRunVisitor): void {
    if (this.index === undefined) {
      if (this.soleDepth === 0 || this.soleLast < first || this.soleFirst > last) {
        visit(first, last);
        return;
      }
      if (first < this.soleFirst) visit(first, this.soleFirst - 1);
      if (last > this.soleLast) visit(this.soleLast + 1, last);
      return;
    }
    let at = first;
    let next = this.index.firstIn(first, 0, last, 0);
    while (next !== undefined && next.startPage <= last) {
      if (next.startPage > at) visit(at, next.startPage - 1);
      at = next.lastPage + 1;
      next = this.index.after(next);
    }
    if (at <= last) visit(at, last);
  }

  /** Pages of first … last that nothing covers. */
  uncovered(first: number, last: number): number {
    if (this.index === undefined && this.soleDepth === 0) return last - first + 1;
    let pages = 0;
    this.forEachHole(first, last, (from, to) => {
      pages += to - from + 1;
    });
    return pages;
  }

  add(first: number, last: number): void {
    this.pages += this.uncovered(first, last);
    if (this.index === undefined) {
      if (this.soleDepth === 0 || (this.soleFirst === first && this.soleLast === last)) {
        this.soleFirst = first;
        this.soleLast = last;
        this.soleDepth++;
        return;
      }
      this.index = new IntervalIndex<Segment>();
      this.index.insert(segment(this.soleFirst, this.soleLast, this.soleDepth));
      this.soleDepth = 0;
    }
    const { index } = this;
    this.cut(first);
    this.cut(last + 1);
    const holes: Segment[] = [];
    this.forEachHole(first, last, (from, to) => {
      holes.push(segment(from, to, 0));
    });
    for (const hole of holes) index.insert(hole);
    for (let s = index.firstIn(first, 0, last, 0); s !== undefined && s.startPage <= last; s = index.after(s))
      s.depth++;
    this.joinAt(first);
    this.joinAt(last + 1);
  }

  /** Takes back one `add` of exactly this interval. */
  remove(first: number, last: number): void {
    if (this.index === undefined) {
      this.soleDepth--;
      if (this.soleDepth === 0) this.pages = 0;
      return;
    }
    const { index } = this;
    this.cut(first);
    this.cut(last + 1);
    let s = index.firstIn(first, 0, last, 0);
    while (s !== undefined && s.startPage <= last) {
      const next = index.after(s);
      s.depth--;
      if (s.depth === 0) {
        this.pages -= s.lastPage - s.startPage + 1;
        index.remove(s);
      }
      s = next;
    }
    this.joinAt(first);
    this.joinAt(last + 1);
    if (index.size === 0) this.index = undefined;
  }

  /** Makes a segment start at `page` if one reaches over it. */
  private cut(page: number): void {
    const over = page > 0 ? this.index!.at(page - 1, 0) : undefined;
    if (over === undefined || over.lastPage < page) return;
    const upper = segment(page, over.lastPage, over.depth);
    over.lastPage = page - 1;
    this.index!.insert(upper);
  }

  private joinAt(page: number): void {
    const index = this.index!;
    const below = page > 0 ? index.at(page - 1, 0) : undefined;
    const above = index.at(page, 0);
    if (below === undefined || above === undefined || below === above || below.depth !== above.depth) return;
    index.remove(above);
    below.lastPage = above.lastPage;
  }
}
