// DMA into buffers that are mapped before each operation and unmapped after it, through the guest's DMA API.
//
// The driver keeps `queueDepth` buffers mapped and posted. Operation k uses buffer k mod depth: the device writes it, the
// driver (CPU k mod cpus) unmaps it as soon as it has time, maps another place of the region and posts it again. A driver
// that cannot keep up leaves no buffer: the operation does not happen (`starved`), so the rate falls to what it can serve.
// An operation is translated at its time and completes `latencyNs` later, which is when the driver learns of it; page walks
// delay it, one after another for a device, so that a cold IOTLB leaves fewer buffers.
// Events in order of time: operations, completions, flush-queue timer, late writes. Driver work stops with the vCPUs; the
// device goes on until its buffers are used up or it is stopped.
// Invariant: an operation uses a buffer that is mapped from before until after it; only a late write does not care.
// Left out: interrupt moderation, NAPI budgets and batching of completions; scatter lists (a buffer is one run).
//
// Cost: an operation is two passes of the loop: a touch, an unmap and a map.

import type { DropSink } from '../core/ports.ts';
import { RandomStream } from '../core/random.ts';
import type { DmaPort } from '../iommu/dmaport.ts';
import { touchOne } from '../iommu/touch.ts';
import type { GuestDma } from '../viommu/guest-dma.ts';
import type { TrafficConfig } from './config.ts';
import type { DmaLog } from '../vfio/dma-log.ts';
import { LateWrites } from './late-writes.ts';
import { OUTSIDE_LOG } from './mapped-traffic.ts';
import { OpClock } from './op-clock.ts';
import type { Traffic, TrafficCounters } from './traffic.ts';
import { TRAFFIC_QUANTUM_NS } from './traffic.ts';

const PAGE_SIZE = 4096;
const NOT_POSTED = -1;

export interface OperationTrafficOptions {
  readonly name: string;
  readonly config: TrafficConfig;
  /** false: the device reads (transmit): maps and unmaps, no dirt. */
  readonly writes: boolean;
  readonly port: DmaPort;
  readonly dma: GuestDma;
  readonly seed: number;
  /** The device does no DMA at or after this time. */
  readonly dmaEndNs: () => number;
  /** The guest's vCPUs do not run at or after this time. */
  readonly guestEndNs: () => number;
  readonly log: DmaLog | null;
  readonly drop: DropSink;
  /** One page walk of the IOMMU. */
  readonly walkNs: number;
  /** Begins then; what a predecessor counted goes on. */
  readonly startNs: number;
  readonly counters: TrafficCounters;
}

export class OperationTraffic implements Traffic {
  readonly name: string;
  readonly counters: TrafficCounters;
  readonly #options: OperationTrafficOptions;
  readonly #config: TrafficConfig;
  readonly #port: DmaPort;
  readonly #dma: GuestDma;
  readonly #clock: OpClock;
  readonly #random: RandomStream;
  readonly #lateRandom: RandomStream;
  readonly #late = new LateWrites();
  readonly #writes: boolean;
  readonly #walkNs: number;
  readonly #log: DmaLog | null;
  readonly #pagesPerOp: number;
  readonly #places: number;
  readonly #depth: number;
  readonly #cpus: number;
  /** Posted buffers by slot: first IOVA page, RAM page, and since when they are posted (Infinity: being unmapped). */
  readonly #iovas: Float64Array;
  readonly #ram: Float64Array;
  readonly #postedNs: Float64Array;
  /** Completions that wait for the driver, oldest first: slot and time, in a ring. */
  readonly #doneSlots: Int32Array;
  readonly #doneNs: Float64Array;
  /** When the page walks of the last operation end. */
  #walkedNs = 0;
  #doneHead = 0;
  #doneCount = 0;
  /** The slot that the next operation uses. */
  #nextSlot = 0;
  #nextPlace = 0;
  #atNs = 0;
  #stopped = false;
  #started = false;

