// Builds the containers of a rack, each with its domains, tracker and devices.
//
//  no vIOMMU, or not behind it   devices that name one container share it; flat sections
//  behind the vIOMMU             a container for each device, since each has an address space of its own: flat sections for
//                                passthrough and nested (stage 2), else the guest's mappings
// An untracked domain stands beside the tracked one where the IOMMU in front of a device cannot track.

import { DmaPort } from '../iommu/dmaport.ts';
import { Domain } from '../iommu/domain.ts';
import type { IotlbGeometry } from '../iommu/iotlb.ts';
import { Iotlb } from '../iommu/iotlb.ts';
import { PageTable } from '../iommu/pagetable.ts';
import { BigLock } from '../viommu/big-lock.ts';
import type { GuestDriverMode } from '../viommu/config.ts';
import { EmulatedIotlb } from '../viommu/emulated-iotlb.ts';
import { GuestDma } from '../viommu/guest-dma.ts';
import { GuestPins } from '../viommu/pinning.ts';
import { RamMap } from '../viommu/ram-map.ts';
import type { ContainerDomain } from '../viommu/container-tables.ts';
import { Type1Bitmaps } from '../viommu/type1-bitmaps.ts';
import { VmmContainer } from '../viommu/vmm-container.ts';
import { BlockGrain } from './block-grain.ts';
import type { DeviceConfig } from './config.ts';
import { ContainerTracker } from './container-tracker.ts';
import { DeviceDma } from './device-dma.ts';
import { DmaLog } from '../vfio/dma-log.ts';
import type { RackContainer, RackDevice, RackOptions } from './rack-options.ts';
import { chooseTracker } from './tracker-choice.ts';
import { VfioDevice } from './vfio-device.ts';

/** What all containers of a rack share. */
export class RackBuilder {
  readonly options: RackOptions;
  readonly iotlb: Iotlb;
  readonly ramMap: RamMap;
  readonly bigLock = new BigLock();
  readonly #emulatedIotlb: EmulatedIotlb;
  readonly pins: GuestPins;
  readonly #guestEndNs: () => number;
  #domains = 0;

  constructor(options: RackOptions, guestEndNs: () => number) {
    this.options = options;
    this.iotlb = new Iotlb(options.iommu.iotlb);
    this.ramMap = new RamMap(options.sections);
    this.#emulatedIotlb = new EmulatedIotlb(options.viommu?.iotlbEntries ?? 0);
    this.#guestEndNs = guestEndNs;
    const { iommu, tracking, ramPages } = options;
    const type1 = tracking.api === 'type1';
    const copies = iommu.copies && !type1;
    this.pins = new GuestPins({ limitBytes: iommu.memlockBytes, copies, mode: type1 ? 'mm' : 'user' }, ramPages);
  }

