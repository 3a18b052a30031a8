// The course of an experiment, played in coarse steps: how much time it simulates, what becomes dirty and is sent meanwhile, and how
// many events the engine will handle. A reckoning for the editor, in far less than a millisecond, and exact in nothing.
//
// A step is a round, or 5 s of one where auto-converge syncs so often. It sends what is left at what a page costs on its way
// (streamCosts); meanwhile each source dirties its own region, which it can fill at most once: N (1 − e^(−writes / N)) of N
// pages, or so many blocks where one Dirty bit stands for a block, or all memory where nobody can track a device. Auto-converge
// and dirty limit judge as the engine's do; XBZRLE makes a page that is sent again as long as what changed in it. It ends when
// what is left fits into the downtime limit, at post-copy, or at the timeout, and comes again for each `migrate` among the changes.
//
// Events: vCPU groups tick each millisecond while they run, devices each 0.2 ms or with each operation, the sampler with each
// sample, the migration with each millisecond of sending.
//
// Left out: which block a split that fails leaves whole, what faults, harvests and unmaps cost the guest and the migration, memory that moves, several containers.
import { PAGE_SIZE } from '../../engine/core/units.ts';
import { chooseTracker } from '../../engine/devices/tracker-choice.ts';
import { TRAFFIC_QUANTUM_NS } from '../../engine/devices/traffic.ts';
import { TRACKING_FORMATS } from '../../engine/experiment/build-devices.ts';
import { costsOf, migrationConfig } from '../../engine/experiment/build-migration.ts';
import type { Device, Experiment, Workload, WorkloadPhase } from '../../engine/experiment/schema.ts';
import { TICK_NS } from '../../engine/machine/vcpu.ts';
import type { MigrationConfig } from '../../engine/migration/config.ts';
import { streamCosts } from '../../engine/migration/stream.ts';
import { DirtyPeriod, nextThrottlePercent } from '../../engine/migration/throttle.ts';
import { VFIO_BUFFER_BYTES, XBZRLE_HEADER_BYTES } from '../../engine/migration/wire.ts';
import { changeOf, encodedBytes } from '../../engine/migration/xbzrle.ts';

export interface Course {
  readonly simulatedNs: number;
  /** Page writes of vCPUs and devices. */
  readonly writes: number;
  readonly unmaps: number;
  /** Pages that vCPUs make dirty and that were not. */
  readonly faults: number;
  /** Wake-ups of the engine's actors. */
  readonly events: number;
}

/** A guest that writes as fast as it can: pages per second of one vCPU. */
const FULL_RATE = 1_000_000;
/** More steps than this tell nothing new: what is left of the time goes on like the last ones. */
const MAX_STEPS = 2_000;
/** The migration's events beside those of sending: reading devices, closing a window, for each call of 50 ms. */
const EVENTS_PER_CALL = 3;
const CALL_S = 0.051;
/** A round's sync, decision and iteration. */
const EVENTS_PER_ROUND = 4;

interface Source {
  readonly writesPerSecond: number;
  /** Pages that it can dirty. */
  readonly pages: number;
  /** Pages that become dirty with each write: those of a block under one Dirty bit. */
  readonly grain: number;
  /** Of the vCPUs that can be slowed; 0 for a device. */
  readonly vcpus: number;
  /** Bytes that a write changes. */
  readonly changed: number;
}

