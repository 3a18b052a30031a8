// A translation cache: the IOMMU's IOTLB, or a device's ATC (ATS). Sets × ways, entries of any leaf size, tagged by domain.
//
// What an entry holds is what hardware caches: address, permissions, and whether the leaf was seen dirty. An entry that
// carries Dirty writes nothing to memory any more: clearing D in memory without invalidating the entry loses later
// writes. With `dirtyWriteback: 'held'` the bit stays in the entry until it is evicted or invalidated.
//
// Replacement: a hand per set; a hit on the way under the hand moves it on, an invalidated way gets it. That is near LRU,
// cheap and deterministic. Sizes without an entry are not probed.
//
// Left out: prefetching, caching of faults, separate caches per level (see structurecache.ts).
import { canBeDirty, dirtied, isDirty, leafAddress } from './entry.ts';
import { markDirty } from './arena.ts';
import { POWER_OF_TWO, leafNumber } from './leafchoice.ts';
import { DirtyRuns } from './runs.ts';
import type { TableState } from './tablestate.ts';

export interface IotlbGeometry {
  /** Power of two. */
  readonly sets: number;
  readonly ways: number;
  /** Where a new Dirty bit goes: into memory at once, or into the entry until it leaves. */
  readonly dirtyWriteback: 'memory' | 'held';
}

/** Flags of an entry; the two lowest are READ and WRITE. */
export const CACHED_DIRTY = 4;
/** Dirty is in the entry and not yet in memory. */
export const CACHED_HELD = 8;

export interface IotlbCounters {
  hits: number;
  misses: number;
  evictions: number;
  /** Held Dirty bits written to memory, and those whose entry in memory was no longer there to take them. */
  writebacks: number;
  writebacksDropped: number;
  /** Invalidation requests by kind. */
  pageInvalidations: number;
  rangeInvalidations: number;
  domainInvalidations: number;
  globalInvalidations: number;
}

/** Counters of `presence`; index `(keyLo >>> PRESENCE_SHIFT) & PRESENCE_MASK`. */
const PRESENCE = 4096;
export const PRESENCE_SHIFT = 4;
export const PRESENCE_MASK = PRESENCE - 1;

/** Owner of an empty way. */
export const NOBODY = -1;
/** Above this place of `tag` lies the leaf size, below it bits 52:32 of the key. */
export const SIZE_SHIFT = 21;
const TWO_32 = 0x1_0000_0000;

export class Iotlb {
  readonly sets: number;
  readonly ways: number;
  readonly held: boolean;
  /** Per way: the domain, the leaf's number (IOVA / its size) in two parts with log2 of its size, and what it translates to. */
  readonly owner: Int32Array;
  readonly keyLo: Int32Array;
  readonly tag: Int32Array;
  readonly pa: Float64Array;
  /** Where a held Dirty bit goes; kept only with `held`. */
  readonly entry: Int32Array;
  readonly flags: Uint8Array;
  readonly hand: Uint8Array;
  /** How many entries have keys in each block of 16 (modulo its length): where 0, nothing is cached and no way need be looked at. */
  readonly presence = new Uint16Array(PRESENCE);
  /** log2 sizes that have entries, ascending. */
  readonly sizes: number[] = [];
  readonly counters: IotlbCounters = {
    hits: 0,
    misses: 0,
    evictions: 0,
    writebacks: 0,
    writebacksDropped: 0,
    pageInvalidations: 0,
    rangeInvalidations: 0,
    domainInvalidations: 0,
    globalInvalidations: 0,
  };
  /** Granules whose held Dirty bit found no entry to go to: dirt that is gone. Whoever wants to know resets it. */
  readonly dropped = new DirtyRuns();
  private readonly countBySize = new Int32Array(54);
  private readonly tables: (TableState | undefined)[] = [];

