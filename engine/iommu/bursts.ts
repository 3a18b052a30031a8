// Bursts: runs of adjacent pages as one step. A burst inside one leaf table whose entries are alike (same attributes, adjacent
// addresses, nothing of it in the IOTLB) is performed in three short loops: check, Dirty, fill; one inside a larger leaf is one
// access and hits. Anything else goes page by page through `touchBatch`. The result is the same in every case.
import { markDirty } from './arena.ts';
import type { TableArena } from './arena.ts';
import { CHUNK_PAGES, orWordInChunk } from '../core/bitmap.ts';
import { BATCH, HOST_BASE_PAGE, resetTouch } from './dmaport.ts';
import type { DmaPort, TouchResult } from './dmaport.ts';
import type { PteFormat } from './formats/format.ts';
import { READ, WRITE } from './formats/format.ts';
import { canBeDirty, isReadable, isWritable } from './entry.ts';
import { CACHED_DIRTY, CACHED_HELD, NOBODY, PRESENCE_MASK, PRESENCE_SHIFT } from './iotlb.ts';
import type { Iotlb } from './iotlb.ts';
import { isPlain, touchBatch, touchOne } from './batch.ts';
import { loadAhead } from './loadahead.ts';

/** Accesses runs of pages in order: run i is [firsts[i], firsts[i] + counts[i]). */
export function touchRuns(
  port: DmaPort,
  firsts: Float64Array,
  counts: Float64Array,
  runs: number,
  write: boolean,
): TouchResult {
  const { result, domain } = port;
  resetTouch(result);
  const { counters } = domain.iotlb;
  const { hits, misses } = counters;
  const { dirtySets } = domain;
  const plain = isPlain(port);
  domain.table.cache.reserve(domain.table.arena.tables);
  const spanSize = 1 << domain.table.format.indexBits;
  for (let i = 0; i < runs; i++) {
    if (plain) {
      const end = firsts[i]! + counts[i]!;
      for (let page = firsts[i]!; page < end; page++) touchOne(port, page, write);
      continue;
    }
    if (i % RUNS_AHEAD === 0) lookAhead(port, firsts, counts, i, Math.min(runs, i + RUNS_AHEAD));
    let first = firsts[i]!;
    let left = counts[i]!;
    while (left > 0) {
      const inSpan = first <= 0x7fffffff ? spanSize - (first & (spanSize - 1)) : left;
      const n = Math.min(left, inSpan);
      if (!touchBurst(port, first, n, write)) touchEach(port, first, n, write);
      first += n;
      left -= n;
    }
  }
  result.hits = counters.hits - hits;
  result.misses = counters.misses - misses;
  result.dirtySets = domain.dirtySets - dirtySets;
  return result;
}

/** The first and last page of each run are looked at ahead: a burst of 64 KiB lies in two lines of entries. */
const RUNS_AHEAD = BATCH / 2;

function lookAhead(port: DmaPort, firsts: Float64Array, counts: Float64Array, from: number, to: number): void {
  const { ahead } = port;
  const { table } = port.domain;
  const { spans, leads, mask, indexBits } = table.cache;
  const pageShift = table.format.granuleShift - 12;
  const indexMask = (1 << indexBits) - 1;
  for (let i = from; i < to; i++) {
    const page = firsts[i]!;
    let e = 0;
    let last = 0;
    if (page <= 0x7fffffff) {
      const granule = (page | 0) >>> pageShift;
      const span = granule >>> indexBits;
      const line = span & mask;
      const lead = leads[line]!;
      if (spans[line] === span && lead > 0) {
        e = lead + (granule & indexMask);
        last = Math.min(e + counts[i]!, lead + indexMask);
      }
    }
    ahead[2 * (i - from)] = e;
    ahead[2 * (i - from) + 1] = last;
  }
  port.aheadSeen = loadAhead(table.arena.words, ahead);
}

function touchEach(port: DmaPort, first: number, count: number, write: boolean): void {
  const { expanded } = port;
  for (let done = 0; done < count; done += BATCH) {
    const n = Math.min(BATCH, count - done);
    for (let i = 0; i < n; i++) expanded[i] = first + done + i;
    touchBatch(port, expanded, 0, n, write, false);
  }
}

