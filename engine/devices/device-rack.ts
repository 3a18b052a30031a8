// All passthrough devices of a guest with their containers: put together from plain configuration (rack-options.ts,
// rack-build.ts), handed to whoever runs the experiment as actors (DMA), trackers and migratable devices.
//
// What happens to the guest's memory or to its driver comes in here: sections that come and go, mappings a guest gives up,
// vCPUs that stop. Order everywhere: that of the configuration. Times go forward; a call at `nowNs` first lets the devices
// do what is due.

import type { Outcome } from '../core/errno.ts';
import { ok, refuse } from '../core/errno.ts';
import type { Scheduler } from '../core/scheduler.ts';
import type { Iotlb } from '../iommu/iotlb.ts';
import type { BigLock } from '../viommu/big-lock.ts';
import type { RamSection } from '../viommu/ram-map.ts';
import { OperationTraffic } from './operation-traffic.ts';
import { RackBuilder } from './rack-build.ts';
import type { RackContainer, RackDevice, RackOptions } from './rack-options.ts';

export class DeviceRack {
  readonly containers: readonly RackContainer[];
  readonly devices: readonly RackDevice[];
  readonly iotlb: Iotlb;
  /** Serialises the guest's IOMMU requests; a sync of guest mappings holds it. Others that hold QEMU's lock may say so. */
  readonly bigLock: BigLock;
  readonly #options: RackOptions;
  readonly #build: RackBuilder;
  #guestEndNs = Infinity;

  constructor(options: RackOptions) {
    this.#options = options;
    this.#build = new RackBuilder(options, () => this.#guestEndNs);
    this.iotlb = this.#build.iotlb;
    this.bigLock = this.#build.bigLock;
    this.containers = this.#build.containers();
    const all = this.containers.flatMap((container) => container.devices);
    this.devices = options.devices.map((config) => all.find((device) => device.config === config)!);
  }

  /** Maps every section, lets drivers map what stays mapped, and puts the devices on the scheduler. */
  start(scheduler: Scheduler): Outcome<number> {
    let durationNs = 0;
    for (const section of this.#options.sections) {
      const mapped = this.regionAdd(section);
      if (!mapped.ok) return mapped;
      durationNs += mapped.value;
    }
    for (const { pool, config } of this.devices) {
      pool?.map(scheduler.nowNs, config.traffic.region.firstPage, config.traffic.region.pages);
    }
    for (const { traffic, reads } of this.devices) {
      scheduler.add(traffic, scheduler.nowNs);
      if (reads !== null) scheduler.add(reads, scheduler.nowNs);
    }
    return ok(Math.round(durationNs));
  }

  /** The memory listener's region_add, for every container of flat sections. */
  regionAdd(section: RamSection): Outcome<number> {
    let durationNs = 0;
    this.#build.ramMap.add(section);
    for (const { tracker, flat } of this.containers) {
      if (!flat) continue;
      const mapped = tracker.regionAdd(section);
      if (!mapped.ok) return mapped;
      durationNs += mapped.value;
    }
    return ok(Math.round(durationNs));
  }

  /** region_del: takes dirt along while logging, unless the defect leaves out the IOTLB entry. */
  regionDel(nowNs: number, section: RamSection): Outcome<number> {
    const entry = this.#options.defects.regionDelWithoutEntry ? 'none' : 'translated';
    let durationNs = 0;
    for (const { tracker, flat } of this.containers) {
      if (!flat) continue;
      const unmapped = tracker.regionDel(nowNs + durationNs, section, entry);
      if (!unmapped.ok) return unmapped;
      durationNs += unmapped.value;
    }
    return ok(Math.round(durationNs));
  }

  /** Lets every device perform what is due: before pages are sent, or the map changes. */
  advanceTo(nowNs: number): void {
    for (const { traffic, reads } of this.devices) {
      traffic.advanceTo(nowNs);
      reads?.advanceTo(nowNs);
    }
  }

  /** The vCPUs stop: drivers map and unmap nothing from now on, devices go on until they are stopped themselves. */
  guestStopped(nowNs: number): void {
    this.advanceTo(nowNs);
    this.#guestEndNs = nowNs;
  }

  guestResumed(nowNs: number): void {
    this.advanceTo(nowNs);
    this.#guestEndNs = Infinity;
  }

  setRate(nowNs: number, device: string, bytesPerSecond: number): Outcome<undefined> {
    const found = this.#find(device);
    if (found === undefined) return refuse('ENODEV', `no device ${device}`);
    found.traffic.setRate(nowNs, bytesPerSecond);
    return ok(undefined);
  }

  /** The guest unmaps the device's buffers that lie in these RAM pages: whole mappings, and a DMA there faults. */
  unmapRange(nowNs: number, device: string, firstPage: number, pages: number): Outcome<number> {
    const pool = this.#find(device)?.pool;
    if (pool === undefined || pool === null) return refuse('EINVAL', `the guest holds no mappings for ${device}`);
    this.advanceTo(nowNs);
    return ok(Math.round(pool.unmap(nowNs, firstPage, pages) - nowNs));
  }

  /** The guest maps them again. */
  mapRange(nowNs: number, device: string, firstPage: number, pages: number): Outcome<number> {
    const pool = this.#find(device)?.pool;
    if (pool === undefined || pool === null) return refuse('EINVAL', `the guest holds no mappings for ${device}`);
    this.advanceTo(nowNs);
    return ok(Math.round(pool.map(nowNs, firstPage, pages) - nowNs));
  }

  /** The guest resets the device: its whole IOVA space goes, and the driver maps its buffers anew. */
  unmapAll(nowNs: number, device: string): Outcome<number> {
    const found = this.#find(device);
    if (found?.dma === undefined || found.dma === null) {
      return refuse('EINVAL', `the guest holds no mappings for ${device}`);
    }
    this.advanceTo(nowNs);
    const { dma, traffic, reads, pool, config } = found;
    const doneNs = dma.unmapAll(nowNs, this.#options.defects.wholeSpaceUnmapAtZero);
    if (traffic instanceof OperationTraffic) traffic.reset(nowNs);
    reads?.reset(nowNs);
    pool?.forget();
    pool?.map(doneNs, config.traffic.region.firstPage, config.traffic.region.pages);
    return ok(Math.round(doneNs - nowNs));
  }

  #find(name: string): RackDevice | undefined {
    return this.devices.find((device) => device.name === name);
  }
}