  constructor(geometry: IotlbGeometry) {
    const { sets, ways } = geometry;
    if (sets < 1 || (sets & (sets - 1)) !== 0) throw new RangeError(`an IOTLB has a power of two of sets, not ${sets}`);
    if (ways < 1 || ways > 255) throw new RangeError(`an IOTLB has 1 to 255 ways, not ${ways}`);
    this.sets = sets;
    this.ways = ways;
    this.held = geometry.dirtyWriteback === 'held';
    const size = sets * ways;
    this.owner = new Int32Array(size).fill(NOBODY);
    this.keyLo = new Int32Array(size);
    this.tag = new Int32Array(size);
    this.pa = new Float64Array(size);
    this.entry = new Int32Array(size);
    this.flags = new Uint8Array(size);
    this.hand = new Uint8Array(sets);
  }

  /** Lets entries of a domain be filled (and their held bits find their way back). */
  register(domain: number, table: TableState): void {
    this.tables[domain] = table;
  }

  /** The way that translates `granule` for `domain`, or -1. Moves the hand; counts nothing. */
  find(domain: number, granule: number): number {
    const { sizes } = this;
    for (let i = 0; i < sizes.length; i++) {
      const way = this.findKey(domain, leafNumber(granule, sizes[i]!), sizes[i]!);
      if (way >= 0) return way;
    }
    return -1;
  }

  /** Puts a leaf in; evicts what the hand points at. Answers the way. */
  fill(domain: number, granule: number, log2: number, pa: number, entry: number, flags: number): number {
    const key = leafNumber(granule, log2);
    const keyLo = key | 0;
    const set = keyLo & (this.sets - 1);
    const hand = this.hand[set]!;
    const way = set * this.ways + hand;
    if (this.owner[way] !== NOBODY) {
      this.counters.evictions++;
      this.drop(way);
    }
    this.hand[set] = hand + 1 === this.ways ? 0 : hand + 1;
    this.owner[way] = domain;
    this.keyLo[way] = keyLo;
    this.presence[(keyLo >>> PRESENCE_SHIFT) & PRESENCE_MASK]!++;
    this.tag[way] = tagOf(key, log2);
    this.pa[way] = pa;
    if (this.held) this.entry[way] = entry;
    this.flags[way] = flags;
    if (++this.countBySize[log2]! === 1) this.listSize(log2);
    return way;
  }

  /** Invalidates whatever translates one granule. */
  invalidatePage(domain: number, granule: number): void {
    this.counters.pageInvalidations++;
    const { sizes } = this;
    for (let i = 0; i < sizes.length;) {
      const way = this.findKey(domain, leafNumber(granule, sizes[i]!), sizes[i]!);
      // Its size may leave the list with it; or a leaf is there twice, when a smaller, stale one was looked at first.
      if (way >= 0) this.invalidateWay(way);
      else i++;
    }
  }

  /** Invalidates every entry that translates some of [first, first + count). */
  invalidateRange(domain: number, first: number, count: number): void {
    this.counters.rangeInvalidations++;
    const capacity = this.sets * this.ways;
    for (const log2 of [...this.sizes]) {
      const size = POWER_OF_TWO[log2]!;
      const from = Math.floor(first / size);
      const to = Math.floor((first + count - 1) / size);
      if (to - from < capacity) {
        for (let key = from; key <= to; key++) {
          const way = this.findKey(domain, key, log2);
          if (way >= 0) this.invalidateWay(way);
        }
        continue;
      }
      for (let way = 0; way < capacity; way++) {
        if (this.owner[way] !== domain || this.tag[way]! >>> SIZE_SHIFT !== log2) continue;
        const key = this.keyOf(way);
        if (key >= from && key <= to) this.invalidateWay(way);
      }
    }
  }

  invalidateDomain(domain: number): void {
    this.counters.domainInvalidations++;
    for (let way = 0; way < this.owner.length; way++) {
      if (this.owner[way] === domain) this.invalidateWay(way);
    }
  }

  invalidateAll(): void {
    this.counters.globalInvalidations++;
    for (let way = 0; way < this.owner.length; way++) {
      if (this.owner[way] !== NOBODY) this.invalidateWay(way);
    }
  }

