// Jobs: simulations (or migrations in QEMU) on their way to becoming runs. They belong to no window: they go on when one
// closes, and every window sees the same.
import * as z from 'zod';
import { contractErrorSchema } from './errors.ts';

/** queued → running → finished | failed; a cancelled job that had begun is `finished` with outcome `cancelled`. */
export const JOB_STATES = ['queued', 'running', 'cancelling', 'finished', 'cancelled', 'failed'] as const;
export type JobStateName = (typeof JOB_STATES)[number];
/** Which states may follow; what is not here is a bug. */
export const NEXT_JOB_STATE: Readonly<Record<JobStateName, readonly JobStateName[]>> = {
  queued: ['running', 'cancelled', 'failed'],
  running: ['cancelling', 'finished', 'failed'],
  cancelling: ['finished', 'failed'],
  finished: [],
  cancelled: [],
  failed: [],
};

/** Infinity too, which zod's number refuses. */
const figure = z.custom<number>((value) => typeof value === 'number');

export const progressSchema = z.object({
  phase: z.string(),
  round: figure,
  simulatedNs: figure,
  /** The simulated time at which the run ends at the latest; Infinity where there is no limit. */
  limitNs: figure,
  pagesLeft: figure,
  pagesThreshold: figure,
});

export const jobSchema = z.object({
  id: z.number(),
  state: z.enum(JOB_STATES),
  name: z.string(),
  seed: z.number(),
  backend: z.enum(['sim', 'qemu']),
  /** Known as soon as the run has begun. */
  runId: z.number().nullable(),
  createdMs: z.number(),
  startedMs: z.number().nullable(),
  endedMs: z.number().nullable(),
  progress: progressSchema.nullable(),
  /** Of a finished job. */
  outcome: z.string().nullable(),
  pagesLost: z.number().nullable(),
  /** Of a failed job. */
  error: contractErrorSchema.nullable(),
});
export type Job = z.infer<typeof jobSchema>;
