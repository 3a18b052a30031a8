// A set of page numbers below `pages` (at most 2^31), one bit each: KVM logs, IOMMU harvests, the migration bitmap, the oracle.
//
// Layout. Pages are split into chunks of CHUNK_PAGES (65,536: 256 MiB of guest, 8 KiB of bits), allocated when first
// written. A chunk is one Int32Array:
//   chunk[0 … 2047]     the bits; page p is bit (p & 31) of word (p & 0xffff) >>> 5
//   chunk[2048 … 2111]  the summary: bit (w & 31) of word 2048 + (w >>> 5) says whether chunk[w] is not 0
// `counts[c]` is the number of set bits of chunk c, `count` their sum.
// A chunk that is set as a whole is FULL, one array shared by all bitmaps, until a page of it is cleared; one that a range clears
// to the last bit goes back to a pool. So a terabyte that is all ones, or was, costs nothing.
//
// Hot loops of other rows may write words directly. They keep three things right: the summary (exact in both
// directions), counts[c], and count. `setBitInChunk` does the first; the caller adds what it returned to the other two
// through `noteSet`, once per batch if it likes, before anyone else looks:
//   const c = page >>> CHUNK_SHIFT;
//   const chunk = bitmap.chunks[c] ?? bitmap.chunkFor(c);
//   newly += setBitInChunk(chunk, page & CHUNK_MASK);   … later: bitmap.noteSet(c, newly)
// They only set bits: setting one in FULL changes nothing, clearing one there would change every bitmap. They hold a chunk no
// longer than nobody clears anything.
//
// Cost: nothing for chunks never touched; an empty chunk costs one look at counts; inside a chunk the summary
// leads to the words that are not 0, and a word of all ones is a run of 32, so iteration costs O(dirty).

import { invariant } from './invariant.ts';
import {
  CHUNK_MASK,
  CHUNK_PAGES,
  CHUNK_SHIFT,
  CHUNK_SUMMARY,
  CHUNK_WORDS,
  NO_RUN,
  SUMMARY_WORDS,
  clearRangeInChunk,
  clearWordInChunk,
  countInChunk,
  nextClearInChunk,
  nextSetInChunk,
  onesFrom,
  onesTo,
  orWordInChunk,
  orWordsInChunk,
  popcount,
  setBitInChunk,
  setRangeInChunk,
  visitRunsInChunk,
  type RunVisitor,
} from './bitmapwords.ts';

export {
  CHUNK_MASK,
  CHUNK_PAGES,
  CHUNK_SHIFT,
  CHUNK_SUMMARY,
  CHUNK_WORDS,
  orWordInChunk,
  popcount,
  setBitInChunk,
  type RunVisitor,
} from './bitmapwords.ts';

const PAGES_MAX = 0x8000_0000;
/** Every page of the chunk. Never written but with what it holds. */
const FULL = new Int32Array(CHUNK_WORDS + SUMMARY_WORDS).fill(-1);
/** Chunks of zeros that nobody uses. */
const pool: Int32Array[] = [];
const POOL_MAX = 256;
/** Of 32 words, so many must be other than 0 that merging all of them costs less than going from one to the next. */
const DENSE_WORDS = 4;

