// What the oracle knows, by row: equal ranges of RAM pages, a power of two each. For pictures of guest memory over time.
//
// How writes are counted without looking at a write: a writer's bitmap says which pages were written since they were last
// sent, so within a stretch of time the pages newly written in a row are the bits that are set more at its end, plus the
// bits that sends have cleared in between (which they know anyway).
// Cost: a send adds to its row; the end of a stretch looks at the counts of all chunks, and goes into those where
// something was written or sent. Nothing happens per write, and nothing per page of memory.

import { CHUNK_PAGES, CHUNK_SHIFT, type DirtyBitmap, popcount } from '../core/bitmap.ts';
import { onesFrom, onesTo } from '../core/bitmapwords.ts';
import { invariant } from '../core/invariant.ts';

/** What happened in each row since the last time. The arrays are used again. */
export interface RowCounts {
  /** For each writer: pages that went from "as last sent" to "written since". */
  readonly written: readonly Float64Array[];
  /** Pages that differ at the destination now; 0 before a migration begins. */
  readonly dirty: Float64Array;
  readonly sent: Float64Array;
  /** Of those, transmissions beyond the first of a page. */
  readonly sentAgain: Float64Array;
}

interface WriterRows {
  readonly bitmap: DirtyBitmap;
  /** Bits set in each chunk and in each unit when the stretch began. */
  readonly chunkBefore: Int32Array;
  readonly unitBefore: Uint32Array;
  /** Bits cleared since, by row. */
  readonly taken: Float64Array;
  readonly written: Float64Array;
}

export class OracleRows {
  readonly rowPages: number;
  readonly rows: number;
  readonly #pages: number;
  /** A unit is the smaller one of a row and a chunk. */
  readonly #unitPages: number;
  readonly #writers: WriterRows[] = [];
  readonly #everSent: DirtyBitmap;
  readonly #gone: DirtyBitmap;
  /** Chunks with sends, or of which something was forgotten. */
  readonly #touched: Uint8Array;
  readonly #unitDirty: Uint32Array;
  readonly #dirty: Float64Array;
  readonly #sent: Float64Array;
  readonly #sentAgain: Float64Array;
  readonly #counts: RowCounts;
  #begun = false;