  containers(): RackContainer[] {
    const { devices, viommu } = this.options;
    const behind = devices.filter((device) => viommu !== null && device.behindViommu);
    const shared = devices.filter((device) => !behind.includes(device));
    const names = [...new Set(shared.map((device) => device.container))];
    return [
      ...names.map((name) => {
        const members = shared.filter((device) => device.container === name);
        return this.#container(name, members, false);
      }),
      ...behind.map((device) => this.#container(device.name, [device], true)),
    ];
  }

  /** The driver's side for a device, as it is in this mode; null for passthrough. */
  guestDma(container: RackContainer, driver: GuestDriverMode): GuestDma | null {
    const { viommu, iommu, costs } = this.options;
    if (viommu === null || driver === 'passthrough') return null;
    const { iovaBits, signExtended } = iommu.format;
    const addressBits = Math.min(viommu.addressBits, iovaBits - (signExtended ? 1 : 0));
    return new GuestDma({
      config: { ...viommu, driver, addressBits },
      counters: container.devices[0]!.traffic.guestCounters,
      container: container.container,
      bigLock: this.bigLock,
      iotlb: this.#emulatedIotlb,
      ramMap: this.ramMap,
      costs,
      emit: this.options.emit,
    });
  }

  #container(name: string, configs: readonly DeviceConfig[], behindViommu: boolean): RackContainer {
    const { tracking, defects, iommu, costs, drop, ramPages } = this.options;
    const choice = chooseTracker(configs, tracking);
    const kinds = [true, false].filter((kind) => choice.tracked.includes(kind));
    const domains = kinds.map((tracked): ContainerDomain => ({ domain: this.#domain(tracked, behindViommu), tracked }));
    const type1 =
      tracking.api === 'type1' && choice.asksContainer
        ? new Type1Bitmaps({ name, rules: iommu.type1Rules, costs, emit: this.options.emit })
        : null;
    const container = new VmmContainer({
      name,
      domains,
      tracker: choice.tracker,
      unmapPolicy: iommu.unmap,
      defectUnmapWithoutQuery: defects.unmapWithoutQuery,
      dropLastOfReplicated: defects.contiguousLastPage,
      mappingsMax: tracking.api === 'type1' ? iommu.type1Mappings : Infinity,
      type1,
      pins: this.pins.forContainer(),
      ramPages,
      costs,
      drop,
    });
    const devices = configs.map((config, i) =>
      this.#device(config, domains[kinds.indexOf(choice.tracked[i]!)]!.domain),
    );
    if (behindViommu) container.inFlight = devices[0]!.traffic;
    const logs = devices.flatMap(({ log }) => (log === null ? [] : [log]));
    container.logs.push(...logs);
    const advance = (untilNs: number): void => {
      for (const { traffic } of devices) traffic.advanceTo(untilNs);
    };
    const advanceDma = (untilNs: number): void => {
      for (const { traffic } of devices) traffic.advanceDma(untilNs);
    };
    const grain = new BlockGrain({ name, config: iommu.grain, costs, emit: this.options.emit, advance });
    const tracker = new ContainerTracker({
      container,
      costs,
      flush: iommu.flush,
      query: tracking.query,
      walkStopsAtHole: defects.walkStopsAtHole,
      dropLastOfReplicated: defects.contiguousLastPage,
      drop,
      duringPrecopy: tracking.duringPrecopy,
      logs,
      advance,
      advanceDma,
      grain,
      devicesInFlight: { dueNs: 0, playUntil: advance },
      pinned: configs.map((config) => config.traffic.region),
      guest: () => shadowed(devices[0]!),
      holdBigLock: (_fromNs, untilNs) => {
        this.bigLock.release(untilNs);
      },
    });
    return { name, container, tracker, devices, grain, behindViommu, why: choice.why };
  }

  #domain(tracked: boolean, behindViommu: boolean): Domain {
    const { iommu, ramPages, viommu } = this.options;
    const { format, pageSizes } = iommu;
    const largest = pageSizes.reduce((max, bytes) => Math.max(max, bytes), 0);
    // Guest RAM by granules takes a table for every so many of them: said at once, the arena need not grow step by step.
    const flat = !behindViommu || viommu?.mode === 'nested' || viommu?.driver === 'passthrough';
    const fine = flat && largest < 2 * 1024 * 1024;
    const leafTables = Math.ceil(ramPages / (1 << (format.granuleShift - 12 + format.indexBits)));
    const tablesHint = fine ? leafTables + Math.ceil(leafTables / 256) + 64 : 64;
    const table = new PageTable(format, { pageSizes, tracked, tablesHint });
    return new Domain({ id: this.#domains++, table, iotlb: this.iotlb });
  }

  #device(config: DeviceConfig, domain: Domain): RackDevice {
    const { costs, emit, seed, drop, iommu, written } = this.options;
    const { name } = config;
    const vfio = config.migration === null ? null : new VfioDevice(name, config.migration, costs, emit);
    const log = config.dmaLogging === null ? null : new DmaLog(config.dmaLogging.pageBytes);
    const atc = config.atcEntries === 0 ? null : new Iotlb(atcGeometry(config.atcEntries));
    const port = new DmaPort({ domain, written: written(name), ...(atc === null ? {} : { atc }) });
    const traffic = new DeviceDma({
      name,
      config: config.traffic,
      port,
      seed,
      dmaEndNs: () => vfio?.dmaEndNs ?? Infinity,
      guestEndNs: this.#guestEndNs,
      log,
      drop,
      faults: iommu.faults,
      walkNs: costs.iotlb_miss,
      ramMap: this.ramMap,
    });
    return { name, config, vfio, log, port, traffic };
  }
}

/** The guest's mappings that the host shadows for a device, if it does. */
export function shadowed({ traffic }: RackDevice): GuestDma | null {
  return traffic.guest === null || traffic.guest.mode === 'nested' ? null : traffic.guest;
}

/** An ATC of so many entries, four ways where that goes up. */
function atcGeometry(entries: number): IotlbGeometry {
  let sets = 1;
  while (sets * 2 * 4 <= entries) sets *= 2;
  return { sets, ways: Math.min(255, Math.ceil(entries / sets)), dirtyWriteback: 'memory' };
}