/** The part of a burst inside one span of a leaf table, if it is of a simple kind; false: nothing was done. */
function touchBurst(port: DmaPort, first: number, count: number, write: boolean): boolean {
  const { domain } = port;
  const { table, iotlb } = domain;
  const { format, cache, arena } = table;
  if (format.granuleShift !== 12 || !(first <= 0x7fffffff - count) || iotlb.sizes.length !== 1) return false;
  const granule = first | 0;
  const span = granule >>> cache.indexBits;
  const line = span & cache.mask;
  const lead = cache.leads[line]!;
  if (lead === 0 || cache.spans[line] !== span) return false;
  if (lead < 0) return touchInLeaf(port, granule, count, write);
  if (iotlb.sizes[0] !== 0 || mayBeCached(iotlb, granule, count)) return false;

  const { words } = arena;
  const e = lead + (granule & ((1 << cache.indexBits) - 1));
  const lo = words[(e << 1) >>> 0]!;
  const hi = words[((e << 1) | 1) >>> 0]!;
  const readable = isReadable(format, lo, hi);
  const writable = isWritable(format, lo, hi);
  if ((lo & format.presentLo) === 0 || !(write ? writable : readable)) return false;
  if (format.replicaLo !== 0 && (lo & format.replicaLo) === format.replicaLo) return false;
  const units = (hi & format.addressHi) * 0x100000 + (lo >>> 12);
  if (units > 0x7fffffff - count) return false;
  const state = alike(format, words, e, count);
  const records = write && domain.recording && canBeDirty(format, hi);
  if (state === UNLIKE || (records ? iotlb.held && state !== ALL_DIRTY : state === MIXED)) return false;

  if (records && state !== ALL_DIRTY) domain.dirtySets += dirtyRun(arena, format, e, count);
  const dirty = records || state === ALL_DIRTY || !canBeDirty(format, hi);
  const flag = (readable ? READ : 0) | (writable ? WRITE : 0) | (dirty ? CACHED_DIRTY : 0);
  fillRun(iotlb, domain.id, granule, units, e, count, flag);
  iotlb.counters.misses += count;
  if (write) noteRun(port, units - HOST_BASE_PAGE, count);
  return true;
}

/** A burst inside a leaf larger than a page: the first page as any, the others hit what it left in the IOTLB. */
function touchInLeaf(port: DmaPort, first: number, count: number, write: boolean): boolean {
  const { iotlb, id } = port.domain;
  const { faults } = port.result;
  touchOne(port, first, write);
  const way = port.result.faults === faults && iotlb.sizes.length === 1 ? iotlb.find(id, first) : -1;
  const log2 = way < 0 ? 0 : iotlb.sizeOf(way);
  if (log2 < port.domain.table.format.indexBits || log2 > 30) {
    touchEach(port, first + 1, count - 1, write);
    return true;
  }
  iotlb.counters.hits += count - 1;
  if (write) noteRun(port, iotlb.pa[way]! + (first & ((1 << log2) - 1)) + 1 - HOST_BASE_PAGE, count - 1);
  return true;
}

/** Whether the IOTLB can hold any of these granules (as pages). */
function mayBeCached(iotlb: Iotlb, granule: number, count: number): boolean {
  const { presence } = iotlb;
  const last = (granule + count - 1) >>> PRESENCE_SHIFT;
  for (let block = granule >>> PRESENCE_SHIFT; block <= last; block++) {
    if (presence[block & PRESENCE_MASK] !== 0) return true;
  }
  return false;
}

const UNLIKE = -1;
const ALL_CLEAN = 0;
const MIXED = 1;
const ALL_DIRTY = 2;

/** Whether entries e … e+count-1 have the first one's attributes and adjacent addresses, and how dirty they are. */
function alike(format: PteFormat, words: Int32Array, e: number, count: number): number {
  const { dirtyLo, dirtyXorLo, dirtyHiShift, dirtyHiAlways } = format;
  const keep = ~(format.hardwareSetLo | format.hardwareClearLo);
  const hi = words[((e << 1) | 1) >>> 0]!;
  const bit = ((hi >> dirtyHiShift) | dirtyHiAlways) & dirtyLo;
  let expected = words[(e << 1) >>> 0]! & keep;
  let any = 0;
  let all = bit;
  let different = 0;
  for (let i = e; i < e + count; i++) {
    const lo = words[(i << 1) >>> 0]!;
    different |= ((lo & keep) ^ expected) | (words[((i << 1) | 1) >>> 0]! ^ hi);
    any |= (lo ^ dirtyXorLo) & bit;
    all &= lo ^ dirtyXorLo;
    expected = (expected + 0x1000) | 0;
  }
  if (different !== 0) return UNLIKE;
  if (any === 0) return ALL_CLEAN;
  return all === 0 ? MIXED : ALL_DIRTY;
}

