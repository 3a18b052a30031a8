// What the two ends of a simulation job say to each other: over one MessagePort, and in one block of shared memory.
//
// Shared memory carries what must be seen while the worker computes without a pause: the wish to stop, and credit. Each
// message with samples or events costs the worker one credit; the host gives it back when it has dealt with the message. So a
// slow host (a full disk queue, four charts) slows the simulation instead of filling the memory.
import type { MessagePort } from 'node:worker_threads';
import type { Simulation as EngineSimulation } from '../../engine/experiment/simulate.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import type {
  ExpectResult,
  HeatMap,
  Progress,
  RunEvent,
  RunHead,
  RunSink,
  SampleChunk,
  Summary,
} from '../../engine/experiment/result.ts';

/** What a host needs of the engine's simulation. */
export type Simulation = Pick<EngineSimulation, 'advance' | 'cancel' | 'progress' | 'deliver' | 'deliverHeat'>;
export type CreateSimulation = (experiment: Experiment, sink: RunSink) => Simulation;

export interface JobTask {
  readonly experiment: Experiment;
  readonly port: MessagePort;
  /** Int32: see STOP and CREDIT. */
  readonly control: SharedArrayBuffer;
  /** Progress is told at most so often. */
  readonly progressMs: number;
}

/** Index of the flag that asks the worker to cancel. */
export const STOP = 0;
/** Index of the number of messages that the worker may still send. */
export const CREDIT = 1;
export const CONTROL_BYTES = 8;
/** Messages under way at most; with MAX_MESSAGE_VALUES this bounds a job's queue to 4 MiB. */
export const INITIAL_CREDIT = 8;
/** Values (samples × columns) in one message at most. */
export const MAX_MESSAGE_VALUES = 65_536;
/** Events in one message at most. */
export const MAX_MESSAGE_EVENTS = 256;

export type JobMessage =
  | { readonly kind: 'head'; readonly head: RunHead }
  | { readonly kind: 'samples'; readonly chunk: SampleChunk }
  | { readonly kind: 'events'; readonly events: readonly RunEvent[] }
  | { readonly kind: 'heat'; readonly map: HeatMap }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | {
      readonly kind: 'finished';
      readonly summary: Summary;
      readonly expect: readonly ExpectResult[];
      readonly hash: string;
    };
