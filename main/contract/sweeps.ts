// Sweeps as the window sees them: which there are, how far they are, what their points came to, and what a new one would be.
import * as z from 'zod';
import { problemSchema } from './errors.ts';

const figure = z.number().nullable();
export const sweepIdSchema = z.int().positive();

export const SWEPT_KINDS = [
  'size',
  'duration',
  'rate',
  'page-rate',
  'pages',
  'share',
  'percent',
  'cost',
  'number',
  'integer',
  'switch',
  'choice',
  'text',
  'group',
] as const;
export type SweptKind = (typeof SWEPT_KINDS)[number];

export const sweptFieldSchema = z.object({
  /** Its path, as it was written: `migration.bandwidth`. */
  name: z.string(),
  title: z.string(),
  kind: z.enum(SWEPT_KINDS),
});
export type SweptField = z.infer<typeof sweptFieldSchema>;

export const SWEEP_STATUSES = ['running', 'paused', 'finished', 'interrupted'] as const;

export const sweepSchema = z.object({
  id: z.number(),
  name: z.string(),
  fileName: z.string(),
  engineVersion: z.string(),
  fields: z.array(sweptFieldSchema),
  /** `interrupted`: the process that worked on it is gone; it can be resumed. */
  status: z.enum(SWEEP_STATUSES),
  /** Why it was paused, where nobody asked for it. */
  failure: z.string().nullable(),
  createdMs: z.number(),
  endedMs: figure,
  /** Without the time that it was paused. */
  workedMs: z.number(),
  points: z.number(),
  done: z.number(),
  failed: z.number(),
  underWay: z.number(),
  /** Wall-clock time still to go; null while nobody can tell. */
  etaMs: figure,
});
export type Sweep = z.infer<typeof sweepSchema>;

export const POINT_FIGURES = [
  'downtimeNs',
  'totalNs',
  'bytesTotal',
  'pagesLost',
  'pagesResent',
  'pagesNeedless',
  'rounds',
  'guestStallNs',
  'guestSpeed',
  'throttleMaxPercent',
] as const;
export type PointFigure = (typeof POINT_FIGURES)[number];

export const sweepPointSchema = z.object({
  number: z.number(),
  /** Points that differ in their seed alone share it. */
  setting: z.number(),
  seed: z.number(),
  /** One for each field: as it would be written in the file, in short. */
  written: z.array(z.string()),
  /** The same in base units (bytes, ns, bytes/s, pages/s, shares); null where it is no number. */
  numbers: z.array(figure),
  status: z.enum(['waiting', 'running', 'done', 'failed']),
  runId: figure,
  failure: z.string().nullable(),
  outcome: z.string().nullable(),
  expectMet: z.boolean(),
  figures: z.record(z.enum(POINT_FIGURES), figure),
});
export type SweepPoint = z.infer<typeof sweepPointSchema>;

/** A `sweep` section, as a form makes it; the engine checks it as it checks a file's. */
export const sweepSectionSchema = z.record(z.string(), z.json());

export const sweepCheckSchema = z.object({
  problems: z.array(problemSchema),
  /** Null where there are problems. */
  plan: z
    .object({
      settings: z.number(),
      seeds: z.number(),
      points: z.number(),
      repeated: z.number(),
      /** A rough reckoning for this host. */
      wallSeconds: z.number(),
      qemu: z.boolean(),
    })
    .nullable(),
  /** The whole file. */
  text: z.string(),
});
export type SweepCheck = z.infer<typeof sweepCheckSchema>;

/** A field that a sweep of an experiment can vary. */
export const offeredFieldSchema = sweptFieldSchema.extend({
  /** One line: what it is. */
  description: z.string(),
  /** As it stands in the file, or its default; '' where neither is known. */
  value: z.string(),
  /** Whether the file itself says something. */
  given: z.boolean(),
  choices: z.array(z.string()),
});
export type OfferedField = z.infer<typeof offeredFieldSchema>;
