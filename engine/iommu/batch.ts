// One batch of device accesses, the hot path of every simulation. `touchOne` is the plain form that it must agree with, and
// the way out for whatever is rare (faults, IOVAs from 8 TiB up, a clean cached entry that is written).
//
// Two passes over a batch of 64. The first finds each touch's entry through the structure cache and loads its word, so that
// the cache misses of the batch overlap; it decides nothing. The second performs the touches in order: IOTLB, else the
// entry: permission, Dirty, fill; then the written page goes to the sink. When the last batch hit the IOTLB nearly always,
// the first pass is left out. Neither the batch size nor that choice changes a result.
//
// Cost sketch, random pages over 16 GiB by 4 KiB: one line of entries from memory, one of the shadow, one of the sink and
// two of the IOTLB from L2: some 30 ns, of which the first overlaps with its neighbours'.
import { CHUNK_MASK, CHUNK_SHIFT, CHUNK_SUMMARY } from '../core/bitmap.ts';
import type { DirtyBitmap } from '../core/bitmap.ts';
import { markDirty } from './arena.ts';
import type { TableArena } from './arena.ts';
import { FAULTS_LISTED, HOST_BASE_PAGE } from './dmaport.ts';
import type { DmaPort } from './dmaport.ts';
import { leafSizeLog2 } from './entry.ts';
import { READ, WRITE } from './formats/format.ts';
import { CACHED_DIRTY, CACHED_HELD, NOBODY, PRESENCE_MASK, PRESENCE_SHIFT, SIZE_SHIFT } from './iotlb.ts';
import { leadTo } from './walking.ts';

/** First pass: where the page-sized entries of pages[from … to-1] are; 0 where the cache does not lead to a leaf table. */
export function findAhead(port: DmaPort, pages: Float64Array, from: number, to: number): void {
  const { table } = port.domain;
  const { spans, leads, mask, indexBits } = table.cache;
  const { ahead } = port;
  const pageShift = table.format.granuleShift - 12;
  const indexMask = (1 << indexBits) - 1;
  for (let i = from; i < to; i++) {
    const page = pages[i]!;
    let e = 0;
    if (page <= 0x7fffffff) {
      const granule = (page | 0) >>> pageShift;
      const span = granule >>> indexBits;
      const line = span & mask;
      const lead = leads[line]!;
      if (spans[line] === span && lead > 0) e = lead + (granule & indexMask);
    }
    ahead[i - from] = e;
  }
}