export class DirtyBitmap {
  readonly pages: number;
  /** Chunk c holds pages c << 16 …; undefined: none of them is set. */
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
    for (const chunk of this.chunks) if (chunk !== undefined && chunk !== FULL) chunks++;
    return chunks * (CHUNK_WORDS + SUMMARY_WORDS) * 4;
  }

  /** The chunk, allocated if need be; for writers that set bits. */
  chunkFor(c: number): Int32Array {
    invariant(c >= 0 && c < this.chunks.length, 'a chunk lies within the bitmap');
    return (this.chunks[c] ??= pool.pop() ?? new Int32Array(CHUNK_WORDS + SUMMARY_WORDS));
  }

  /** The chunk as this bitmap's own, so that bits can be cleared in it. */
  #own(c: number): Int32Array {
    const chunk = this.chunks[c]!;
    if (chunk !== FULL) return chunk;
    const own = pool.pop() ?? new Int32Array(CHUNK_WORDS + SUMMARY_WORDS);
    own.fill(-1);
    this.chunks[c] = own;
    return own;
  }

  /** Gives up a chunk, which holds zeros or is FULL. */
  #release(c: number): void {
    const chunk = this.chunks[c];
    if (chunk !== undefined && chunk !== FULL && pool.length < POOL_MAX) pool.push(chunk);
    this.chunks[c] = undefined;
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
    if (this.chunks[c] === undefined) return false;
    if (clearWordInChunk(this.#own(c), (page & CHUNK_MASK) >>> 5, 1 << page) === 0) return false;
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
      if (to - from === CHUNK_PAGES) {
        if (this.counts[c] === 0) this.#release(c);
        this.chunks[c] = FULL;
        this.noteSet(c, CHUNK_PAGES - this.counts[c]!);
      } else {
        this.noteSet(c, setRangeInChunk(this.chunks[c] ?? this.chunkFor(c), from, to));
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
      if (this.chunks[c] !== undefined && this.counts[c] !== 0) {
        if (to - from === CHUNK_PAGES) {
          if (this.chunks[c] !== FULL) this.chunks[c].fill(0);
          this.noteSet(c, -this.counts[c]!);
        } else {
          this.noteSet(c, -clearRangeInChunk(this.#own(c), from, to));
        }
        if (this.counts[c] === 0) this.#release(c);
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
      else if (this.counts[c] === CHUNK_PAGES) count += to - from;
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
      if (this.chunks[c] === FULL) this.chunks[c] = undefined;
      else if (this.counts[c] !== 0) this.chunks[c]!.fill(0);
    }
    this.counts.fill(0);
    this.#count = 0;
  }

  /** ORs bits from … to-1 of a source chunk, whose word 0 lands `shift` bits into word `firstWord` of this bitmap. */
  #orChunk(src: Int32Array, from: number, to: number, firstWord: number, shift: number): void {
    const last = to - 1;
    const fromWord = from >>> 5;
    const lastWord = last >>> 5;
    for (let s = fromWord >>> 5; s <= lastWord >>> 5; s++) {
      let words = src[CHUNK_SUMMARY + s]!;
      if (words === 0) continue;
      // 32 words that lie wholly inside, and enough of them not 0 that it is cheaper to go through all.
      if (s * 1024 >= from && s * 1024 + 1024 <= to && popcount(words) >= DENSE_WORDS) {
        let end = s + 1;
        while (end * 1024 + 1024 <= to && popcount(src[CHUNK_SUMMARY + end]!) >= DENSE_WORDS) end++;
        this.#orDense(src, s * 32, end * 32, firstWord, shift);
        s = end - 1;
        continue;
      }
      while (words !== 0) {
        const lowest = words & -words;
        words ^= lowest;
        const w = s * 32 + 31 - Math.clz32(lowest);
        if (w < fromWord || w > lastWord) continue;
        let bits = src[w]!;
        if (w === fromWord) bits &= onesFrom(from & 31);
        if (w === lastWord) bits &= onesTo(last & 31);
        this.#orWord(firstWord + w, bits << shift);
        if (shift !== 0) this.#orWord(firstWord + w + 1, bits >>> (32 - shift));
      }
    }
  }

  /** ORs the whole words from … to-1 of a source chunk; at most two chunks of this bitmap hold where they go. */
  #orDense(src: Int32Array, from: number, to: number, firstWord: number, shift: number): void {
    let carry = 0;
    for (let w = from; w < to;) {
      const c = Math.floor((firstWord + w) / CHUNK_WORDS);
      const at = firstWord + w - c * CHUNK_WORDS;
      const n = Math.min(to - w, CHUNK_WORDS - at);
      this.noteSet(c, orWordsInChunk(this.chunks[c] ?? this.chunkFor(c), at, src, w, n, shift, carry));
      w += n;
      carry = shift === 0 ? 0 : src[w - 1]! >>> (32 - shift);
    }
    this.#orWord(firstWord + to, carry);
  }

  #orWord(word: number, bits: number): void {
    if (bits === 0) return;
    const c = Math.floor(word / CHUNK_WORDS);
    this.noteSet(c, orWordInChunk(this.chunks[c] ?? this.chunkFor(c), word - c * CHUNK_WORDS, bits));
  }

  #runs(visit: RunVisitor, from: number, to: number, take: boolean): void {
    let open = NO_RUN;
    for (let at = from; at < to;) {
      const c = Math.floor(at / CHUNK_PAGES);
      const chunkFirst = c * CHUNK_PAGES;
      const fromBit = at - chunkFirst;
      const toBit = Math.min(to - chunkFirst, CHUNK_PAGES);
      at = chunkFirst + toBit;
      const chunk = this.chunks[c];
      const count = this.counts[c]!;
      if (chunk === undefined || count === 0) {
        if (open !== NO_RUN) visit(open, chunkFirst - open);
        open = NO_RUN;
        continue;
      }
      const whole = toBit - fromBit === CHUNK_PAGES;
      if (whole && count === CHUNK_PAGES) {
        if (open === NO_RUN) open = chunkFirst;
        if (take) {
          if (chunk !== FULL) chunk.fill(0);
          this.noteSet(c, -CHUNK_PAGES);
          this.#release(c);
        }
        continue;
      }
      const found = take ? (whole ? count : countInChunk(chunk, fromBit, toBit)) : 0;
      open = visitRunsInChunk(take ? this.#own(c) : chunk, fromBit, toBit, chunkFirst, open, visit, take);
      if (found !== 0) this.noteSet(c, -found);
    }
    if (open !== NO_RUN) visit(open, to - open);
  }

  #checkPage(page: number): void {
    invariant(page >= 0 && page < this.pages, 'a page lies within the bitmap');
  }

  #checkRange(first: number, n: number): void {
    invariant(first >= 0 && n >= 0 && first + n <= this.pages, 'a range of pages lies within the bitmap');
  }
}