  /** Entries in use. */
  get used(): number {
    let used = 0;
    for (const owner of this.owner) if (owner !== NOBODY) used++;
    return used;
  }

  /** log2 granules of the leaf in a way. */
  sizeOf(way: number): number {
    return this.tag[way]! >>> SIZE_SHIFT;
  }

  private keyOf(way: number): number {
    return (this.tag[way]! & ((1 << SIZE_SHIFT) - 1)) * TWO_32 + (this.keyLo[way]! >>> 0);
  }

  private findKey(domain: number, key: number, log2: number): number {
    const keyLo = key | 0;
    const tag = tagOf(key, log2);
    if (this.presence[(keyLo >>> PRESENCE_SHIFT) & PRESENCE_MASK] === 0) return -1;
    const set = keyLo & (this.sets - 1);
    const first = set * this.ways;
    for (let way = first; way < first + this.ways; way++) {
      if (this.keyLo[way] !== keyLo || this.tag[way] !== tag || this.owner[way] !== domain) continue;
      if (this.hand[set] === way - first) this.hand[set] = way - first + 1 === this.ways ? 0 : way - first + 1;
      return way;
    }
    return -1;
  }

  /** Takes one entry out; its way is filled next. */
  invalidateWay(way: number): void {
    this.drop(way);
    const set = Math.floor(way / this.ways);
    this.hand[set] = way - set * this.ways;
  }

  /** Takes an entry out; a held Dirty bit goes to memory now. */
  private drop(way: number): void {
    const log2 = this.tag[way]! >>> SIZE_SHIFT;
    if ((this.flags[way]! & CACHED_HELD) !== 0) this.writeBack(way);
    this.presence[(this.keyLo[way]! >>> PRESENCE_SHIFT) & PRESENCE_MASK]!--;
    this.owner[way] = NOBODY;
    this.flags[way] = 0;
    if (--this.countBySize[log2]! === 0) this.unlistSize(log2);
  }

  /**
   * A held Dirty bit is OR-ed into the entry it came from, if that still maps the same address. A non-present entry takes
   * it (that is what makes "non-present, flush, read back" whole); one that was exchanged with 0 has nowhere to put it.
   */
  writeBack(way: number): void {
    const table = this.tables[this.owner[way]!];
    const e = this.entry[way]!;
    const words = table?.arena.words;
    const lo = words?.[2 * e] ?? 0;
    const hi = words?.[2 * e + 1] ?? 0;
    if (
      table === undefined ||
      words === undefined ||
      (lo | hi) === 0 ||
      leafAddress(table.format, this.sizeOf(way), lo, hi) !== this.pa[way]
    ) {
      this.counters.writebacksDropped++;
      const size = POWER_OF_TWO[this.sizeOf(way)]!;
      this.dropped.push(this.keyOf(way) * size, size);
      return;
    }
    this.counters.writebacks++;
    if (!canBeDirty(table.format, hi) || isDirty(table.format, lo, hi)) return;
    words[2 * e] = dirtied(table.format, lo);
    markDirty(table.arena, e);
  }

  /** The first entry of a size comes. A guest that maps and unmaps one buffer does this for each: no search, no new list. */
  private listSize(log2: number): void {
    const { sizes } = this;
    let at = sizes.length;
    for (; at > 0 && sizes[at - 1]! > log2; at--) sizes[at] = sizes[at - 1]!;
    sizes[at] = log2;
  }

  /** The last entry of a size goes. */
  private unlistSize(log2: number): void {
    const { sizes } = this;
    for (let at = sizes.indexOf(log2); at + 1 < sizes.length; at++) sizes[at] = sizes[at + 1]!;
    sizes.pop();
  }
}

/** What a way keeps of a leaf beside bits 31:0 of its number. */
function tagOf(key: number, log2: number): number {
  return (log2 << SIZE_SHIFT) | (key >= 0 && key < TWO_32 ? 0 : Math.floor(key / TWO_32));
}
