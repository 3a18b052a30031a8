// How long an experiment will take to simulate, and how much it will hold: a rough reckoning for the editor.
//
// Simulated time: the migration sends what is filled at the link's rate while the guest dirties at its own; where dirtying is
// faster, it runs into its timeout. Wall-clock time: a cost for each page touch, page sent and sample. The constants are
// guesses at an order of magnitude, not measured.
import { PAGE_SIZE } from '../../engine/core/units.ts';
import type { Device, Experiment, Workload, WorkloadPhase } from '../../engine/experiment/schema.ts';
import type { Estimate } from '../contract/experiments.ts';

const SECONDS_PER_TOUCH = 0.12e-6;
const SECONDS_PER_PAGE_SENT = 0.06e-6;
const SECONDS_PER_VALUE = 0.15e-6;
const SECONDS_TO_BEGIN = 0.15;
/** A guest that writes as fast as it can: pages per second of one vCPU. */
const FULL_RATE = 1_000_000;
/** Stored bytes of one value, compressed, with the pyramid above it. */
const BYTES_PER_VALUE = 2.2;

export function estimateOf(experiment: Experiment): Estimate {
  const { guest, devices, migration, limits, sampling } = experiment;
  const vcpuPages = guest.workloads.reduce((sum, workload) => sum + pagesPerSecond(workload), 0);
  const devicePages = devices.reduce((sum, device) => sum + (device.rate * dutyOf(device)) / PAGE_SIZE, 0);
  const link = Math.min(migration.link, migration.bandwidth === 0 ? Infinity : migration.bandwidth);
  // Distinct pages dirtied per second are at most what is written, and in the long run at most the working set.
  const dirty = (vcpuPages + devicePages) * PAGE_SIZE;
  const first = guest.filled / link;
  const again = dirty < link ? first * (dirty / (link - dirty)) : Infinity;
  const timeout = migration.timeout === 0 ? Infinity : migration.timeout / 1e9;
  const seconds = Math.min(migration.start / 1e9 + Math.min(first + again + 0.5, timeout), limits.simulated / 1e9);
  const samples = Math.ceil((seconds * 1e9) / sampling);
  const series = 3 * guest.workloads.length + 3 * devices.length + (devices.length > 0 ? 3 : 0) + 11;
  const values = samples * (series + 1);
  const sent = Math.min((seconds * link) / PAGE_SIZE, 1e12);
  const wallSeconds =
    SECONDS_TO_BEGIN +
    seconds * (vcpuPages + devicePages) * SECONDS_PER_TOUCH +
    sent * SECONDS_PER_PAGE_SENT +
    values * SECONDS_PER_VALUE;
  return {
    simulatedNs: Math.round(seconds * 1e9),
    wallSeconds: experiment.backend === 'qemu' ? seconds + 5 : wallSeconds,
    samples,
    series,
    bytes: Math.round(values * BYTES_PER_VALUE) + 20_000,
  };
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