/** Second pass: performs pages[from … to-1]. `lookedAhead`: `port.ahead` holds their entries. */
export function touchBatch(
  port: DmaPort,
  pages: Float64Array,
  from: number,
  to: number,
  write: boolean,
  lookedAhead: boolean,
): void {
  const { domain, written, result, pagesWritten, entriesDirtied, ahead } = port;
  const { iotlb, table, id } = domain;
  const { format, arena, cache } = table;
  const { words } = arena;
  const { spans, leads, levels, mask, indexBits } = cache;
  const { owner, keyLo, tag, pa: cachedPa, entry: cachedEntry, flags, hand, ways, held, presence } = iotlb;
  const pagesKnown = written.pages;
  const setMask = iotlb.sets - 1;
  const indexMask = (1 << indexBits) - 1;
  const pageShift = format.granuleShift - 12;
  const pageMask = (1 << pageShift) - 1;
  /** Leaves up to here have all their pages below 2^31, so that addresses stay 32-bit integers. */
  const paMax = 0x3fffffff >>> pageShift;
  const unitShift = format.granuleShift - format.addressUnitShift;
  const { addressHi, replicaLo, presentLo, readLo, readHi, writableLo, writableXorLo, writableHi } = format;
  const { dirtyLo, dirtyXorLo, dirtyHiShift, dirtyHiAlways, hardwareSetLo, hardwareClearLo, noTranslateLo } = format;
  const alwaysReadable = (readLo | readHi) === 0;
  const recording = domain.recording;
  const needed = write ? WRITE : READ;
  /** Flags that make a cached entry good for this access as it stands. */
  const sufficient = write && recording ? WRITE | CACHED_DIRTY : needed;
  // The kind of the last page-sized entry: its bits but address and dirty state, and what they mean. Neighbours are mostly alike.
  const keepLo = 0xfff & ~(hardwareSetLo | hardwareClearLo);
  const keepHi = ~addressHi;
  let kindLo = -1;
  let kindHi = 0;
  let readable = false;
  let writable = false;
  let usable = false;
  let dirtyBit = 0;
  let log2 = 0;
  let sizes = iotlb.sizes;
  let hits = 0;
  let misses = 0;
  let evictions = 0;
  let dirtySets = 0;
  let writes = 0;
  let newlyDirty = 0;
  for (let i = from; i < to; i++) {
    const page = pages[i]!;
    if (!(page <= 0x7fffffff)) {
      touchOne(port, page, write);
      sizes = iotlb.sizes;
      continue;
    }
    const granule = (page | 0) >>> pageShift;
    let physical = -1;
    let way = -1;
    for (let s = 0; s < sizes.length; s++) {
      const size = sizes[s]!;
      const key = size < 31 ? granule >>> size : 0;
      if (presence[(key >>> PRESENCE_SHIFT) & PRESENCE_MASK] === 0) continue;
      const set = key & setMask;
      const base = set * ways;
      const want = size << SIZE_SHIFT;
      let w = 0;
      while (w < ways && (keyLo[base + w] !== key || tag[base + w] !== want || owner[base + w] !== id)) w++;
      if (w === ways) continue;
      way = base + w;
      if ((flags[way]! & sufficient) === sufficient && size < 30 && cachedPa[way]! <= paMax) {
        if (hand[set] === w) hand[set] = w + 1 === ways ? 0 : w + 1;
        hits++;
        physical = (cachedPa[way]! + (granule & ((1 << size) - 1))) | 0;
      }
      break;
    }
    if (physical < 0) {
      if (way >= 0) {
        touchOne(port, page, write);
        sizes = iotlb.sizes;
        continue;
      }
      let e = lookedAhead ? ahead[i - from]! : 0;
      let level = 0;
      if (e === 0) {
        const span = granule >>> indexBits;
        const line = span & mask;
        const lead = leads[line]!;
        if (lead === 0 || spans[line] !== span) {
          e = leadTo(table, granule);
          level = table.foundLevel;
        } else if (lead > 0) {
          e = lead + (granule & indexMask);
        } else {
          e = ~lead;
          level = levels[line]!;
        }
      }
      const lo = e < 0 ? 0 : words[(e << 1) >>> 0]!;
      const hi = e < 0 ? 0 : words[((e << 1) | 1) >>> 0]!;
      const unitsHi = hi & addressHi;
      if (level !== 0 || ((lo & keepLo) ^ kindLo) !== 0 || ((hi & keepHi) ^ kindHi) !== 0) {
        // Not of the kind of the last one: find out what it allows.
        readable = alwaysReadable || (lo & readLo) !== 0 || (hi & readHi) !== 0;
        writable = ((lo ^ writableXorLo) & writableLo) !== 0 || (hi & writableHi) !== 0;
        dirtyBit = ((hi >> dirtyHiShift) | dirtyHiAlways) & dirtyLo;
        log2 = level * indexBits;
        const repeated = replicaLo !== 0 && (lo & replicaLo) === replicaLo;
        if (repeated) log2 = leafSizeLog2(format, level, lo, hi);
        const uncached = level !== 0 && (lo & noTranslateLo) !== 0;
        usable = !uncached && (lo & presentLo) !== 0 && (write ? writable : readable) && log2 <= 30;
        // Only pages with a dirty state have a kind (else its bits are permissions); -1 has address bits and matches no word.
        kindLo = usable && dirtyBit !== 0 && level === 0 && !repeated ? lo & keepLo : -1;
        kindHi = hi & keepHi;
      }
      if (!usable || unitsHi > 0x7ff) {
        touchOne(port, page, write);
        sizes = iotlb.sizes;
        continue;
      }
      misses++;
      let flag = (readable ? READ : 0) | (writable ? WRITE : 0);
      if (((lo ^ dirtyXorLo) & dirtyBit) !== 0 || dirtyBit === 0) {
        flag |= CACHED_DIRTY;
      } else if (write && recording) {
        dirtySets++;
        flag |= CACHED_DIRTY;
        if (held) {
          flag |= CACHED_HELD;
        } else {
          words[(e << 1) >>> 0] = (lo | hardwareSetLo) & ~hardwareClearLo;
          entriesDirtied[newlyDirty++] = e;
        }
      }
      const inside = (1 << log2) - 1;
      const leafPa = (((unitsHi << 20) | (lo >>> 12)) >>> unitShift) & ~inside;
      physical = leafPa + (granule & inside);
      const key = granule >>> log2;
      const set = key & setMask;
      const w = hand[set]!;
      way = set * ways + w;
      const want = log2 << SIZE_SHIFT;
      if (owner[way] !== NOBODY && tag[way] === want) {
        // The victim is of the same size: the lists of sizes stay as they are.
        evictions++;
        if (held) {
          if ((flags[way]! & CACHED_HELD) !== 0) iotlb.writeBack(way);
          cachedEntry[way] = e;
        }
        hand[set] = w + 1 === ways ? 0 : w + 1;
        presence[(keyLo[way]! >>> PRESENCE_SHIFT) & PRESENCE_MASK]!--;
        presence[(key >>> PRESENCE_SHIFT) & PRESENCE_MASK]!++;
        owner[way] = id;
        keyLo[way] = key;
        cachedPa[way] = leafPa;
        flags[way] = flag;
      } else {
        iotlb.fill(id, granule, log2, leafPa, e, flag);
        sizes = iotlb.sizes;
      }
    }
    if (!write) continue;
    const ramPage = ((physical << pageShift) | ((page | 0) & pageMask)) - HOST_BASE_PAGE;
    if (ramPage < 0 || ramPage >= pagesKnown) continue;
    pagesWritten[writes++] = ramPage;
  }
  if (newlyDirty > 0) markAll(arena, entriesDirtied, newlyDirty);
  if (writes > 0) result.newlyWritten += noteWritten(written, pagesWritten, writes);
  iotlb.counters.hits += hits;
  iotlb.counters.misses += misses;
  iotlb.counters.evictions += evictions;
  domain.dirtySets += dirtySets;
}

