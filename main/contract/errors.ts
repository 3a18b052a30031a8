// Errors as data: an Error loses its class and its fields on the way between processes, so what crosses is this.
import * as z from 'zod';

/** A mistake in an experiment file, with its place. */
export const problemSchema = z.object({
  /** As it shall stand in messages; the name of a file, or '(editor)'. */
  file: z.string(),
  /** From 1. */
  line: z.number(),
  /** From 1, in UTF-16 units. */
  column: z.number(),
  /** The field: `guest.workloads[0].rate`; empty for the file as a whole. */
  path: z.string(),
  message: z.string(),
  /** What would be right; may be empty. */
  hint: z.string(),
});
export type Problem = z.infer<typeof problemSchema>;

export const ERROR_KINDS = [
  /** The message is not one of this contract: our bug, or somebody else's program. */
  'bad-request',
  /** Larger, or more at once, than the contract allows. */
  'too-much',
  /** The experiment has `problems`. */
  'invalid-experiment',
  /** The filter has a mistake at `position`. */
  'invalid-filter',
  /** There is no such run, job, draft … */
  'absent',
  /** Not possible in the present state, for instance to cancel a job that has ended. */
  'conflict',
  /** This host does not allow it, for instance to start QEMU. */
  'refused',
  /** The store cannot be used: full, damaged, in use, not writable. `path` is its file. */
  'store',
  /** The connection or the engine's process broke; the same call may work in a moment. */
  'unavailable',
  /** A defect of Brownout. */
  'internal',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

export const contractErrorSchema = z.object({
  kind: z.enum(ERROR_KINDS),
  /** A sentence for a person. */
  message: z.string(),
  /** The field of the parameters or of the experiment, or the file concerned. */
  path: z.string().optional(),
  /** What would be right. */
  hint: z.string().optional(),
  /** Of a filter: where the mistake begins, in UTF-16 units, and how long it is. */
  position: z.number().optional(),
  length: z.number().optional(),
  /** Of an experiment: all that is wrong. */
  problems: z.array(problemSchema).optional(),
});
export type ContractError = z.infer<typeof contractErrorSchema>;

/** A ContractError as something to throw, on either side. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly data: ContractError;

  constructor(data: ContractError) {
    super(data.message);
    this.data = data;
  }

  get kind(): ErrorKind {
    return this.data.kind;
  }
}
