// All passthrough devices of a guest with their containers: put together from plain configuration, handed to whoever runs
// the experiment as actors (DMA), trackers and migratable devices.
//
// Without a vIOMMU, devices that name the same container share its domains; an untracked domain is added where the IOMMU
// in front of a device cannot track. RAM sections are mapped into every container, as the memory listener does.
// Order everywhere: that of the configuration.

import type { Costs } from '../core/costs.ts';
import type { Outcome } from '../core/errno.ts';
import { ok, refuse } from '../core/errno.ts';
import type { DirtyBitmap } from '../core/bitmap.ts';
import type { DropSink, EmitEvent } from '../core/ports.ts';
import type { Scheduler } from '../core/scheduler.ts';
import { DmaPort } from '../iommu/dmaport.ts';
import { Domain } from '../iommu/domain.ts';
import type { PteFormat } from '../iommu/formats/format.ts';
import type { IotlbGeometry } from '../iommu/iotlb.ts';
import { Iotlb } from '../iommu/iotlb.ts';
import { PageTable } from '../iommu/pagetable.ts';
import type { RamSection } from '../viommu/ram-map.ts';
import { RamMap } from '../viommu/ram-map.ts';
import type { UnmapPolicyName } from '../viommu/unmap-policy.ts';
import { UNMAP_POLICIES } from '../viommu/unmap-policy.ts';
import type { ContainerDomain } from '../viommu/vmm-container.ts';
import { VmmContainer } from '../viommu/vmm-container.ts';
import type { DeviceConfig } from './config.ts';
import type { FlushOrder } from './container-tracker.ts';
import { ContainerTracker } from './container-tracker.ts';
import { DeviceLog } from './device-log.ts';
import { FlatIova, MappedTraffic } from './mapped-traffic.ts';
import type { TrackerPolicy } from './tracker-choice.ts';
import { chooseTracker } from './tracker-choice.ts';
import type { Traffic } from './traffic.ts';
import { VfioDevice } from './vfio-device.ts';

export interface RackIommu {
  readonly format: PteFormat;
  /** Leaf sizes for guest RAM, in bytes. */
  readonly pageSizes: readonly number[];
  readonly iotlb: IotlbGeometry;
  readonly flush: FlushOrder;
  readonly unmap: UnmapPolicyName;
  readonly faults: 'lost' | 'stall';
}

export interface RackDefects {
  readonly unmapWithoutQuery: boolean;
  readonly regionDelWithoutEntry: boolean;
  readonly contiguousLastPage: boolean;
}

export interface RackOptions {
  readonly seed: number;
  readonly costs: Costs;
  readonly ramPages: number;
  readonly sections: readonly RamSection[];
  readonly devices: readonly DeviceConfig[];
  readonly iommu: RackIommu;
  readonly tracking: TrackerPolicy & { readonly duringPrecopy: boolean };
  readonly defects: RackDefects;
  /** The oracle's one-way sink for a device's writes. */
  readonly written: (device: string) => DirtyBitmap;
  readonly drop: DropSink;
  readonly emit: EmitEvent;
}

export interface RackDevice {
  readonly name: string;
  readonly config: DeviceConfig;
  /** null: its driver cannot migrate. */
  readonly vfio: VfioDevice | null;
  readonly log: DeviceLog | null;
  readonly port: DmaPort;
  readonly traffic: Traffic;
}

export interface RackContainer {
  readonly name: string;
  readonly container: VmmContainer;
  readonly tracker: ContainerTracker;
  readonly devices: readonly RackDevice[];
  /** Why this tracker was chosen. */
  readonly why: string;
}

export class DeviceRack {
  readonly iotlb: Iotlb;
  readonly containers: readonly RackContainer[];
  readonly devices: readonly RackDevice[];
  readonly #options: RackOptions;
  readonly #map: RamMap;
  #domains = 0;

