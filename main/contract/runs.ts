// Runs as the renderer sees them: rows of the list, the whole of one run, events. Samples travel in binary, see block.ts.
// The shapes of a result are the engine's (engine/experiment/result.ts); a test holds the two together.
import * as z from 'zod';
import { EVENT_KINDS } from '../../engine/core/events.ts';
import { MAX_TAG_CHARS } from './limits.ts';

const figure = z.number().nullable();
export const runIdSchema = z.int().positive();
export const tagSchema = z.string().min(1).max(MAX_TAG_CHARS);

export const RUN_STATUSES = ['running', 'finished', 'failed', 'interrupted'] as const;
export const OUTCOMES = ['completed', 'timed-out', 'cancelled', 'failed', 'unknown'] as const;

/** null: the producer cannot know it, or the run has not finished. */
export const runRowSchema = z.object({
  id: z.number(),
  uid: z.string(),
  name: z.string(),
  tags: z.array(z.string()),
  note: z.string(),
  fileName: z.string(),
  sourceKind: z.enum(['sim', 'qemu', 'import']),
  sourceText: z.string(),
  engineVersion: z.string(),
  seed: z.number(),
  status: z.enum(RUN_STATUSES),
  failure: z.string().nullable(),
  createdMs: z.number(),
  endedMs: figure,
  deletedMs: figure,
  outcome: z.enum(OUTCOMES).nullable(),
  totalNs: figure,
  setupNs: figure,
  downtimeNs: figure,
  bytesTotal: figure,
  pagesTotal: figure,
  pagesResent: figure,
  pagesNeedless: figure,
  /** null: not checked. */
  pagesLost: figure,
  rounds: figure,
  guestStallNs: figure,
  guestSpeed: figure,
  throttleMaxPercent: figure,
  expectTotal: z.number(),
  expectMet: z.number(),
  samplingNs: z.number(),
  sampleCount: z.number(),
  eventCount: z.number(),
  hash: z.string().nullable(),
});
export type RunRow = z.infer<typeof runRowSchema>;

/** A cell of a column that is no field of RunRow: a field of the experiment. Several values (devices) come joined by ', '. */
export const cellSchema = z.union([z.string(), z.number(), z.null()]);
export const listedRunSchema = z.object({ row: runRowSchema, cells: z.record(z.string(), cellSchema) });
export type ListedRun = z.infer<typeof listedRunSchema>;

export const COLUMN_TYPES = [
  'text',
  'count',
  'duration',
  'size',
  'share',
  'percent',
  'rate',
  'page-rate',
  'time',
] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];
/** A column of the table of runs, and a name of the filter language. */
export const columnSchema = z.object({
  /** As in a filter: `downtime`, `guest.memory`. */
  name: z.string(),
  title: z.string(),
  type: z.enum(COLUMN_TYPES),
  /** One line. */
  help: z.string(),
  /** The field of RunRow that holds it; null for a field of the experiment, which `columns` of runs.list asks for. */
  rowField: z.string().nullable(),
  /** Those there can be, where they are few; for those that occur see `runs.values`. */
  values: z.array(z.string()),
  sortable: z.boolean(),
});
export type Column = z.infer<typeof columnSchema>;

export const seriesInfoSchema = z.object({
  id: z.string(),
  label: z.string(),
  unit: z.enum(['pages/s', 'pages', 'bytes', 'bytes/s', 'ratio', '1/s', 'ns', 'count']),
  kind: z.enum(['rate', 'level', 'total']),
  source: z.string().optional(),
});
export type SeriesInfo = z.infer<typeof seriesInfoSchema>;

/** null: no known sample stands for any part of the stretch. */
export const seriesStatisticsSchema = z.object({
  samples: z.number(),
  /** Of these, how many are not known. */
  unknown: z.number(),
  least: figure,
  greatest: figure,
  /** When they were reached first. */
  leastNs: figure,
  greatestNs: figure,
  /** Weighed by time. */
  mean: figure,
  /** Value times seconds; of a rate, what it came to. */
  integral: figure,
  /** At the edges: the difference is what a total grew by. */
  first: figure,
  last: figure,
});
export type SeriesStatistics = z.infer<typeof seriesStatisticsSchema>;

export { EVENT_KINDS };

/** Any double: NaN and the infinities cross as exact JSON (exactJson.ts), and zod's number refuses them. */
const anyNumber = z.custom<number>((value) => typeof value === 'number');

export const eventSchema = z.object({
  /** Position among the run's events. */
  number: z.number(),
  timeNs: z.number(),
  /** 0: a point. */
  durationNs: z.number(),
  kind: z.enum(EVENT_KINDS),
  text: z.string(),
  source: z.string().optional(),
  detail: z.record(z.string(), z.union([anyNumber, z.string(), z.boolean()])),
});
export type RunEvent = z.infer<typeof eventSchema>;

export const lossSchema = z.object({
  cause: z.string(),
  /** Number of the event that dropped the dirt, or -1 where no single step did. */
  eventIndex: z.number(),
  writers: z.array(z.string()),
  pages: z.number(),
  /** At most 64 runs of RAM pages, the lowest. */
  runs: z.array(z.tuple([z.number(), z.number()])),
});
export type Loss = z.infer<typeof lossSchema>;

export const summarySchema = z.object({
  outcome: z.enum(OUTCOMES),
  reason: z.string(),
  startNs: z.number(),
  totalNs: figure,
  setupNs: figure,
  downtimeNs: figure,
  downtimeParts: z.array(z.object({ name: z.string(), durationNs: z.number() })),
  bytes: z.object({ total: figure, normal: figure, zero: figure, device: figure, protocol: figure }),
  pages: z.object({ total: figure, normal: figure, zero: figure, resent: figure, needless: figure, lost: figure }),
  rounds: figure,
  losses: z.array(lossSchema),
  guestStallNs: figure,
  guestSpeed: figure,
  throttleMaxPercent: figure,
  tracking: z.object({ harvestNs: figure, entriesTouched: figure, iotlbFlushes: figure, faults: figure }),
  simulatedNs: z.number(),
});
export type Summary = z.infer<typeof summarySchema>;

export const expectResultSchema = z.object({
  path: z.string(),
  expected: z.string(),
  actual: z.string(),
  met: z.boolean(),
});

export const runDetailSchema = z.object({
  row: runRowSchema,
  /** The file as it was written. */
  experiment: z.string(),
  series: z.array(seriesInfoSchema),
  /** Null until it has finished. */
  summary: summarySchema.nullable(),
  expect: z.array(expectResultSchema),
  /** What the experiment allowed, for the verdict (verdict.ts); null where that is not known. */
  limits: z.object({ downtimeLimitNs: figure, postcopy: z.boolean().nullable() }),
  /** The job that makes it, while it is made by this host. */
  jobId: z.number().nullable(),
  baseline: z.boolean(),
  /** Whether runs.heat has something. */
  heat: z.boolean(),
});
export type RunDetail = z.infer<typeof runDetailSchema>;

/** The shape of a run in a few dozen numbers, for lists and cards. */
export const sparkSchema = z.object({
  id: z.number(),
  /** Time of the last sample. */
  endNs: z.number(),
  /** Greatest dirty rate of all sources together in each of equal stretches of time, pages/s; null: no sample. */
  peaks: z.array(z.number().nullable()),
  /** The migration's beginning and the guest's stop and resume, where they happened. */
  startNs: figure,
  stopNs: figure,
  resumeNs: figure,
});
export type Spark = z.infer<typeof sparkSchema>;
