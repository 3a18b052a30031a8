// From the experiment's devices, IOMMU, tracking and defects to the rack of passthrough devices.

import type { DirtyBitmap } from '../core/bitmap.ts';
import type { Costs } from '../core/costs.ts';
import type { DropSink, EmitEvent } from '../core/ports.ts';
import { PAGE_SIZE } from '../core/units.ts';
import type { DeviceConfig, TrafficConfig } from '../devices/config.ts';
import { DeviceRack } from '../devices/device-rack.ts';
import type { BbmLevel } from '../iommu/splitblock.ts';
import type { Type1Rules } from '../vfio/type1-rules.ts';
import type { RamLayout, RamSection } from '../machine/layout.ts';
import type { ViommuConfig } from '../viommu/config.ts';
import { formatRow } from './formats.ts';
import { mappingPagesOf } from './buffers.ts';
import { deviceComesLater } from './presence.ts';
import type { Device, Experiment } from './schema.ts';

export interface DeviceSinks {
  readonly written: (device: string) => DirtyBitmap;
  readonly drop: DropSink;
  readonly emit: EmitEvent;
}

/** Formats whose Dirty bits the kernel offers (IOMMU_CAP_DIRTY_TRACKING). */
export const TRACKING_FORMATS: readonly string[] = ['amd-v1', 'vtd-ss', 'arm-lpae-s1'];

/** `sections`: the memory map at the start. */
export function buildRack(
  experiment: Experiment,
  layout: RamLayout,
  sections: readonly RamSection[],
  costs: Costs,
  sinks: DeviceSinks,
): DeviceRack {
  const { iommu, tracking, defects, seed } = experiment;
  const format = formatRow(iommu);
  if (format === undefined) throw new Error('a validated experiment names a format with its granule');
  return new DeviceRack({
    seed,
    costs,
    ramPages: layout.totalPages,
    sections,
    devices: experiment.devices.map(deviceConfig),
    absent: experiment.devices.map(({ name }) => name).filter((name) => deviceComesLater(experiment, name)),
    iommu: {
      format,
      pageSizes: iommu.page_sizes,
      iotlb: {
        sets: iommu.iotlb.sets,
        ways: iommu.iotlb.ways,
        dirtyWriteback: iommu.iotlb.dirty_writeback,
      },
      flush: iommu.flush,
      unmap: iommu.unmap,
      faults: iommu.fault,
      type1Mappings: iommu.type1.mappings,
      type1Rules: type1Rules(experiment),
      copies: iommu.pins === 'copy',
      memlockBytes: iommu.memlock ?? Infinity,
      grain: {
        split: iommu.split.when,
        order: iommu.split.order,
        bbm: bbmLevel(iommu.split.bbm),
        failAt: iommu.split.fail_at ?? null,
        collapse: iommu.collapse,
        aheadNs: Math.max(0, experiment.migration.start - iommu.split.lead),
      },
    },
    viommu: viommuConfig(experiment),
    tracking: {
      forced: tracking.devices,
      api: iommu.api,
      type1Tracker: iommu.type1.tracker,
      formatTracks: TRACKING_FORMATS.includes(iommu.format),
      mixedContainerSkips: defects.mixed_container_skips,
      duringPrecopy: tracking.precopy,
      query: tracking.query,
    },
    defects: {
      unmapWithoutQuery: defects.unmap_without_query,
      regionDelWithoutEntry: defects.region_del_without_entry,
      wholeSpaceUnmapAtZero: defects.whole_space_unmap_at_zero,
      contiguousLastPage: defects.contiguous_last_page,
      walkStopsAtHole: defects.walk_stops_at_hole,
    },
    ...sinks,
  });
}

function deviceConfig(device: Device): DeviceConfig {
  const { migration } = device;
  return {
    name: device.name,
    kind: device.type,
    traffic: trafficOf(device),
    migration: migration.supported
      ? {
          precopy: migration.precopy,
          p2p: migration.p2p,
          stateBytes: migration.state,
          initialBytes: migration.initial,
          dirtyBytesPerSecond: migration.dirty_rate,
          readBytesPerSecond: migration.read_rate,
          loadBytesPerSecond: migration.load_rate,
          stopNs: migration.stop_time,
          resumeNs: migration.resume_time,
        }
      : null,
    dmaLogging:
      'dma_logging' in device && device.dma_logging.enabled ? { pageBytes: device.dma_logging.page_size } : null,
    iommuDirty: device.iommu_dirty,
    container: device.container,
    atcEntries: device.ats.enabled ? device.ats.entries : 0,
    pageTracking: device.page_tracking,
    behindViommu: device.behind_viommu,
  };
}

function trafficOf(device: Device): TrafficConfig {
  const perOperation = device.buffers === 'per-packet' || device.buffers === 'per-io';
  const nic = device.type === 'nic' ? device : null;
  return {
    bytesPerSecond: device.rate,
    burstBytes: nic !== null && perOperation ? nic.packet : device.burst,
    region: { firstPage: device.ring.offset / PAGE_SIZE, pages: device.ring.size / PAGE_SIZE },
    pattern: device.pattern,
    buffers: perOperation ? 'per-operation' : 'mapped-once',
    mappingPages: mappingPagesOf(device),
    queueDepth: 'queue_depth' in device ? device.queue_depth : 1,
    readBytesPerSecond: nic?.transmit ?? 0,
    readBytes: nic?.packet ?? PAGE_SIZE,
    duty: device.duty === undefined ? null : { onNs: device.duty.on, offNs: device.duty.off },
    latencyNs: device.latency,
    lateShare: device.late_writes.share,
    lateWindowNs: device.late_writes.window,
  };
}

function viommuConfig({ viommu, guest }: Experiment): ViommuConfig | null {
  if (viommu.mode === 'none') return null;
  const { kind, entries, timer } = viommu.flush_queue;
  return {
    mode: viommu.mode,
    driver: viommu.driver,
    flushQueue: { perCpu: kind === 'per-cpu', entries, timeoutNs: timer },
    iova: viommu.iova,
    addressBits: viommu.address_width,
    requestQueue: viommu.queue,
    iotlbEntries: viommu.iotlb,
    cpus: guest.vcpus,
  };
}

function type1Rules({ iommu }: Experiment): Type1Rules {
  const { unmap_dirty, bitmap } = iommu.type1;
  return {
    unmapDirty: unmap_dirty,
    bitmapBase: bitmap === 'aligned' ? 'aligned' : 'iova',
    retrieval: bitmap === 'per-slot' ? 'slot' : 'range',
  };
}

function bbmLevel(level: number): BbmLevel {
  return level === 0 || level === 1 ? level : 2;
}