  constructor(options: OperationTrafficOptions) {
    const { config } = options;
    this.name = options.name;
    this.counters = options.counters;
    this.#options = options;
    this.#config = config;
    this.#port = options.port;
    this.#dma = options.dma;
    this.#clock = new OpClock(config.bytesPerSecond, config.burstBytes, config.duty);
    this.#random = new RandomStream(options.seed, options.name);
    this.#lateRandom = new RandomStream(options.seed, `${options.name}/late`);
    this.#writes = options.writes;
    this.#walkNs = options.walkNs;
    this.#log = options.log;
    this.#pagesPerOp = Math.min(Math.ceil(config.burstBytes / PAGE_SIZE), config.region.pages);
    this.#places = Math.floor(config.region.pages / this.#pagesPerOp);
    this.#depth = Math.min(config.queueDepth, this.#places);
    this.#cpus = options.dma.cpuFreeNs.length;
    this.#iovas = new Float64Array(this.#depth).fill(NOT_POSTED);
    this.#ram = new Float64Array(this.#depth);
    this.#postedNs = new Float64Array(this.#depth);
    this.#atNs = options.startNs;
    this.#clock.skipTo(options.startNs);
    this.#doneSlots = new Int32Array(this.#depth);
    this.#doneNs = new Float64Array(this.#depth);
  }

  /** To an unmap through the guest's DMA API only late writes matter, since other operations go to other IOVAs. */
  get dueNs(): number {
    return this.#late.dueNs;
  }

