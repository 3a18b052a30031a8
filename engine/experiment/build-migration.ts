// From the experiment's migration section to the migration's own configuration.

import type { Costs } from '../core/costs.ts';
import { costsWith } from '../core/costs.ts';
import { PAGE_SIZE } from '../core/units.ts';
import type { WriteCounts } from '../machine/writecounts.ts';
import type { Unbacked } from '../migration/ramsave.ts';
import type { XbzrleConfig } from '../migration/xbzrle.ts';
import type { MigrationConfig } from '../migration/config.ts';
import { HOST_PROFILES } from './hosts.ts';
import type { Experiment } from './schema.ts';

/** Versions that sync every 5 s while auto-converge is on. */
const PERIODIC_SYNC_SINCE = 9.2;
const PERIODIC_SYNC_NS = 5e9;
/** Versions that count multifd packets when they are written, not when they are queued. */
const COUNTED_WHEN_WRITTEN_SINCE = 8.1;
/** Versions with device state over multifd. */
const DEVICE_STATE_SINCE = 10;

/** Defaults, then the host profile, then the experiment's own overrides. */
export const costsOf = (experiment: Experiment): Costs => {
  const overrides: Record<string, number> = { ...HOST_PROFILES[experiment.host].costs };
  for (const [name, value] of Object.entries(experiment.costs)) if (value !== undefined) overrides[name] = value;
  return costsWith(overrides);
};

/** x-migration-multifd-transfer: auto is on where QEMU has it. */
const deviceStateOnChannels = (asked: 'auto' | 'on' | 'off', qemu: string): boolean =>
  asked === 'on' || (asked === 'auto' && Number(qemu) >= DEVICE_STATE_SINCE);

interface ChangedRange {
  readonly first: number;
  readonly end: number;
  readonly bytes: number;
}

/**
 * What XBZRLE finds to have changed in a page: what the workload says that writes it, all of it where a device writes, and
 * the largest where several do.
 */
export function xbzrleOf(experiment: Experiment, counts: WriteCounts | null): XbzrleConfig | null {
  const { xbzrle } = experiment.migration;
  if (!xbzrle.enabled || counts === null) return null;
  const rangeOf = (region: { offset: number; size: number }, bytes: number): ChangedRange => ({
    first: region.offset / PAGE_SIZE,
    end: (region.offset + region.size) / PAGE_SIZE,
    bytes,
  });
  const within = (page: number, { first, end }: ChangedRange): boolean => page >= first && page < end;
  const rings = experiment.devices.map(({ ring }) => rangeOf(ring, PAGE_SIZE));
  const ranges = [...rings];
  for (const workload of experiment.guest.workloads) {
    for (const item of workload.pattern === 'phases' ? workload.phases : [workload]) {
      if (item.pattern !== 'idle') ranges.push(rangeOf(item.region, item.changed));
    }
  }
  return {
    cachePages: Math.max(1, Math.floor(xbzrle.cache / PAGE_SIZE)),
    // What every guest writes by itself (its stack, its clock) changes a few bytes, too.
    changedBytes: (page) =>
      ranges.reduce((most, range) => (within(page, range) ? Math.max(most, range.bytes) : most), 8),
    // DMA is not counted: a buffer that is dirty was written.
    takeWrites: (page) => Math.max(counts.take(page), rings.some((ring) => within(page, ring)) ? 1 : 0),
  };
}

/** Measured windows of 100 ms are slow or fast for 30 to 300 MB on end. */
const UNBACKED_STRETCH_PAGES = 0x1_0000;
/** Multiples of it fill the unit interval evenly, so a few seeds meet the stretches everywhere. */
const GOLDEN_RATIO = 0.6180339887498949;

/** Channels write to the destination's memory side by side; a file is no memory. */
export function unbackedOf(
  { seed, migration: { multifd, mapped_ram: file } }: Experiment,
  costs: Costs,
): Unbacked | null {
  const { page_unbacked: pageNs, unbacked_share: share } = costs;
  if (pageNs === 0 || share === 0 || file.enabled) return null;
  return {
    share,
    stretchPages: UNBACKED_STRETCH_PAGES,
    firstPage: Math.floor(((seed * GOLDEN_RATIO) % 1) * UNBACKED_STRETCH_PAGES),
    pageNs: pageNs / (multifd.enabled ? multifd.channels : 1),
  };
}

export function migrationConfig(experiment: Experiment, costs: Costs): MigrationConfig {
  const { migration } = experiment;
  const { auto_converge: autoConverge, dirty_limit: dirtyLimit, multifd, pause_before_switchover: pause } = migration;
  const { postcopy, mapped_ram: mapped } = migration;
  return {
    maxBandwidth: migration.bandwidth,
    linkBandwidth: migration.link,
    downtimeLimitNs: migration.downtime_limit,
    switchoverBandwidth: migration.switchover_bandwidth,
    timeoutNs: migration.timeout === 0 ? Infinity : migration.timeout,
    throttleTriggerPercent: autoConverge.threshold,
    autoConverge: autoConverge.enabled
      ? {
          initialPercent: autoConverge.initial,
          incrementPercent: autoConverge.increment,
          maxPercent: autoConverge.max,
          tailslow: autoConverge.tailslow,
          periodicSyncNs: Number(migration.qemu) >= PERIODIC_SYNC_SINCE ? PERIODIC_SYNC_NS : 0,
        }
      : null,
    dirtyLimit: dirtyLimit.enabled ? { quota: dirtyLimit.vcpu_limit, periodNs: dirtyLimit.period } : null,
    zeroPageDetection: migration.zero_pages,
    multifdChannels: multifd.enabled ? multifd.channels : 0,
    multifdZeroCopy: multifd.enabled && multifd.zero_copy,
    multifdFlushEachSection: multifd.enabled && multifd.flush_each_section,
    multifdCountedWhenWritten: Number(migration.qemu) >= COUNTED_WHEN_WRITTEN_SINCE,
    multifdDeviceState: multifd.enabled && deviceStateOnChannels(multifd.device_state, migration.qemu),
    postcopy: postcopy.enabled
      ? { afterNs: postcopy.after, bandwidth: postcopy.bandwidth, preempt: postcopy.preempt }
      : null,
    mappedRamRate: mapped.enabled ? mapped.write_rate : null,
    returnPath: migration.return_path,
    switchoverAck: migration.switchover_ack,
    pauseBeforeSwitchoverNs: pause.enabled ? pause.hold : null,
    costs: { ...costs, send_latency: costs.send_latency + migration.latency / 2 },
  };
}
