// The guest's IOVA allocator: per-CPU magazines over a top-down search.
//
// Sizes are rounded up to powers of two. Ranges of 1 … 32 pages are kept, when freed, in magazines of 127 per CPU and
// size, two magazines each (loaded, previous), full ones in a depot that all CPUs share and that a timer trims every
// 100 ms. An allocation takes the range freed last: an IOVA is reused within microseconds, and that is why dirt must be
// taken when a mapping goes.
// The high window ends 252 GiB below its top, as deep as the tables over IOVAs reach.
// Left out: locks and their contention; the search tree, in whose place stands a bitmap with a cursor (the same
// addresses for the same calls while sizes are alike); CPU hotplug; ranges reserved by firmware other than page 0.
// Invariants: ranges handed out never overlap; a range is aligned to its size; page 0 is never handed out.
// Source: drivers/iommu/iova.c, alloc_iova_fast(), __iova_rcache_insert(), __iova_rcache_get(), iova_depot_work_func();
// dma-iommu.c, iommu_dma_alloc_iova().

import { invariant } from '../core/invariant.ts';
import type { IovaSpace } from './iova-space.ts';
import { HIGH_WINDOW_PAGES_MAX, LOW_WINDOW_PAGES, SLOTS_MAX } from './iova-space.ts';

/** IOVA_MAG_SIZE */
export const MAGAZINE_SIZE = 127;
/** IOVA_RANGE_CACHE_MAX_SIZE: orders 0 … 5 are cached, 1 … 32 pages. */
export const CACHED_ORDERS = 6;
/** IOVA_DEPOT_DELAY: 100 ms */
export const DEPOT_TRIM_NS = 100_000_000;

/** Aligned positions of groups of 2^order bits in a word. */
const GROUP_STARTS = [0xffff_ffff | 0, 0x5555_5555, 0x1111_1111, 0x0101_0101, 0x0001_0001, 1] as const;

/** One window, as bits by distance from its top; set = handed out or in a magazine. */
class Window {
  words: Uint32Array;
  /** No free page lies before it, except where a free moved it back: the kernel's cached node. */
  #cursor = 0;
  readonly #pages: number;

  constructor(pages: number, initialPages: number) {
    this.#pages = pages;
    this.words = new Uint32Array(initialPages / 32);
  }

  /** Distance from the top of the first of `2^order` aligned free pages, or -1. */
  take(order: number): number {
    const pages = 1 << order;
    let at = this.#search(this.#cursor, order);
    if (at < 0 && this.#cursor > 0) at = this.#search(0, order);
    if (at < 0) return -1;
    this.#fill(at, pages, true);
    this.#cursor = at + pages;
    return at;
  }

  give(at: number, pages: number, moveCursor: boolean): void {
    this.#fill(at, pages, false);
    if (at < this.#cursor && moveCursor) this.#cursor = at;
  }

  #search(from: number, order: number): number {
    if (order < CACHED_ORDERS) {
      const starts = GROUP_STARTS[order]!;
      for (let w = from >>> 5; ; w++) {
        if (w * 32 >= this.#pages) return -1;
        if (w >= this.words.length) this.#grow(w + 1);
        let free = ~this.words[w]!;
        if (w === from >>> 5) free &= -1 << (from & 31);
        for (let k = 0; k < order; k++) free &= free >>> (1 << k);
        free &= starts;
        if (free !== 0) return w * 32 + 31 - Math.clz32(free & -free);
      }
    }
    const need = (1 << order) / 32;
    for (let w = Math.ceil(from / 32 / need) * need; ; w += need) {
      if ((w + need) * 32 > this.#pages) return -1;
      if (w + need > this.words.length) this.#grow(w + need);
      let used = 0;
      for (let i = 0; i < need; i++) used |= this.words[w + i]!;
      if (used === 0) return w * 32;
    }
  }

  #grow(words: number): void {
    invariant(words * 32 <= SLOTS_MAX, 'guest mappings stay under the bound of the IOVA tables');
    const larger = new Uint32Array(Math.max(words, this.words.length * 2));
    larger.set(this.words);
    this.words = larger;
  }

  #fill(at: number, pages: number, used: boolean): void {
    if (pages < 32) {
      const mask = ((1 << pages) - 1) << (at & 31);
      const word = this.words[at >>> 5]!;
      this.words[at >>> 5] = used ? word | mask : word & ~mask;
    } else this.words.fill(used ? 0xffff_ffff : 0, at >>> 5, (at + pages) >>> 5);
  }
}

export class IovaAllocator {
  readonly space: IovaSpace;
  readonly #cpus: number;
  readonly #reuse: boolean;
  readonly #low: Window;
  readonly #high: Window;
  /** Magazine (cpu, order, which) begins at ((cpu * ORDERS + order) * 2 + which) * MAGAZINE_SIZE. */
  readonly #magazines: Float64Array;
  readonly #counts: Int32Array;
  /** Which of the two is loaded, per (cpu, order). */
  readonly #loaded: Uint8Array;
  readonly #depot: Float64Array[][] = [];
  readonly #spareMagazines: Float64Array[] = [];
  /** PCI: addresses below 4 GiB first, until they once ran out. */
  #lowFirst = true;
  #pagesInUse = 0;