  constructor(pages: number, rowPages: number, everSent: DirtyBitmap, gone: DirtyBitmap) {
    invariant(rowPages >= 1 && rowPages === powerOfTwoFrom(rowPages), 'a row is a power of two pages');
    this.#pages = pages;
    this.rowPages = rowPages;
    this.rows = Math.max(1, Math.ceil(pages / rowPages));
    this.#unitPages = Math.min(rowPages, CHUNK_PAGES);
    this.#everSent = everSent;
    this.#gone = gone;
    this.#touched = new Uint8Array(everSent.chunks.length);
    this.#unitDirty = new Uint32Array(Math.ceil(pages / this.#unitPages));
    this.#dirty = new Float64Array(this.rows);
    this.#sent = new Float64Array(this.rows);
    this.#sentAgain = new Float64Array(this.rows);
    const written: Float64Array[] = [];
    this.#counts = {
      written,
      dirty: this.#dirty,
      sent: new Float64Array(this.rows),
      sentAgain: new Float64Array(this.rows),
    };
  }

  addWriter(bitmap: DirtyBitmap): void {
    const written = new Float64Array(this.rows);
    this.#writers.push({
      bitmap,
      chunkBefore: new Int32Array(bitmap.chunks.length),
      unitBefore: new Uint32Array(this.#unitDirty.length),
      taken: new Float64Array(this.rows),
      written,
    });
    (this.#counts.written as Float64Array[]).push(written);
  }

  /** A migration begins, or begins anew: from now on pages can differ. */
  begin(): void {
    this.#begun = true;
    this.#touched.fill(1);
  }

  /** Pages of one row go out; `again`: how many of them not for the first time. */
  sent(row: number, first: number, count: number, again: number): void {
    this.#sent[row]! += count;
    this.#sentAgain[row]! += again;
    this.touch(first, count);
  }

  /** The bits of so many pages of a writer were cleared. */
  taken(writer: number, row: number, pages: number): void {
    this.#writers[writer]!.taken[row]! += pages;
  }

  /** Before a writer's bits are cleared as a whole. */
  takenAll(writer: number): void {
    const { bitmap, taken } = this.#writers[writer]!;
    if (bitmap.count === 0) return;
    for (let row = 0; row < this.rows; row++) {
      const first = row * this.rowPages;
      taken[row]! += bitmap.countRange(first, Math.min(this.rowPages, this.#pages - first));
    }
    this.#touched.fill(1);
  }

  /** Something else than a write changes what is known of these pages. */
  touch(first: number, count: number): void {
    const last = (first + count - 1) >>> CHUNK_SHIFT;
    for (let c = first >>> CHUNK_SHIFT; c <= last; c++) this.#touched[c] = 1;
  }

  /** What happened since the last call. */
  take(): RowCounts {
    const counts = this.#counts;
    for (const { written, taken } of this.#writers) {
      written.set(taken);
      taken.fill(0);
    }
    counts.sent.set(this.#sent);
    counts.sentAgain.set(this.#sentAgain);
    this.#sent.fill(0);
    this.#sentAgain.fill(0);
    for (let c = 0; c < this.#touched.length; c++) if (this.#changed(c)) this.#takeChunk(c);
    return counts;
  }

  /** Bits are only set by writes, which the count shows, and only cleared by what touches. */
  #changed(c: number): boolean {
    if (this.#touched[c] !== 0) return true;
    for (const { bitmap, chunkBefore } of this.#writers) if (bitmap.counts[c] !== chunkBefore[c]) return true;
    return false;
  }

  #takeChunk(c: number): void {
    this.#touched[c] = 0;
    for (const { bitmap, chunkBefore } of this.#writers) chunkBefore[c] = bitmap.counts[c]!;
    const end = Math.min((c + 1) * CHUNK_PAGES, this.#pages);
    for (let first = c * CHUNK_PAGES; first < end; first += this.#unitPages) {
      const unit = first / this.#unitPages;
      const row = Math.floor(first / this.rowPages);
      const count = Math.min(this.#unitPages, end - first);
      for (const { bitmap, unitBefore, written } of this.#writers) {
        const now = bitmap.countRange(first, count);
        written[row]! += now - unitBefore[unit]!;
        unitBefore[unit] = now;
      }
      const dirty = this.#begun ? this.#differing(unit, first, count) : 0;
      this.#dirty[row]! += dirty - this.#unitDirty[unit]!;
      this.#unitDirty[unit] = dirty;
    }
  }

  /** Pages of a unit that were never sent or were written since, and that the guest owns. */
  #differing(unit: number, first: number, count: number): number {
    const gone = this.#gone.count === 0 ? 0 : this.#gone.countRange(first, count);
    if (gone === count) return 0;
    const sent = this.#everSent.countRange(first, count);
    if (sent === 0) return count - gone;
    if (sent === count && gone === 0) {
      let withWrites = 0;
      let pages = 0;
      for (const { unitBefore } of this.#writers) {
        if (unitBefore[unit] === 0) continue;
        withWrites++;
        pages = unitBefore[unit]!;
      }
      if (withWrites <= 1) return pages;
    }
    const c = first >>> CHUNK_SHIFT;
    const written: Int32Array[] = [];
    for (const { bitmap, unitBefore } of this.#writers) if (unitBefore[unit] !== 0) written.push(bitmap.chunks[c]!);
    const from = first - c * CHUNK_PAGES;
    return countDiffering(this.#everSent.chunks[c]!, written, this.#gone.chunks[c], from, from + count - 1);
  }
}

/** The least power of two that is no less. */
export function powerOfTwoFrom(least: number): number {
  let power = 1;
  while (power < least) power *= 2;
  return power;
}

/** Bits from … last of (not sent, or written by any) and not gone. */
function countDiffering(
  sent: Int32Array,
  written: readonly Int32Array[],
  gone: Int32Array | undefined,
  from: number,
  last: number,
): number {
  const lastWord = last >>> 5;
  let count = 0;
  for (let w = from >>> 5; w <= lastWord; w++) {
    let bits = ~sent[w]!;
    for (const chunk of written) bits |= chunk[w]!;
    if (gone !== undefined) bits &= ~gone[w]!;
    if (w === from >>> 5) bits &= onesFrom(from & 31);
    if (w === lastWord) bits &= onesTo(last & 31);
    if (bits !== 0) count += popcount(bits);
  }
  return count;
}
