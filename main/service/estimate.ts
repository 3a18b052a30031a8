// How long an experiment will take to simulate, and how much it will hold: a rough reckoning for the editor.
//
// Simulated time: rounds are played in a few hundred additions. A round sends what is left at the link's rate; meanwhile each
// source dirties its own region, which it can fill at most once: N (1 − e^(−writes / N)) of N pages. It ends when what is left
// fits into the downtime limit, or at the timeout. Throttling, XBZRLE and blocks with one Dirty bit for many pages are left
// out: they make a migration shorter or longer than told here.
//
// Wall-clock time: a cost for each write, first write to a clean page (a fault), unmap, value and page of guest memory. The
// costs are a least-squares fit (none negative, each error relative to its run) of the CPU seconds of the 27 examples to what
// these really did, on a server of 2 cores under Node 24. What a run will do is reckoned more roughly: 17 of the 27 are within
// 25 % of their simulated time, and those that throttling, XBZRLE or blocks decide are off by a factor of 3 to 7. Machines differ by a
// factor, too, and so does what else they do: `pace` is how much longer finished runs of this store took than was reckoned
// for them.
import { PAGE_SIZE } from '../../engine/core/units.ts';
import { costsOf } from '../../engine/experiment/build-migration.ts';
import type { Device, Experiment, Workload, WorkloadPhase } from '../../engine/experiment/schema.ts';
import type { Estimate } from '../contract/experiments.ts';

const SECONDS_TO_BEGIN = 0.12;
const SECONDS_PER_WRITE = 0.021e-6;
const SECONDS_PER_FAULT = 0.087e-6;
const SECONDS_PER_UNMAP = 1.7e-6;
const SECONDS_PER_VALUE = 11e-6;
const SECONDS_PER_PAGE_OF_GUEST = 0.0054e-6;
/** A guest that writes as fast as it can: pages per second of one vCPU. */
const FULL_RATE = 1_000_000;
/** Stored bytes of one value, compressed, with the pyramid above it. */
const BYTES_PER_VALUE = 2.2;
/** More rounds than this do not get shorter. */
const MAX_ROUNDS = 500;

interface Source {
  readonly writesPerSecond: number;
  /** Pages that it can dirty. */
  readonly pages: number;
  readonly unmapsPerSecond: number;
}

export function estimateOf(experiment: Experiment, pace = 1): Estimate {
  const { guest, devices, limits, sampling } = experiment;
  const guestPages = guest.memory / PAGE_SIZE;
  const sources = [...guest.workloads.map((one) => ofWorkload(one, guestPages)), ...devices.map(ofDevice)];
  const { seconds, dirtied } = withPostcopy(experiment, migrationOf(experiment, sources));
  const simulated = Math.min(experiment.migration.start / 1e9 + seconds, limits.simulated / 1e9);
  const samples = Math.ceil((simulated * 1e9) / sampling);
  const series = 3 * guest.workloads.length + 3 * devices.length + (devices.length > 0 ? 3 : 0) + 11;
  const values = samples * (series + 1);
  const rate = (of: (source: Source) => number): number => sources.reduce((sum, source) => sum + of(source), 0);
  const wallSeconds =
    SECONDS_TO_BEGIN +
    simulated * rate(({ writesPerSecond }) => writesPerSecond) * SECONDS_PER_WRITE +
    simulated * rate(({ unmapsPerSecond }) => unmapsPerSecond) * SECONDS_PER_UNMAP +
    dirtied * SECONDS_PER_FAULT +
    values * SECONDS_PER_VALUE +
    guestPages * SECONDS_PER_PAGE_OF_GUEST;
  return {
    simulatedNs: Math.round(simulated * 1e9),
    wallSeconds: experiment.backend === 'qemu' ? simulated + 5 : wallSeconds * pace,
    samples,
    series,
    bytes: Math.round(values * BYTES_PER_VALUE) + 20_000,
  };
}

interface Played {
  readonly seconds: number;
  readonly dirtied: number;
}

/** The guest moves at a time, and what is left follows: at most all of its memory. */
function withPostcopy({ guest, migration }: Experiment, { seconds, dirtied }: Played): Played {
  const { postcopy, link } = migration;
  if (!postcopy.enabled) return { seconds, dirtied };
  const most = postcopy.after / 1e9 + guest.memory / link;
  return seconds <= most ? { seconds, dirtied } : { seconds: most, dirtied: (dirtied * most) / seconds };
}

/** From its start to its end, and pages that become dirty meanwhile. */
function migrationOf(experiment: Experiment, sources: readonly Source[]): Played {
  const { guest, migration } = experiment;
  const link = Math.min(migration.link, migration.bandwidth === 0 ? Infinity : migration.bandwidth);
  const pagesPerSecond = Math.max(1, link / PAGE_SIZE);
  const timeout = migration.timeout === 0 ? Infinity : migration.timeout / 1e9;
  const fits = pagesPerSecond * (migration.downtime_limit / 1e9);
  let left = guest.filled / PAGE_SIZE;
  // Zero pages are looked at, once.
  let seconds = Math.min(timeout, ((guest.memory - guest.filled) / PAGE_SIZE) * (costsOf(experiment).zero_page / 1e9));
  let dirtied = 0;
  for (let round = 0; round < MAX_ROUNDS && seconds < timeout; round++) {
    const sending = Math.min(left / pagesPerSecond, timeout - seconds);
    seconds += sending;
    const found = sources.reduce(
      (sum, { writesPerSecond, pages }) =>
        sum + (pages > 0 ? pages * -Math.expm1((-writesPerSecond * sending) / pages) : 0),
      0,
    );
    dirtied += found;
    if (found <= fits) return { seconds: Math.min(timeout, seconds + found / pagesPerSecond), dirtied };
    // As long as the one before: it goes on so.
    if (round > 0 && found >= left * 0.98) {
      const rest = Number.isFinite(timeout) ? timeout - seconds : Infinity;
      return {
        seconds: timeout,
        dirtied: dirtied + (sending > 0 && Number.isFinite(rest) ? (found / sending) * rest : 0),
      };
    }
    left = found;
  }
  return { seconds: Math.min(seconds, timeout), dirtied };
}

function ofWorkload(workload: Workload, guestPages: number): Source {
  const writesPerSecond = pagesPerSecond(workload);
  return { writesPerSecond, pages: pagesOf(workload, guestPages), unmapsPerSecond: 0 };
}

function ofDevice(device: Device): Source {
  const bytesPerSecond = device.rate * dutyOf(device);
  const operation =
    device.buffers === 'per-packet' ? device.packet : device.buffers === 'per-io' ? device.burst : Infinity;
  return {
    writesPerSecond: bytesPerSecond / PAGE_SIZE,
    pages: device.ring.size / PAGE_SIZE,
    unmapsPerSecond: bytesPerSecond / operation,
  };
}

function pagesOf(pattern: Workload | WorkloadPhase, guestPages: number): number {
  if ('phases' in pattern) return Math.max(0, ...pattern.phases.map((phase) => pagesOf(phase, guestPages)));
  return 'region' in pattern ? pattern.region.size / PAGE_SIZE : 'rate' in pattern ? guestPages : 0;
}

function pagesPerSecond(workload: Workload): number {
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
