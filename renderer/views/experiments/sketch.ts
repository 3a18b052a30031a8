// A sketch of what an experiment's dirty rate may look like, before it was ever run: a migration in two dozen lines of
// arithmetic from the file's own figures, so that no card shows a picture that has nothing to do with its experiment.
//
// Theory: sources write pages uniformly over their region; in a stretch of time a source dirties at most the pages it has
// (W·(1 − e^(−writes/W))). Memory is sent at the link's rate; when it is through, what was dirtied meanwhile is next; when the
// rest fits the downtime limit the guest stops. Left out: zero pages, costs, trackers, everything that an experiment is about.
// The picture says that it is a sketch.
import * as z from 'zod';
import type { Spark } from '../../../main/contract/runs.ts';

const PAGE = 4096;
const POINTS = 64;
/** A guest that writes as fast as it can: pages per second of one vCPU. */
const FULL_RATE = 1_000_000;
/** What XBZRLE leaves of a page that changed a little. */
const DIFFERENCE = 0.1;

const rateSchema = z.union([z.number(), z.literal('full')]);
const regionSchema = z.object({ size: z.number() });
const patternSchema = z.object({
  pattern: z.string(),
  rate: rateSchema.optional(),
  region: regionSchema.optional(),
  hot: z.object({ size: z.number(), share: z.number() }).optional(),
  burst: z.object({ on: z.number(), off: z.number() }).optional(),
});
/** The parts of a resolved experiment that the sketch reads; base units. */
const resolvedSchema = z.object({
  guest: z.object({
    filled: z.number(),
    workloads: z.array(
      patternSchema.extend({
        vcpus: z.number(),
        phases: z.array(patternSchema.extend({ for: z.number() })).optional(),
      }),
    ),
  }),
  devices: z.array(
    z.object({ rate: z.number(), duty: z.object({ on: z.number(), off: z.number() }).optional(), ring: regionSchema }),
  ),
  migration: z.object({
    start: z.number(),
    bandwidth: z.number(),
    link: z.number(),
    downtime_limit: z.number(),
    timeout: z.number(),
    auto_converge: z.object({ enabled: z.boolean() }),
    postcopy: z.object({ enabled: z.boolean(), after: z.number() }),
    xbzrle: z.object({ enabled: z.boolean() }),
    dirty_limit: z.object({ enabled: z.boolean(), vcpu_limit: z.number() }),
  }),
  /** What the file expects is a fact of it: a sketch does not end in a blackout where the file says that there is none. */
  expect: z.object({ outcome: z.object({ text: z.string() }).optional() }),
});
type Resolved = z.infer<typeof resolvedSchema>;

interface Source {
  readonly cpu: boolean;
  /** Page writes per second at a time. */
  rate(seconds: number): number;
  readonly regionPages: number;
}

/** Null where the file is not what it was thought to be. */
export function sketchOf(resolved: unknown): Spark | null {
  const read = resolvedSchema.safeParse(resolved);
  return read.success ? migrate(read.data) : null;
}

