// DMA into buffers that stay mapped: page pools, hugepages, registrations, and every device without a vIOMMU of its own.
//
// An operation writes `burstBytes` at consecutive addresses: round the region, or at a random place that is a multiple of
// the burst. Bursts become runs of IOVA pages, a batch of runs goes through the device's port (IOTLB, walk, Dirty, oracle).
// Where a page's IOVA lies is asked of IovaOfRegion: flat, at the guest physical address; behind a vIOMMU with pooled
// buffers, in mappings whose IOVAs the guest's allocator chose.
// Invariant: between two calls all writes due have been made; how a run is cut into calls does not change which.
// Left out: bursts that overlap in time, peer-to-peer writes, packet headers written apart.
//
// Cost: a batch of up to 512 runs is one call; a run of 16 pages costs the port 16 touches.

import { invariant } from '../core/invariant.ts';
import type { DropSink } from '../core/ports.ts';
import { RandomStream } from '../core/random.ts';
import { touchRuns } from '../iommu/touch.ts';
import type { DmaPort } from '../iommu/dmaport.ts';
import type { TrafficConfig } from './config.ts';
import type { DmaLog } from '../vfio/dma-log.ts';
import type { IovaOfRegion } from './region-iova.ts';
import { OpClock } from './op-clock.ts';
import type { Traffic, TrafficCounters } from './traffic.ts';
import { TRAFFIC_QUANTUM_NS } from './traffic.ts';

export const OUTSIDE_LOG = 'written outside the ranges of the DMA log, which are fixed when logging starts';

const PAGE_SIZE = 4096;
const RUNS_MAX = 512;

export interface MappedTrafficOptions {
  readonly name: string;
  readonly config: TrafficConfig;
  readonly port: DmaPort;
  readonly iovas: IovaOfRegion;
  readonly seed: number;
  /** The device does no DMA at or after this time. */
  readonly dmaEndNs: () => number;
  readonly log: DmaLog | null;
  readonly drop: DropSink;
  /** A DMA that faults is lost, or stalls the device until it goes through. */
  readonly faults: 'lost' | 'stall';
  /** One page walk of the IOMMU. */
  readonly walkNs: number;
  /** Begins then; what a predecessor counted goes on. */
  readonly startNs: number;
  readonly counters: TrafficCounters;
}

export class MappedTraffic implements Traffic {
  readonly name: string;
  readonly counters: TrafficCounters;
  readonly #config: TrafficConfig;
  readonly #port: DmaPort;
  readonly #iovas: IovaOfRegion;
  readonly #random: RandomStream;
  readonly #clock: OpClock;
  readonly #options: MappedTrafficOptions;
  readonly #pagesPerOp: number;
  readonly #places: number;
  readonly #firsts = new Float64Array(RUNS_MAX);
  readonly #counts = new Float64Array(RUNS_MAX);
  readonly #drawn = new Float64Array(RUNS_MAX);
  #drawnNext = RUNS_MAX;
  #ringNext = 0;
  #atNs = 0;
  #stopped = false;
  /** An operation that stalled on a fault: its first region page, or -1. */
  #stalledAt = -1;
  /** When the page walks of the last operation end. */
  #walkedNs = 0;

  constructor(options: MappedTrafficOptions) {
    const { config } = options;
    this.name = options.name;
    this.counters = options.counters;
    this.#options = options;
    this.#config = config;
    this.#port = options.port;
    this.#iovas = options.iovas;
    this.#random = new RandomStream(options.seed, options.name);
    this.#clock = new OpClock(config.bytesPerSecond, config.burstBytes, config.duty);
    this.#pagesPerOp = Math.min(Math.ceil(config.burstBytes / PAGE_SIZE), config.region.pages);
    this.#places = Math.floor(config.region.pages / this.#pagesPerOp);
    this.#atNs = options.startNs;
    this.#clock.skipTo(options.startNs);
    invariant(config.region.pages >= 1, 'a device has a page to write to');
  }

