// RAM in the migration: the bitmap of pages still to be sent, the scan over it, the dirty sync, and the lazy clear of KVM's log.
// (QEMU 9.2, migration/ram.c: ram_save_setup(), ram_save_iterate(), find_dirty_block(), migration_bitmap_sync().)
//
// - The bitmap starts all ones. A sync ORs what every tracker reports into it; only bits newly set count as dirtied.
// - The scan goes through the blocks from where it stopped, wraps at the end, and ends when a circle finds nothing.
// - Per page: clear the log of its chunk in KVM (once per sync and chunk of 1 GiB), clear the bit, read the page, send it.
//   What is written after the clear is found by the next sync.
// - `send` works on runs: pages of one kind (zero or not) up to the next limit of time, bytes, chunk or block, by arithmetic.
//
// - What reaches the destination first may be slow to take there, until its host has found memory for it. Only pages of the first
//   pass that are not zero count as first.
//
// Simplification: pages of one slice (at most 1 ms) are read at its beginning; writes of the vCPUs' ticks fall between slices.
// Cost: proportional to runs, not pages; a sync costs what is newly dirty.

import { DirtyBitmap } from '../core/bitmap.ts';
import type { DirtyTracker, HarvestReport } from '../core/ports.ts';
import type { PageCost, StreamCosts, StreamCounters } from './stream.ts';
import { blockIdBytes } from './wire.ts';

/** The clock is looked at every so many pages. */
const CLOCK_PAGES = 64;

export interface BlockRange {
  readonly id: string;
  readonly firstPage: number;
  readonly pages: number;
}

export interface RamSaveConfig {
  readonly totalPages: number;
  readonly blocks: readonly BlockRange[];
  readonly nonZero: DirtyBitmap;
  readonly trackers: readonly DirtyTracker[];
  /** Told of every run that goes out (the oracle's ear). */
  readonly sent: (first: number, count: number) => void;
  /** Pages per host page behind RAM: sent as a group, and one step for the clock. */
  readonly hostPagePages: number;
  /** Pages of a clear chunk; QEMU's default is 2^18 (x-clear-bitmap-shift). */
  readonly clearChunkPages: number;
  /** null: the destination has its memory. */
  readonly unbacked: Unbacked | null;
  /** RAM blocks that are not there when the migration begins, as runs. */
  readonly absent: readonly PageRun[];
}

/** The destination's host must first find memory for this share of what arrives: the beginning of every stretch. */
export interface Unbacked {
  readonly share: number;
  readonly stretchPages: number;
  /** How far into a stretch the first page is. */
  readonly firstPage: number;
  /** What a page takes at least, ns. */
  readonly pageNs: number;
}

export interface PageRun {
  readonly first: number;
  readonly count: number;
}

export interface SyncResult extends HarvestReport {
  readonly newlyDirty: number;
}

export interface SendLimits {
  /** Stop at the first page that would begin after this much time. */
  readonly sliceNs: number;
  /** Pages of `bytes` each that may still go before the rate window is exceeded. */
  readonly room: (bytes: number) => number;
  /** Time left until the iterate call looks at its clock and stops; Infinity = no bound. */
  readonly callNs: number;
  /** XBZRLE: bytes of a page that was sent before, 0 where it need not go, or -1 for the whole page; null: off. */
  readonly encode: ((page: number) => number) | null;
  readonly encodeNs: number;
}

export interface SendResult {
  readonly ns: number;
  /** Time mmu_lock was held by clears. */
  readonly lockHeldNs: number;
  /** Nothing left. */
  readonly empty: boolean;
  /** The iterate call's 50 ms are over. */
  readonly callOver: boolean;
  readonly rateExceeded: boolean;
}

export class RamSave {
  readonly bitmap: DirtyBitmap;
  readonly #config: RamSaveConfig;
  /** One bit per chunk: KVM's log of it must be cleared before its next page goes. */
  readonly #clearChunks: DirtyBitmap;
  #position = 0;
  #blockId = '';
  /** Pages sent in this iterate call, for the clock test. */
  #callPages = 0;
  /** The scan passed the end of the block list since asked. */
  #passes = 0;
  syncs = 0;
  /** Pages newly set by syncs since the period began. */
  dirtyPagesPeriod = 0;
  dirtyBytesLastSync = 0;
  newlyDirtyTotal = 0;
  /** Chunks cleared in KVM. */
  clears = 0;

