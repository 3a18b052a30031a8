// A comparison as the window, the command line (--json) and reports see it. What its parts mean is said where they are made:
// engine/experiment/compare/.
import * as z from 'zod';
import { OUTCOMES, RUN_STATUSES, runIdSchema, seriesInfoSchema } from './runs.ts';

export { aligned, ALIGNMENTS, unaligned } from '../../engine/experiment/compare/alignment.ts';
export type { Alignment } from '../../engine/experiment/compare/alignment.ts';

export const MAX_COMPARED = 50;

const figure = z.number().nullable();
const intervalSchema = z.object({ low: z.number(), high: z.number() }).nullable();

export const comparedRunSchema = z.object({
  /** In the store; null: of a file, and not kept. */
  id: runIdSchema.nullable(),
  name: z.string(),
  sourceKind: z.enum(['sim', 'qemu', 'import']),
  sourceText: z.string(),
  engineVersion: z.string(),
  seed: z.number(),
  hash: z.string().nullable(),
  status: z.enum(RUN_STATUSES),
  outcome: z.enum(OUTCOMES).nullable(),
  /** The position of its group. */
  group: z.number(),
  /** The verdict as a sentence, and its tone. */
  verdict: z.string(),
  tone: z.enum(['good', 'warning', 'bad', 'lost', 'neutral']),
  pagesLost: figure,
  sampleCount: z.number(),
  series: z.array(seriesInfoSchema),
  /** Its place on a common axis of time, see alignment.ts. */
  anchors: z.object({
    startNs: z.number(),
    stopNs: figure,
    endNs: z.number(),
    roundTimesNs: z.array(z.number()),
    roundNumbers: z.array(z.number()),
  }),
});
export type ComparedRun = z.infer<typeof comparedRunSchema>;

export const comparedGroupSchema = z.object({
  /** Short and told apart from the others. */
  label: z.string(),
  /** Positions of its runs; `repeats`: those that count (of simulations, one for each seed). */
  members: z.array(z.number()),
  repeats: z.array(z.number()),
});

export const differenceSchema = z.object({
  path: z.string(),
  title: z.string(),
  cells: z.array(z.object({ text: z.string(), value: figure, origin: z.enum(['set', 'default', 'absent']) })),
});

export const JUDGEMENTS = [
  'baseline',
  'better',
  'worse',
  'different',
  'same',
  'unclear',
  'too-few',
  'single',
  'unknown',
] as const;

export const resultCellSchema = z.object({
  n: z.number(),
  median: figure,
  interval: intervalSchema,
  least: figure,
  greatest: figure,
  delta: figure,
  ratio: figure,
  deltaInterval: intervalSchema,
  p: figure,
  effect: figure,
  effectSize: z.enum(['negligible', 'small', 'medium', 'large']).nullable(),
  judgement: z.enum(JUDGEMENTS),
});
export type ResultCell = z.infer<typeof resultCellSchema>;

export const resultRowSchema = z.object({
  metric: z.string(),
  title: z.string(),
  unit: z.enum(['pages', 'bytes', 'ns', 'count', 'share', 'percent', 'outcome']),
  better: z.enum(['less', 'more', 'neither']),
  cells: z.array(resultCellSchema),
});
export type ResultRow = z.infer<typeof resultRowSchema>;

export const comparisonSchema = z.object({
  runs: z.array(comparedRunSchema),
  groups: z.array(comparedGroupSchema),
  /** The group that the others are held against. */
  baseline: z.number(),
  /** Cells are one for each group. */
  differences: z.array(differenceSchema),
  /** What makes of the baseline's file one with the group's configuration; null for the baseline and where there is none. */
  patches: z.array(z.object({ steps: z.array(z.string()), text: z.string() }).nullable()),
  results: z.array(resultRowSchema),
  /** Runs that should be identical and are not: positions. */
  mismatches: z.array(z.object({ runs: z.array(z.number()) })),
});
export type Comparison = z.infer<typeof comparisonSchema>;

/** A judgement in words that stand after a difference. */
export const JUDGEMENT_WORDS: Readonly<Record<(typeof JUDGEMENTS)[number], string>> = {
  baseline: 'baseline',
  better: 'better',
  worse: 'worse',
  different: 'different',
  same: 'the same',
  unclear: 'may be chance',
  'too-few': 'too few repeats to tell',
  single: 'one run each',
  unknown: 'not known',
};