  constructor(options: RackOptions) {
    this.#options = options;
    this.iotlb = new Iotlb(options.iommu.iotlb);
    this.#map = new RamMap(options.sections);
    const names = [...new Set(options.devices.map((device) => device.container))];
    this.containers = names.map((name) =>
      this.#container(
        name,
        options.devices.filter((device) => device.container === name),
      ),
    );
    const all = this.containers.flatMap((container) => container.devices);
    this.devices = options.devices.map((config) => all.find((device) => device.config === config)!);
  }

  /** Maps every section and puts the devices on the scheduler. */
  start(scheduler: Scheduler): Outcome<number> {
    let durationNs = 0;
    for (const section of this.#options.sections) {
      const mapped = this.regionAdd(section);
      if (!mapped.ok) return mapped;
      durationNs += mapped.value;
    }
    for (const { traffic } of this.devices) scheduler.add(traffic, scheduler.nowNs);
    return ok(durationNs);
  }

  regionAdd(section: RamSection): Outcome<number> {
    let durationNs = 0;
    this.#map.add(section);
    for (const { tracker } of this.containers) {
      const mapped = tracker.regionAdd(section);
      if (!mapped.ok) return mapped;
      durationNs += mapped.value;
    }
    return ok(durationNs);
  }

  regionDel(nowNs: number, section: RamSection): Outcome<number> {
    const entry = this.#options.defects.regionDelWithoutEntry ? 'none' : 'translated';
    let durationNs = 0;
    for (const { tracker } of this.containers) {
      const unmapped = tracker.regionDel(nowNs + durationNs, section, entry);
      if (!unmapped.ok) return unmapped;
      durationNs += unmapped.value;
    }
    return ok(durationNs);
  }

  /** Lets every device perform what is due: before pages are sent, or the map changes. */
  advanceTo(nowNs: number): void {
    for (const { traffic } of this.devices) traffic.advanceTo(nowNs);
  }

  setRate(nowNs: number, device: string, bytesPerSecond: number): Outcome<undefined> {
    const found = this.devices.find(({ name }) => name === device);
    if (found === undefined) return refuse('ENODEV', `no device ${device}`);
    found.traffic.setRate(nowNs, bytesPerSecond);
    return ok(undefined);
  }

  #container(name: string, configs: readonly DeviceConfig[]): RackContainer {
    const { tracking, defects, iommu, costs, drop } = this.#options;
    const choice = chooseTracker(configs, tracking);
    const kinds = [true, false].filter((kind) => choice.tracked.includes(kind));
    const domains = kinds.map((tracked): ContainerDomain => ({ domain: this.#domain(tracked), tracked }));
    const container = new VmmContainer({
      name,
      domains,
      tracker: choice.tracker,
      unmapPolicy: UNMAP_POLICIES[iommu.unmap],
      defectUnmapWithoutQuery: defects.unmapWithoutQuery,
      ramPages: this.#options.ramPages,
      costs,
      drop,
    });
    const devices = configs.map((config, i) =>
      this.#device(config, domains[kinds.indexOf(choice.tracked[i]!)]!.domain),
    );
    const logs = devices.flatMap(({ log }) => (log === null ? [] : [log]));
    container.logs.push(...logs);
    const tracker = new ContainerTracker({
      container,
      costs,
      flush: iommu.flush,
      dropLastOfReplicated: defects.contiguousLastPage,
      duringPrecopy: tracking.duringPrecopy,
      logs,
      advance: (untilNs) => {
        for (const { traffic } of devices) traffic.advanceTo(untilNs);
      },
      pinned: configs.map((config) => config.traffic.region),
      mappings: null,
      holdBigLock: () => undefined,
    });
    return { name, container, tracker, devices, why: choice.why };
  }

  #domain(tracked: boolean): Domain {
    const { format, pageSizes } = this.#options.iommu;
    return new Domain({ id: this.#domains++, table: new PageTable(format, { pageSizes, tracked }), iotlb: this.iotlb });
  }

  #device(config: DeviceConfig, domain: Domain): RackDevice {
    const { costs, emit, seed, drop, iommu } = this.#options;
    const { name } = config;
    const vfio = config.migration === null ? null : new VfioDevice(name, config.migration, costs, emit);
    const log = config.dmaLogging === null ? null : new DeviceLog(config.dmaLogging.pageBytes);
    const port = new DmaPort({ domain, written: this.#options.written(name) });
    const traffic = new MappedTraffic({
      name,
      config: config.traffic,
      port,
      iovas: new FlatIova(this.#map, config.traffic.region.firstPage),
      seed,
      dmaEndNs: () => vfio?.dmaEndNs ?? Infinity,
      log,
      drop,
      faults: iommu.faults,
    });
    return { name, config, vfio, log, port, traffic };
  }
}
