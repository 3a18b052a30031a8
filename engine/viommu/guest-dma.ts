// The guest's DMA API over an emulated IOMMU: what a map and an unmap do, when the VMM hears of it, and what it costs.
//
//            map                                   unmap, strict                       unmap, lazy
//  shadow    PTE, invalidation -> exit: the VMM    PTE, invalidation -> exit: unmap    not offered: caching mode
//            walks and maps, a piece per page      with dirt, a piece per page         forces strict
//  explicit  MAP request -> exit, one piece        UNMAP request -> exit               request queued without a kick: the
//                                                                                      next kick brings it
//  nested    PTE only                              PTE, invalidation -> exit, passed   PTE only; the flush queue's flush
//                                                  to hardware                         passes a domain invalidation down
//
// `mappings` is what translates: the VMM's copy (iova_tree) under shadow and explicit, stage 1 under nested. A request that
// waits in the queue is still in it, since the host still translates.
// Exits are served under the big lock, one after another; the guest CPU waits for its own.
// Invariants: an IOVA is reused only after the host no longer translates it (strict), or after a flush (lazy); an unmap
// reports its dirt to the RAM pages that the mapping names.
// Left out: the walk of a shadowing VMM over neighbours in the same table (its cost is in viommu_exit); page-selective
// masks larger than the mapping.
// Sources: drivers/iommu/dma-iommu.c __iommu_dma_map(), __iommu_dma_unmap(), fq_flush_iotlb(); drivers/iommu/virtio-iommu.c
// viommu_map_pages(), viommu_unmap_pages(); hw/i386/intel_iommu.c vtd_page_walk_one(); drivers/iommu/intel/iommu.c
// (caching mode forces strict).

import type { Costs } from '../core/costs.ts';
import { ERRNO } from '../core/errno.ts';
import type { Errno } from '../core/errno.ts';
import { invariant } from '../core/invariant.ts';
import type { EmitEvent } from '../core/ports.ts';
import type { Domain } from '../iommu/domain.ts';
import type { BigLock } from './big-lock.ts';
import type { GuestDriverMode, ViommuConfig, ViommuMode } from './config.ts';
import type { EmulatedIotlb, IotlbView } from './emulated-iotlb.ts';
import { FlushQueue } from './flush-queue.ts';
import { GuestMappings } from './guest-mappings.ts';
import { DEPOT_TRIM_NS, IovaAllocator } from './iova-allocator.ts';
import { IovaSpace } from './iova-space.ts';
import type { RamMap } from './ram-map.ts';
import type { VmmContainer } from './vmm-container.ts';

export interface GuestDmaCounters {
  maps: number;
  unmaps: number;
  exits: number;
  /** Invalidations the guest asked for. */
  flushes: number;
  /** Maps that the host refused. */
  refused: number;
}

export const noGuestDma = (): GuestDmaCounters => ({ maps: 0, unmaps: 0, exits: 0, flushes: 0, refused: 0 });

const STRERROR: Partial<Record<Errno, string>> = {
  ENOSPC: 'No space left on device',
  ENOMEM: 'Cannot allocate memory',
};

export interface GuestDmaOptions {
  readonly config: ViommuConfig;
  /** Totals that outlive a change of the driver's mode. */
  readonly counters: GuestDmaCounters;
  readonly container: VmmContainer;
  readonly bigLock: BigLock;
  /** Of the unit that all devices of the guest share. */
  readonly iotlb: EmulatedIotlb;
  readonly ramMap: RamMap;
  readonly costs: Costs;
  readonly emit: EmitEvent;
}

