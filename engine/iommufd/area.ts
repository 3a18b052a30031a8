// An area: what one MAP or COPY put at a range of IOVAs (kernel: struct iopt_area). It uses a slice of an iopt_pages.
import type { Span } from './address.ts';
import type { IoptPages } from './iopt-pages.ts';

export class Area implements Span {
  readonly startPage: number;
  readonly startOffset: number;
  readonly lastPage: number;
  readonly lastOffset: number;
  readonly pages: IoptPages;
  /** Page index in `pages` of the first byte, and its place in that page. */
  readonly index: number;
  readonly offset: number;
  /** READ, WRITE. */
  readonly access: number;
  /** Pins that in-kernel users hold in it. */
  accesses = 0;
  /** An unmap has asked users to let go: no new pins. */
  preventAccess = false;
  /** It is in the domains of its IOAS, and its pages are pinned for that. */
  filled = false;

  constructor(span: Span, pages: IoptPages, index: number, offset: number, access: number) {
    this.startPage = span.startPage;
    this.startOffset = span.startOffset;
    this.lastPage = span.lastPage;
    this.lastOffset = span.lastOffset;
    this.pages = pages;
    this.index = index;
    this.offset = offset;
    this.access = access;
  }

  get lastIndex(): number {
    return this.indexAt(this.lastPage, this.lastOffset);
  }

  /** Page index of the byte at an address of the area. */
  indexAt(page: number, offset: number): number {
    const bytes = this.offset + offset - this.startOffset;
    return this.index + (page - this.startPage) + Math.floor(bytes / 4096);
  }

  /** Place in its page of the byte at an address of the area. */
  offsetAt(offset: number): number {
    return (this.offset + offset - this.startOffset) & 0xfff;
  }

  /** The slice at `span`, a part of the area, as a new one. */
  part(span: Span): Area {
    return this.copyTo(span, span, this.access);
  }

  /** What lies at `from`, a part of the area, as an area at `to`, which is as long. */
  copyTo(from: Span, to: Span, access: number): Area {
    const index = this.indexAt(from.startPage, from.startOffset);
    return new Area(to, this.pages, index, this.offsetAt(from.startOffset), access);
  }
}

/** Whether `next` starts right where `area` ends. */
export function follows(area: Span, next: Span): boolean {
  return area.lastOffset === 0xfff
    ? next.startPage === area.lastPage + 1 && next.startOffset === 0
    : next.startPage === area.lastPage && next.startOffset === area.lastOffset + 1;
}
