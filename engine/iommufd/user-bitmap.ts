// The user's bitmap of a dirty read: bit i is iova + i · 2^shift, shift the lowest set bit of page_size. Bits are only ever
// ORed in, never cleared.
//
// Two kinds: a fresh buffer just large enough, kept as runs (a range can be larger than any memory), and a slice of a
// user's buffer, in bytes. Bits past the range go into the user's buffer as far as its last pinned page reaches, and
// nowhere in a fresh one; an unwritable page is dropped without an error.
// Source: drivers/iommu/iommufd/iova_bitmap.c.
import { PAGE_SIZE } from '../core/units.ts';

/** Takes [first, first + count) as bit numbers; may exceed the range. */
export interface BitSink {
  setBits(first: number, count: number): void;
}

/** Ascending runs [first, last] that do not touch, of bits 0 … limit − 1. */
export class BitRuns implements BitSink {
  private readonly runs: [number, number][] = [];
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  setBits(first: number, count: number): void {
    const last = Math.min(first + count, this.limit) - 1;
    if (first > last) return;
    const { runs } = this;
    const end = runs.at(-1);
    if (end === undefined || first > end[1] + 1) runs.push([first, last]);
    else if (first >= end[0]) end[1] = Math.max(end[1], last);
    else this.insert(first, last);
  }

  get list(): readonly (readonly [number, number])[] {
    return this.runs;
  }

  get count(): number {
    return this.runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  /** For runs that come out of order. */
  private insert(first: number, last: number): void {
    const { runs } = this;
    let from = runs.length;
    while (from > 0 && runs[from - 1]![1] + 1 >= first) from--;
    let to = from;
    let low = first;
    let high = last;
    while (to < runs.length && runs[to]![0] <= last + 1) {
      low = Math.min(low, runs[to]![0]);
      high = Math.max(high, runs[to]![1]);
      to++;
    }
    runs.splice(from, to - from, [low, high]);
  }
}

/** Part of a user's buffer, whose first byte is page aligned. */
export class BufferBits implements BitSink {
  private readonly bytes: Uint8Array;
  private readonly offset: number;
  /** Bytes of the buffer that the kernel pins for the range. */
  private readonly end: number;

  constructor(bytes: Uint8Array, offset: number, bits: number) {
    this.bytes = bytes;
    this.offset = offset;
    const pages = Math.ceil(Math.ceil(bits / 8) / PAGE_SIZE) + (offset % PAGE_SIZE === 0 ? 0 : 1);
    const pinnedEnd = (Math.floor(offset / PAGE_SIZE) + pages) * PAGE_SIZE;
    this.end = Math.min(bytes.length, pinnedEnd);
  }

  /** Bits from the slice's start to the end of the buffer. */
  get bits(): number {
    return Math.max(0, this.bytes.length - this.offset) * 8;
  }

  setBits(first: number, count: number): void {
    const { bytes, offset, end } = this;
    const last = Math.min(first + count - 1, (end - offset) * 8 - 1);
    for (let bit = first; bit <= last;) {
      const at = offset + Math.floor(bit / 8);
      const low = bit % 8;
      if (low === 0 && last - bit >= 7) {
        bytes[at] = 0xff;
        bit += 8;
      } else {
        bytes[at]! |= 1 << low;
        bit++;
      }
    }
  }

  /** Visits the set bits below `limit`, which is at most `bits`. */
  forEachSet(limit: number, visit: (bit: number) => void): void {
    for (let at = 0; at * 8 < limit; at++) {
      const byte = this.bytes[this.offset + at]!;
      if (byte === 0) continue;
      const end = Math.min(8, limit - at * 8);
      for (let low = 0; low < end; low++) if ((byte & (1 << low)) !== 0) visit(at * 8 + low);
    }
  }
}
