// What a sweep's process and its workers say to each other through Redis, and how large it may be. Whoever can write to that
// Redis can write anything: both sides check what they read, and a worker computes nothing but validated experiments.
//
// A job is a point: its text and its key. Its result is a list of frames (frames.ts) under a key of its own, named by the job's
// return value; the list is written while the point is computed and belongs to one attempt, so that a worker that died, or came
// back too late, leaves a list that nobody reads and that expires.
import * as z from 'zod';
import { MAX_FILE_BYTES } from '../../engine/experiment/limits.ts';
import { ENGINE_VERSION } from '../../engine/experiment/simulate.ts';

/** Only workers of this engine see the jobs: results of another one would not be the same. */
export const QUEUE_NAME = `brownout-points-${ENGINE_VERSION}`;

const keySchema = z.string().regex(/^[0-9a-f]{64}$/u);

export const jobDataSchema = z.strictObject({
  format: z.literal(1),
  key: keySchema,
  text: z.string().max(MAX_FILE_BYTES),
});
export type JobData = z.infer<typeof jobDataSchema>;

/** Bytes of one frame: half a million values (see MAX_MESSAGE_VALUES) that nothing compresses, or a heat map. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Frames of one result: 10,000,000 samples in 40 columns. */
export const MAX_FRAMES = 8_192;
/** Bytes of one result; a larger one belongs to a run on this machine, or to a longer sampling interval. */
export const MAX_RESULT_BYTES = 1024 * 1024 * 1024;
/** A list that nobody fetched is forgotten after this. */
export const RESULT_SECONDS = 7 * 24 * 3600;
/** A list that is being written, after the last frame. */
export const WRITING_SECONDS = 3600;

export const RESULT_PREFIX = 'brownout:result:';

export const manifestSchema = z.strictObject({
  list: z.string().startsWith(RESULT_PREFIX).max(300),
  frames: z.int().min(2).max(MAX_FRAMES),
  bytes: z.int().min(0).max(MAX_RESULT_BYTES),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** The same point of the same sweep is the same job: put twice, it is there once. */
export const jobId = (sweepUid: string, key: string): string => `${sweepUid}-${key}`;
