// XBZRLE: a page sent again is sent as what changed, if the sender still has the old one (QEMU 9.2, migration/ram.c
// save_xbzrle_page(), xbzrle.c, page_cache.c).
//
// The cache is direct-mapped by page: slot = page mod slots. A miss inserts the page, unless the slot's page was used within the
// last 2 generations (a generation is a dirty sync), and sends it whole. A hit sends the encoding: runs of unchanged and
// changed bytes with a length before each; one that is longer than the page is an overflow, and the page goes whole. The
// blackout does not fill the cache. Encoding begins after the first pass over RAM.
// Simplification: contents are not kept. How much of a page changed is what its writer says that one write changes, in one run;
// several writes between two transmissions count as one, and a page that DMA writes counts as changed from end to end.

import { PAGE_BYTES, XBZRLE_HEADER_BYTES } from './wire.ts';

/** CACHED_PAGE_LIFETIME */
const LIFETIME = 2;

/** Bytes of the encoding of one changed run: two lengths and the data. */
export function encodedBytes(changed: number): number {
  const length = changed < 128 ? 1 : 2;
  // The unchanged run before it is given two bytes: it is longer than 127 in most pages.
  return 2 + length + changed;
}

export interface XbzrleConfig {
  readonly cachePages: number;
  /** Bytes that a write to the page changes. */
  readonly changedBytes: (page: number) => number;
}

export class Xbzrle {
  readonly #config: XbzrleConfig;
  readonly #pages: Int32Array;
  readonly #ages: Int32Array;
  pages = 0;
  bytes = 0;
  misses = 0;
  overflows = 0;

  constructor(config: XbzrleConfig) {
    this.#config = config;
    this.#pages = new Int32Array(config.cachePages).fill(-1);
    this.#ages = new Int32Array(config.cachePages);
  }

  /** Bytes on the wire for an encoded page, or -1: it goes whole. */
  encode(page: number, generation: number, lastStage: boolean): number {
    const slot = page % this.#pages.length;
    if (this.#pages[slot] !== page) {
      this.misses++;
      const fresh = this.#pages[slot]! >= 0 && this.#ages[slot]! + LIFETIME > generation;
      if (!lastStage && !fresh) {
        this.#pages[slot] = page;
        this.#ages[slot] = generation;
      }
      return -1;
    }
    this.#ages[slot] = generation;
    this.pages++;
    const encoded = encodedBytes(this.#config.changedBytes(page));
    if (encoded > PAGE_BYTES) {
      this.overflows++;
      return -1;
    }
    this.bytes += XBZRLE_HEADER_BYTES + encoded;
    return XBZRLE_HEADER_BYTES + encoded;
  }
}