  constructor(config: RamSaveConfig) {
    this.#config = config;
    this.bitmap = new DirtyBitmap(config.totalPages);
    this.bitmap.setRange(0, config.totalPages);
    for (const { first, count } of config.absent) this.bitmap.clearRange(first, count);
    this.#clearChunks = new DirtyBitmap(Math.ceil(config.totalPages / config.clearChunkPages));
  }

  /** Pages known dirty and not sent: the estimate. */
  get left(): number {
    return this.bitmap.count;
  }

  /** Passes over the whole of RAM completed. */
  get passes(): number {
    return this.#passes;
  }

  sync(nowNs: number, lastStage: boolean): SyncResult {
    this.syncs++;
    const before = this.bitmap.count;
    let pages = 0;
    let durationNs = 0;
    let lockHeldNs = 0;
    let entriesTouched = 0;
    let iotlbFlushes = 0;
    for (const tracker of this.#config.trackers) {
      const report = tracker.harvest(nowNs + durationNs, this.bitmap, lastStage);
      pages += report.pages;
      durationNs += report.durationNs;
      lockHeldNs += report.lockHeldNs;
      entriesTouched += report.entriesTouched;
      iotlbFlushes += report.iotlbFlushes;
    }
    const newlyDirty = this.bitmap.count - before;
    this.#clearChunks.setRange(0, this.#clearChunks.pages);
    this.dirtyPagesPeriod += newlyDirty;
    this.newlyDirtyTotal += newlyDirty;
    this.dirtyBytesLastSync = this.bitmap.count * 4096;
    return { pages, durationNs, lockHeldNs, entriesTouched, iotlbFlushes, newlyDirty };
  }

