// A device's way into memory: its domain, its ATC if it has one, and the one-way sink that learns which RAM pages it wrote.
// `touch` (touch.ts) performs batches through a port; `access` one granule.
import type { DirtyBitmap } from '../core/bitmap.ts';
import type { Domain } from './domain.ts';
import { READ, WRITE } from './formats/format.ts';
import type { Iotlb } from './iotlb.ts';
import { offsetInLeaf } from './leafchoice.ts';

/** Host physical page at which guest RAM page 0 lies: 4 GiB. */
export const HOST_BASE_PAGE = 0x100000;

export const FAULTS_LISTED = 16;

/** What a batch did; overwritten by the next. */
export interface TouchResult {
  /** IOTLB hits and misses; with an ATC those of its translation requests, and the ATC's own hits beside them. */
  hits: number;
  misses: number;
  atcHits: number;
  atcMisses: number;
  /** Dirty bits newly set, in memory or held in the IOTLB. */
  dirtySets: number;
  /** Pages written that the sink had not known of. */
  newlyWritten: number;
  faults: number;
  /** IOVA pages of the first faults; `min(faults, FAULTS_LISTED)` are valid. */
  readonly faultPages: Float64Array;
}

export interface DmaPortOptions {
  readonly domain: Domain;
  readonly atc?: Iotlb;
  /** Learns of every write, by RAM page. Nothing here reads it. */
  readonly written: DirtyBitmap;
}

/** Touches looked at ahead of the one performed. */
export const BATCH = 64;

export class DmaPort {
  domain: Domain;
  readonly atc: Iotlb | undefined;
  readonly written: DirtyBitmap;
  readonly result: TouchResult = {
    hits: 0,
    misses: 0,
    atcHits: 0,
    atcMisses: 0,
    dirtySets: 0,
    newlyWritten: 0,
    faults: 0,
    faultPages: new Float64Array(FAULTS_LISTED),
  };
  /** Entries of the batch under way; scratch of `touch`. */
  readonly ahead = new Int32Array(BATCH);
  readonly expanded = new Float64Array(BATCH);
  readonly pagesWritten = new Int32Array(BATCH);
  readonly entriesDirtied = new Int32Array(BATCH);
  aheadSeen = 0;

  constructor({ domain, atc, written }: DmaPortOptions) {
    this.domain = domain;
    this.atc = atc;
    this.written = written;
    if (atc !== undefined) domain.attachAtc(atc);
  }

  /** Moves the device to another domain; what its ATC held goes. */
  attach(domain: Domain): void {
    if (this.atc !== undefined) {
      this.domain.detachAtc(this.atc);
      domain.attachAtc(this.atc);
    }
    this.domain = domain;
  }

  /**
   * One access: through the ATC if there is one, else straight to the IOTLB. Answers the physical granule or -1. A translation
   * fetched for writing has set Dirty at the request, so a write through the ATC sets nothing (PCIe ATS).
   */
  access(granule: number, write: boolean): number {
    const { atc, domain, result } = this;
    if (atc === undefined) return domain.access(granule, write);
    const way = atc.find(domain.id, granule);
    if (way >= 0 && (atc.flags[way]! & (write ? WRITE : READ)) !== 0) {
      atc.counters.hits++;
      result.atcHits++;
      return atc.pa[way]! + offsetInLeaf(granule, atc.sizeOf(way));
    }
    atc.counters.misses++;
    result.atcMisses++;
    const pa = domain.access(granule, write);
    if (way >= 0) atc.invalidateWay(way);
    if (pa < 0) return -1;
    const cached = domain.iotlb.find(domain.id, granule);
    if (cached < 0) return pa;
    // A read request (no-write flag) gets no permission to write; the write will ask again.
    const flags = domain.iotlb.flags[cached]! & (write ? READ | WRITE : READ);
    const log2 = domain.iotlb.sizeOf(cached);
    atc.fill(domain.id, granule, log2, domain.iotlb.pa[cached]!, -1, flags);
    return pa;
  }
}

export function resetTouch(result: TouchResult): void {
  result.hits = 0;
  result.misses = 0;
  result.atcHits = 0;
  result.atcMisses = 0;
  result.dirtySets = 0;
  result.newlyWritten = 0;
  result.faults = 0;
}
