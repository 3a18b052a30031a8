// All passthrough devices of a guest with their containers: put together from plain configuration (rack-options.ts,
// rack-build.ts), handed to whoever runs the experiment as actors (DMA), trackers and migratable devices.
//
// What happens to the guest's memory or to its driver comes in here: sections that come and go, mappings a guest gives up,
// vCPUs that stop. Order everywhere: that of the configuration. Times go forward; a call at `nowNs` first lets the devices
// do what is due.

import type { Outcome, Refusal } from '../core/errno.ts';
import { ok, refuse } from '../core/errno.ts';
import type { Scheduler } from '../core/scheduler.ts';
import type { Iotlb } from '../iommu/iotlb.ts';
import type { BigLock } from '../viommu/big-lock.ts';
import type { GuestDriverMode } from '../viommu/config.ts';
import type { GuestPins } from '../viommu/pinning.ts';
import type { RamSection } from '../viommu/ram-map.ts';
import type { UnmapEntry } from '../viommu/unmap-causes.ts';
import type { TrackerKind } from '../viommu/vmm-container.ts';
import { SplitAhead } from './block-grain.ts';
import { RackBuilder, shadowed } from './rack-build.ts';
import type { RackContainer, RackDevice, RackOptions } from './rack-options.ts';

export class DeviceRack {
  readonly containers: readonly RackContainer[];
  readonly devices: readonly RackDevice[];
  readonly iotlb: Iotlb;
  /** Serialises the guest's IOMMU requests; a sync of guest mappings holds it. Others that hold QEMU's lock may say so. */
  readonly bigLock: BigLock;
  /** Guest RAM that the VMM holds pinned for all containers. */
  readonly pins: GuestPins;
  readonly #options: RackOptions;
  readonly #build: RackBuilder;
  /** As the memory listener knows them. */
  readonly #sections: RamSection[] = [];
  #guestEndNs = Infinity;

  constructor(options: RackOptions) {
    this.#options = options;
    this.#build = new RackBuilder(options, () => this.#guestEndNs);
    this.iotlb = this.#build.iotlb;
    this.bigLock = this.#build.bigLock;
    this.pins = this.#build.pins;
    this.containers = this.#build.containers();
    const all = this.containers.flatMap((container) => container.devices);
    this.devices = options.devices.map((config) => all.find((device) => device.config === config)!);
  }

  /** Maps every section, lets drivers map what stays mapped, and puts the devices on the scheduler. */
  start(scheduler: Scheduler): Outcome<number> {
    let durationNs = 0;
    const { viommu } = this.#options;
    for (const { name, traffic } of this.devices) traffic.setPresent(!this.#options.absent.includes(name));
    // Guest RAM first, as when a machine starts; a guest's driver begins with RAM mapped for the others.
    for (const section of this.#options.sections) {
      const mapped = this.#mapInto(
        this.containers.filter(({ behindViommu }) => !behindViommu),
        section,
      );
      if (!mapped.ok) return mapped;
      durationNs += mapped.value;
      this.#sections.push(section);
    }
    for (const container of this.containers.filter(({ behindViommu }) => behindViommu)) {
      if (viommu !== null && isPresent(container)) this.#attach(scheduler.nowNs, container, viommu.driver);
      for (const section of this.#options.sections) {
        const mapped = this.#mapInto([container], section);
        if (!mapped.ok) return mapped;
        durationNs += mapped.value;
      }
    }
    for (const { traffic } of this.devices) scheduler.add(traffic, scheduler.nowNs);
    for (const container of this.containers) {
      this.#sayTracker(scheduler.nowNs, container);
      this.#sayPinned(scheduler.nowNs, container);
    }
    const { split, aheadNs } = this.#options.iommu.grain;
    for (const { name, container, tracker, grain } of split === 'ahead' ? this.containers : []) {
      const tracked = container.domains.flatMap((d) => (d.tracked ? [d.domain] : []));
      scheduler.add(new SplitAhead(name, grain, tracked, () => tracker.sections), aheadNs);
    }
    return ok(Math.round(durationNs));
  }

  /** The memory listener's region_add, for every container of flat sections. */
  regionAdd(section: RamSection): Outcome<number> {
    this.#build.ramMap.add(section);
    this.#sections.push(section);
    const mapped = this.#mapInto(this.containers, section);
    return mapped.ok ? ok(Math.round(mapped.value)) : mapped;
  }

