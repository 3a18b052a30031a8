// guestperf reports (QEMU tests/migration-stress/guestperf, formerly tests/migration/guestperf), of any version.
//
// Format: report.py, progress.py, scenario.py, hardware.py, timings.py. A key that is missing or null is unknown. The
// progress history has one record a dirty sync and the last state: it is no time series, and its gaps stay gaps. Guest
// timings are milliseconds per GiB swept by one thread; all threads together give page writes a second. What a report
// does not hold: anything of the destination, the blackout the guest saw, whether a page was lost.

import * as z from 'zod';
import { GIB, NS_PER_MS, NS_PER_SECOND, PAGE_SIZE } from '../../engine/core/units.ts';
import type { Known, RunEvent } from '../../engine/experiment/result.ts';
import {
  countSchema,
  millisecondsSchema,
  NO_FIGURES,
  nsOfMs,
  percentSchema,
  rateSchema,
  type Figures,
} from '../qemu/figures.ts';
import { NO_OBSERVATION, type Observation } from '../qemu/observed.ts';
import { endingOf, observe, stepsOf, type ImportedRun, type Snapshot } from './imported.ts';
import { checked } from './json.ts';
import { ImportError } from './problem.ts';

const RECORDS_MAX = 1_000_000;
/** Guest and host clocks further apart than this are not compared. */
const CLOCKS_APART_S_MAX = 86_400;
const PAGES_PER_GIB = GIB / PAGE_SIZE;

/** A key that is missing is null too. */
const known = <Schema extends z.ZodType>(schema: Schema): z.ZodType<z.output<Schema> | null> =>
  schema.nullish().transform((value) => value ?? null);
const count = known(countSchema);
const ms = known(millisecondsSchema);
const unixSeconds = z.number().min(0).max(1e11);
const setting = z.union([z.string().max(1000), z.number(), z.boolean(), z.null(), z.array(z.unknown()).max(4096)]);
const settings = z.record(z.string().max(100), setting).nullish();
const timings = z
  .array(z.object({ tid: countSchema, timestamp: unixSeconds, value: z.number().min(0).max(1e15) }))
  .max(RECORDS_MAX)
  .nullish();

const progressSchema = z.object({
  status: known(z.string().max(40)),
  now: known(unixSeconds),
  duration: ms,
  downtime: ms,
  downtime_expected: ms,
  setup_time: ms,
  throttle_pcent: known(percentSchema),
  ram: z
    .object({
      transferred_bytes: count,
      remaining_bytes: count,
      total_bytes: count,
      duplicate_pages: count,
      normal_pages: count,
      normal_bytes: count,
      dirty_rate_pps: known(rateSchema),
      // QEMU's mbps starts at -1.
      transfer_rate_mbs: known(z.number().min(-1).max(1e9)),
      iterations: count,
    })
    .nullish(),
});
type Progress = z.output<typeof progressSchema>;

const reportSchema = z.object({
  hardware: settings,
  scenario: settings,
  progress_history: z.array(progressSchema).min(1).max(RECORDS_MAX),
  guest_timings: timings,
  qemu_timings: timings,
  vcpu_timings: timings,
  binary: z.string().max(4096).nullish(),
  dst_host: z.string().max(4096).nullish(),
  kernel: z.string().max(4096).nullish(),
  transport: z.string().max(100).nullish(),
  sleep: z.number().min(0).max(1e9).nullish(),
  // Newer reports: whether it completed without a pause.
  result: settings.catch(null),
});
type Report = z.output<typeof reportSchema>;

export const looksLikeGuestperf = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'progress_history');

export function readGuestperf(value: unknown, file: string): ImportedRun[] {
  const report = checked(reportSchema, value, file);
  const history = report.progress_history;
  checkOrder(history, file);
  const startWallS = startOf(history);
  const progress = history.map((record, i) => ({ record, atNs: placeOf(record, i, startWallS, file) }));
  const guest = guestRates(report, startWallS);
  // The guest ran before the migration began; the run begins with the first thing known of it.
  const startNs = Math.max(0, -Math.min(0, ...guest.map(({ timeNs }) => timeNs)));
  const snapshots: Snapshot[] = [];
  for (const { record, atNs } of progress)
    snapshots.push({
      timeNs: startNs + Math.max(atNs, (snapshots.at(-1)?.timeNs ?? startNs) - startNs),
      figures: figuresOf(record),
    });
  const rates = guest.map(({ timeNs, writes }): Observation => ({
    ...NO_OBSERVATION,
    timeNs: startNs + timeNs,
    writesPerSecond: writes,
  }));
  const observations = merge(observe(snapshots), rates);
  const events = [...notesOf(report, guest.length), ...stepsOf(snapshots)];
  const name = textOf(report.scenario?.['name']);
  return [
    {
      name: name === '' ? file : name,
      format: 'guestperf',
      settings: settingsOf(report),
      observations,
      events,
      ending: endingOf(snapshots, { startNs, endNs: observations.at(-1)!.timeNs }),
    },
  ];
}

