// A set of page numbers below `pages` (at most 2^31), one bit each: KVM logs, IOMMU harvests, the migration bitmap, the oracle.
//
// Layout. Pages are split into chunks of CHUNK_PAGES (65,536: 256 MiB of guest, 8 KiB of bits), allocated when first
// written and kept for the life of the bitmap. A chunk is one Int32Array:
//   chunk[0 … 2047]     the bits; page p is bit (p & 31) of word (p & 0xffff) >>> 5
//   chunk[2048 … 2111]  the summary: bit (w & 31) of word 2048 + (w >>> 5) says whether chunk[w] is not 0
// `counts[c]` is the number of set bits of chunk c, `count` their sum.
//
// Hot loops of other rows may write words directly. They keep three things right: the summary (exact in both
// directions), counts[c], and count. `setBitInChunk` does the first; the caller adds what it returned to the other two
// through `noteSet`, once per batch if it likes, before anyone else looks:
//   const c = page >>> CHUNK_SHIFT;
//   const chunk = bitmap.chunks[c] ?? bitmap.chunkFor(c);
//   newly += setBitInChunk(chunk, page & CHUNK_MASK);   … later: bitmap.noteSet(c, newly)
//
// Cost: nothing for chunks never touched; an empty chunk costs one look at counts; inside a chunk the summary
// leads to the words that are not 0, and a word of all ones is a run of 32, so iteration costs O(dirty).

import { invariant } from './invariant.ts';

export const CHUNK_SHIFT = 16;
export const CHUNK_PAGES = 1 << CHUNK_SHIFT;
export const CHUNK_MASK = CHUNK_PAGES - 1;
export const CHUNK_WORDS = CHUNK_PAGES >>> 5;
/** Index of the first summary word within a chunk. */
export const CHUNK_SUMMARY = CHUNK_WORDS;
const SUMMARY_WORDS = CHUNK_WORDS >>> 5;
const PAGES_MAX = 0x8000_0000;