export class GuestDma {
  readonly mode: ViommuMode;
  /** What the driver really does: `lazy` is `strict` under caching mode. */
  readonly driver: GuestDriverMode;
  readonly mappings: GuestMappings;
  readonly counters: GuestDmaCounters;
  /** Per guest CPU: when it has time for the driver again. */
  readonly cpuFreeNs: Float64Array;
  readonly #nested: boolean;
  readonly #container: VmmContainer;
  readonly #domain: Domain;
  readonly #iotlb: IotlbView;
  readonly #bigLock: BigLock;
  readonly #ramMap: RamMap;
  readonly #costs: Costs;
  readonly #allocator: IovaAllocator;
  readonly #queue: FlushQueue | null;
  readonly #requestQueue: number;
  /** UNMAP requests without a kick (explicit, lazy): first IOVA page each. */
  readonly #waiting: number[] = [];
  /** Stage 1 entries gone but perhaps still in the IOTLB (nested): IOVA page -> RAM page, in pairs. */
  readonly #stale = new Map<number, number>();
  /** What the host had no room for. */
  readonly #refused = new Set<number>();
  readonly #emit: EmitEvent;
  #trimNs = DEPOT_TRIM_NS;

  constructor({ config, counters, container, bigLock, iotlb, ramMap, costs, emit }: GuestDmaOptions) {
    this.#emit = emit;
    this.counters = counters;
    this.mode = config.mode;
    this.#nested = config.mode === 'nested';
    this.driver = config.driver === 'lazy' && config.mode === 'shadow' ? 'strict' : config.driver;
    const space = new IovaSpace(config.addressBits);
    this.mappings = new GuestMappings(space);
    this.#allocator = new IovaAllocator(space, config.cpus, config.iova === 'reuse');
    this.#queue = this.driver === 'lazy' ? new FlushQueue(config.flushQueue, this.#allocator, config.cpus) : null;
    this.cpuFreeNs = new Float64Array(config.cpus);
    this.#requestQueue = config.requestQueue;
    this.#container = container;
    this.#domain = container.domains[0]!.domain;
    this.#bigLock = bigLock;
    this.#iotlb = iotlb.view(space);
    this.#ramMap = ramMap;
    this.#costs = costs;
  }

  /** When the flush queue's timer or the depot's work is due; Infinity: never. */
  get timerNs(): number {
    const flushNs = this.#queue === null ? Infinity : this.#queue.timerNs;
    return flushNs < this.#trimNs ? flushNs : this.#trimNs;
  }

  /** Unmapped IOVAs that wait for a flush. */
  get waitingForFlush(): number {
    return this.#queue?.waiting ?? 0;
  }

