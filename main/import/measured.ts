// Measured migrations in our own form: one configuration, migrated several times, with samples, syncs, the blackout and
// the guest's reports of each. Each repeat becomes a run.
//
// Format: a JSON document with `config`, `environment`, `sample_fields` and `repeats`; `samples` are rows as named by
// `sample_fields`; `t_ms` counts from the moment before the migrate command. Fields that are missing are unknown.

import * as z from 'zod';
import { NS_PER_MS } from '../../engine/core/units.ts';
import type { Known, Outcome, RunEvent } from '../../engine/experiment/result.ts';
import { WriteCurve } from '../qemu/curve.ts';
import { figuresOfMigrate, isFinal, migrateSchema, nsOfMs, type Figures } from '../qemu/figures.ts';
import { endingOf, observe, stepsOf, type ImportedRun, type Snapshot } from './imported.ts';
import { checked } from './json.ts';
import { ImportError } from './problem.ts';

const ROWS_MAX = 1_000_000;
const REPEATS_MAX = 1000;
/** Ten years in ms, also before the migration. */
const tMs = z.number().min(-3e11).max(3e11);
const positive = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const simple = z.union([z.string().max(1000), z.number(), z.boolean(), z.null()]);

const repeatSchema = z.object({
  outcome: z.string().max(100).optional(),
  destination_continues: z.boolean().nullish(),
  stop_ms: tMs.nullish(),
  resume_ms: tMs.nullish(),
  marks: z.record(z.string().max(100), tMs.nullable()).optional(),
  guest_rate: z
    .object({
      before_pages_per_s: positive.nullish(),
      during_pages_per_s: positive.nullish(),
      reports_during: z
        .array(z.tuple([tMs, positive, positive]))
        .max(ROWS_MAX)
        .optional(),
    })
    .optional(),
  iterations: z
    .array(z.object({ t_ms: tMs, sync_ms: positive.nullish(), new_dirty_pages: positive.nullish() }))
    .max(ROWS_MAX)
    .optional(),
  final: migrateSchema.optional(),
  samples: z.array(z.array(simple).max(100)).max(ROWS_MAX).optional(),
});
type Repeat = z.output<typeof repeatSchema>;

const measuredSchema = z.object({
  name: z.string().max(1000).optional(),
  config: z.record(z.string().max(100), simple),
  environment: z.record(z.string().max(100), simple).optional(),
  sample_fields: z.array(z.string().max(100)).max(100).optional(),
  repeats: z.array(repeatSchema).max(REPEATS_MAX).optional(),
});
type Measured = z.output<typeof measuredSchema>;

export const looksLikeMeasured = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'config') && !Object.hasOwn(value, 'guest');

export function readMeasured(value: unknown, file: string): ImportedRun[] {
  const measured = checked(measuredSchema, value, file);
  const repeats = measured.repeats ?? [];
  const name = measured.name ?? file;
  const runs = repeats
    .map((repeat, i) => ({ repeat, path: `repeats[${i}]`, label: `${name} (${i + 1} of ${repeats.length})` }))
    .filter(({ repeat }) => repeat.samples !== undefined || repeat.final !== undefined);
  if (runs.length === 0) throw new ImportError(file, { path: 'repeats' }, 'no measurement in it, only a configuration');
  return runs.map(({ repeat, path, label }) => runOf(measured, repeat, path, label, file));
}

function runOf(measured: Measured, repeat: Repeat, path: string, name: string, file: string): ImportedRun {
  const reports = repeat.guest_rate?.reports_during ?? [];
  const samples = samplesOf(measured, repeat, `${path}.samples`, file);
  // The guest's first report is where the run begins.
  const originMs = Math.min(0, ...reports.map(([t]) => t), ...samples.map(({ tMs: t }) => t));
  const at = (ms: number): number => Math.max(0, Math.round((ms - originMs) * NS_PER_MS));
  const startNs = at(0);
  const snapshots: Snapshot[] = samples.map(({ tMs: t, figures }) => ({ timeNs: at(t), figures }));
  const final = repeat.final === undefined ? undefined : figuresOfMigrate(repeat.final);
  if (final !== undefined) {
    const endNs = Math.max(snapshots.at(-1)?.timeNs ?? 0, startNs + (final.elapsedNs ?? 0));
    // A cancelled migration keeps no counters: the last row has them.
    snapshots.push({ timeNs: endNs, figures: final });
  }
  if (snapshots.length === 0) throw new ImportError(file, { path }, 'neither samples nor a final answer');
  const last = snapshots.at(-1)!;

  const curve = new WriteCurve();
  for (const [t, , writes] of reports) curve.add(at(t), writes);
  let fromNs = 0;
  const observations = observe(snapshots).map((observation) => {
    const writesPerSecond = curve.rate(fromNs, observation.timeNs);
    fromNs = observation.timeNs;
    return { ...observation, writesPerSecond };
  });
  const syncs = repeat.iterations ?? [];
  const events = [...syncEvents(syncs, at), ...markEvents(repeat, at, startNs, last.timeNs), ...throttles(snapshots)];
  return {
    name,
    format: 'measured',
    settings: settingsOf(measured),
    observations,
    events: events.sort((a, b) => a.timeNs - b.timeNs),
    ending: endingOf(snapshots, {
      startNs,
      endNs: last.timeNs,
      ...outcomeOf(repeat, last.figures),
      parts: {
        harvestNs: syncs.length === 0 ? null : syncs.reduce((sum, sync) => sum + (nsOfMs(sync.sync_ms) ?? 0), 0),
        guestSpeed: speedOf(measured, repeat),
      },
    }),
  };
}

