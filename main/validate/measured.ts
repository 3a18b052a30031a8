// Measured migrations as files: what was configured, how fast the guest wrote before, and (unless it was removed) what
// happened. A predictor may read `config`, `environment` and the write rate before the migration; the rest is read here
// only to be compared with the prediction.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const amount = z.number().min(0).max(1e15);
const percent = z.number().min(1).max(100);

const configSchema = z.object({
  guest_memory_mib: count.min(4),
  filled_pages: count,
  pattern: z.enum(['idle', 'seq', 'uniform', 'hotcold', 'window', 'burst']),
  working_set_pages: count,
  target_page_writes_per_s: amount,
  full_speed: z.boolean(),
  catchup_ms: amount,
  max_bandwidth_bytes_per_s: amount,
  downtime_limit_ms: amount,
  multifd_channels: count.max(255).default(0),
  auto_converge: z.boolean().default(false),
  xbzrle: z.boolean().default(false),
  cancel_after_s: amount,
  cpu_throttle_initial_pct: percent.optional(),
  cpu_throttle_increment_pct: percent.optional(),
  max_cpu_throttle_pct: percent.optional(),
  throttle_trigger_threshold_pct: percent.optional(),
  hot_pages: count.optional(),
  hot_write_share: z.number().min(0).max(1).optional(),
  phase_ms: amount.optional(),
  region_pages: count.optional(),
});

/** One rate, or one for each repeat. */
const rateSchema = z.object({ before_pages_per_s: z.union([amount, z.array(amount)]).nullish() });

const finalSchema = z.object({
  'total-time': amount,
  downtime: amount,
  'setup-time': amount.optional(),
  ram: z.object({
    transferred: amount,
    'dirty-sync-count': amount,
    normal: amount,
    duplicate: amount,
    'downtime-bytes': amount.optional(),
  }),
});

const rows = z.array(z.array(z.unknown()));
const repeatSchema = z.object({
  outcome: z.string().nullish(),
  guest_rate: rateSchema.nullish(),
  /** A cancelled run keeps no counters here. */
  final: z.unknown().optional(),
  last_active_sample: z.array(z.unknown()).nullish(),
  bandwidth_windows: rows.nullish(),
  marks: z
    .object({
      setup_complete_ms: amount.nullish(),
      vm_stop_ms: amount.nullish(),
    })
    .nullish(),
  stop_to_resume_ms: amount.nullish(),
});

const fileSchema = z.object({
  name: z.string().min(1).max(200),
  config: configSchema,
  environment: z.object({ accelerator: z.string().default('') }).default({ accelerator: '' }),
  guest_rate: rateSchema.nullish(),
  sample_fields: z.array(z.string()).nullish(),
  repeats: z.array(repeatSchema).nullish(),
});

export type MeasuredConfig = z.infer<typeof configSchema>;

/** Outcomes as the measurements name them. */
export const OUTCOMES = ['converged', 'converged-throttled', 'cancelled-not-converging'] as const;
export type MigrationOutcome = (typeof OUTCOMES)[number];

/** One repeat of a measured migration. What a run that did not converge cannot have is null. */
export interface Repeat {
  readonly outcome: MigrationOutcome;
  readonly totalMs: number | null;
  readonly downtimeMs: number | null;
  readonly bytes: number;
  readonly rounds: number;
}

/** What only calibration reads of a repeat. */
export interface RepeatDetail {
  readonly setupMs: number | null;
  readonly stopToResumeMs: number | null;
  readonly stoppedBytes: number | null;
  readonly normalPages: number;
  readonly zeroPages: number;
  readonly windowEndsMs: readonly number[];
}

export interface Measured {
  readonly name: string;
  readonly file: string;
  readonly config: MeasuredConfig;
  readonly accelerator: string;
  /** Page writes per second before each repeat's migration. */
  readonly ratesBefore: readonly number[];
  readonly repeats: readonly Repeat[];
  /** In the order of `repeats`. */
  readonly details: readonly RepeatDetail[];
}

/** A file that is not a measured migration: the message names the file, the field and what would be right. */
export class MeasuredFileError extends Error {
  override readonly name = 'MeasuredFileError';
}

const MAX_FILE_BYTES = 64 << 20;

/** Every `*.json` file of a folder, by name. */
export function readMeasuredFolder(folder: string): Measured[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new MeasuredFileError(`${folder}: cannot be read as a folder of measured migrations (${String(error)})`);
  }
  const files = names.filter((name) => name.endsWith('.json')).sort((a, b) => (a < b ? -1 : 1));
  if (files.length === 0) throw new MeasuredFileError(`${folder}: holds no *.json file of a measured migration`);
  return files.map((name) => readMeasured(join(folder, name)));
}

export function readMeasured(file: string): Measured {
  if (statSync(file).size > MAX_FILE_BYTES) throw new MeasuredFileError(`${file}: larger than 64 MiB`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new MeasuredFileError(`${file}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new MeasuredFileError(`${file}: ${issue.path.map(String).join('.')}: ${issue.message}`);
  }
  return measuredOf(file, parsed.data);
}

type FileContents = z.infer<typeof fileSchema>;
type RepeatContents = z.infer<typeof repeatSchema>;

function measuredOf(file: string, contents: FileContents): Measured {
  const { name, config, environment, guest_rate: rate } = contents;
  const repeats = contents.repeats ?? [];
  const ratesBefore = [...repeats.map((repeat) => repeat.guest_rate), rate]
    .flatMap((entry) => entry?.before_pages_per_s)
    .filter((value) => typeof value === 'number');
  const whole = repeats.flatMap((repeat) => {
    const read = repeatOf(repeat, contents.sample_fields ?? []);
    return read === null ? [] : [{ read, detail: detailOf(repeat) }];
  });
  return {
    name,
    file,
    config,
    accelerator: environment.accelerator,
    ratesBefore,
    repeats: whole.map(({ read }) => read),
    details: whole.map(({ detail }) => detail),
  };
}

/** Null where what happened was removed from the file, or cannot be told. */
function repeatOf(repeat: RepeatContents, sampleFields: readonly string[]): Repeat | null {
  const outcome = OUTCOMES.find((known) => known === repeat.outcome);
  if (outcome === undefined) return null;
  const final = finalSchema.safeParse(repeat.final);
  if (final.success) {
    const { ram } = final.data;
    return {
      outcome,
      totalMs: final.data['total-time'],
      downtimeMs: final.data.downtime,
      bytes: ram.transferred,
      rounds: ram['dirty-sync-count'],
    };
  }
  // Counters of a cancelled run: the last sample before the cancel.
  const last = repeat.last_active_sample ?? [];
  const field = (name: string): unknown => last[sampleFields.indexOf(name)];
  const [bytes, rounds] = [field('transferred'), field('dirty_sync_count')];
  if (typeof bytes !== 'number' || typeof rounds !== 'number') return null;
  return { outcome, totalMs: null, downtimeMs: null, bytes, rounds };
}

function detailOf(repeat: RepeatContents): RepeatDetail {
  const final = finalSchema.safeParse(repeat.final);
  return {
    setupMs: repeat.marks?.setup_complete_ms ?? null,
    stopToResumeMs: repeat.stop_to_resume_ms ?? null,
    stoppedBytes: final.success ? (final.data.ram['downtime-bytes'] ?? null) : null,
    normalPages: final.success ? final.data.ram.normal : 0,
    zeroPages: final.success ? final.data.ram.duplicate : 0,
    windowEndsMs: (repeat.bandwidth_windows ?? []).map((row) => Number(row[0])).filter(Number.isFinite),
  };
}
