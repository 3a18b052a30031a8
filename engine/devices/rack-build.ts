// Builds the containers of a rack, each with its domains, tracker and devices.
//
//  no vIOMMU, passthrough, or not behind it   devices that name one container share it; flat sections
//  shadow, explicit                           a container for each device, holding the guest's mappings
//  nested                                     a container for each device, holding flat sections (stage 2)
// An untracked domain stands beside the tracked one where the IOMMU in front of a device cannot track.

import { DmaPort } from '../iommu/dmaport.ts';
import { Domain } from '../iommu/domain.ts';
import { Iotlb } from '../iommu/iotlb.ts';
import { PageTable } from '../iommu/pagetable.ts';
import { BigLock } from '../viommu/big-lock.ts';
import { GuestDma } from '../viommu/guest-dma.ts';
import { RamMap } from '../viommu/ram-map.ts';
import { UNMAP_POLICIES } from '../viommu/unmap-policy.ts';
import type { ContainerDomain } from '../viommu/vmm-container.ts';
import { VmmContainer } from '../viommu/vmm-container.ts';
import type { DeviceConfig } from './config.ts';
import { ContainerTracker } from './container-tracker.ts';
import { DeviceLog } from './device-log.ts';
import { MappedTraffic } from './mapped-traffic.ts';
import { OperationTraffic } from './operation-traffic.ts';
import type { RackContainer, RackDevice, RackOptions } from './rack-options.ts';
import { FlatIova, PooledIova } from './region-iova.ts';
import { chooseTracker } from './tracker-choice.ts';
import { VfioDevice } from './vfio-device.ts';

/** What all containers of a rack share. */
export class RackBuilder {
  readonly options: RackOptions;
  readonly iotlb: Iotlb;
  readonly ramMap: RamMap;
  readonly bigLock = new BigLock();
  readonly #guestEndNs: () => number;
  #domains = 0;

  constructor(options: RackOptions, guestEndNs: () => number) {
    this.options = options;
    this.iotlb = new Iotlb(options.iommu.iotlb);
    this.ramMap = new RamMap(options.sections);
    this.#guestEndNs = guestEndNs;
  }

  containers(): RackContainer[] {
    const { devices } = this.options;
    const shared = devices.filter((device) => !this.#behind(device));
    const names = [...new Set(shared.map((device) => device.container))];
    return [
      ...names.map((name) =>
        this.#container(
          name,
          shared.filter((device) => device.container === name),
        ),
      ),
      ...devices.filter((device) => this.#behind(device)).map((device) => this.#container(device.name, [device])),
    ];
  }

  /** Whether the guest maps buffers for this device through its IOMMU. */
  #behind(device: DeviceConfig): boolean {
    const { viommu } = this.options;
    return viommu !== null && viommu.driver !== 'passthrough' && device.behindViommu;
  }

  #container(name: string, configs: readonly DeviceConfig[]): RackContainer {
    const { tracking, defects, iommu, costs, drop, viommu, ramPages } = this.options;
    const choice = chooseTracker(configs, tracking);
    const kinds = [true, false].filter((kind) => choice.tracked.includes(kind));
    const domains = kinds.map((tracked): ContainerDomain => ({ domain: this.#domain(tracked), tracked }));
    const container = new VmmContainer({
      name,
      domains,
      tracker: choice.tracker,
      unmapPolicy: UNMAP_POLICIES[iommu.unmap],
      defectUnmapWithoutQuery: defects.unmapWithoutQuery,
      refusesLargeBitmaps: tracking.api === 'type1',
      ramPages,
      costs,
      drop,
    });
    const behind = viommu !== null && this.#behind(configs[0]!);
    const { iovaBits, signExtended } = iommu.format;
    const addressBits = Math.min(viommu?.addressBits ?? 0, iovaBits - (signExtended ? 1 : 0));
    const dma = behind
      ? new GuestDma({
          config: { ...viommu, addressBits },
          container,
          bigLock: this.bigLock,
          ramMap: this.ramMap,
          costs,
        })
      : null;
    const devices = configs.map((config, i) => {
      const { domain } = domains[kinds.indexOf(choice.tracked[i]!)]!;
      return this.#device(config, domain, dma);
    });
    if (dma !== null) container.inFlight = devices[0]!.traffic;
    const logs = devices.flatMap(({ log }) => (log === null ? [] : [log]));
    container.logs.push(...logs);
    const advance = (untilNs: number): void => {
      for (const { traffic, reads } of devices) {
        traffic.advanceTo(untilNs);
        reads?.advanceTo(untilNs);
      }
    };
    const flat = dma === null || dma.mode === 'nested';
    const tracker = new ContainerTracker({
      container,
      costs,
      flush: iommu.flush,
      dropLastOfReplicated: defects.contiguousLastPage,
      duringPrecopy: tracking.duringPrecopy,
      logs,
      advance,
      devicesInFlight: { dueNs: 0, playUntil: advance },
      pinned: configs.map((config) => config.traffic.region),
      mappings: flat ? null : dma.mappings,
      holdBigLock: (_fromNs, untilNs) => {
        this.bigLock.release(untilNs);
      },
    });
    return { name, container, tracker, devices, flat, why: choice.why };
  }

  #domain(tracked: boolean): Domain {
    const { format, pageSizes } = this.options.iommu;
    return new Domain({ id: this.#domains++, table: new PageTable(format, { pageSizes, tracked }), iotlb: this.iotlb });
  }

  #device(config: DeviceConfig, domain: Domain, dma: GuestDma | null): RackDevice {
    const { costs, emit, seed, drop, iommu, written } = this.options;
    const { name, traffic: rate } = config;
    const vfio = config.migration === null ? null : new VfioDevice(name, config.migration, costs, emit);
    const log = config.dmaLogging === null ? null : new DeviceLog(config.dmaLogging.pageBytes);
    const port = new DmaPort({ domain, written: written(name) });
    const dmaEndNs = (): number => vfio?.dmaEndNs ?? Infinity;
    const common = { port, seed, dmaEndNs, log, drop };
    if (dma !== null && dma.driver !== 'pooled' && rate.buffers === 'per-operation') {
      const operations = { ...common, dma, guestEndNs: this.#guestEndNs };
      const traffic = new OperationTraffic({ name, config: rate, writes: true, ...operations });
      const { readBytesPerSecond: bytesPerSecond, readBytes: burstBytes } = rate;
      const reading = { ...rate, bytesPerSecond, burstBytes, lateShare: 0 };
      const reads =
        bytesPerSecond === 0
          ? null
          : new OperationTraffic({ name: `${name}/reads`, config: reading, writes: false, ...operations });
      return { name, config, vfio, log, port, traffic, reads, dma, pool: null };
    }
    const pool = dma === null || dma.mode === 'nested' ? null : new PooledIova(dma, rate.region, rate.mappingPages);
    const iovas = pool ?? new FlatIova(this.ramMap, rate.region.firstPage);
    const traffic = new MappedTraffic({ name, config: rate, iovas, faults: iommu.faults, ...common });
    return { name, config, vfio, log, port, traffic, reads: null, dma, pool };
  }
}