interface Row {
  readonly tMs: number;
  readonly figures: Figures;
}

/** Rows as query-migrate would have said them; checked as such. */
function samplesOf(measured: Measured, repeat: Repeat, path: string, file: string): Row[] {
  const fields = measured.sample_fields ?? [];
  if ((repeat.samples?.length ?? 0) > 0 && !fields.includes('t_ms'))
    throw new ImportError(file, { path: 'sample_fields' }, 'does not name "t_ms"');
  const ramBytes = repeat.final?.ram?.total;
  let before = -Infinity;
  return (repeat.samples ?? []).map((row, i) => {
    const place = { path: `${path}[${i}]` };
    const cell = (name: string): string | number | boolean | undefined => row[fields.indexOf(name)] ?? undefined;
    const answer = {
      status: cell('status'),
      'expected-downtime': cell('expected_downtime_ms'),
      'cpu-throttle-percentage': cell('throttle_pct'),
      ram: {
        transferred: cell('transferred'),
        remaining: cell('remaining'),
        total: ramBytes,
        normal: cell('normal'),
        duplicate: cell('duplicate'),
        'dirty-sync-count': cell('dirty_sync_count'),
        'dirty-pages-rate': cell('dirty_pages_rate'),
        mbps: cell('mbps'),
        'multifd-bytes': cell('multifd_bytes'),
      },
    };
    const figures = figuresOfMigrate(checked(migrateSchema, answer, file, place));
    const t = checked(tMs, cell('t_ms'), file, { path: `${place.path}.t_ms` });
    if (t < before) throw new ImportError(file, place, 'is earlier than the row before it');
    before = t;
    // Rows hold the time since the command instead of total-time; normal pages are whole pages.
    const normalBytes = figures.normalPages === null ? null : figures.normalPages * 4096;
    return { tMs: t, figures: { ...figures, elapsedNs: nsOfMs(Math.max(0, t)), normalBytes } };
  });
}

function syncEvents(syncs: NonNullable<Repeat['iterations']>, at: (ms: number) => number): RunEvent[] {
  return syncs.map(({ t_ms: endMs, sync_ms: costMs, new_dirty_pages: pages }, i) => {
    const timeNs = at(endMs - (costMs ?? 0));
    const found = pages === null || pages === undefined ? '' : `: ${pages} pages newly dirty`;
    return {
      timeNs,
      durationNs: at(endMs) - timeNs,
      kind: 'harvest',
      text: `dirty sync ${i + 1}${found}`,
      detail: { round: i + 1, ...(pages === null || pages === undefined ? {} : { pages }) },
    };
  });
}

function markEvents(repeat: Repeat, at: (ms: number) => number, startNs: number, endNs: number): RunEvent[] {
  const events: RunEvent[] = [];
  const add = (kind: RunEvent['kind'], fromNs: number, text: string, untilNs = fromNs): void => {
    events.push({ timeNs: fromNs, durationNs: Math.max(0, untilNs - fromNs), kind, text, detail: {} });
  };
  const ns = (ms: number | null | undefined): number | null => (ms === null || ms === undefined ? null : at(ms));
  const stopNs = ns(repeat.stop_ms);
  const resumeNs = ns(repeat.resume_ms);
  const activeNs = ns(repeat.marks?.['setup_complete_ms']);
  if (activeNs !== null) add('phase', startNs, 'setup', activeNs);
  add('phase', activeNs ?? startNs, 'precopy', stopNs ?? endNs);
  if (stopNs !== null) {
    add('phase', stopNs, 'switchover', resumeNs ?? endNs);
    add('stop', stopNs, 'the source stops the guest');
  }
  if (resumeNs !== null) add('resume', resumeNs, 'the guest runs at the destination');
  return events;
}

const throttles = (snapshots: readonly Snapshot[]): RunEvent[] =>
  stepsOf(snapshots).filter(({ kind }) => kind === 'throttle');

/** A run that was stopped because it took too long was cancelled by the measuring script. */
function outcomeOf(repeat: Repeat, last: Figures): { outcome?: Outcome; reason?: string } {
  const continues = repeat.destination_continues === true ? '; the guest went on at the destination' : '';
  if (last.status === 'completed')
    return { outcome: 'completed', reason: `Measured as ${repeat.outcome ?? 'completed'}${continues}.` };
  if (last.status === 'cancelled' || (repeat.outcome ?? '').startsWith('cancelled'))
    return { outcome: 'timed-out', reason: `Measured as ${repeat.outcome ?? 'cancelled'}.` };
  return isFinal(last.status) || repeat.outcome === undefined ? {} : { reason: `Measured as ${repeat.outcome}.` };
}

function speedOf({ config }: Measured, { guest_rate: rate }: Repeat): Known {
  const asked = config['target_page_writes_per_s'];
  const during = rate?.during_pages_per_s;
  if (typeof asked !== 'number' || !(asked > 0) || during === null || during === undefined) return null;
  return during / asked;
}

function settingsOf({ config, environment }: Measured): ImportedRun['settings'] {
  const found: [string, string | number | boolean][] = [];
  for (const [group, values] of [
    ['config', config],
    ['environment', environment ?? {}],
  ] as const)
    for (const [key, value] of Object.entries(values)) if (value !== null) found.push([`${group}.${key}`, value]);
  return Object.fromEntries(found);
}
