// What a rack of devices is built from, and what it holds.

import type { DirtyBitmap } from '../core/bitmap.ts';
import type { Costs } from '../core/costs.ts';
import type { DropSink, EmitEvent } from '../core/ports.ts';
import type { DmaPort } from '../iommu/dmaport.ts';
import type { PteFormat } from '../iommu/formats/format.ts';
import type { IotlbGeometry } from '../iommu/iotlb.ts';
import type { ViommuConfig } from '../viommu/config.ts';
import type { RamSection } from '../viommu/ram-map.ts';
import type { Type1Rules } from '../vfio/type1-rules.ts';
import type { UnmapPolicyName } from '../iommu/unmappolicies.ts';
import type { VmmContainer } from '../viommu/vmm-container.ts';
import type { BlockGrain, GrainConfig } from './block-grain.ts';
import type { DeviceConfig } from './config.ts';
import type { ContainerTracker } from './container-tracker.ts';
import type { DeviceDma } from './device-dma.ts';
import type { DmaLog } from '../vfio/dma-log.ts';
import type { FlushOrder } from './domain-sync.ts';
import type { QueryRange } from './sync-calls.ts';
import type { TrackerPolicy } from './tracker-choice.ts';
import type { VfioDevice } from './vfio-device.ts';

export interface RackIommu {
  readonly format: PteFormat;
  /** Leaf sizes for guest RAM, in bytes. */
  readonly pageSizes: readonly number[];
  readonly iotlb: IotlbGeometry;
  readonly flush: FlushOrder;
  readonly unmap: UnmapPolicyName;
  readonly faults: 'lost' | 'stall';
  readonly grain: GrainConfig;
  /** Mappings that a type1 container may hold (dma_entry_limit). */
  readonly type1Mappings: number;
  readonly type1Rules: Type1Rules;
  /** Whether a container copies guest RAM that another has mapped (IOAS_COPY). */
  readonly copies: boolean;
  /** RLIMIT_MEMLOCK in bytes; Infinity: no limit. */
  readonly memlockBytes: number;
}

/** Known defects, by what QEMU or Linux did. */
export interface RackDefects {
  /** QEMU before 11.0: the iommufd backend unmapped without reading dirt. */
  readonly unmapWithoutQuery: boolean;
  /** QEMU before 11.0: removing a RAM section passed no IOTLB entry. */
  readonly regionDelWithoutEntry: boolean;
  /** QEMU before 11.0: intel_iommu unmapped a whole space with translated address 0. */
  readonly wholeSpaceUnmapAtZero: boolean;
  /** Linux 7.x: the last page of a repeated AMD leaf is not reported, yet cleaned. */
  readonly contiguousLastPage: boolean;
  /** Linux today: a dirty read ends without a word at the first hole of its range. Harmless to who asks per section. */
  readonly walkStopsAtHole: boolean;
}

export interface RackOptions {
  readonly seed: number;
  readonly costs: Costs;
  readonly ramPages: number;
  readonly sections: readonly RamSection[];
  readonly devices: readonly DeviceConfig[];
  /** Names of devices that are not plugged at the start. */
  readonly absent: readonly string[];
  readonly iommu: RackIommu;
  /** null: the guest sees no IOMMU. */
  readonly viommu: ViommuConfig | null;
  readonly tracking: TrackerPolicy & { readonly duringPrecopy: boolean; readonly query: QueryRange };
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
  readonly log: DmaLog | null;
  readonly port: DmaPort;
  readonly traffic: DeviceDma;
}

export interface RackContainer {
  readonly name: string;
  readonly container: VmmContainer;
  readonly tracker: ContainerTracker;
  readonly devices: readonly RackDevice[];
  readonly grain: BlockGrain;
  /** It belongs to one device that the guest's vIOMMU translates for. */
  readonly behindViommu: boolean;
  /** Why this tracker was chosen. */
  readonly why: string;
}