/** Leads the harvest to entries[0 … count-1]. */
function markAll(arena: TableArena, entries: Int32Array, count: number): void {
  const { shadow } = arena;
  for (let i = 0; i < count; i++) {
    const e = entries[i]!;
    const bits = shadow[e >>> 5]!;
    if (bits === 0) markDirty(arena, e);
    else shadow[e >>> 5] = bits | (1 << (e & 31));
  }
}

/**
 * Tells the sink of RAM pages[0 … count-1]; answers how many it had not known. Whether a page is known is as good as random,
 * so that nothing branches on it: the loads of the batch overlap.
 */
function noteWritten(written: DirtyBitmap, pages: Int32Array, count: number): number {
  const { chunks } = written;
  let newly = 0;
  for (let i = 0; i < count; i++) {
    const page = pages[i]!;
    const c = page >>> CHUNK_SHIFT;
    const chunk = chunks[c] ?? written.chunkFor(c);
    const bit = page & CHUNK_MASK;
    const word = chunk[bit >>> 5]!;
    const unknown = (~word >>> bit) & 1;
    chunk[bit >>> 5] = word | (1 << bit);
    if (word === 0) chunk[CHUNK_SUMMARY + (bit >>> 10)]! |= 1 << (bit >>> 5);
    written.noteSet(c, unknown);
    newly += unknown;
  }
  return newly;
}

/** The plain form of one touch: what the batches must agree with. */
export function touchOne(port: DmaPort, page: number, write: boolean): void {
  const { result, written, domain } = port;
  const { granuleShift } = domain.table.format;
  const scale = granuleShift >= 12 ? 1 << (granuleShift - 12) : 1 / (1 << (12 - granuleShift));
  const granule = scale === 1 ? page : Math.floor(page / scale);
  const pa = port.access(granule, write);
  if (pa < 0) {
    if (result.faults < FAULTS_LISTED) result.faultPages[result.faults] = page;
    result.faults++;
    return;
  }
  if (!write) return;
  const physical = scale === 1 ? pa : Math.floor((pa + (page / scale - granule)) * scale);
  const ramPage = physical - HOST_BASE_PAGE;
  // Addresses outside guest RAM (a peer device's memory) are nobody's page.
  if (ramPage >= 0 && ramPage < written.pages && written.set(ramPage)) result.newlyWritten++;
}

/** What the flattened pass does not do. */
export function isPlain(port: DmaPort): boolean {
  return port.atc !== undefined || port.domain.table.format.granuleShift < 12;
}
