// XBZRLE: a page sent again is sent as what changed, if the sender still has the old one (QEMU 9.2, migration/ram.c
// save_xbzrle_page(), xbzrle.c, page_cache.c).
//
// The cache is direct-mapped by page: slot = page mod slots. A miss inserts the page, unless the slot's page was used within the
// last 2 generations (a generation is a dirty sync), and sends it whole. A hit sends the encoding: runs of unchanged and
// changed bytes with a length before each; one that is longer than the page is an overflow, and the page goes whole. A
// page in which nothing changed is not sent at all. A hit counts as encoded whatever comes of it. The blackout neither
// fills nor updates the cache. Encoding begins after the first pass over RAM.
// Simplification: contents are not kept, but how often a page was written since its copy in the cache. Each write changes so
// many bytes in one piece, at a place of its own; pieces that meet become one (the expected numbers are taken). A page that DMA
// writes counts as changed from end to end.

import { exp, log } from '../core/exactmath.ts';
import { PAGE_BYTES, XBZRLE_HEADER_BYTES } from './wire.ts';

/** CACHED_PAGE_LIFETIME */
const LIFETIME = 2;

/** Bytes of a run's length (ULEB128). */
const lengthBytes = (length: number): number => (length < 128 ? 1 : 2);

/** Bytes of the encoding of so many bytes changed in so many runs: before each the unchanged run's length and its own. */
export function encodedBytes(changed: number, runs = 1): number {
  if (changed === 0) return 0;
  return Math.round(runs * (lengthBytes((PAGE_BYTES - changed) / runs) + lengthBytes(changed / runs)) + changed);
}

/** What so many writes of `bytes` each, anywhere in the page, change in it: bytes, and pieces they lie in. */
export function changeOf(bytes: number, writes: number): { readonly changed: number; readonly runs: number } {
  if (writes === 0) return { changed: 0, runs: 0 };
  if (bytes >= PAGE_BYTES) return { changed: PAGE_BYTES, runs: 1 };
  if (writes === 1) return { changed: bytes, runs: 1 };
  const untouched = log(1 - bytes / PAGE_BYTES);
  const changed = PAGE_BYTES * (1 - exp(writes * untouched));
  // A piece stands at the front of a run if no other one reaches the byte before it.
  const runs = Math.max(1, Math.min(changed / bytes, writes * exp((writes - 1) * untouched)));
  return { changed, runs };
}

export interface XbzrleConfig {
  readonly cachePages: number;
  /** Bytes that a write to the page changes. */
  readonly changedBytes: (page: number) => number;
  /** Writes to the page since the last call for it. */
  readonly takeWrites: (page: number) => number;
}

export class Xbzrle {
  readonly #config: XbzrleConfig;
  readonly #pages: Int32Array;
  readonly #ages: Int32Array;
  pages = 0;
  bytes = 0;
  misses = 0;
  overflows = 0;
  /** Pages in which nothing had changed: not sent. */
  unchanged = 0;

  constructor(config: XbzrleConfig) {
    this.#config = config;
    this.#pages = new Int32Array(config.cachePages).fill(-1);
    this.#ages = new Int32Array(config.cachePages);
  }

  /** Bytes on the wire for an encoded page, 0 for one that need not go, or -1: it goes whole. */
  encode(page: number, generation: number, lastStage: boolean): number {
    const { changedBytes, takeWrites } = this.#config;
    const writes = takeWrites(page);
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
    const { changed, runs } = changeOf(changedBytes(page), writes);
    if (changed === 0) {
      this.unchanged++;
      return 0;
    }
    const encoded = encodedBytes(changed, runs);
    if (encoded > PAGE_BYTES) {
      this.overflows++;
      this.bytes += PAGE_BYTES;
      return -1;
    }
    this.bytes += XBZRLE_HEADER_BYTES + encoded;
    return XBZRLE_HEADER_BYTES + encoded;
  }
}
