// The rules of a type1 dirty bitmap, in one place for the ioctls (type1.ts) and for the simulated VMM (viommu/type1-bitmaps.ts).
//
// A bitmap comes in 64-bit words, at most 256 MiB of them. Bit 0 is the first page asked for, or, in the proposed variant,
// the first page of the aligned 64 that it lies in: then a page has the same place in its word in every bitmap, and bitmaps
// of neighbours merge without a shift.
// Source: drivers/vfio/vfio_iommu_type1.c verify_bitmap_size(), update_user_bitmap(); type1-rules.ts for the variants.

import type { Type1Rules } from './type1-rules.ts';

/** Most bytes of a bitmap: 2^31 pages, 8 TiB at 4 KiB. */
export const BITMAP_BYTES_MAX = 0x1000_0000;
const WORD_BITS = 64;

/** The page (in units of the bitmap's) that bit 0 stands for, in a bitmap asked for from `firstPage` on. */
export function bitZero(rules: Type1Rules, firstPage: number): number {
  return rules.bitmapBase === 'iova' ? firstPage : firstPage - (firstPage % WORD_BITS);
}

/** Bytes that a bitmap for the range needs: whole words. `leadIn`: firstPage modulo 64. */
export function bitmapBytes(rules: Type1Rules, leadIn: number, pages: number): number {
  const lead = rules.bitmapBase === 'iova' ? 0 : leadIn;
  return 8 * Math.ceil((pages + lead) / WORD_BITS);
}

/** verify_bitmap_size(): whether the kernel takes a bitmap of `bytes` for the range. */
export function bitmapFits(rules: Type1Rules, leadIn: number, pages: number, bytes: number): boolean {
  return pages > 0 && bytes > 0 && bytes <= BITMAP_BYTES_MAX && bytes >= bitmapBytes(rules, leadIn, pages);
}

/** Whether UNMAP_DMA with a dirty bitmap takes a range, which bisects no mapping and is exactly one or not. */
export function unmapsWithDirty(rules: Type1Rules, exactlyOne: boolean): boolean {
  return exactlyOne || rules.unmapDirty === 'whole-mappings';
}

/** Whether DIRTY_PAGES_GET_BITMAP takes a range, which bisects no mapping and is exactly one or not. */
export function readsDirty(rules: Type1Rules, exactlyOne: boolean): boolean {
  return exactlyOne || rules.retrieval === 'range';
}

/** Whether a bitmap merges into another by whole words: its bit 0 stands for bit `targetBit` there. */
export function mergesByWords(targetBit: number): boolean {
  return targetBit % WORD_BITS === 0;
}