/** Set bits of a 32-bit word. */
export function popcount(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Sets bit 0 … 65535 of a chunk and keeps its summary right; returns 1 if it was clear. The caller counts (see noteSet). */
export function setBitInChunk(chunk: Int32Array, bit: number): 0 | 1 {
  const w = bit >>> 5;
  const word = chunk[w]!;
  const mask = 1 << bit;
  if ((word & mask) !== 0) return 0;
  chunk[w] = word | mask;
  if (word === 0) chunk[CHUNK_SUMMARY + (w >>> 5)]! |= 1 << w;
  return 1;
}

/** ORs `bits` into word w of a chunk and keeps its summary right; returns how many bits were clear. */
export function orWordInChunk(chunk: Int32Array, w: number, bits: number): number {
  const word = chunk[w]!;
  const added = bits & ~word;
  if (added === 0) return 0;
  chunk[w] = word | added;
  if (word === 0) chunk[CHUNK_SUMMARY + (w >>> 5)]! |= 1 << w;
  return popcount(added);
}

/** Clears the bits of `bits` in word w of a chunk and keeps its summary right; returns how many were set. */
export function clearWordInChunk(chunk: Int32Array, w: number, bits: number): number {
  const word = chunk[w]!;
  const removed = bits & word;
  if (removed === 0) return 0;
  chunk[w] = word ^ removed;
  if (word === removed) chunk[CHUNK_SUMMARY + (w >>> 5)]! &= ~(1 << w);
  return popcount(removed);
}

/** Bits first … 31 of a word. */
const onesFrom = (first: number): number => -1 << first;
/** Bits 0 … last of a word. */
const onesTo = (last: number): number => -1 >>> (31 - last);

export type RunVisitor = (first: number, count: number) => void;

export class DirtyBitmap {
  readonly pages: number;
  /** Chunk c holds pages c << 16 …; undefined until first written. Chunks stay for the life of the bitmap. */
  readonly chunks: (Int32Array | undefined)[];
  /** Set bits of each chunk. */
  readonly counts: Int32Array;
  #count = 0;

  constructor(pages: number) {
    invariant(Number.isInteger(pages) && pages >= 0 && pages <= PAGES_MAX, 'a bitmap has 0 to 2^31 pages');
    this.pages = pages;
    const chunks = Math.ceil(pages / CHUNK_PAGES);
    this.chunks = new Array<Int32Array | undefined>(chunks).fill(undefined);
    this.counts = new Int32Array(chunks);
  }

  /** Set bits. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of bits allocated. */
  get bytesAllocated(): number {
    let chunks = 0;
    for (const chunk of this.chunks) if (chunk !== undefined) chunks++;
    return chunks * (CHUNK_WORDS + SUMMARY_WORDS) * 4;
  }

  /** The chunk, allocated if need be; for writers of words. */
  chunkFor(c: number): Int32Array {
    invariant(c >= 0 && c < this.chunks.length, 'a chunk lies within the bitmap');
    return (this.chunks[c] ??= new Int32Array(CHUNK_WORDS + SUMMARY_WORDS));
  }

  /** What a writer of words owes: `newly` bits of chunk c were set (negative: cleared) since it last said so. */
  noteSet(c: number, newly: number): void {
    this.counts[c]! += newly;
    this.#count += newly;
  }

  /** Returns whether the page was clear. */
  set(page: number): boolean {
    this.#checkPage(page);
    const c = page >>> CHUNK_SHIFT;
    if (setBitInChunk(this.chunks[c] ?? this.chunkFor(c), page & CHUNK_MASK) === 0) return false;
    this.noteSet(c, 1);
    return true;
  }

  test(page: number): boolean {
    this.#checkPage(page);
    const chunk = this.chunks[page >>> CHUNK_SHIFT];
    return chunk !== undefined && (chunk[(page & CHUNK_MASK) >>> 5]! & (1 << page)) !== 0;
  }

  /** Test and clear: returns whether the page was set. */
  clear(page: number): boolean {
    this.#checkPage(page);
    const c = page >>> CHUNK_SHIFT;
    const chunk = this.chunks[c];
    if (chunk === undefined || clearWordInChunk(chunk, (page & CHUNK_MASK) >>> 5, 1 << page) === 0) return false;
    this.noteSet(c, -1);
    return true;
  }

  /** Sets pages first … first+n-1; returns how many were clear. */
  setRange(first: number, n: number): number {
    this.#checkRange(first, n);
    const before = this.#count;
    const end = first + n;
    for (let at = first; at < end;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunkFirst = c * CHUNK_PAGES;
      const from = at - chunkFirst;
      const to = Math.min(end - chunkFirst, CHUNK_PAGES);
      const chunk = this.chunks[c] ?? this.chunkFor(c);
      if (to - from === CHUNK_PAGES) {
        chunk.fill(-1);
        this.noteSet(c, CHUNK_PAGES - this.counts[c]!);
      } else {
        this.noteSet(c, setRangeInChunk(chunk, from, to));
      }
      at = chunkFirst + to;
    }
    return this.#count - before;
  }

  /** Clears pages first … first+n-1; returns how many were set. */
  clearRange(first: number, n: number): number {
    this.#checkRange(first, n);
    const before = this.#count;
    const end = first + n;
    for (let at = first; at < end;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunkFirst = c * CHUNK_PAGES;
      const from = at - chunkFirst;
      const to = Math.min(end - chunkFirst, CHUNK_PAGES);
      const chunk = this.chunks[c];
      if (chunk !== undefined && this.counts[c] !== 0) {
        if (to - from === CHUNK_PAGES) {
          chunk.fill(0);
          this.noteSet(c, -this.counts[c]!);
        } else {
          this.noteSet(c, -clearRangeInChunk(chunk, from, to));
        }
      }
      at = chunkFirst + to;
    }
    return before - this.#count;
  }

  /** Set bits among pages first … first+n-1. */
  countRange(first: number, n: number): number {
    this.#checkRange(first, n);
    let count = 0;
    const end = first + n;
    for (let at = first; at < end;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunkFirst = c * CHUNK_PAGES;
      const from = at - chunkFirst;
      const to = Math.min(end - chunkFirst, CHUNK_PAGES);
      const chunk = this.chunks[c];
      if (to - from === CHUNK_PAGES) count += this.counts[c]!;
      else if (chunk !== undefined && this.counts[c] !== 0) count += countInChunk(chunk, from, to);
      at = chunkFirst + to;
    }
    return count;
  }

  /** The first set page of from … to-1; -1 when there is none. The bound keeps a search in large bitmaps short. */
  nextSet(from: number, to: number = this.pages): number {
    for (let at = from; at < to;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunk = this.chunks[c];
      if (chunk !== undefined && this.counts[c] !== 0) {
        const bit = nextSetInChunk(chunk, at - c * CHUNK_PAGES);
        if (bit >= 0) return c * CHUNK_PAGES + bit < to ? c * CHUNK_PAGES + bit : -1;
      }
      at = (c + 1) * CHUNK_PAGES;
    }
    return -1;
  }

  /** The first clear page of from … to-1; -1 when there is none. */
  nextClear(from: number, to: number = this.pages): number {
    for (let at = from; at < to;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunk = this.chunks[c];
      if (chunk === undefined || this.counts[c] === 0) return at;
      if (this.counts[c] !== CHUNK_PAGES) {
        const bit = nextClearInChunk(chunk, at - c * CHUNK_PAGES);
        if (bit >= 0) return c * CHUNK_PAGES + bit < to ? c * CHUNK_PAGES + bit : -1;
      }
      at = (c + 1) * CHUNK_PAGES;
    }
    return -1;
  }

  /** Visits the set pages of from … to-1 as maximal runs, in order. The visitor must not change this bitmap. */
  forEachRun(visit: RunVisitor, from = 0, to: number = this.pages): void {
    this.#checkRange(from, to - from);
    this.#runs(visit, from, to, false);
  }

  /** Visits the set pages of from … to-1 as maximal runs, in order, and clears them. The visitor must not change this bitmap. */
  takeRuns(visit: RunVisitor, from = 0, to: number = this.pages): void {
    this.#checkRange(from, to - from);
    this.#runs(visit, from, to, true);
  }

  /**
   * Sets page dstFirst + i for each set page srcFirst + i of src, 0 <= i < n; returns how many were clear.
   * Any offsets; costs O(words of src that are not 0).
   */
  orFrom(src: DirtyBitmap, srcFirst: number, dstFirst: number, n: number): number {
    invariant(src !== this, 'a bitmap is not merged into itself');
    src.#checkRange(srcFirst, n);
    this.#checkRange(dstFirst, n);
    const before = this.#count;
    const delta = dstFirst - srcFirst;
    const shift = delta & 31;
    const wordDelta = Math.floor(delta / 32);
    const end = srcFirst + n;
    for (let at = srcFirst; at < end;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunkFirst = c * CHUNK_PAGES;
      const from = at - chunkFirst;
      const to = Math.min(end - chunkFirst, CHUNK_PAGES);
      const chunk = src.chunks[c];
      if (chunk !== undefined && src.counts[c] !== 0)
        this.#orChunk(chunk, from, to, c * CHUNK_WORDS + wordDelta, shift);
      at = chunkFirst + to;
    }
    return this.#count - before;
  }

  /** Clears everything; chunks stay allocated. */
  reset(): void {
    for (let c = 0; c < this.chunks.length; c++) {
      if (this.counts[c] !== 0) this.chunks[c]!.fill(0);
    }
    this.counts.fill(0);
    this.#count = 0;
  }

  /** ORs bits from … to-1 of a source chunk, whose word 0 lands `shift` bits into word `firstWord` of this bitmap. */
  #orChunk(src: Int32Array, from: number, to: number, firstWord: number, shift: number): void {
    const last = to - 1;
    for (let s = from >>> 10; s <= last >>> 10; s++) {
      let words = src[CHUNK_SUMMARY + s]!;
      while (words !== 0) {
        const lowest = words & -words;
        words ^= lowest;
        const w = s * 32 + 31 - Math.clz32(lowest);
        if (w < from >>> 5 || w > last >>> 5) continue;
        let bits = src[w]!;
        if (w === from >>> 5) bits &= onesFrom(from & 31);
        if (w === last >>> 5) bits &= onesTo(last & 31);
        this.#orWord(firstWord + w, bits << shift);
        if (shift !== 0) this.#orWord(firstWord + w + 1, bits >>> (32 - shift));
      }
    }
  }

  #orWord(word: number, bits: number): void {
    if (bits === 0) return;
    const c = Math.floor(word / CHUNK_WORDS);
    this.noteSet(c, orWordInChunk(this.chunks[c] ?? this.chunkFor(c), word - c * CHUNK_WORDS, bits));
  }

  #runs(visit: RunVisitor, from: number, to: number, take: boolean): void {
    let runFirst = 0;
    let runEnd = -1;
    for (let at = from; at < to;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunkFirst = c * CHUNK_PAGES;
      const fromBit = at - chunkFirst;
      const last = Math.min(to - chunkFirst, CHUNK_PAGES) - 1;
      at = chunkFirst + last + 1;
      const chunk = this.chunks[c];
      if (chunk === undefined || this.counts[c] === 0) continue;
      let removed = 0;
      for (let s = fromBit >>> 10; s <= last >>> 10; s++) {
        let words = chunk[CHUNK_SUMMARY + s]!;
        while (words !== 0) {
          const lowestWord = words & -words;
          words ^= lowestWord;
          const w = s * 32 + 31 - Math.clz32(lowestWord);
          if (w < fromBit >>> 5 || w > last >>> 5) continue;
          let bits = chunk[w]!;
          if (w === fromBit >>> 5) bits &= onesFrom(fromBit & 31);
          if (w === last >>> 5) bits &= onesTo(last & 31);
          if (take && bits !== 0) removed += clearWordInChunk(chunk, w, bits);
          const wordFirst = chunkFirst + w * 32;
          while (bits !== 0) {
            const lowest = bits & -bits;
            const bit = 31 - Math.clz32(lowest);
            const length = bits >>> bit === 0xffff_ffff ? 32 : 31 - Math.clz32(~(bits >>> bit) & -~(bits >>> bit));
            bits = bit + length === 32 ? 0 : bits & (bits + lowest);
            if (wordFirst + bit === runEnd) {
              runEnd += length;
            } else {
              if (runEnd > runFirst) visit(runFirst, runEnd - runFirst);
              runFirst = wordFirst + bit;
              runEnd = runFirst + length;
            }
          }
        }
      }
      if (removed !== 0) this.noteSet(c, -removed);
    }
    if (runEnd > runFirst) visit(runFirst, runEnd - runFirst);
  }

  #checkPage(page: number): void {
    invariant(page >= 0 && page < this.pages, 'a page lies within the bitmap');
  }

  #checkRange(first: number, n: number): void {
    invariant(first >= 0 && n >= 0 && first + n <= this.pages, 'a range of pages lies within the bitmap');
  }
}

