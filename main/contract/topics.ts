// Every subscription there is: its parameters and what comes. A subscriber gives credit; each item costs one. While there is
// none the host gathers: lists are replaced by newer ones, samples are merged into coarser envelopes (no extreme is lost),
// events beyond MAX_HELD_EVENTS are counted in `skipped`. So a slow window never fills the host's memory.
import * as z from 'zod';
import { jobSchema } from './jobs.ts';
import { MAX_POINTS, MAX_SERIES } from './limits.ts';
import { seriesIdSchema } from './methods.ts';
import { EVENT_KINDS, eventSchema, runIdSchema } from './runs.ts';
import { sweepSchema } from './sweeps.ts';

export const TOPICS = {
  /** The list of jobs, at once and whenever something changed (at most ten times a second). */
  jobs: { params: z.strictObject({}), item: z.object({ jobs: z.array(jobSchema) }) },
  /** The list of sweeps, at once and whenever something changed (at most ten times a second). */
  sweeps: { params: z.strictObject({}), item: z.object({ sweeps: z.array(sweepSchema) }) },
  /**
   * The list of runs changed (a run began or ended, was deleted, tagged …), also by another process on the same store. `ids`:
   * which ones, if known and few.
   */
  runs: { params: z.strictObject({}), item: z.object({ revision: z.number(), ids: z.array(z.number()).nullable() }) },
  /**
   * A run while it is made: envelope blocks (binary) and events, in the order of time, at most ten times a second. It begins
   * with all that was before, in about `points` entries, and with events from number `fromEvent` on. The subscription ends
   * with the run; of a run that has ended, all comes at once, then the end. With `heat` also the heat map of guest memory
   * (binary, whole, at most twice a second; each replaces the one before), where the run has one.
   */
  live: {
    params: z.strictObject({
      runId: runIdSchema,
      series: z.array(seriesIdSchema).max(MAX_SERIES),
      points: z.int().min(1).max(MAX_POINTS),
      fromEvent: z.int().min(0),
      /** All, if not given. */
      kinds: z.array(z.enum(EVENT_KINDS)).optional(),
      heat: z.boolean().optional(),
    }),
    item: z.object({ events: z.array(eventSchema), skipped: z.number() }),
  },
} as const satisfies Record<string, { readonly params: z.ZodType; readonly item: z.ZodType }>;

export type TopicName = keyof typeof TOPICS;
export type TopicParams<T extends TopicName> = z.input<(typeof TOPICS)[T]['params']>;
export type TopicItem<T extends TopicName> = z.output<(typeof TOPICS)[T]['item']>;

export function isTopic(name: string): name is TopicName {
  return Object.hasOwn(TOPICS, name);
}