/** The last state may have no time (a cancelled migration says 0); all others follow each other. */
function checkOrder(history: readonly Progress[], file: string): void {
  history.slice(0, -1).forEach(({ duration }, i) => {
    const before = i === 0 ? null : history[i - 1]!.duration;
    if (before !== null && duration !== null && duration < before) {
      const path = `progress_history[${i}].duration`;
      throw new ImportError(file, { path }, `${duration} ms is earlier than the record before it, ${before} ms`);
    }
  });
}

/** Host time when the migration began: records carry both the time of day and the time since the start. */
function startOf(history: readonly Progress[]): number | null {
  for (const { now, duration } of history) if (now !== null && duration !== null) return now - duration / 1000;
  return history.find(({ now }) => now !== null)?.now ?? null;
}

function placeOf({ now, duration }: Progress, index: number, startWallS: number | null, file: string): number {
  if (duration !== null) return Math.round(duration * NS_PER_MS);
  if (now !== null && startWallS !== null) return Math.max(0, Math.round((now - startWallS) * NS_PER_SECOND));
  throw new ImportError(
    file,
    { path: `progress_history[${index}]` },
    'neither "duration" nor "now" says when this was',
  );
}

function figuresOf(record: Progress): Figures {
  const { ram } = record;
  const mbps = ram?.transfer_rate_mbs ?? null;
  const status = record.status ?? '';
  return {
    ...NO_FIGURES,
    status,
    elapsedNs: nsOfMs(record.duration),
    setupNs: nsOfMs(record.setup_time),
    // 0 until the migration has completed.
    downtimeNs: status === 'completed' ? nsOfMs(record.downtime) : null,
    expectedDowntimeNs: nsOfMs(record.downtime_expected),
    throttlePercent: record.throttle_pcent,
    sentBytes: ram?.transferred_bytes ?? null,
    remainingBytes: ram?.remaining_bytes ?? null,
    ramBytes: ram?.total_bytes ?? null,
    normalPages: ram?.normal_pages ?? null,
    normalBytes: ram?.normal_bytes ?? null,
    zeroPages: ram?.duplicate_pages ?? null,
    dirtyPagesPerSecond: ram?.dirty_rate_pps ?? null,
    bytesPerSecond: mbps === null || mbps < 0 ? null : (mbps * 1e6) / 8,
    syncs: ram?.iterations ?? null,
  };
}

interface GuestRate {
  /** From the start of the migration. */
  readonly timeNs: number;
  readonly writes: Known;
}

/** At each report of a thread, the sum of what every thread last reported. */
function guestRates({ guest_timings: records }: Report, startWallS: number | null): GuestRate[] {
  if (records === null || records === undefined || startWallS === null) return [];
  const latest = new Map<number, number>();
  let total = 0;
  const rates: GuestRate[] = [];
  const ordered = records
    .filter(({ timestamp, value }) => value > 0 && Math.abs(timestamp - startWallS) < CLOCKS_APART_S_MAX)
    .sort((a, b) => a.timestamp - b.timestamp);
  for (const { tid, timestamp, value } of ordered) {
    const rate = PAGES_PER_GIB / (value / 1000);
    total += rate - (latest.get(tid) ?? 0);
    latest.set(tid, rate);
    const timeNs = Math.round((timestamp - startWallS) * NS_PER_SECOND);
    if (rates.at(-1)?.timeNs === timeNs) rates.pop();
    rates.push({ timeNs, writes: total });
  }
  return rates;
}

/** Both in order of time; what falls on one moment becomes one observation. */
function merge(a: readonly Observation[], b: readonly Observation[]): Observation[] {
  const merged: Observation[] = [];
  for (const next of [...a, ...b].sort((x, y) => x.timeNs - y.timeNs)) {
    const last = merged.at(-1);
    if (last?.timeNs !== next.timeNs) merged.push(next);
    else if (last.figures === null) merged[merged.length - 1] = { ...next, writesPerSecond: last.writesPerSecond };
    else merged[merged.length - 1] = { ...last, writesPerSecond: next.writesPerSecond };
  }
  return merged;
}

function notesOf(report: Report, used: number): RunEvent[] {
  const unused = (report.guest_timings?.length ?? 0) > 0 && used === 0;
  const text = 'guest timings are left aside: nothing ties the guest’s clock to the migration';
  return unused ? [{ timeNs: 0, durationNs: 0, kind: 'note', text, detail: {} }] : [];
}

function settingsOf(report: Report): ImportedRun['settings'] {
  const found: [string, string | number | boolean][] = [];
  const add = (name: string, value: unknown): void => {
    if (typeof value === 'string' || typeof value === 'boolean') found.push([name, value]);
    else if (typeof value === 'number' && Number.isFinite(value)) found.push([name, value]);
    else if (Array.isArray(value) && value.length > 0) found.push([name, value.map(textOf).join(', ').slice(0, 1000)]);
  };
  for (const group of ['hardware', 'scenario', 'result'] as const)
    for (const [key, value] of Object.entries(report[group] ?? {})) add(`${group}.${key}`, value);
  for (const key of ['binary', 'dst_host', 'kernel', 'transport', 'sleep'] as const) add(key, report[key]);
  return Object.fromEntries(found);
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
