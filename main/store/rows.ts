// Rows of the store as values. A row is checked when it is read (habit: both sides of a boundary), so that a store that was
// changed by other hands ends in a clear error and not in undefined figures.
import * as z from 'zod';
import { EVENT_KINDS } from '../../engine/core/events.ts';
import type { ExpectResult, Outcome, RunEvent, SeriesInfo, Summary } from '../../engine/experiment/result.ts';
import { damaged } from './errors.ts';

export type RunStatus =
  /** Being made by a living process. */
  | 'running'
  /** Whole. */
  | 'finished'
  /** Its producer broke; `failure` says how. */
  | 'failed'
  /** The process that made it is gone. */
  | 'interrupted';

/** What a list of runs shows; null where the producer cannot know it, or the run has not finished. */
export interface RunRow {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly tags: readonly string[];
  /** Markdown of the user. */
  readonly note: string;
  readonly fileName: string;
  readonly sourceKind: 'sim' | 'qemu' | 'import';
  readonly sourceText: string;
  readonly engineVersion: string;
  readonly seed: number;
  readonly status: RunStatus;
  readonly failure: string | null;
  readonly createdMs: number;
  readonly endedMs: number | null;
  /** Since when it lies in the bin. */
  readonly deletedMs: number | null;
  readonly outcome: Outcome | null;
  readonly totalNs: number | null;
  readonly setupNs: number | null;
  readonly downtimeNs: number | null;
  readonly bytesTotal: number | null;
  readonly pagesTotal: number | null;
  readonly pagesResent: number | null;
  readonly pagesNeedless: number | null;
  readonly pagesLost: number | null;
  readonly rounds: number | null;
  readonly guestStallNs: number | null;
  readonly guestSpeed: number | null;
  readonly throttleMaxPercent: number | null;
  readonly expectTotal: number;
  readonly expectMet: number;
  readonly samplingNs: number;
  readonly sampleCount: number;
  readonly eventCount: number;
  readonly hash: string | null;
}

/** A whole run but for its samples and events. `summary` and `expect` are there when it has finished. */
export interface StoredRun {
  readonly row: RunRow;
  readonly experiment: string;
  readonly series: readonly SeriesInfo[];
  readonly summary: Summary | null;
  readonly expect: readonly ExpectResult[];
}

export type StoredEvent = RunEvent & { readonly number: number };

const figure = z.number().nullable();

export const runRowSchema = z.object({
  id: z.number(),
  uid: z.string(),
  name: z.string(),
  tags: z.string(),
  note: z.string(),
  file_name: z.string(),
  source_kind: z.enum(['sim', 'qemu', 'import']),
  source_text: z.string(),
  engine_version: z.string(),
  seed: z.number(),
  status: z.enum(['running', 'finished', 'failed']),
  failure: z.string().nullable(),
  created_ms: z.number(),
  ended_ms: figure,
  deleted_ms: figure,
  heartbeat_ms: z.number(),
  owner_host: z.string(),
  owner_pid: z.number(),
  owner_start: z.string(),
  outcome: z.enum(['completed', 'timed-out', 'cancelled', 'failed', 'unknown']).nullable(),
  total_ns: figure,
  setup_ns: figure,
  downtime_ns: figure,
  bytes_total: figure,
  pages_total: figure,
  pages_resent: figure,
  pages_needless: figure,
  pages_lost: figure,
  rounds: figure,
  guest_stall_ns: figure,
  guest_speed: figure,
  throttle_max_percent: figure,
  expect_total: z.number(),
  expect_met: z.number(),
  sampling_ns: z.number(),
  sample_count: z.number(),
  event_count: z.number(),
  hash: z.string().nullable(),
});

export const seriesRowSchema = z.object({
  id: z.string(),
  label: z.string(),
  unit: z.enum(['pages/s', 'pages', 'bytes', 'bytes/s', 'ratio', '1/s', 'ns', 'count']),
  kind: z.enum(['rate', 'level', 'total']),
  source: z.string().nullable(),
});

export const chunkRowSchema = z.object({
  first: z.number(),
  count: z.number(),
  codec: z.number(),
  crc: z.number(),
  data: z.instanceof(Uint8Array),
});

export const eventRowSchema = z.object({
  number: z.number(),
  time_ns: z.number(),
  duration_ns: z.number(),
  kind: z.enum(EVENT_KINDS),
  text: z.string(),
  source: z.string().nullable(),
  detail: z.string(),
});

/** Reads a row, or tells that the file is damaged. */
export function readRow<T>(file: string, schema: z.ZodType<T>, row: unknown): T {
  const result = schema.safeParse(row);
  if (result.success) return result.data;
  throw damaged(file, result.error);
}