  /** `reuse` false: a freed range comes back as late as possible, as no Linux does: for comparison. */
  constructor(space: IovaSpace, cpus: number, reuse = true) {
    invariant(cpus >= 1, 'a guest has a CPU');
    this.space = space;
    this.#reuse = reuse;
    this.#cpus = cpus;
    this.#low = new Window(LOW_WINDOW_PAGES, LOW_WINDOW_PAGES);
    this.#low.words[LOW_WINDOW_PAGES / 32 - 1] = 0x8000_0000; // page 0 (start_pfn = 1)
    // What lies deeper than the tables reach is as good as taken: an allocation finds no more room.
    const highPages = Math.min(HIGH_WINDOW_PAGES_MAX, Math.max(0, space.limitPage + 1 - LOW_WINDOW_PAGES));
    this.#high = new Window(highPages, Math.min(highPages, 1024));
    this.#magazines = new Float64Array(cpus * CACHED_ORDERS * 2 * MAGAZINE_SIZE);
    this.#counts = new Int32Array(cpus * CACHED_ORDERS * 2);
    this.#loaded = new Uint8Array(cpus * CACHED_ORDERS);
    for (let order = 0; order < CACHED_ORDERS; order++) this.#depot.push([]);
  }

  /** Pages handed out and not freed; magazines not counted. */
  get pagesInUse(): number {
    return this.#pagesInUse;
  }

  /** The dense number from which tables over IOVAs need an entry less than; grows. */
  get usesHighWindow(): boolean {
    return !this.#lowFirst;
  }

