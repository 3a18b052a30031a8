// Every call there is: its parameters and its result. A result of `block` is binary, see block.ts; which blocks, the call says.
import * as z from 'zod';
import type { HeatMap } from '../../engine/experiment/result.ts';
import { appInfoSchema, settingKeySchema, settingValueSchema } from './app.ts';
import {
  checkResultSchema,
  draftSchema,
  experimentTextSchema,
  fileNameSchema,
  galleryEntrySchema,
  recentExperimentSchema,
} from './experiments.ts';
import type { Envelope } from './block.ts';
import { comparisonSchema, MAX_COMPARED } from './compare.ts';
import { exportParamsSchema, importIdSchema, keptRunSchema, MAX_IMPORT_BYTES, ticketSchema } from './exports.ts';
import { jobSchema } from './jobs.ts';
import { reportFileSchema, reportPreviewSchema, reportRequestSchema } from './report.ts';
import {
  MAX_EVENTS,
  MAX_FILTER_CHARS,
  MAX_NAME_CHARS,
  MAX_NOTE_CHARS,
  MAX_PAGE,
  MAX_POINTS,
  MAX_SERIES,
  MAX_TAGS,
} from './limits.ts';
import {
  columnSchema,
  EVENT_KINDS,
  eventSchema,
  listedRunSchema,
  lossSchema,
  runDetailSchema,
  runIdSchema,
  seriesStatisticsSchema,
  sparkSchema,
  tagSchema,
} from './runs.ts';
import {
  offeredFieldSchema,
  sweepCheckSchema,
  sweepIdSchema,
  sweepPointSchema,
  sweepSchema,
  sweepSectionSchema,
} from './sweeps.ts';

const nothing = z.strictObject({});
const done = z.null();
const idsSchema = z.array(runIdSchema).min(1).max(MAX_PAGE);
/** Text of the filter language, see filter/. Empty: all. */
const filterSchema = z.string().max(MAX_FILTER_CHARS);
const columnNameSchema = z.string().min(1).max(200);
export const timeSchema = z.number().min(0);
export const seriesIdSchema = z.string().min(1).max(300);
const seedSchema = z.int().min(0).max(4_294_967_295);

/** The result is binary: an Envelope, see block.ts. */
export const BLOCK = 'block';
/** The result is binary: a HeatMap, see heatFrame.ts. */
export const HEAT = 'heat';

interface Method {
  readonly params: z.ZodType;
  readonly result: z.ZodType | typeof BLOCK | typeof HEAT;
}