export function courseOf(experiment: Experiment): Course {
  const { guest, devices, limits, sampling, changes, migration } = experiment;
  const guestPages = guest.memory / PAGE_SIZE;
  const costs = costsOf(experiment);
  const trackedAs = trackingOf(experiment);
  const sources = [
    ...guest.workloads.map((one) => ofWorkload(one, guestPages)),
    ...devices.map((one) => ofDevice(one, trackedAs, guestPages)),
  ];
  const limit = limits.simulated / 1e9;
  const start = migration.start / 1e9;
  const played = playMigration(experiment, migrationConfig(experiment, costs), sources, Math.max(0, limit - start));
  const again = changes.filter((change) => change.do === 'migrate').length;
  const seconds = Math.min(limit, start + played.seconds * (1 + again));
  const rate = (of: (source: Source) => number): number => sources.reduce((sum, source) => sum + of(source), 0);
  const groups =
    guest.workloads.filter((one) => writesPerSecondOf(one) > 0).length + (costs.background_pages > 0 ? 1 : 0);
  const events =
    seconds *
      (groups * (1e9 / TICK_NS) + devices.reduce((sum, device) => sum + eventsPerSecond(device), 0) + 1e9 / sampling) +
    played.events * (1 + again);
  return {
    simulatedNs: Math.round(seconds * 1e9),
    writes: seconds * rate(({ writesPerSecond }) => writesPerSecond),
    unmaps: seconds * devices.reduce((sum, device) => sum + unmapsPerSecond(device), 0),
    faults: played.faults * (1 + again),
    events: Math.round(events),
  };
}

interface Played {
  readonly seconds: number;
  readonly faults: number;
  /** The migration thread's. */
  readonly events: number;
}

/** From its start to its end. */
function playMigration(
  experiment: Experiment,
  config: MigrationConfig,
  sources: readonly Source[],
  limit: number,
): Played {
  const { guest, devices } = experiment;
  const wire = streamCosts(config, false);
  const bandwidth = config.maxBandwidth === 0 ? Infinity : config.maxBandwidth;
  const costOf = ({ ns, bytes }: { ns: number; bytes: number }): number => Math.max(ns / 1e9, bytes / bandwidth);
  const page = costOf(wire.normal);
  const end = Math.min(config.timeoutNs / 1e9, limit);
  const state = devices
    .filter((device) => device.migration.supported)
    .map((device) => ({
      early: device.migration.precopy ? device.migration.initial : 0,
      late: device.migration.state,
      rate: Math.min(device.migration.read_rate, bandwidth, config.linkBandwidth),
    }));
  const fits = config.downtimeLimitNs / 1e9 / page;
  const zeroPages = (guest.memory - guest.filled) / PAGE_SIZE;

  const period = new DirtyPeriod(config.throttleTriggerPercent);
  let seconds = Math.min(
    end,
    zeroPages * costOf(wire.zero) + state.reduce((sum, { early, rate }) => sum + early / rate, 0),
  );
  let events =
    (zeroPages * wire.zero.ns) / TICK_NS +
    state.reduce((sum, { early }) => sum + (early / VFIO_BUFFER_BYTES) * EVENTS_PER_CALL, 0);
  let left = guest.filled / PAGE_SIZE;
  let sent = 0;
  let faults = 0;
  let inPeriod = 0;
  let throttle = 0;
  let limited = false;
  let steps = 0;
  for (; steps < MAX_STEPS && seconds < end; steps++) {
    const each = steps < 2 ? page : againCost(config, experiment, sources, left * page, page);
    const periodic = config.autoConverge?.periodicSyncNs ?? 0;
    const longest = periodic === 0 || steps < 2 ? Infinity : periodic / 1e9;
    const untilPostcopy = config.postcopy === null ? Infinity : Math.max(0, config.postcopy.afterNs / 1e9 - seconds);
    const step = Math.min(left * each, longest, untilPostcopy, end - seconds);
    const going = step / each;
    const [byGuest, byDevices] = [true, false].map((isGuest) =>
      sources
        .filter(({ vcpus }) => vcpus > 0 === isGuest)
        .reduce((sum, source) => sum + foundIn(source, step, throttle, limited ? config : null), 0),
    ) as [number, number];
    const found = byGuest + byDevices;
    const stays = Math.max(0, left - going);
    seconds += step;
    sent += going;
    faults += byGuest;
    inPeriod += found;
    events += (going * wire.normal.ns) / TICK_NS + (step / CALL_S) * EVENTS_PER_CALL + EVENTS_PER_ROUND;
    if (config.postcopy !== null && seconds >= config.postcopy.afterNs / 1e9) {
      // What is left moves once more, and no more becomes dirty.
      const rest = (stays + found) * page;
      return { seconds: Math.min(end, seconds + rest), faults, events: events + (rest * 1e9) / TICK_NS };
    }
    const before = left;
    // Of what is dirty already some is dirtied again.
    left = Math.min(guest.memory / PAGE_SIZE, stays + found * (1 - Math.min(1, stays / Math.max(1, before))));
    if (left <= fits) {
      const rest = left * page + state.reduce((sum, { late, rate }) => sum + late / rate, 0);
      return { seconds: Math.min(end, seconds + rest), faults, events: events + (rest * 1e9) / TICK_NS };
    }
    const judged = period.atSync(seconds * 1e9, inPeriod, sent * PAGE_SIZE);
    if (judged === null) continue;
    inPeriod = 0;
    if (judged.slow === null) continue;
    const { dirtyBytes, thresholdBytes } = judged.slow;
    if (config.autoConverge !== null)
      throttle = nextThrottlePercent(config.autoConverge, throttle, dirtyBytes, thresholdBytes);
    else if (config.dirtyLimit !== null) limited = true;
  }
  // It goes on so. (There is an end: the limit of simulated time.)
  if (seconds > 0 && seconds < end) {
    faults *= end / seconds;
    events *= end / seconds;
  }
  return { seconds: end, faults, events };
}