  /** First iova page of a range for `pages` pages, aligned to their power of two; -1 when the space is full. */
  alloc(cpu: number, pages: number): number {
    const order = orderOf(pages);
    let iovaPage = order < CACHED_ORDERS ? this.#takeCached(cpu, order) : -1;
    if (iovaPage < 0) iovaPage = this.#search(order);
    if (iovaPage < 0 && this.#dropCaches()) iovaPage = this.#search(order);
    if (iovaPage >= 0) this.#pagesInUse += 1 << order;
    return iovaPage;
  }

  free(cpu: number, iovaPage: number, pages: number): void {
    const order = orderOf(pages);
    this.#pagesInUse -= 1 << order;
    if (order >= CACHED_ORDERS || !this.#reuse) this.#give(iovaPage, 1 << order);
    else this.#insertCached(cpu, order, iovaPage);
  }

  /** The delayed work that runs every DEPOT_TRIM_NS while a depot holds more magazines than there are CPUs. */
  trimDepot(): void {
    for (let order = 0; order < CACHED_ORDERS; order++) {
      const depot = this.#depot[order]!;
      if (depot.length > this.#cpus) this.#emptyMagazine(depot.pop()!, order);
    }
  }

  #takeCached(cpu: number, order: number): number {
    const cache = cpu * CACHED_ORDERS + order;
    let magazine = cache * 2 + this.#loaded[cache]!;
    if (this.#counts[magazine] === 0) {
      magazine ^= 1;
      if (this.#counts[magazine] !== 0) this.#loaded[cache]! ^= 1;
      else {
        const full = this.#depot[order]!.pop();
        if (full === undefined) return -1;
        magazine ^= 1;
        this.#magazines.set(full, magazine * MAGAZINE_SIZE);
        this.#counts[magazine] = MAGAZINE_SIZE;
        this.#spareMagazines.push(full);
      }
    }
    const top = --this.#counts[magazine]!;
    return this.#magazines[magazine * MAGAZINE_SIZE + top]!;
  }

  #insertCached(cpu: number, order: number, iovaPage: number): void {
    const cache = cpu * CACHED_ORDERS + order;
    let magazine = cache * 2 + this.#loaded[cache]!;
    if (this.#counts[magazine] === MAGAZINE_SIZE) {
      magazine ^= 1;
      if (this.#counts[magazine] !== MAGAZINE_SIZE) this.#loaded[cache]! ^= 1;
      else {
        magazine ^= 1;
        const full = this.#spareMagazines.pop() ?? new Float64Array(MAGAZINE_SIZE);
        full.set(this.#magazines.subarray(magazine * MAGAZINE_SIZE, (magazine + 1) * MAGAZINE_SIZE));
        this.#depot[order]!.push(full);
        this.#counts[magazine] = 0;
      }
    }
    const top = this.#counts[magazine]!++;
    this.#magazines[magazine * MAGAZINE_SIZE + top] = iovaPage;
  }

  #search(order: number): number {
    if (this.#lowFirst) {
      const at = this.#low.take(order);
      if (at >= 0) return LOW_WINDOW_PAGES - at - (1 << order);
      this.#lowFirst = false;
    }
    const at = this.#high.take(order);
    if (at >= 0) return this.space.limitPage + 1 - at - (1 << order);
    const lowAt = this.#low.take(order);
    return lowAt >= 0 ? LOW_WINDOW_PAGES - lowAt - (1 << order) : -1;
  }

  #give(iovaPage: number, pages: number): void {
    if (iovaPage < LOW_WINDOW_PAGES) this.#low.give(LOW_WINDOW_PAGES - iovaPage - pages, pages, this.#reuse);
    else this.#high.give(this.space.limitPage + 1 - iovaPage - pages, pages, this.#reuse);
  }

  /** Frees every cached range, as the kernel does before it gives up; false when there was none. */
  #dropCaches(): boolean {
    let freed = false;
    for (let order = 0; order < CACHED_ORDERS; order++) {
      for (let cpu = 0; cpu < this.#cpus; cpu++)
        for (let which = 0; which < 2; which++) {
          const magazine = (cpu * CACHED_ORDERS + order) * 2 + which;
          for (let i = this.#counts[magazine]!; i-- > 0; freed = true)
            this.#give(this.#magazines[magazine * MAGAZINE_SIZE + i]!, 1 << order);
          this.#counts[magazine] = 0;
        }
      for (let full = this.#depot[order]!.pop(); full !== undefined; full = this.#depot[order]!.pop()) {
        this.#emptyMagazine(full, order);
        freed = true;
      }
    }
    return freed;
  }

  #emptyMagazine(full: Float64Array, order: number): void {
    for (let i = MAGAZINE_SIZE; i-- > 0;) this.#give(full[i]!, 1 << order);
    this.#spareMagazines.push(full);
  }
}

/** The power of two a size is rounded up to. */
function orderOf(pages: number): number {
  invariant(pages >= 1, 'a range has a page');
  return 32 - Math.clz32(pages - 1);
}