  #mapInto(containers: readonly RackContainer[], section: RamSection): Outcome<number> {
    let durationNs = 0;
    for (const container of containers) {
      if (!isFlat(container) || !isPresent(container)) continue;
      const mapped = container.tracker.regionAdd(section);
      if (!mapped.ok) return mapped;
      durationNs += mapped.value;
    }
    return ok(durationNs);
  }

  /** region_del: takes dirt along while logging, unless the defect leaves out the IOTLB entry. */
  regionDel(nowNs: number, section: RamSection): Outcome<number> {
    let timeNs = nowNs;
    const at = this.#sections.findIndex((s) => s.gpaPage === section.gpaPage && s.pages === section.pages);
    if (at < 0) return refuse('ENOENT', `no section at gpa page ${section.gpaPage}`);
    this.#sections.splice(at, 1);
    for (const container of this.containers) {
      if (!isFlat(container) || !isPresent(container)) continue;
      const unmapped = container.tracker.regionDel(timeNs, section, this.#entry);
      if (!unmapped.ok) return unmapped;
      timeNs += unmapped.value;
    }
    return ok(Math.round(timeNs - nowNs));
  }

  /** Lets every device perform what is due: before pages are sent, or the map changes. */
  advanceTo(nowNs: number): void {
    for (const { traffic } of this.devices) traffic.advanceTo(nowNs);
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
    this.advanceTo(nowNs);
    const pool = this.#find(device)?.traffic.pool ?? null;
    return pool === null ? noMappings(device) : ok(Math.round(pool.unmap(nowNs, firstPage, pages) - nowNs));
  }

  /** The guest maps them again. */
  mapRange(nowNs: number, device: string, firstPage: number, pages: number): Outcome<number> {
    this.advanceTo(nowNs);
    const pool = this.#find(device)?.traffic.pool ?? null;
    return pool === null ? noMappings(device) : ok(Math.round(pool.map(nowNs, firstPage, pages) - nowNs));
  }

  /** The guest resets the device: its whole IOVA space goes, and the driver maps its buffers anew. */
  unmapAll(nowNs: number, device: string): Outcome<number> {
    this.advanceTo(nowNs);
    const traffic = this.#find(device)?.traffic;
    if (traffic?.guest === undefined || traffic.guest === null) return noMappings(device);
    const doneNs = traffic.guest.unmapAll(nowNs, this.#options.defects.wholeSpaceUnmapAtZero);
    return ok(Math.round(traffic.mapAgain(doneNs) - nowNs));
  }

  /**
   * The guest's driver goes over to another mode for this device, through a blocked domain: what was mapped goes first,
   * flat sections by region_del, the driver's own by one whole-space unmap.
   */
  setDriver(nowNs: number, device: string, to: GuestDriverMode): Outcome<number> {
    const container = this.containers.find(({ devices }) => devices.some(({ name }) => name === device));
    if (container?.behindViommu !== true) return refuse('EINVAL', `the guest has no IOMMU for ${device}`);
    this.advanceTo(nowNs);
    let timeNs = nowNs;
    const { guest } = container.devices[0]!.traffic;
    const wasFlat = isFlat(container);
    if (guest !== null) timeNs = guest.unmapAll(timeNs, this.#options.defects.wholeSpaceUnmapAtZero);
    const toFlat = to === 'passthrough' || this.#options.viommu?.mode === 'nested';
    if (wasFlat && !toFlat) {
      for (const section of this.#sections) {
        const unmapped = container.tracker.regionDel(timeNs, section, this.#entry);
        if (!unmapped.ok) return unmapped;
        timeNs += unmapped.value;
      }
    }
    timeNs = this.#attach(Math.ceil(timeNs), container, to);
    if (!wasFlat && toFlat) {
      for (const section of this.#sections) {
        const mapped = container.tracker.regionAdd(section);
        if (!mapped.ok) return mapped;
        timeNs += mapped.value;
      }
    }
    return ok(Math.round(timeNs - nowNs));
  }

  /** Hot-plug: the device comes with the driver's mode of the start; the first of a container has guest RAM mapped into it. */
  plug(nowNs: number, device: string): Outcome<number> {
    const found = this.#locate(device);
    if (found === undefined) return refuse('ENODEV', `no device ${device}`);
    const [container, { traffic }] = found;
    if (traffic.present) return refuse('EEXIST', `${device} is plugged`);
    this.advanceTo(nowNs);
    const first = !isPresent(container);
    traffic.setPresent(true);
    let timeNs = nowNs;
    const { viommu } = this.#options;
    if (viommu !== null && container.behindViommu) timeNs = this.#attach(nowNs, container, viommu.driver);
    for (const section of first && isFlat(container) ? this.#sections : []) {
      const mapped = container.tracker.regionAdd(section);
      if (!mapped.ok) return mapped;
      timeNs += mapped.value;
    }
    return ok(Math.round(timeNs - nowNs));
  }

  /** Hot-unplug: its DMA ends; with the last device of a container goes what was mapped into it. */
  unplug(nowNs: number, device: string): Outcome<number> {
    const found = this.#locate(device);
    if (found === undefined) return refuse('ENODEV', `no device ${device}`);
    const [container, { traffic }] = found;
    if (!traffic.present) return refuse('ENODEV', `${device} is not plugged`);
    this.advanceTo(nowNs);
    traffic.setPresent(false);
    if (isPresent(container)) return ok(0);
    let timeNs = nowNs;
    if (traffic.guest !== null) timeNs = traffic.guest.unmapAll(nowNs, false);
    for (const section of isFlat(container) ? this.#sections : []) {
      const unmapped = container.tracker.regionDel(timeNs, section, this.#entry);
      if (!unmapped.ok) return unmapped;
      timeNs += unmapped.value;
    }
    if (container.behindViommu) traffic.use(nowNs, null);
    return ok(Math.round(timeNs - nowNs));
  }

  #locate(device: string): [RackContainer, RackDevice] | undefined {
    for (const container of this.containers) {
      const found = container.devices.find(({ name }) => name === device);
      if (found !== undefined) return [container, found];
    }
    return undefined;
  }

  /** Which tracker a container got, and where a driver is not what was asked for. */
  #sayTracker(nowNs: number, { name, container, devices, why }: RackContainer): void {
    const { emit, viommu } = this.#options;
    const { guest } = devices[0]!.traffic;
    const forced =
      guest !== null && guest.driver !== viommu?.driver
        ? '; caching mode disallows batching: the driver is strict'
        : '';
    const detail = { tracker: container.tracker, devices: devices.length };
    const text = `container ${name}: tracked by ${TRACKED_BY[container.tracker]} (${why})${forced}`;
    emit({ timeNs: nowNs, durationNs: 0, kind: 'note', text, source: name, detail });
  }

  /** What mapping guest RAM pinned for a container, and how long that took when the machine started. */
  #sayPinned(nowNs: number, container: RackContainer): void {
    if (!isFlat(container) || !isPresent(container)) return;
    const { emit, costs, tracking } = this.#options;
    const { name } = container;
    const pages = container.container.pagesPinned;
    const by = tracking.api === 'type1' ? 'VFIO_IOMMU_MAP_DMA' : pages === 0 ? 'IOAS_COPY' : 'IOAS_MAP';
    const durationNs = Math.round(pages * costs.pin_page);
    const detail = { pages, pinnedInAll: this.pins.pages, by };
    const text = `container ${name}: ${pages} pages pinned by ${by} in ${(durationNs / 1e6).toFixed(1)} ms`;
    emit({ timeNs: nowNs, durationNs, kind: 'note', text, source: name, detail });
  }

  get #entry(): UnmapEntry {
    return this.#options.defects.regionDelWithoutEntry ? 'none' : 'translated';
  }

  #attach(nowNs: number, container: RackContainer, driver: GuestDriverMode): number {
    return container.devices[0]!.traffic.use(nowNs, this.#build.guestDma(container, driver));
  }

  #find(name: string): RackDevice | undefined {
    return this.devices.find((device) => device.name === name);
  }
}

const TRACKED_BY: Readonly<Record<TrackerKind, string>> = {
  device: 'the devices’ own DMA logs',
  iommu: 'the IOMMU’s Dirty bits',
  everything: 'nobody: every mapped page counts as dirty',
  pinned: 'pins: every pinned page counts as dirty',
  none: 'nobody',
};

/** Whether it holds flat sections now: all but those that hold a guest's own mappings. */
function isFlat({ devices }: RackContainer): boolean {
  return shadowed(devices[0]!) === null;
}

function isPresent({ devices }: RackContainer): boolean {
  return devices.some(({ traffic }) => traffic.present);
}

function noMappings(device: string): Refusal {
  return refuse('EINVAL', `the guest holds no mappings for ${device}`);
}