  /** A dirty sync asks the emulated unit where each mapping leads; answers how many its IOTLB did not know. */
  replay(): number {
    let walks = 0;
    this.mappings.forEach((iovaPage) => {
      if (!this.#iotlb.ask(iovaPage)) walks++;
    });
    return walks;
  }

  /**
   * Maps `pages` RAM pages from `ramPage` on CPU `cpu`, which is busy with it until `cpuFreeNs[cpu]`. Returns the first
   * IOVA page; -1 when there is none left.
   */
  map(nowNs: number, cpu: number, ramPage: number, pages: number): number {
    const iovaPage = this.#allocator.alloc(cpu, pages);
    if (iovaPage < 0) return -1;
    this.counters.maps++;
    let timeNs = nowNs + this.#costs.guest_dma_map;
    if (!this.#nested) {
      timeNs = this.#enter(timeNs);
      if (this.#waiting.length > 0) timeNs = this.#serveWaiting(timeNs);
      timeNs += this.#mapHost(timeNs, iovaPage, ramPage, pages);
      this.#bigLock.release(timeNs);
    }
    this.mappings.add(iovaPage, ramPage, pages);
    this.cpuFreeNs[cpu] = timeNs;
    return iovaPage;
  }

  /** Unmaps what begins at `iovaPage`; CPU `cpu` is busy with it until `cpuFreeNs[cpu]`. */
  unmap(nowNs: number, cpu: number, iovaPage: number): void {
    const pages = this.mappings.pagesAt(iovaPage);
    invariant(pages > 0, 'a driver unmaps what it has mapped');
    this.counters.unmaps++;
    let timeNs = nowNs + this.#costs.guest_dma_unmap;
    if (this.#queue === null) {
      timeNs = this.#nested ? this.#unmapNested(timeNs, iovaPage) : this.#unmapNow(timeNs, iovaPage, pages);
      this.#allocator.free(cpu, iovaPage, pages);
    } else timeNs = this.#unmapLater(timeNs, cpu, iovaPage, pages, this.#queue);
    this.cpuFreeNs[cpu] = timeNs;
  }

  /**
   * The guest gives up its whole IOVA space (device reset, change of domain): one unmap of everything. `atZero`: the
   * notification names address 0 and no mapping, as intel_iommu's did before QEMU 11.0; else it comes mapping by mapping.
   */
  unmapAll(nowNs: number, atZero: boolean): number {
    let timeNs = this.#nested ? nowNs : this.#serveWaiting(this.#enter(nowNs));
    this.counters.flushes++;
    if (this.#nested) this.#domain.flushDomain();
    else if (atZero) timeNs += this.#container.unmapAllAtZero(timeNs, this.mappings);
    this.mappings.forEach((iovaPage, _ramPage, pages) => {
      if (!this.#nested && !atZero) timeNs += this.#unmapHost(timeNs, iovaPage, pages);
      this.#forget(iovaPage);
      this.#allocator.free(0, iovaPage, pages);
    });
    this.#stale.clear();
    this.#refused.clear();
    this.#bigLock.release(timeNs);
    this.counters.unmaps++;
    return timeNs;
  }

  /** Flush queue timer and depot work, on CPU 0. */
  runTimer(nowNs: number): void {
    if (this.#trimNs <= nowNs) {
      this.#allocator.trimDepot();
      this.#trimNs = nowNs + DEPOT_TRIM_NS;
    }
    if (this.#queue === null || this.#queue.timerNs > nowNs) return;
    const doneNs = this.#flushAll(nowNs);
    this.#queue.timerFlushed(0);
    if (doneNs > this.cpuFreeNs[0]!) this.cpuFreeNs[0] = doneNs;
  }

  /**
   * Where a DMA to `iovaPage` goes: the page number that the host's domain translates. -1: stage 1 does not map it and no
   * IOTLB entry remembers. Under shadow and explicit the IOVA itself.
   */
  hostPage(iovaPage: number): number {
    if (!this.#nested) return iovaPage;
    const ramPage = this.mappings.translate(iovaPage);
    if (ramPage >= 0) return this.#ramMap.gpaOf(ramPage);
    const stale = this.#stale.get(iovaPage);
    if (stale === undefined) return -1;
    const gpaPage = this.#ramMap.gpaOf(stale);
    return this.#domain.iotlb.find(this.#domain.id, gpaPage) >= 0 ? gpaPage : -1;
  }

  /** The host refuses it: QEMU says so and goes on; the guest believes it mapped, and a DMA there faults. */
  #refuse(nowNs: number, iovaPage: number, errno: Errno): void {
    this.#refused.add(iovaPage);
    this.counters.refused++;
    if (this.counters.refused > 1) return;
    this.#emit({
      timeNs: Math.floor(nowNs),
      durationNs: 0,
      kind: 'error',
      text: `${this.#container.name}: vfio_container_dma_map() = -${ERRNO[errno]} (${STRERROR[errno] ?? errno})`,
      source: this.#container.name,
      detail: { errno, mappings: this.#container.mappings },
    });
  }

  /** Host mappings for so many guest pages: a shadowing VMM maps page by page. */
  #pieces(pages: number): number {
    return this.mode === 'shadow' ? pages : 1;
  }

  /** The host's part of an unmap; returns the time it took. */
  #unmapHost(nowNs: number, iovaPage: number, pages: number): number {
    if (this.#refused.size > 0 && this.#refused.delete(iovaPage)) return 0;
    return this.#container.unmap(nowNs, iovaPage, this.mappings.translate(iovaPage), pages, this.#pieces(pages));
  }

  /** A mapping that goes, from the emulated IOTLB too. */
  #forget(iovaPage: number): void {
    this.mappings.remove(iovaPage);
    this.#iotlb.invalidate(iovaPage);
  }

  #enter(nowNs: number): number {
    this.counters.exits++;
    return this.#bigLock.take(nowNs) + this.#costs.viommu_exit;
  }

  #mapHost(nowNs: number, iovaPage: number, ramPage: number, pages: number): number {
    if (this.mode === 'explicit' || pages === 1) {
      const mapped = this.#container.map(iovaPage, ramPage, pages);
      if (mapped.ok) return mapped.value;
      invariant(mapped.errno === 'ENOSPC' || mapped.errno === 'ENOMEM', 'the host maps what the guest has mapped');
      this.#refuse(nowNs, iovaPage, mapped.errno);
      return 0;
    }
    const refusal = this.#container.refusal(ramPage, pages, pages);
    if (refusal !== undefined) {
      this.#refuse(nowNs, iovaPage, refusal);
      return 0;
    }
    let durationNs = 0;
    for (let i = 0; i < pages; i++) {
      const mapped = this.#container.map(iovaPage + i, ramPage + i, 1);
      invariant(mapped.ok, 'the host maps what the guest has mapped');
      durationNs += mapped.value;
    }
    return durationNs;
  }

