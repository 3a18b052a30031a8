// A device's DMA as one actor, whatever the guest's driver does with its IOMMU at the time: flat, pooled or per operation.
// When the driver changes its mode, the traffic is built anew and its counters go on.

import type { RamMap } from '../viommu/ram-map.ts';
import type { GuestDma, GuestDmaCounters } from '../viommu/guest-dma.ts';
import { noGuestDma } from '../viommu/guest-dma.ts';
import type { MappedTrafficOptions } from './mapped-traffic.ts';
import { MappedTraffic } from './mapped-traffic.ts';
import { OperationTraffic } from './operation-traffic.ts';
import type { IovaOfRegion } from './region-iova.ts';
import { FlatIova, PooledIova } from './region-iova.ts';
import type { Traffic, TrafficCounters } from './traffic.ts';
import { noTraffic } from './traffic.ts';

export interface DeviceDmaOptions extends Omit<MappedTrafficOptions, 'iovas' | 'startNs' | 'counters'> {
  readonly ramMap: RamMap;
  /** The guest's vCPUs do not run at or after this time. */
  readonly guestEndNs: () => number;
}

export class DeviceDma implements Traffic {
  readonly name: string;
  readonly counters: TrafficCounters = noTraffic();
  /** Maps and unmaps of its driver. */
  readonly guestCounters: GuestDmaCounters = noGuestDma();
  readonly #options: DeviceDmaOptions;
  #bytesPerSecond: number;
  #present = true;
  #guest: GuestDma | null = null;
  #pool: PooledIova | null = null;
  #writes: Traffic;
  /** What it reads, where that costs maps and unmaps. */
  #reads: OperationTraffic | null = null;

  constructor(options: DeviceDmaOptions) {
    this.name = options.name;
    this.#options = { ...options, dmaEndNs: () => (this.#present ? options.dmaEndNs() : 0) };
    this.#bytesPerSecond = options.config.bytesPerSecond;
    this.#writes = this.#mapped(0, new FlatIova(options.ramMap, options.config.region.firstPage));
  }

  /** The guest's DMA API for it; null: it sees guest physical addresses. */
  get guest(): GuestDma | null {
    return this.#guest;
  }

  /** Long-lived mappings behind a shadowed or explicit vIOMMU. */
  get pool(): PooledIova | null {
    return this.#pool;
  }

  /** Whether it is plugged. */
  get present(): boolean {
    return this.#present;
  }

  /** Plugs or unplugs it; the caller has let it do what was due. */
  setPresent(present: boolean): void {
    this.#present = present;
  }

  get dueNs(): number {
    return this.#writes.dueNs;
  }

  playUntil(untilNs: number): void {
    this.#writes.playUntil(untilNs);
  }

  run(nowNs: number): number {
    const nextNs = this.#writes.run(nowNs);
    return this.#reads === null ? nextNs : Math.min(nextNs, this.#reads.run(nowNs));
  }

  advanceTo(nowNs: number): void {
    this.#writes.advanceTo(nowNs);
    this.#reads?.advanceTo(nowNs);
  }

  advanceDma(nowNs: number): void {
    this.#writes.advanceDma(nowNs);
    this.#reads?.advanceDma(nowNs);
  }

  setRate(nowNs: number, bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#writes.setRate(nowNs, bytesPerSecond);
  }

  /**
   * From `nowNs` on the driver maps through `guest`, or not at all (null); what it did before ended with the last advance.
   * Returns when its long-lived buffers are mapped.
   */
  use(nowNs: number, guest: GuestDma | null): number {
    const { config, ramMap, name } = this.#options;
    const { region, readBytesPerSecond, readBytes } = config;
    this.#guest = guest;
    this.#pool = null;
    this.#reads = null;
    if (guest !== null && guest.driver !== 'pooled' && config.buffers === 'per-operation') {
      this.#writes = this.#perOperation(nowNs, name, guest, true, this.#bytesPerSecond, config.burstBytes);
      if (readBytesPerSecond > 0) {
        this.#reads = this.#perOperation(nowNs, `${name}/reads`, guest, false, readBytesPerSecond, readBytes);
      }
      return nowNs;
    }
    if (guest === null || guest.mode === 'nested') {
      this.#writes = this.#mapped(nowNs, new FlatIova(ramMap, region.firstPage));
      return nowNs;
    }
    this.#pool = new PooledIova(guest, region, config.mappingPages);
    this.#writes = this.#mapped(nowNs, this.#pool);
    return this.#pool.map(nowNs, region.firstPage, region.pages);
  }

  /** All its mappings went at once (unmapAll); it maps anew. Returns when that is done. */
  mapAgain(nowNs: number): number {
    if (this.#writes instanceof OperationTraffic) this.#writes.reset(nowNs);
    this.#reads?.reset(nowNs);
    if (this.#pool === null) return nowNs;
    const { region } = this.#options.config;
    this.#pool.forget();
    return this.#pool.map(nowNs, region.firstPage, region.pages);
  }

  #mapped(startNs: number, iovas: IovaOfRegion): MappedTraffic {
    const { config, ...rest } = this.#options;
    const now = { ...config, bytesPerSecond: this.#bytesPerSecond };
    return new MappedTraffic({ ...rest, config: now, iovas, startNs, counters: this.counters });
  }

  #perOperation(
    startNs: number,
    name: string,
    dma: GuestDma,
    writes: boolean,
    bytesPerSecond: number,
    burstBytes: number,
  ): OperationTraffic {
    const { config, ...rest } = this.#options;
    const lateShare = writes ? config.lateShare : 0;
    const counters = writes ? this.counters : noTraffic();
    const now = { ...config, bytesPerSecond, burstBytes, lateShare };
    return new OperationTraffic({ ...rest, name, config: now, dma, writes, startNs, counters });
  }
}