  playUntil(untilNs: number): void {
    const endNs = Math.min(untilNs, this.#options.dmaEndNs());
    while (this.#late.dueNs <= endNs) this.#writeLate(this.#late.take());
  }

  run(nowNs: number): number {
    this.advanceTo(nowNs);
    return nowNs + TRAFFIC_QUANTUM_NS;
  }

  setRate(nowNs: number, bytesPerSecond: number): void {
    this.advanceTo(nowNs);
    this.#clock.setRate(nowNs, bytesPerSecond);
  }

  advanceTo(nowNs: number): void {
    this.#advance(nowNs, Math.min(nowNs, this.#options.guestEndNs()));
  }

  advanceDma(nowNs: number): void {
    this.#advance(nowNs, -1);
  }

  #advance(nowNs: number, guestNs: number): void {
    if (nowNs <= this.#atNs) return;
    if (!this.#started) this.#postAll(this.#atNs);
    const endNs = this.#options.dmaEndNs();
    if (this.#stopped && endNs > nowNs) {
      this.#clock.skipTo(this.#atNs);
      this.#stopped = false;
    }
    const deviceNs = this.#stopped ? -1 : Math.min(nowNs, endNs);
    this.#play(deviceNs, guestNs);
    if (endNs <= nowNs) {
      this.#stopped = true;
      while (this.#late.dueNs <= nowNs) this.#late.take();
    }
    this.#atNs = nowNs;
  }

  /** Its mappings went at once; the driver begins anew at `startNs`, and until then there is no DMA. */
  reset(startNs: number): void {
    this.#iovas.fill(NOT_POSTED);
    this.#doneCount = 0;
    this.#started = false;
    this.#atNs = Math.max(this.#atNs, startNs);
    this.#clock.skipTo(this.#atNs);
  }

  /** What is due until `nowNs`: the device's part until `deviceNs`, the driver's until `guestNs`. */
  #play(deviceNs: number, guestNs: number): void {
    const { cpuFreeNs } = this.#dma;
    const clock = this.#clock;
    for (;;) {
      const opNs = clock.nextNs();
      const lateNs = this.#late.dueNs;
      let driverNs = this.#dma.timerNs;
      let timer = true;
      if (this.#doneCount > 0) {
        const freeNs = cpuFreeNs[this.#doneSlots[this.#doneHead]! % this.#cpus]!;
        const startNs = Math.max(this.#doneNs[this.#doneHead]!, freeNs);
        if (startNs <= driverNs) {
          driverNs = startNs;
          timer = false;
        }
      }
      // A driver whose vCPUs have stopped holds up nobody.
      if (driverNs > guestNs) driverNs = Infinity;
      if (lateNs <= deviceNs && lateNs <= opNs && lateNs <= driverNs) this.#writeLate(this.#late.take());
      else if (opNs <= deviceNs && opNs < driverNs) this.#operate(opNs);
      else if (driverNs < Infinity) {
        if (timer) this.#dma.runTimer(driverNs);
        else this.#complete(driverNs);
      } else return;
    }
  }

  /** The driver's first buffers. */
  #postAll(nowNs: number): void {
    this.#started = true;
    for (let slot = 0; slot < this.#depth; slot++) this.#post(nowNs, slot);
  }

  #post(nowNs: number, slot: number): void {
    const { region, pattern } = this.#config;
    let place: number;
    if (pattern === 'random') place = this.#random.nextBelow(this.#places);
    else {
      place = this.#nextPlace;
      this.#nextPlace = place + 1 === this.#places ? 0 : place + 1;
    }
    const cpu = slot % this.#cpus;
    const ramPage = region.firstPage + place * this.#pagesPerOp;
    const iovaPage = this.#dma.map(nowNs, cpu, ramPage, this.#pagesPerOp);
    this.#iovas[slot] = iovaPage;
    this.#ram[slot] = ramPage;
    this.#postedNs[slot] = iovaPage < 0 ? Infinity : this.#dma.cpuFreeNs[cpu]!;
  }

  #operate(nowNs: number): void {
    this.#clock.take(1);
    const slot = this.#nextSlot;
    if (this.#postedNs[slot]! > nowNs) {
      this.counters.starved++;
      return;
    }
    this.counters.operations++;
    this.#nextSlot = slot + 1 === this.#depth ? 0 : slot + 1;
    const missesBefore = this.counters.iotlbMisses;
    this.#touch(nowNs, this.#iovas[slot]!, this.#ram[slot]!, this.#pagesPerOp);
    const walksNs = (this.counters.iotlbMisses - missesBefore) * this.#walkNs;
    this.#walkedNs = Math.max(nowNs, this.#walkedNs) + walksNs;
    this.#postedNs[slot] = Infinity;
    let tail = this.#doneHead + this.#doneCount;
    if (tail >= this.#depth) tail -= this.#depth;
    this.#doneSlots[tail] = slot;
    this.#doneNs[tail] = this.#walkedNs + this.#config.latencyNs;
    this.#doneCount++;
  }

  #complete(nowNs: number): void {
    const slot = this.#doneSlots[this.#doneHead]!;
    this.#doneHead = this.#doneHead + 1 === this.#depth ? 0 : this.#doneHead + 1;
    this.#doneCount--;
    const cpu = slot % this.#cpus;
    const iovaPage = this.#iovas[slot]!;
    const { lateShare, lateWindowNs } = this.#config;
    if (lateShare > 0 && this.#writes && this.#lateRandom.nextUnit() < lateShare) {
      const dueNs = nowNs + this.#lateRandom.nextBelow(lateWindowNs);
      if (this.#late.add(dueNs, iovaPage)) this.counters.lateWrites++;
    }
    this.#dma.unmap(nowNs, cpu, iovaPage);
    this.#post(this.#dma.cpuFreeNs[cpu]!, slot);
  }

  #touch(nowNs: number, iovaPage: number, ramPage: number, pages: number): void {
    const { counters } = this;
    const faults = this.#access(this.#dma.hostPage(iovaPage), pages, this.#writes);
    if (!this.#writes) return;
    counters.pagesWritten += pages - faults;
    if (this.#log === null || this.#log.write(iovaPage, pages)) return;
    counters.unloggedPages += pages;
    this.#options.drop.dropped(nowNs, this.name, OUTSIDE_LOG, ramPage, pages);
  }

  #writeLate(iovaPage: number): void {
    const { counters } = this;
    const page = this.#dma.hostPage(iovaPage);
    this.#log?.write(iovaPage, 1);
    if (page < 0) {
      counters.faults++;
      return;
    }
    const faults = this.#access(page, 1, true);
    counters.pagesWritten += 1 - faults;
    counters.lateWritesLanded += 1 - faults;
  }

  /** Accesses [page, page + pages) and counts; returns the pages that faulted. A batch does not pay for so few. */
  #access(page: number, pages: number, write: boolean): number {
    const { counters } = this;
    const { result } = this.#port;
    const iotlb = this.#port.domain.iotlb.counters;
    const { hits, misses } = iotlb;
    const { faults, newlyWritten, atcHits } = result;
    for (let p = page; p < page + pages; p++) touchOne(this.#port, p, write);
    const faulted = result.faults - faults;
    counters.iotlbHits += iotlb.hits - hits + (result.atcHits - atcHits);
    counters.iotlbMisses += iotlb.misses - misses;
    counters.faults += faulted;
    counters.pagesNewlyWritten += result.newlyWritten - newlyWritten;
    return faulted;
  }
}