  /** Strict under shadow or explicit: the VMM unmaps before the guest goes on. */
  #unmapNow(nowNs: number, iovaPage: number, pages: number): number {
    this.counters.flushes++;
    const enteredNs = this.#enter(nowNs);
    const doneNs = enteredNs + this.#unmapHost(enteredNs, iovaPage, pages);
    this.#forget(iovaPage);
    this.#bigLock.release(doneNs);
    return doneNs;
  }

  /** Strict under nested: stage 1 goes, then the invalidation is passed down; stage 2 keeps its dirt. */
  #unmapNested(nowNs: number, iovaPage: number): number {
    this.counters.flushes++;
    const ramPage = this.mappings.translate(iovaPage);
    const pages = this.mappings.pagesAt(iovaPage);
    this.#forget(iovaPage);
    const doneNs = this.#enter(nowNs) + this.#costs.iotlb_flush;
    if (this.#container.inFlight.dueNs <= doneNs) {
      for (let i = 0; i < pages; i++) this.#stale.set(iovaPage + i, ramPage + i);
      this.#container.inFlight.playUntil(doneNs);
      for (let i = 0; i < pages; i++) this.#stale.delete(iovaPage + i);
    }
    for (let i = 0; i < pages; i++) this.#domain.flushRange(this.#ramMap.gpaOf(ramPage + i), 1);
    this.#bigLock.release(doneNs);
    return doneNs;
  }

  #unmapLater(nowNs: number, cpu: number, iovaPage: number, pages: number, queue: FlushQueue): number {
    let timeNs = nowNs;
    if (this.#nested) {
      const ramPage = this.mappings.translate(iovaPage);
      for (let i = 0; i < pages; i++) this.#stale.set(iovaPage + i, ramPage + i);
      this.#forget(iovaPage);
    } else {
      if (this.#waiting.length === this.#requestQueue - 1) timeNs = this.#kick(timeNs);
      this.#waiting.push(iovaPage);
    }
    if (queue.fullFor(cpu)) {
      timeNs = this.#flushAll(timeNs);
      queue.flushed(cpu);
    }
    queue.add(timeNs, cpu, iovaPage, pages);
    return timeNs;
  }

  /** The flush queue's flush: of the whole domain. */
  #flushAll(nowNs: number): number {
    this.counters.flushes++;
    if (!this.#nested) return this.#kick(nowNs);
    const doneNs = this.#enter(nowNs) + this.#costs.iotlb_flush;
    if (this.#container.inFlight.dueNs <= doneNs) this.#container.inFlight.playUntil(doneNs);
    this.#domain.flushDomain();
    this.#stale.clear();
    this.#bigLock.release(doneNs);
    return doneNs;
  }

  /** virtio-iommu: the queue is kicked, and the VMM serves what waits. */
  #kick(nowNs: number): number {
    const doneNs = this.#serveWaiting(this.#enter(nowNs));
    this.#bigLock.release(doneNs);
    return doneNs;
  }

  #serveWaiting(nowNs: number): number {
    let timeNs = nowNs;
    for (const iovaPage of this.#waiting) {
      const pages = this.mappings.pagesAt(iovaPage);
      timeNs += this.#unmapHost(timeNs, iovaPage, pages);
      this.#forget(iovaPage);
    }
    this.#waiting.length = 0;
    return timeNs;
  }
}
