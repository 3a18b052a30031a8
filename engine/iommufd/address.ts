// 64-bit addresses as two numbers, and ranges of them.
//
// All 64 bits of an IOVA are legal and an IOAS without a domain works in bytes, but a double is exact to 2^53 only and
// bigint is too slow inside. So an address is a pair: a page (address >> 12, exact) and an offset of 0 … 4095 in it.
// Ranges are inclusive, `start … last`, since the end of the space is 2^64. bigint appears at the uAPI border only.
import { PAGE_SHIFT } from '../core/units.ts';

export const U64_MAX = (1n << 64n) - 1n;
/** Page number of the last page of the 64-bit space. */
export const LAST_PAGE = 0xf_ffff_ffff_ffff;
export const LAST_OFFSET = 0xfff;

const SHIFT = BigInt(PAGE_SHIFT);

/** The inclusive range startPage:startOffset … lastPage:lastOffset. */
export interface Span {
  readonly startPage: number;
  readonly startOffset: number;
  readonly lastPage: number;
  readonly lastOffset: number;
}

export const EVERYTHING: Span = { startPage: 0, startOffset: 0, lastPage: LAST_PAGE, lastOffset: LAST_OFFSET };

export const pageOf = (address: bigint): number => Number(address >> SHIFT);
export const offsetOf = (address: bigint): number => Number(address & 0xfffn);
export const toAddress = (page: number, offset: number): bigint => (BigInt(page) << SHIFT) | BigInt(offset);

export const spanFromTo = (start: bigint, last: bigint): Span => ({
  startPage: pageOf(start),
  startOffset: offsetOf(start),
  lastPage: pageOf(last),
  lastOffset: offsetOf(last),
});

/** The range of `length` ≥ 1 bytes, or undefined where it would pass 2^64 (check_add_overflow). */
export function spanOf(start: bigint, length: bigint): Span | undefined {
  const last = start + length - 1n;
  return last > U64_MAX ? undefined : spanFromTo(start, last);
}

/** A range of whole pages. */
export const pageSpan = (firstPage: number, pages: number): Span => ({
  startPage: firstPage,
  startOffset: 0,
  lastPage: firstPage + pages - 1,
  lastOffset: LAST_OFFSET,
});

export const startOf = (span: Span): bigint => toAddress(span.startPage, span.startOffset);
export const lastOf = (span: Span): bigint => toAddress(span.lastPage, span.lastOffset);

/** Negative, 0 or positive as address a lies below, at or above b. */
export function compareAddress(aPage: number, aOffset: number, bPage: number, bOffset: number): number {
  return aPage === bPage ? aOffset - bOffset : aPage - bPage;
}

export function intersects(a: Span, b: Span): boolean {
  return (
    compareAddress(a.startPage, a.startOffset, b.lastPage, b.lastOffset) <= 0 &&
    compareAddress(b.startPage, b.startOffset, a.lastPage, a.lastOffset) <= 0
  );
}

/** Low bits that decide alignment; `alignment` is a power of two of at most PAGE_SIZE, so that the offset alone decides. */
export const isAlignedOffset = (offset: number, alignment: number): boolean => (offset & (alignment - 1)) === 0;

/** Whether the span's length is a multiple of `alignment` (a power of two of at most PAGE_SIZE). */
export function isLengthAligned(span: Span, alignment: number): boolean {
  return ((span.lastOffset - span.startOffset + 1) & (alignment - 1)) === 0;
}