  get dueNs(): number {
    return Math.max(this.#clock.nextNs(), this.#walkedNs);
  }

  playUntil(untilNs: number): void {
    this.advanceTo(untilNs);
  }

  run(nowNs: number): number {
    this.advanceTo(nowNs);
    return Math.max(nowNs + TRAFFIC_QUANTUM_NS, Math.min(this.dueNs, nowNs + 1000 * TRAFFIC_QUANTUM_NS));
  }

  setRate(nowNs: number, bytesPerSecond: number): void {
    this.advanceTo(nowNs);
    this.#clock.setRate(nowNs, bytesPerSecond);
  }

  /** Buffers that stay mapped need no driver. */
  advanceDma(nowNs: number): void {
    this.advanceTo(nowNs);
  }

  advanceTo(nowNs: number): void {
    if (nowNs <= this.#atNs) return;
    const endNs = this.#options.dmaEndNs();
    if (this.#stopped && endNs > nowNs) {
      this.#clock.skipTo(this.#atNs);
      this.#stopped = false;
    }
    this.#atNs = nowNs;
    if (this.#stopped) return;
    if (this.#walksMayDelay) this.#performEach(Math.min(nowNs, endNs));
    else this.#perform(this.#clock.due(Math.min(nowNs, endNs)));
    if (endNs <= nowNs) this.#stopped = true;
  }

  /** Whether an operation can be held up: by a fault, or since the walks of the one before it take longer than the interval. */
  get #walksMayDelay(): boolean {
    const longestNs = this.#pagesPerOp * this.#options.walkNs;
    return (
      this.#options.faults === 'stall' || longestNs > this.#clock.intervalNs || this.#walkedNs > this.#clock.nextNs()
    );
  }

  /** One after another: each begins at its time, or when the walks of the last have ended. */
  #performEach(untilNs: number): void {
    for (;;) {
      const dueNs = this.#clock.nextNs();
      const startNs = Math.max(dueNs, this.#walkedNs);
      if (!(startNs <= untilNs) || startNs === Infinity) return;
      const missesBefore = this.counters.iotlbMisses;
      const at = this.#stalledAt >= 0 ? this.#stalledAt : this.#nextPlace();
      const through = this.#touch(this.#fill(0, at));
      this.#clock.take(1);
      if (startNs > dueNs) this.#clock.skipTo(startNs);
      this.#walkedNs = Math.ceil(startNs + (this.counters.iotlbMisses - missesBefore) * this.#options.walkNs);
      this.#stalledAt = through || this.#options.faults === 'lost' ? -1 : at;
      if (this.#stalledAt < 0) this.counters.operations++;
      else this.counters.starved++;
    }
  }

  /** As one batch: nothing holds up anything. */
  #perform(due: number): void {
    let runs = 0;
    for (let op = 0; op < due; op++) {
      // A burst is at most a few runs; a batch is sent when the next burst might not fit.
      if (runs + this.#pagesPerOp > RUNS_MAX && runs > 0) {
        this.#touch(runs);
        runs = 0;
      }
      runs = this.#fill(runs, this.#nextPlace());
    }
    if (runs > 0) this.#touch(runs);
    this.#clock.take(due);
    this.counters.operations += due;
  }

  /** The first region page of the next operation. */
  #nextPlace(): number {
    if (this.#config.pattern === 'ring') {
      const at = this.#ringNext;
      this.#ringNext =
        at + this.#pagesPerOp >= this.#config.region.pages
          ? at + this.#pagesPerOp - this.#config.region.pages
          : at + this.#pagesPerOp;
      return at;
    }
    if (this.#drawnNext === RUNS_MAX) {
      this.#random.fillBelow(this.#places, this.#drawn, RUNS_MAX);
      this.#drawnNext = 0;
    }
    return this.#drawn[this.#drawnNext++]! * this.#pagesPerOp;
  }

  /** Appends the runs of one operation; a long burst over scattered mappings is sent in parts. Returns the runs held. */
  #fill(runs: number, at: number): number {
    const { region } = this.#config;
    let held = runs;
    let page = at;
    for (let left = this.#pagesPerOp; left > 0;) {
      const count = Math.min(left, region.pages - page, this.#iovas.runAt(page));
      const iova = this.#iovas.iovaAt(page);
      if (this.#options.log !== null) this.#log(this.#options.log, iova, page, count);
      if (held > 0 && this.#firsts[held - 1]! + this.#counts[held - 1]! === iova) this.#counts[held - 1]! += count;
      else {
        if (held === RUNS_MAX) {
          this.#touch(held);
          held = 0;
        }
        this.#firsts[held] = iova;
        this.#counts[held] = count;
        held++;
      }
      left -= count;
      page = page + count === region.pages ? 0 : page + count;
    }
    return held;
  }

  /** Writes the runs held; false where a page faulted. */
  #touch(runs: number): boolean {
    const result = touchRuns(this.#port, this.#firsts, this.#counts, runs, true);
    const { counters } = this;
    let pages = 0;
    for (let r = 0; r < runs; r++) pages += this.#counts[r]!;
    counters.pagesWritten += pages - result.faults;
    counters.pagesNewlyWritten += result.newlyWritten;
    counters.iotlbHits += result.hits + result.atcHits;
    counters.iotlbMisses += result.misses;
    counters.faults += result.faults;
    return result.faults === 0;
  }

  #log(log: DmaLog, iovaPage: number, regionPage: number, count: number): void {
    const before = log.unloggedPages;
    if (log.write(iovaPage, count)) return;
    this.counters.unloggedPages += log.unloggedPages - before;
    const ramPage = this.#config.region.firstPage + regionPage;
    this.#options.drop.dropped(this.#atNs, this.name, OUTSIDE_LOG, ramPage, count);
  }
}