/** Pages newly dirty after so many seconds. */
function foundIn(source: Source, seconds: number, throttlePercent: number, limit: MigrationConfig | null): number {
  const { writesPerSecond, pages, grain, vcpus } = source;
  if (pages === 0) return 0;
  const share = vcpus > 0 ? 1 - throttlePercent / 100 : 1;
  const units = pages / grain;
  const found = grain * units * -Math.expm1((-writesPerSecond * share * seconds) / units);
  const quota = limit?.dirtyLimit?.quota;
  if (vcpus === 0 || quota === undefined) return found;
  return Math.min(found, (vcpus * quota * seconds) / PAGE_SIZE);
}

/** Seconds that a page costs which was sent before, `round` seconds ago: XBZRLE sends what changed in it. */
function againCost(
  config: MigrationConfig,
  { migration }: Experiment,
  sources: readonly Source[],
  round: number,
  page: number,
): number {
  const pages = sources.reduce((sum, source) => sum + source.pages, 0);
  if (!migration.xbzrle.enabled || pages === 0) return page;
  const hits = Math.min(1, migration.xbzrle.cache / PAGE_SIZE / pages);
  const bytes = sources.reduce((sum, { writesPerSecond, pages: own, changed }) => {
    const { changed: all, runs } = changeOf(changed, Math.max(1, (writesPerSecond * round) / Math.max(1, own)));
    return sum + (own / pages) * Math.min(PAGE_SIZE, encodedBytes(all, runs) + XBZRLE_HEADER_BYTES);
  }, 0);
  const bandwidth = Math.min(config.linkBandwidth, config.maxBandwidth === 0 ? Infinity : config.maxBandwidth);
  return hits * Math.max(config.costs.xbzrle_encode / 1e9, bytes / bandwidth) + (1 - hits) * page;
}