/** Sets Dirty in those of entries e … e+count-1 that lack it; answers how many. */
function dirtyRun(arena: TableArena, format: PteFormat, e: number, count: number): number {
  const { words, shadow } = arena;
  const { dirtyLo, dirtyXorLo, hardwareSetLo, hardwareClearLo } = format;
  let newly = 0;
  for (let i = e; i < e + count; i++) {
    const lo = words[(i << 1) >>> 0]!;
    if (((lo ^ dirtyXorLo) & dirtyLo) !== 0) continue;
    words[(i << 1) >>> 0] = (lo | hardwareSetLo) & ~hardwareClearLo;
    newly++;
  }
  // The shadow may lead to entries that were dirty before, too.
  const last = e + count - 1;
  for (let w = e >>> 5; w <= last >>> 5; w++) {
    const from = Math.max(e, w * 32);
    const to = Math.min(last, w * 32 + 31);
    markDirty(arena, from);
    shadow[w]! |= (-1 >>> (31 - (to - from))) << (from & 31);
  }
  return newly;
}

/** Puts pages granule … granule+count-1 in, as so many single fills would. All entries in the IOTLB are pages. */
function fillRun(
  iotlb: Iotlb,
  domain: number,
  granule: number,
  pa: number,
  e: number,
  count: number,
  flag: number,
): void {
  const { owner, keyLo, tag, pa: cachedPa, entry, flags, hand, ways, presence, held } = iotlb;
  const setMask = iotlb.sets - 1;
  let evictions = count;
  let blockIn = 0;
  let entering = 0;
  let blockOut = 0;
  let leaving = 0;
  for (let i = 0; i < count; i++) {
    const key = granule + i;
    const set = key & setMask;
    const w = hand[set]!;
    const way = set * ways + w;
    if (owner[way] === NOBODY) {
      iotlb.fill(domain, key, 0, pa + i, e + i, flag);
      evictions--;
      continue;
    }
    if (held) {
      if ((flags[way]! & CACHED_HELD) !== 0) iotlb.writeBack(way);
      entry[way] = e + i;
    }
    // Neighbours arrive together and mostly leave together: one addition for each block of them, not one for each page.
    const arriving = (key >>> PRESENCE_SHIFT) & PRESENCE_MASK;
    if (arriving !== blockIn) {
      presence[blockIn]! += entering;
      blockIn = arriving;
      entering = 0;
    }
    entering++;
    const victim = (keyLo[way]! >>> PRESENCE_SHIFT) & PRESENCE_MASK;
    if (victim !== blockOut) {
      presence[blockOut]! -= leaving;
      blockOut = victim;
      leaving = 0;
    }
    leaving++;
    owner[way] = domain;
    hand[set] = w + 1 === ways ? 0 : w + 1;
    keyLo[way] = key;
    tag[way] = 0;
    cachedPa[way] = pa + i;
    flags[way] = flag;
  }
  presence[blockIn]! += entering;
  presence[blockOut]! -= leaving;
  iotlb.counters.evictions += evictions;
}

/** Tells the sink of RAM pages first … first+count-1, as far as they are RAM. */
function noteRun(port: DmaPort, first: number, count: number): void {
  const { written, result } = port;
  const from = Math.max(0, first);
  const last = Math.min(written.pages, first + count) - 1;
  if (from > last) return;
  const c = Math.floor(from / CHUNK_PAGES);
  if (last - c * CHUNK_PAGES >= CHUNK_PAGES || last - from > 256) {
    result.newlyWritten += written.setRange(from, last - from + 1);
    return;
  }
  // A short run inside one chunk: a few words.
  const chunk = written.chunks[c] ?? written.chunkFor(c);
  const bit = from - c * CHUNK_PAGES;
  const bitLast = last - c * CHUNK_PAGES;
  let newly = 0;
  for (let w = bit >>> 5; w <= bitLast >>> 5; w++) {
    let bits = -1;
    if (w === bit >>> 5) bits &= -1 << (bit & 31);
    if (w === bitLast >>> 5) bits &= -1 >>> (31 - (bitLast & 31));
    newly += orWordInChunk(chunk, w, bits);
  }
  if (newly === 0) return;
  written.noteSet(c, newly);
  result.newlyWritten += newly;
}