function migrate({ guest, devices, migration, expect }: Resolved): Spark {
  const { dirty_limit: limit } = migration;
  const vcpuMost = limit.enabled ? limit.vcpu_limit / PAGE : Infinity;
  const sources: Source[] = [
    ...guest.workloads.map(workloadSource(guest.filled, vcpuMost, migration.start / 1e9)),
    ...devices.map(({ rate, duty, ring }): Source => ({
      cpu: false,
      rate: (seconds) => (duty === undefined || isOn(seconds, duty) ? rate / PAGE : 0),
      regionPages: ring.size / PAGE,
    })),
  ];
  const start = migration.start / 1e9;
  const bandwidth = Math.min(migration.link, migration.bandwidth === 0 ? Infinity : migration.bandwidth);
  const fits = expect.outcome?.text !== 'timed-out';
  const threshold = fits ? (bandwidth * migration.downtime_limit) / 1e9 : -1;
  const patience = migration.timeout === 0 ? 60 : Math.min(60, migration.timeout / 1e9);
  const step = Math.max(0.005, Math.min(0.05, start / 8));

  const rates: { readonly at: number; readonly rate: number }[] = [];
  let throttle = 0;
  let writes = new Array<number>(sources.length).fill(0);
  let left = guest.filled;
  let stop: number | null = null;
  let resume: number | null = null;
  let at = 0;
  for (; at < start + patience; at += step) {
    let rate = 0;
    for (const [i, source] of sources.entries()) {
      const now = source.rate(at) * (source.cpu ? 1 - throttle : 1);
      rate += shown(source, now);
      writes[i]! += now * step;
    }
    rates.push({ at, rate });
    if (at < start) {
      writes = writes.map(() => 0);
      continue;
    }
    if (migration.postcopy.enabled && at - start >= migration.postcopy.after / 1e9) {
      stop = at;
      break;
    }
    left -= bandwidth * step;
    if (left > 0) continue;
    const each = migration.xbzrle.enabled ? PAGE * DIFFERENCE : PAGE;
    left = sources.reduce((sum, source, i) => sum + dirtied(source, writes[i]!) * each, 0);
    writes = writes.map(() => 0);
    if (left <= threshold) {
      stop = at + step;
      break;
    }
    if (migration.auto_converge.enabled) throttle = throttle === 0 ? 0.2 : Math.min(0.99, throttle + 0.1);
  }
  let end = at + step;
  if (stop !== null) {
    resume = stop + Math.max(step, left < threshold ? left / bandwidth : 0) + 0.01;
    end = resume + Math.max(0.5, (resume - start) * 0.12);
    for (let t = resume; t < end; t += step)
      rates.push({ at: t, rate: sources.reduce((sum, source) => sum + shown(source, source.rate(t)), 0) });
  }
  const peaks = new Array<number | null>(POINTS).fill(0);
  for (const { at: t, rate } of rates) {
    const point = Math.min(POINTS - 1, Math.floor((t / end) * POINTS));
    peaks[point] = Math.max(peaks[point] ?? 0, rate);
  }
  const ns = (seconds: number | null): number | null => (seconds === null ? null : seconds * 1e9);
  return {
    id: 0,
    endNs: end * 1e9,
    peaks: filled(peaks),
    startNs: start * 1e9,
    stopNs: ns(stop),
    resumeNs: ns(resume),
  };
}

/** New dirty pages per second, as the chart of a run has them: at most all there are in each of its intervals. */
function shown({ regionPages }: Source, rate: number): number {
  return Math.min(rate, regionPages / 0.1);
}

/** Pages that this many writes dirty, each to one of the region's at random. */
function dirtied({ regionPages }: Source, writes: number): number {
  return regionPages <= 0 ? 0 : regionPages * (1 - Math.exp(-writes / regionPages));
}

/** `vcpuMost`: pages per second of each vCPU that the dirty limit leaves it, from the migration's start on. */
function workloadSource(
  filledBytes: number,
  vcpuMost: number,
  start: number,
): (workload: Resolved['guest']['workloads'][number]) => Source {
  const rateOf = ({ rate, pattern, burst }: z.infer<typeof patternSchema>, vcpus: number, seconds: number): number => {
    if (pattern === 'idle' || rate === undefined) return 0;
    if (burst !== undefined && !isOn(seconds, burst)) return 0;
    return Math.min(rate === 'full' ? FULL_RATE * vcpus : rate, seconds < start ? Infinity : vcpuMost * vcpus);
  };
  const pagesOf = ({ region, hot }: z.infer<typeof patternSchema>): number =>
    (hot === undefined ? (region?.size ?? filledBytes) : hot.size) / PAGE;
  return (workload) => {
    const { phases, vcpus } = workload;
    if (phases === undefined || phases.length === 0)
      return { cpu: true, rate: (seconds) => rateOf(workload, vcpus, seconds), regionPages: pagesOf(workload) };
    const total = phases.reduce((sum, phase) => sum + phase.for, 0) / 1e9;
    return {
      cpu: true,
      regionPages: Math.max(...phases.map(pagesOf)),
      rate(seconds) {
        let within = total > 0 ? seconds % total : 0;
        for (const phase of phases) {
          if (within < phase.for / 1e9) return rateOf(phase, vcpus, seconds);
          within -= phase.for / 1e9;
        }
        return 0;
      },
    };
  };
}

function isOn(seconds: number, { on, off }: { readonly on: number; readonly off: number }): boolean {
  return (seconds * 1e9) % Math.max(1, on + off) < on;
}

/** Points between two steps of the arithmetic take the value before them. */
function filled(peaks: readonly (number | null)[]): (number | null)[] {
  let last: number | null = 0;
  return peaks.map((peak, i) => {
    if (peak === 0 && i > 0 && peaks[i + 1] !== undefined && peaks[i + 1] !== 0) return last;
    last = peak;
    return peak;
  });
}