export const METHODS = {
  'app.info': { params: nothing, result: appInfoSchema },
  /** The experiment file as JSON Schema, for the form and for completion: see engine/experiment/jsonschema.ts. */
  'app.schema': { params: nothing, result: z.record(z.string(), z.json()) },
  'settings.get': {
    params: z.strictObject({ key: settingKeySchema }),
    result: z.object({ value: settingValueSchema.nullable() }),
  },
  'settings.set': {
    params: z.strictObject({ key: settingKeySchema, value: settingValueSchema.nullable() }),
    result: done,
  },

  'experiments.gallery': { params: nothing, result: z.array(galleryEntrySchema) },
  'experiments.check': {
    params: z.strictObject({ text: experimentTextSchema, fileName: fileNameSchema.optional() }),
    result: checkResultSchema,
  },
  /** Experiments that were run, the newest first, each text once. */
  'experiments.recent': {
    params: z.strictObject({ limit: z.int().min(1).max(100) }),
    result: z.array(recentExperimentSchema),
  },
  'drafts.list': { params: nothing, result: z.array(draftSchema) },
  /**
   * Without an id: a new one. Resolves with the draft as it is kept. `absent` where it was deleted meanwhile; `conflict`, and
   * nothing is changed, where `ifUpdatedMs` is given and it was kept since by somebody else.
   */
  'drafts.save': {
    params: z.strictObject({
      id: z.int().positive().nullable(),
      name: z.string().max(MAX_NAME_CHARS),
      text: experimentTextSchema,
      fileName: fileNameSchema,
      /** `updatedMs` of the draft as the caller knows it. */
      ifUpdatedMs: z.number().optional(),
    }),
    result: draftSchema,
  },
  'drafts.delete': { params: z.strictObject({ id: z.int().positive() }), result: done },

  /** Runs an experiment given as a text, or that of a run once more. `invalid-experiment` where it has problems. */
  'jobs.start': {
    params: z.strictObject({
      from: z.union([
        z.strictObject({ text: experimentTextSchema, fileName: fileNameSchema }),
        z.strictObject({ runId: runIdSchema }),
      ]),
      /** Instead of the file's. */
      seed: seedSchema.optional(),
      /** The user agreed that QEMU is started on this machine. */
      allowQemu: z.boolean().optional(),
    }),
    result: jobSchema,
  },
  /** What was measured is kept, marked cancelled. Resolves at once; the job tells when it has ended. */
  'jobs.cancel': { params: z.strictObject({ id: z.int().positive() }), result: done },
  /** Waiting, running, and the last ones that ended; the newest first. */
  'jobs.list': { params: nothing, result: z.array(jobSchema) },

  /** Fields that a sweep of this experiment can vary; none where the text cannot be read. */
  'sweeps.fields': { params: z.strictObject({ text: experimentTextSchema }), result: z.array(offeredFieldSchema) },
  /** What a sweep would be. `sweep` stands instead of the text's own section. */
  'sweeps.check': {
    params: z.strictObject({
      text: experimentTextSchema,
      fileName: fileNameSchema.optional(),
      sweep: sweepSectionSchema.optional(),
    }),
    result: sweepCheckSchema,
  },
  /** Keeps a sweep and works on it until it is done or paused. */
  'sweeps.start': {
    params: z.strictObject({
      text: experimentTextSchema,
      fileName: fileNameSchema,
      sweep: sweepSectionSchema.optional(),
      allowQemu: z.boolean().optional(),
    }),
    result: sweepSchema,
  },
  /** The newest first; also those that other processes work on. */
  'sweeps.list': { params: nothing, result: z.array(sweepSchema) },
  'sweeps.get': {
    params: z.strictObject({ id: sweepIdSchema }),
    /** `text`: the file as it was written. */
    result: z.object({ sweep: sweepSchema, text: z.string() }),
  },
  /** Points in the order of the plan. */
  'sweeps.points': {
    params: z.strictObject({ id: sweepIdSchema, from: z.int().min(0), limit: z.int().min(1).max(MAX_EVENTS) }),
    result: z.object({ total: z.number(), points: z.array(sweepPointSchema) }),
  },
  /** Points under way are given up and leave nothing behind. Resolves at once. */
  'sweeps.pause': { params: z.strictObject({ id: sweepIdSchema }), result: done },
  /** Goes on with it; points that failed are tried again. */
  'sweeps.resume': {
    params: z.strictObject({ id: sweepIdSchema, allowQemu: z.boolean().optional() }),
    result: sweepSchema,
  },
  /** Forgets the sweep; its runs stay. */
  'sweeps.remove': { params: z.strictObject({ id: sweepIdSchema }), result: done },

  'runs.list': {
    params: z.strictObject({
      filter: filterSchema,
      /** By a column of `runs.columns`; unknown values come last in either direction. */
      sort: z.strictObject({ column: columnNameSchema, descending: z.boolean() }),
      offset: z.int().min(0),
      limit: z.int().min(0).max(MAX_PAGE),
      /** Columns of the experiment to bring along, as `cells`. */
      columns: z.array(columnNameSchema).max(64),
      /** The bin instead: deleted runs, until they are gone for good. */
      deleted: z.boolean().optional(),
    }),
    result: z.object({ runs: z.array(listedRunSchema), total: z.number() }),
  },
  'runs.count': {
    params: z.strictObject({ filter: filterSchema }),
    /** `all`: without the filter. */
    result: z.object({ count: z.number(), all: z.number() }),
  },
  /**
   * Columns of the table and names of the filter language: fixed ones, then fields that experiments can have. The same as long as
   * the host lives.
   */
  'runs.columns': { params: nothing, result: z.array(columnSchema) },
  /** By the name of the column: values that occur in the runs, the most frequent first, of texts that are no fixed choice. */
  'runs.values': { params: nothing, result: z.record(columnNameSchema, z.array(z.string())) },
  /** Runs that match, folded by the values of a column: `config` folds runs that differ in their seed alone. */
  'runs.groups': {
    params: z.strictObject({
      filter: filterSchema,
      by: columnNameSchema,
      offset: z.int().min(0),
      limit: z.int().min(0).max(MAX_PAGE),
    }),
    result: z.object({
      total: z.number(),
      groups: z.array(
        z.object({
          value: z.union([z.string(), z.number(), z.null()]),
          count: z.number(),
          newestRunId: z.number(),
          name: z.string(),
          /** Least, median and greatest of the known values; null where none is known. */
          downtimeNs: z.tuple([z.number(), z.number(), z.number()]).nullable(),
          totalNs: z.tuple([z.number(), z.number(), z.number()]).nullable(),
          bytesTotal: z.tuple([z.number(), z.number(), z.number()]).nullable(),
          pagesLost: z.tuple([z.number(), z.number(), z.number()]).nullable(),
        }),
      ),
    }),
  },
  'runs.get': { params: z.strictObject({ id: runIdSchema }), result: runDetailSchema },
  'runs.sparks': {
    params: z.strictObject({ ids: z.array(runIdSchema).max(200) }),
    /** Runs without samples, and those that are not there, are left out. */
    result: z.array(sparkSchema),
  },
  /** Events in the order in which they were reported, which is that of time. */
  'runs.events': {
    params: z.strictObject({
      id: runIdSchema,
      /** From this number on. */
      from: z.int().min(0),
      limit: z.int().min(1).max(MAX_EVENTS),
      kinds: z.array(z.enum(EVENT_KINDS)).optional(),
      /** Those that begin or last within this stretch of time. */
      fromNs: timeSchema.optional(),
      toNs: timeSchema.optional(),
    }),
    /** `next`: where the next page begins; null at the end. */
    result: z.object({ events: z.array(eventSchema), next: z.number().nullable() }),
  },
  /** The next (`by` 1) or the previous event in the order in which they begin; of equal times, in the order of their numbers. */
  'runs.eventBeside': {
    params: z.strictObject({
      id: runIdSchema,
      timeNs: timeSchema,
      /** Of the event at that time from which to step; without: from between the events before and after that moment. */
      number: z.int().min(0).optional(),
      by: z.union([z.literal(1), z.literal(-1)]),
      kinds: z.array(z.enum(EVENT_KINDS)).optional(),
    }),
    result: z.object({ event: eventSchema.nullable() }),
  },
  /** How many events of each kind begin in each of `points` equal stretches of [fromNs, toNs): for lanes too dense to draw. */
  'runs.eventCounts': {
    params: z.strictObject({
      id: runIdSchema,
      fromNs: timeSchema,
      toNs: timeSchema,
      points: z.int().min(1).max(MAX_POINTS),
    }),
    result: z.array(z.object({ kind: z.enum(EVENT_KINDS), total: z.number(), counts: z.array(z.number()) })),
  },
  /** Least and greatest of each series in about `points` stretches; raw samples where there are fewer. An envelope block. */
  'runs.series': {
    params: z.strictObject({
      id: runIdSchema,
      series: z.array(seriesIdSchema).min(1).max(MAX_SERIES),
      fromNs: timeSchema,
      toNs: timeSchema,
      points: z.int().min(1).max(MAX_POINTS),
    }),
    result: BLOCK,
  },
  /**
   * Guest memory by address and time. Of a run that is being made here: as it was when it was last told. `absent` where the run
   * has none (`heat` of runs.get): it was measured or imported, made before there were heat maps, or was interrupted.
   */
  'runs.heat': { params: z.strictObject({ id: runIdSchema }), result: HEAT },
  /** Figures of a stretch, from every sample in it, exactly (main/store/statistics.ts says what they mean). */
  'runs.statistics': {
    params: z.strictObject({
      id: runIdSchema,
      series: z.array(seriesIdSchema).min(1).max(MAX_SERIES),
      fromNs: timeSchema,
      toNs: timeSchema,
    }),
    /** One for each series that was asked for, in that order. */
    result: z.array(seriesStatisticsSchema),
  },
  'runs.losses': {
    params: z.strictObject({ id: runIdSchema }),
    result: z.object({
      /** Null: not checked. */
      pages: z.number().nullable(),
      losses: z.array(lossSchema.extend({ event: eventSchema.nullable() })),
    }),
  },
  /** Into the bin; `runs.undelete` is the undo. Running ones are refused. Resolves with what was really deleted. */
  'runs.delete': { params: z.strictObject({ ids: idsSchema }), result: z.object({ ids: z.array(z.number()) }) },
  'runs.undelete': { params: z.strictObject({ ids: idsSchema }), result: z.object({ ids: z.array(z.number()) }) },
  'runs.tag': {
    params: z.strictObject({
      ids: idsSchema,
      add: z.array(tagSchema).max(MAX_TAGS),
      remove: z.array(tagSchema).max(MAX_TAGS),
    }),
    result: done,
  },
  /** Markdown, kept as it is written. */
  'runs.note': {
    params: z.strictObject({ id: runIdSchema, note: z.string().max(MAX_NOTE_CHARS) }),
    result: done,
  },
  'runs.rename': {
    params: z.strictObject({ id: runIdSchema, name: z.string().min(1).max(MAX_NAME_CHARS) }),
    result: done,
  },
  /** A ticket for a file with these runs; several files come as one ZIP file. How it is redeemed is the host's: see exports.ts. */
  'exports.open': { params: exportParamsSchema, result: ticketSchema },
  /** A file that is to be imported, in pieces of up to IMPORT_PIECE_BYTES, in order. Only `finish` reads it. */
  'imports.begin': {
    params: z.strictObject({ fileName: fileNameSchema, bytes: z.int().min(0).max(MAX_IMPORT_BYTES) }),
    result: z.object({ id: z.number() }),
  },
  'imports.add': {
    params: z.strictObject({ id: importIdSchema, at: z.int().min(0), base64: z.base64() }),
    result: done,
  },
  /** All its runs are kept, or none: `conflict` says why. */
  'imports.finish': {
    params: z.strictObject({ id: importIdSchema }),
    result: z.object({ runs: z.array(keptRunSchema) }),
  },
  'imports.cancel': { params: z.strictObject({ id: importIdSchema }), result: done },
  /** The run that others are compared with; null: none. */
  'runs.baseline': { params: nothing, result: z.object({ id: z.number().nullable() }) },
  'runs.setBaseline': { params: z.strictObject({ id: runIdSchema.nullable() }), result: done },

  /** Runs side by side. `baselineId` null: the pinned run if it is among them, or else the first. */
  'compare.get': {
    params: z.strictObject({
      ids: z.array(runIdSchema).min(1).max(MAX_COMPARED),
      baselineId: runIdSchema.nullable(),
    }),
    result: comparisonSchema,
  },
  /** One run, or several side by side, as a file: see main/report. */
  'report.preview': { params: reportRequestSchema, result: reportPreviewSchema },
  /** A ticket for the report as a file: see `exports.open`. */
  'report.open': { params: reportFileSchema, result: ticketSchema },
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof METHODS;
export type Params<M extends MethodName> = z.input<(typeof METHODS)[M]['params']>;
/** Parameters as the host has them: checked, with defaults. */
export type CheckedParams<M extends MethodName> = z.output<(typeof METHODS)[M]['params']>;
/** What a binary frame holds. */
export interface BinaryResults {
  readonly [BLOCK]: Envelope;
  readonly [HEAT]: HeatMap;
}
export type Result<M extends MethodName> = (typeof METHODS)[M]['result'] extends keyof BinaryResults
  ? BinaryResults[(typeof METHODS)[M]['result']]
  : JsonResult<M>;
export type JsonResult<M extends MethodName> = (typeof METHODS)[M]['result'] extends z.ZodType
  ? z.output<(typeof METHODS)[M]['result']>
  : never;

export function isMethod(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name);
}
