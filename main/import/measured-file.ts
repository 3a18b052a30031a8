// The file of measured migrations: one configuration, migrated several times, with samples, syncs, the blackout and the
// guest's reports of each. Imports make a run of each repeat; validation predicts the configuration and compares.
//
// Format: a JSON document with `config`, `environment`, `sample_fields` and `repeats`; `samples` are rows as named by
// `sample_fields`; `t_ms` counts from the moment before the migrate command. Everything but `config` may be missing or
// null: then it is unknown.

import * as z from 'zod';
import { figuresOfMigrate, migrateSchema, nsOfMs, type Figures } from '../qemu/figures.ts';
import { checked } from './json.ts';
import { ImportError } from './problem.ts';

const ROWS_MAX = 1_000_000;
const REPEATS_MAX = 1000;
const PAGE_BYTES = 4096;
/** Ten years in ms, also before the migration. */
const tMs = z.number().min(-3e11).max(3e11);
const positive = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const simple = z.union([z.string().max(1000), z.number(), z.boolean(), z.null()]);
const cells = z.array(simple).max(100);

/** Page writes a second before the migration: one rate, or one for each repeat. */
const beforeSchema = z.object({
  before_pages_per_s: z.union([positive, z.array(positive).max(REPEATS_MAX)]).nullish(),
});

const repeatSchema = z.object({
  outcome: z.string().max(100).nullish(),
  destination_continues: z.boolean().nullish(),
  stop_ms: tMs.nullish(),
  resume_ms: tMs.nullish(),
  stop_to_resume_ms: positive.nullish(),
  marks: z.record(z.string().max(100), tMs.nullable()).nullish(),
  guest_rate: beforeSchema
    .extend({
      during_pages_per_s: positive.nullish(),
      reports_during: z
        .array(z.tuple([tMs, positive, positive]))
        .max(ROWS_MAX)
        .nullish(),
    })
    .nullish(),
  iterations: z
    .array(z.object({ t_ms: tMs, sync_ms: positive.nullish(), new_dirty_pages: positive.nullish() }))
    .max(ROWS_MAX)
    .nullish(),
  final: migrateSchema
    .extend({ ram: migrateSchema.shape.ram.unwrap().extend({ 'downtime-bytes': positive.nullish() }).optional() })
    .nullish(),
  samples: z.array(cells).max(ROWS_MAX).nullish(),
  /** A cancelled migration keeps no counters in its last answer: the last row before it. */
  last_active_sample: cells.nullish(),
  bandwidth_windows: z.array(cells).max(ROWS_MAX).nullish(),
});
export type MeasuredRepeat = z.output<typeof repeatSchema>;

const documentSchema = z.object({
  name: z.string().min(1).max(200).nullish(),
  config: z.record(z.string().max(100), simple),
  environment: z.record(z.string().max(100), simple).nullish(),
  guest_rate: beforeSchema.nullish(),
  sample_fields: z.array(z.string().max(100)).max(100).nullish(),
  window_fields: z.array(z.string().max(100)).max(100).nullish(),
  repeats: z.array(repeatSchema).max(REPEATS_MAX).nullish(),
});
export type MeasuredFile = z.output<typeof documentSchema>;

export const looksLikeMeasured = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'config') && !Object.hasOwn(value, 'guest');

export const measuredFile = (value: unknown, file: string): MeasuredFile => checked(documentSchema, value, file);

/** What was counted at one moment. */
export interface MeasuredRow {
  readonly tMs: number;
  readonly figures: Figures;
}

/** The samples of a repeat, in order of time. */
export function sampleRows(measured: MeasuredFile, repeat: MeasuredRepeat, path: string, file: string): MeasuredRow[] {
  const rows = repeat.samples ?? [];
  let before = -Infinity;
  return rows.map((cells, i) => {
    const place = `${path}.samples[${i}]`;
    const row = rowOf(measured, repeat, cells, place, file);
    if (row.tMs < before) throw new ImportError(file, { path: place }, 'is earlier than the row before it');
    before = row.tMs;
    return row;
  });
}

export function lastActiveRow(
  measured: MeasuredFile,
  repeat: MeasuredRepeat,
  path: string,
  file: string,
): MeasuredRow | undefined {
  const row = repeat.last_active_sample;
  if (row === null || row === undefined) return undefined;
  return rowOf(measured, repeat, row, `${path}.last_active_sample`, file);
}

/** A row as query-migrate would have said it; checked as such. */
function rowOf(
  measured: MeasuredFile,
  repeat: MeasuredRepeat,
  row: z.output<typeof cells>,
  place: string,
  file: string,
): MeasuredRow {
  const fields = measured.sample_fields ?? [];
  if (!fields.includes('t_ms')) throw new ImportError(file, { path: 'sample_fields' }, 'does not name "t_ms"');
  const cell = (name: string): string | number | boolean | undefined => row[fields.indexOf(name)] ?? undefined;
  const answer = {
    status: cell('status'),
    'expected-downtime': cell('expected_downtime_ms'),
    'cpu-throttle-percentage': cell('throttle_pct'),
    ram: {
      transferred: cell('transferred'),
      remaining: cell('remaining'),
      total: repeat.final?.ram?.total,
      normal: cell('normal'),
      duplicate: cell('duplicate'),
      'dirty-sync-count': cell('dirty_sync_count'),
      'dirty-pages-rate': cell('dirty_pages_rate'),
      mbps: cell('mbps'),
      'multifd-bytes': cell('multifd_bytes'),
    },
  };
  const figures = figuresOfMigrate(checked(migrateSchema, answer, file, { path: place }));
  const t = checked(tMs, cell('t_ms'), file, { path: `${place}.t_ms` });
  // Rows hold the time since the command instead of total-time; normal pages are whole pages.
  const normalBytes = figures.normalPages === null ? null : figures.normalPages * PAGE_BYTES;
  return { tMs: t, figures: { ...figures, elapsedNs: nsOfMs(Math.max(0, t)), normalBytes } };
}