/** What a write of a device makes dirty: all memory, or so many pages. */
function trackingOf({ devices, iommu, tracking, defects, guest, viommu }: Experiment): 'everything' | number {
  const { tracker } = chooseTracker(
    devices.map((device) => ({
      dmaLogging:
        'dma_logging' in device && device.dma_logging.enabled ? { pageBytes: device.dma_logging.page_size } : null,
      iommuDirty: device.iommu_dirty,
      pageTracking: device.page_tracking,
    })),
    {
      forced: tracking.devices,
      api: iommu.api,
      type1Tracker: iommu.type1.tracker,
      formatTracks: TRACKING_FORMATS.includes(iommu.format),
      mixedContainerSkips: defects.mixed_container_skips,
    },
  );
  // A guest with a vIOMMU maps its buffers page by page; without one all memory is mapped, in the largest blocks of its backing.
  if (viommu.mode !== 'none') return 1;
  if (tracker === 'everything' || tracker === 'pinned') return 'everything';
  if (tracker !== 'iommu' || (iommu.split.when !== 'never' && iommu.split.fail_at === undefined)) return 1;
  return Math.max(1, ...iommu.page_sizes.filter((size) => size <= guest.backing).map((size) => size / PAGE_SIZE));
}

function ofWorkload(workload: Workload, guestPages: number): Source {
  return {
    writesPerSecond: writesPerSecondOf(workload),
    pages: pagesOf(workload, guestPages),
    grain: 1,
    vcpus: workload.vcpus,
    changed: changedOf(workload),
  };
}

function ofDevice(device: Device, tracked: 'everything' | number, guestPages: number): Source {
  const operations = (device.rate * dutyOf(device)) / operationBytes(device);
  const writesPerSecond = operations * Math.ceil(operationBytes(device) / PAGE_SIZE);
  const source = { vcpus: 0, changed: PAGE_SIZE };
  if (tracked === 'everything') return { ...source, writesPerSecond, pages: guestPages, grain: guestPages };
  const pages = Math.ceil(device.ring.size / PAGE_SIZE / tracked) * tracked;
  return { ...source, writesPerSecond, pages: Math.min(pages, guestPages), grain: tracked };
}

const operationBytes = (device: Device): number =>
  device.type === 'nic' && device.buffers === 'per-packet' ? device.packet : device.burst;

function eventsPerSecond(device: Device): number {
  const perOperation = device.buffers === 'per-packet' || device.buffers === 'per-io';
  const interval = (operationBytes(device) / Math.max(1, device.rate)) * 1e9;
  return (
    1e9 /
    (perOperation ? TRAFFIC_QUANTUM_NS : Math.max(TRAFFIC_QUANTUM_NS, Math.min(interval, 1000 * TRAFFIC_QUANTUM_NS)))
  );
}

function unmapsPerSecond(device: Device): number {
  const perOperation = device.buffers === 'per-packet' || device.buffers === 'per-io';
  return perOperation ? (device.rate * dutyOf(device)) / operationBytes(device) : 0;
}

function changedOf(pattern: Workload | WorkloadPhase): number {
  if ('phases' in pattern) return Math.max(8, ...pattern.phases.map(changedOf));
  return 'changed' in pattern ? pattern.changed : 8;
}

function pagesOf(pattern: Workload | WorkloadPhase, guestPages: number): number {
  if ('phases' in pattern) return Math.max(0, ...pattern.phases.map((phase) => pagesOf(phase, guestPages)));
  return 'region' in pattern ? pattern.region.size / PAGE_SIZE : 'rate' in pattern ? guestPages : 0;
}

function writesPerSecondOf(workload: Workload): number {
  if (workload.pattern === 'phases') {
    const { phases } = workload;
    const total = phases.reduce((sum, phase) => sum + phase.for, 0);
    return phases.reduce((sum, phase) => sum + rateOf(phase, workload.vcpus) * (phase.for / Math.max(1, total)), 0);
  }
  return rateOf(workload, workload.vcpus);
}

function rateOf(pattern: Workload | WorkloadPhase, vcpus: number): number {
  if (!('rate' in pattern)) return 0;
  return pattern.rate === Infinity ? FULL_RATE * vcpus : pattern.rate;
}

function dutyOf(device: Device): number {
  return device.duty === undefined ? 1 : device.duty.on / Math.max(1, device.duty.on + device.duty.off);
}
