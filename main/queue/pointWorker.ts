// A worker process of a queue: takes points, computes each as this machine would compute any experiment, and hands back the
// run. BullMQ sees to it that a point whose worker died is given to another one: a point is locked for LOCK_MS, and the lock
// is renewed while the worker lives.
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { UnrecoverableError, Worker, type Job } from 'bullmq';
import { runKey } from '../../engine/experiment/identity.ts';
import { parseExperiment } from '../../engine/experiment/parse.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import { LocalWorkers } from '../sweeps/localWorkers.ts';
import { framingSink } from './frames.ts';
import { connect, watchConnection, type RedisAddress } from './redis.ts';
import {
  jobDataSchema,
  MAX_FRAME_BYTES,
  MAX_FRAMES,
  MAX_RESULT_BYTES,
  QUEUE_NAME,
  RESULT_PREFIX,
  RESULT_SECONDS,
  WRITING_SECONDS,
  type Manifest,
} from './protocol.ts';

/** A worker that says nothing for so long counts as dead. */
export const LOCK_MS = 10_000;
/** A point whose workers died so often is not given to another: it may be what kills them. */
const MAX_DEATHS = 3;
/** Bytes on their way to Redis at most. */
const MAX_UNSENT_BYTES = 256 * 1024 * 1024;

export interface PointWorkerOptions {
  readonly address: RedisAddress;
  readonly concurrency?: number;
  readonly allowQemu?: boolean;
  readonly lockMs?: number;
  readonly say: (line: string) => void;
}

export class PointWorker {
  readonly #redis: ReturnType<typeof connect>;
  readonly #worker: Worker<unknown, Manifest>;
  readonly #local: LocalWorkers;
  readonly #allowQemu: boolean;
  readonly #unwatch: () => void;
  #done = 0;

  constructor({ address, concurrency, allowQemu = false, lockMs = LOCK_MS, say }: PointWorkerOptions) {
    const threads = concurrency ?? availableParallelism();
    this.#allowQemu = allowQemu;
    this.#local = new LocalWorkers({ threads, allowQemu });
    this.#redis = connect(address);
    this.#unwatch = watchConnection(this.#redis, address, say);
    this.#worker = new Worker<unknown, Manifest>(QUEUE_NAME, (job) => this.#process(job), {
      connection: this.#redis,
      concurrency: threads,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 2),
      maxStalledCount: MAX_DEATHS,
    });
    // Connections that come and go are told of by watchConnection; a point that failed is told of by its sweep.
    this.#worker.on('error', () => undefined);
    this.#worker.on('failed', (job, error) => {
      say(`A point failed: ${error.message}`);
    });
  }

  /** Points that this worker has finished. */
  get done(): number {
    return this.#done;
  }

  /** Finishes the points under way and takes no other. */
  async close(): Promise<void> {
    this.#unwatch();
    await this.#worker.close();
    await this.#local.close();
    this.#redis.disconnect();
  }

  /** Drops everything, as a kill would. */
  async drop(): Promise<void> {
    this.#unwatch();
    await Promise.all([this.#worker.close(true), this.#local.close()]);
    this.#redis.disconnect();
  }

  async #process(job: Job<unknown, Manifest>): Promise<Manifest> {
    const { experiment, text } = pointOf(job.data);
    if (experiment.backend === 'qemu' && !this.#allowQemu) {
      throw new UnrecoverableError('this worker does not start QEMU; brownout worker --allow-qemu agrees to that');
    }
    const list = `${RESULT_PREFIX}${String(job.id)}:${randomUUID()}`;
    const sending = new Sending(this.#redis, list);
    const produce = await this.#local.producerOf({
      experiment,
      text,
      point: { number: 0, setting: 0, seed: experiment.seed, key: '' },
    });
    try {
      await produce(
        framingSink((frame) => {
          sending.put(frame);
        }),
        {},
      );
      const manifest = await sending.end();
      this.#done++;
      return manifest;
    } catch (error) {
      void this.#redis.del(list).catch(() => undefined);
      // The engine is deterministic: what broke here breaks everywhere.
      throw new UnrecoverableError(error instanceof Error ? error.message : String(error));
    }
  }
}

/** What a job asks for, if it is one of ours. */
function pointOf(data: unknown): { readonly experiment: Experiment; readonly text: string } {
  const job = jobDataSchema.safeParse(data);
  if (!job.success) throw new UnrecoverableError(`a job that is none of ours: ${job.error.issues[0]?.message ?? ''}`);
  const { text, key } = job.data;
  const parsed = parseExperiment(text, { fileName: 'point' });
  if (!parsed.ok) {
    throw new UnrecoverableError(`a job that is no experiment: ${parsed.problems[0]?.message ?? ''}`);
  }
  if (runKey(parsed.experiment) !== key) throw new UnrecoverableError('a job whose key is not that of its experiment');
  return { experiment: parsed.experiment, text };
}

/** Appends frames to a list in the order in which they come. */
class Sending {
  readonly #redis: ReturnType<typeof connect>;
  readonly #list: string;
  #frames = 0;
  #bytes = 0;
  #unsent = 0;
  #last: Promise<unknown> = Promise.resolve();
  #trouble: Error | undefined;

  constructor(redis: ReturnType<typeof connect>, list: string) {
    this.#redis = redis;
    this.#list = list;
  }

  /** Throws where the result is too large, or Redis does not keep up: the simulation ends then. */
  put(frame: Buffer): void {
    if (this.#trouble !== undefined) throw this.#trouble;
    this.#frames++;
    this.#bytes += frame.length;
    this.#unsent += frame.length;
    if (frame.length > MAX_FRAME_BYTES || this.#frames > MAX_FRAMES || this.#bytes > MAX_RESULT_BYTES) {
      throw new Error('the result is too large for a queue: sample less often, or run this point locally');
    }
    if (this.#unsent > MAX_UNSENT_BYTES) throw new Error('Redis does not take the result fast enough');
    this.#last = this.#redis
      .multi()
      .rpush(this.#list, frame)
      .expire(this.#list, WRITING_SECONDS)
      .exec()
      .then((replies) => {
        const failed = replies?.find(([error]) => error !== null)?.[0];
        if (failed) this.#trouble ??= failed;
      })
      .catch((error: unknown) => {
        this.#trouble ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        this.#unsent -= frame.length;
      });
  }

  async end(): Promise<Manifest> {
    await this.#last;
    if (this.#trouble !== undefined) throw this.#trouble;
    await this.#redis.expire(this.#list, RESULT_SECONDS);
    return { list: this.#list, frames: this.#frames, bytes: this.#bytes };
  }
}
