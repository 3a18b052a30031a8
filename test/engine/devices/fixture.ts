// A guest of a few thousand pages with devices, without a migration: what was written against what was reported.

import { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import { costsWith } from '../../../engine/core/costs.ts';
import type { CostName } from '../../../engine/core/costs.ts';
import type { RunEvent } from '../../../engine/core/events.ts';
import type { DropPlace } from '../../../engine/core/ports.ts';
import { Scheduler } from '../../../engine/core/scheduler.ts';
import type { DeviceConfig, DeviceKind, TrafficConfig } from '../../../engine/devices/config.ts';
import type { RackOptions } from '../../../engine/devices/rack-options.ts';
import { KEEP_GRAIN } from '../../../engine/devices/block-grain.ts';
import { DeviceRack } from '../../../engine/devices/device-rack.ts';
import { DEVICE_MODELS } from '../../../engine/devices/models.ts';
import { formatNamed } from '../../../engine/iommu/formats/table.ts';
import { AS_MERGED } from '../../../engine/vfio/type1-rules.ts';

export const MS = 1e6;
export const US = 1e3;

/** 4 MiB below the hole, 12 MiB above it. */
export const SECTIONS = [
  { gpaPage: 0, ramPage: 0, pages: 1024, readonly: false },
  { gpaPage: 0x10_0000, ramPage: 1024, pages: 3072, readonly: false },
];
export const RAM_PAGES = 4096;

export interface Dropped {
  readonly cause: string;
  readonly firstPage: number;
  readonly count: number;
}

export function aDevice(
  kind: DeviceKind,
  traffic: Partial<TrafficConfig> = {},
  overrides: Partial<DeviceConfig> = {},
): DeviceConfig {
  const model = DEVICE_MODELS[kind];
  return {
    name: `${kind}0`,
    kind,
    traffic: { ...model.traffic, region: { firstPage: 512, pages: 1024 }, ...traffic },
    migration: model.migration,
    dmaLogging: null,
    iommuDirty: true,
    container: 'shared',
    pageTracking: 'auto',
    atcEntries: 0,
    behindViommu: true,
    ...overrides,
  };
}

type Overrides = Partial<Omit<RackOptions, 'iommu' | 'tracking' | 'defects' | 'costs'>> & {
  readonly iommu?: Partial<RackOptions['iommu']>;
  readonly tracking?: Partial<RackOptions['tracking']>;
  readonly defects?: Partial<RackOptions['defects']>;
  readonly costs?: Partial<Record<CostName, number>>;
};

export class Bench {
  readonly rack: DeviceRack;
  readonly scheduler = new Scheduler();
  readonly written = new Map<string, DirtyBitmap>();
  readonly reported = new DirtyBitmap(RAM_PAGES);
  readonly dropped: Dropped[] = [];
  readonly blinded: Dropped[] = [];
  /** What steps told of the entries whose dirt they lost. */
  readonly places: DropPlace[] = [];
  readonly events: RunEvent[] = [];

  constructor(devices: readonly DeviceConfig[], overrides: Overrides = {}) {
    for (const { name } of devices) this.written.set(name, new DirtyBitmap(RAM_PAGES));
    this.rack = new DeviceRack({
      seed: 1,
      ramPages: RAM_PAGES,
      sections: SECTIONS,
      devices,
      viommu: null,
      absent: [],
      written: (name) => this.written.get(name)!,
      drop: {
        dropped: (_nowNs, _source, cause, firstPage, count, place) => {
          this.dropped.push({ cause, firstPage, count });
          if (place !== undefined) this.places.push(place);
        },
        blinded: (_nowNs, _source, cause, firstPage, count, place) => {
          this.blinded.push({ cause, firstPage, count });
          if (place !== undefined) this.places.push(place);
        },
      },
      emit: (event) => this.events.push(event),
      ...overrides,
      costs: costsWith(overrides.costs ?? {}),
      iommu: {
        format: formatNamed('amd-v1'),
        pageSizes: [4096],
        iotlb: { sets: 16, ways: 4, dirtyWriteback: 'memory' },
        flush: 'after-clear',
        unmap: 'query-then-unmap',
        faults: 'lost',
        grain: KEEP_GRAIN,
        type1Mappings: 65_535,
        type1Rules: AS_MERGED,
        copies: true,
        memlockBytes: Infinity,
        ...overrides.iommu,
      },
      tracking: {
        forced: 'auto',
        api: 'iommufd',
        type1Tracker: 'everything',
        formatTracks: true,
        mixedContainerSkips: false,
        duringPrecopy: true,
        query: 'section',
        ...overrides.tracking,
      },
      defects: {
        unmapWithoutQuery: false,
        regionDelWithoutEntry: false,
        wholeSpaceUnmapAtZero: false,
        contiguousLastPage: false,
        walkStopsAtHole: true,
        ...overrides.defects,
      },
    });
    const started = this.rack.start(this.scheduler);
    if (!started.ok) throw new Error(started.why);
  }

  runUntil(untilNs: number): void {
    this.scheduler.advance(Infinity, untilNs);
  }

  /** Starts logging; writes before it do not count. */
  startLogging(): void {
    for (const { tracker } of this.rack.containers) tracker.start(this.scheduler.nowNs);
    for (const written of this.written.values()) written.reset();
  }

  /** One sync of every container; returns how long they took. */
  sync(lastStage = false): number {
    let durationNs = 0;
    for (const { tracker } of this.rack.containers)
      durationNs += tracker.harvest(this.scheduler.nowNs + durationNs, this.reported, lastStage).durationNs;
    return durationNs;
  }

  /** As a blackout does: P2P, stop, and one more sync. */
  stopAndSync(): void {
    let nowNs = this.scheduler.nowNs;
    for (const { vfio } of this.rack.devices) nowNs += valueOf(vfio?.quiesce(nowNs));
    for (const { vfio } of this.rack.devices) nowNs += valueOf(vfio?.stop(nowNs));
    this.runUntil(nowNs);
    this.sync(true);
  }

  /** Pages written since logging started that no sync reported. */
  get lost(): number[] {
    const lost: number[] = [];
    for (const written of this.written.values())
      written.forEachRun((first, n) => {
        for (let page = first; page < first + n; page++) if (!this.reported.test(page)) lost.push(page);
      });
    return [...new Set(lost)].sort((a, b) => a - b);
  }
}

function valueOf(outcome: { ok: boolean; value?: number } | undefined): number {
  return outcome?.ok === true ? (outcome.value ?? 0) : 0;
}