  /** Pages that need not be sent at all (discarded, unplugged): their chunks are cleared first. */
  discard(nowNs: number, first: number, count: number): void {
    for (let page = first; page < first + count; page += this.#config.clearChunkPages) this.#clearChunk(nowNs, page);
    if (count > 0) this.#clearChunk(nowNs, first + count - 1);
    this.bitmap.clearRange(first, count);
  }

  /** A RAM block was plugged: all of it is due. Returns how many pages. */
  include(first: number, count: number): number {
    const added = this.bitmap.setRange(first, count);
    this.#clearChunks.setRange(0, this.#clearChunks.pages);
    this.#position = 0;
    return added;
  }

  beginCall(): void {
    this.#callPages = 0;
  }

  /** Sends pages until a limit is reached. */
  send(nowNs: number, costs: StreamCosts, counters: StreamCounters, limits: SendLimits): SendResult {
    const { bitmap } = this;
    const { nonZero, blocks, clearChunkPages } = this.#config;
    let ns = 0;
    let lockHeldNs = 0;
    while (ns < limits.sliceNs) {
      if (bitmap.count === 0) return result(ns, lockHeldNs, { empty: true });
      let page = bitmap.nextSet(this.#position);
      if (page < 0) {
        this.#passes++;
        page = bitmap.nextSet(0);
      }
      this.#position = page;
      const cleared = this.#clearChunk(nowNs, page);
      ns += cleared.durationNs;
      lockHeldNs += cleared.lockHeldNs;

      const normal = nonZero.test(page);
      const { cost, end: costEnd } = this.#costOf(page, normal, costs);
      const room = limits.room(cost.bytes);
      if (room === 0) return result(ns, lockHeldNs, { rateExceeded: true });
      const block = blocks.find((candidate) => page < candidate.firstPage + candidate.pages)!;
      const chunkEnd = (Math.floor(page / clearChunkPages) + 1) * clearChunkPages;
      const inCall = this.#pagesInCall(limits.callNs - ns, cost.ns);
      if (inCall === 0) return result(ns, lockHeldNs, { callOver: true });
      if (normal && limits.encode !== null && this.#passes > 0) {
        ns += this.#sendEncoded(page, costs, counters, limits.encode, limits.encodeNs);
        continue;
      }
      const inSlice = Math.max(1, Math.ceil((limits.sliceNs - ns) / cost.ns));
      const most = Math.min(
        block.firstPage + block.pages,
        chunkEnd,
        costEnd,
        page + room,
        page + inSlice,
        page + inCall,
      );
      const dirtyEnd = endOr(bitmap.nextClear(page, most), most);
      const end = endOr(normal ? nonZero.nextClear(page, dirtyEnd) : nonZero.nextSet(page, dirtyEnd), dirtyEnd);
      const count = end - page;

      if (block.id !== this.#blockId) {
        counters.protocolBytes += blockIdBytes(block.id);
        this.#blockId = block.id;
      }
      bitmap.clearRange(page, count);
      this.#config.sent(page, count);
      this.#callPages += count;
      this.#position = page + count;
      ns += count * cost.ns;
      if (normal) {
        counters.normalPages += count;
        counters.normalBytes += count * cost.bytes;
      } else {
        counters.zeroPages += count;
        counters.zeroBytes += count * cost.bytes;
      }
      if (count === inCall) return result(ns, lockHeldNs, { callOver: true });
    }
    return result(ns, lockHeldNs, {});
  }

  /** What a page costs, and up to where that is so. */
  #costOf(page: number, normal: boolean, costs: StreamCosts): { readonly cost: PageCost; readonly end: number } {
    if (!normal) return { cost: costs.zero, end: Infinity };
    const { unbacked } = this.#config;
    if (this.#passes > 0 || unbacked === null) return { cost: costs.normal, end: Infinity };
    const { share, stretchPages, firstPage, pageNs } = unbacked;
    const at = (page + firstPage) % stretchPages;
    const unbackedPages = Math.round(share * stretchPages);
    if (at >= unbackedPages) return { cost: costs.normal, end: page + stretchPages - at };
    const { bytes, ns } = costs.normal;
    return { cost: { bytes, ns: Math.max(ns, pageNs) }, end: page + unbackedPages - at };
  }

  /** One page, encoded if it can be; returns how long it took. */
  #sendEncoded(
    page: number,
    costs: StreamCosts,
    counters: StreamCounters,
    encode: (page: number) => number,
    encodeNs: number,
  ): number {
    const encoded = encode(page);
    this.bitmap.clearRange(page, 1);
    this.#callPages++;
    this.#position = page + 1;
    if (encoded === 0) return encodeNs;
    this.#config.sent(page, 1);
    counters.normalPages++;
    counters.normalBytes += encoded < 0 ? costs.normal.bytes : encoded;
    return encoded < 0 ? costs.normal.ns : encodeNs;
  }

  /** Post-copy: sends what is left of these pages at once, whatever the limits; returns how long that took. */
  sendNow(first: number, count: number, costs: StreamCosts, counters: StreamCounters): number {
    let ns = 0;
    const { nonZero } = this.#config;
    this.bitmap.takeRuns(
      (from, n) => {
        const normal = nonZero.countRange(from, n);
        counters.normalPages += normal;
        counters.normalBytes += normal * costs.normal.bytes;
        counters.zeroPages += n - normal;
        counters.zeroBytes += (n - normal) * costs.zero.bytes;
        ns += normal * costs.normal.ns + (n - normal) * costs.zero.ns;
        this.#config.sent(from, n);
      },
      first,
      first + count,
    );
    return ns;
  }

  /** Pages until the clock is seen to stand after the end of the call: it is looked at after page 1, 65, 129, … of the call. */
  #pagesInCall(callNs: number, pageNs: number): number {
    if (callNs === Infinity) return Infinity;
    const group = CLOCK_PAGES * this.#config.hostPagePages;
    // Past its end a call that just looked at the clock is over.
    if (callNs < 0 && this.#callPages > 0 && (this.#callPages - 1) % group === 0) return 0;
    const until = callNs < 0 ? 1 : Math.floor(callNs / pageNs) + 1;
    const past = this.#callPages + until - 1;
    return Math.ceil(past / group) * group + 1 - this.#callPages;
  }

  #clearChunk(nowNs: number, page: number): { durationNs: number; lockHeldNs: number } {
    const { clearChunkPages } = this.#config;
    const chunk = Math.floor(page / clearChunkPages);
    if (!this.#clearChunks.clear(chunk)) return NOTHING;
    const first = chunk * clearChunkPages;
    const count = Math.min(clearChunkPages, this.bitmap.pages - first);
    let durationNs = 0;
    let lockHeldNs = 0;
    for (const tracker of this.#config.trackers) {
      const report = tracker.clear?.(nowNs, first, count);
      if (report === undefined) continue;
      this.clears++;
      durationNs += report.durationNs;
      lockHeldNs += report.lockHeldNs;
    }
    return { durationNs, lockHeldNs };
  }
}

const NOTHING = { durationNs: 0, lockHeldNs: 0 };

const endOr = (page: number, end: number): number => (page < 0 ? end : page);

const result = (
  ns: number,
  lockHeldNs: number,
  why: { empty?: boolean; callOver?: boolean; rateExceeded?: boolean },
): SendResult => ({
  ns,
  lockHeldNs,
  empty: why.empty ?? false,
  callOver: why.callOver ?? false,
  rateExceeded: why.rateExceeded ?? false,
});