function setRangeInChunk(chunk: Int32Array, from: number, to: number): number {
  const last = to - 1;
  let newly = 0;
  for (let w = from >>> 5; w <= last >>> 5; w++) {
    let bits = -1;
    if (w === from >>> 5) bits &= onesFrom(from & 31);
    if (w === last >>> 5) bits &= onesTo(last & 31);
    newly += orWordInChunk(chunk, w, bits);
  }
  return newly;
}

function clearRangeInChunk(chunk: Int32Array, from: number, to: number): number {
  const last = to - 1;
  let cleared = 0;
  for (let w = from >>> 5; w <= last >>> 5; w++) {
    let bits = -1;
    if (w === from >>> 5) bits &= onesFrom(from & 31);
    if (w === last >>> 5) bits &= onesTo(last & 31);
    cleared += clearWordInChunk(chunk, w, bits);
  }
  return cleared;
}

function countInChunk(chunk: Int32Array, from: number, to: number): number {
  const last = to - 1;
  let count = 0;
  for (let w = from >>> 5; w <= last >>> 5; w++) {
    let bits = chunk[w]!;
    if (w === from >>> 5) bits &= onesFrom(from & 31);
    if (w === last >>> 5) bits &= onesTo(last & 31);
    count += popcount(bits);
  }
  return count;
}

function nextSetInChunk(chunk: Int32Array, from: number): number {
  const fromWord = from >>> 5;
  const bits = chunk[fromWord]! & onesFrom(from & 31);
  if (bits !== 0) return fromWord * 32 + 31 - Math.clz32(bits & -bits);
  const next = fromWord + 1;
  for (let s = next >>> 5; s < SUMMARY_WORDS; s++) {
    let words = chunk[CHUNK_SUMMARY + s]!;
    if (s === next >>> 5) words &= onesFrom(next & 31);
    if (words === 0) continue;
    const w = s * 32 + 31 - Math.clz32(words & -words);
    const found = chunk[w]!;
    return w * 32 + 31 - Math.clz32(found & -found);
  }
  return -1;
}

function nextClearInChunk(chunk: Int32Array, from: number): number {
  let clear = ~chunk[from >>> 5]! & onesFrom(from & 31);
  for (let w = from >>> 5; ;) {
    if (clear !== 0) return w * 32 + 31 - Math.clz32(clear & -clear);
    if (++w === CHUNK_WORDS) return -1;
    clear = ~chunk[w]!;
  }
}
