// The workers of a sweep behind a queue: points go to Redis, runs come back, and only this process writes the store.
//
// Nothing here remembers what Redis knows: a point is put under an id made of the sweep and its key, and putting it again does
// nothing. So a sweep that is gone on with finds its jobs where they are (waiting, being computed, done), and one that Redis has
// forgotten is put again. A result is removed from Redis when its run is in the store.
import { Queue, QueueEvents, type Job } from 'bullmq';
import type { RunSink } from '../../engine/experiment/result.ts';
import type { Producer } from '../runs/makeRun.ts';
import type { PointWork, SweepWorkers } from '../sweeps/runSweep.ts';
import { WorkerFailure } from '../workers/failure.ts';
import { FrameReader, FrameTrouble } from './frames.ts';
import { jobId, manifestSchema, QUEUE_NAME, RESULT_SECONDS, type JobData } from './protocol.ts';
import { aborted, connect, QueueError, untilReady, watchConnection, type RedisAddress } from './redis.ts';

/** Points in the queue at the same time: enough for many workers, few enough for Redis to hold their results. */
const IN_QUEUE = 256;
/** Events may be missed while Redis is away: each job is looked at so often, too. */
const LOOK_MS = 2_000;
/** Frames fetched at once: 16 MiB in most cases. */
const FETCHED = 16;
/** Results that came in pieces, of one point, before it counts as failed. */
const MAX_TRIES = 3;

export interface QueueWorkersOptions {
  readonly address: RedisAddress;
  readonly sweepUid: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export class QueueWorkers implements SweepWorkers {
  readonly concurrency = IN_QUEUE;
  readonly #options: QueueWorkersOptions;
  readonly #redis: ReturnType<typeof connect>;
  readonly #queue: Queue<JobData>;
  readonly #events: QueueEvents;
  readonly #eventsRedis: ReturnType<typeof connect>;
  readonly #waiting = new Map<string, () => void>();
  readonly #unwatch: () => void;
  #lookingForWorkers: NodeJS.Timeout | undefined;

  /** Resolves when Redis answers. Throws a QueueError where it never will. */
  static async open(options: QueueWorkersOptions): Promise<QueueWorkers> {
    const redis = connect(options.address);
    const unwatch = watchConnection(redis, options.address, options.say);
    try {
      await untilReady(redis, options.address, options.signal);
    } catch (error) {
      unwatch();
      redis.disconnect();
      throw error;
    }
    return new QueueWorkers(options, redis, unwatch);
  }

  private constructor(options: QueueWorkersOptions, redis: ReturnType<typeof connect>, unwatch: () => void) {
    this.#options = options;
    this.#redis = redis;
    this.#unwatch = unwatch;
    this.#eventsRedis = connect(options.address);
    this.#queue = new Queue<JobData>(QUEUE_NAME, { connection: redis });
    this.#events = new QueueEvents(QUEUE_NAME, { connection: this.#eventsRedis });
    // Told of by watchConnection.
    this.#queue.on('error', () => undefined);
    this.#events.on('error', () => undefined);
    this.#eventsRedis.on('error', () => undefined);
    const wake = ({ jobId: id }: { readonly jobId: string }): void => {
      this.#waiting.get(id)?.();
    };
    this.#events.on('completed', wake);
    this.#events.on('failed', wake);
    this.#lookForWorkers(0);
  }

  producerOf(work: PointWork): Promise<Producer> {
    return Promise.resolve((sink, { signal }) => this.#run(work, sink, signal ?? this.#options.signal));
  }

  async close(): Promise<void> {
    clearTimeout(this.#lookingForWorkers);
    this.#unwatch();
    // A Redis that is away would not let them close in good order.
    if (this.#redis.status === 'ready') {
      await Promise.race([Promise.all([this.#queue.close(), this.#events.close()]), pause(2_000)]);
    }
    this.#redis.disconnect();
    this.#eventsRedis.disconnect();
  }

  async #run(work: PointWork, sink: RunSink, signal: AbortSignal): Promise<void> {
    const id = jobId(this.#options.sweepUid, work.point.key);
    const interrupted = aborted(signal);
    interrupted.catch(() => undefined);
    for (let tries = 1; ; tries++) {
      let job: Job<JobData>;
      try {
        job = await Promise.race([this.#settled(id, work), interrupted]);
      } catch (error) {
        if (signal.aborted) this.#takeBack(id);
        throw error instanceof QueueError ? new WorkerFailure(error.message) : error;
      }
      if (job.failedReason) {
        // Removed, so that the sweep can try it again.
        await job.remove().catch(() => undefined);
        throw new WorkerFailure(reasonText(job.failedReason));
      }
      const fetched = await this.#fetch(job, sink, interrupted);
      // Removed only now that the run is in the store; or because it is of no use.
      await Promise.race([this.#remove(job), interrupted]).catch(() => undefined);
      if (fetched === 'whole') return;
      if (tries >= MAX_TRIES) throw new WorkerFailure('its result was gone from Redis again and again');
    }
  }

  /** The point's job as soon as it has ended; put into the queue where it is not there (any more). */
  async #settled(id: string, { text, point }: PointWork): Promise<Job<JobData>> {
    const data: JobData = { format: 1, key: point.key, text };
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#waiting.set(id, resolve);
      });
      try {
        const job = (await this.#queue.getJob(id)) as Job<JobData> | undefined;
        if (job === undefined) {
          const kept = { age: RESULT_SECONDS };
          await this.#queue.add('point', data, { jobId: id, removeOnComplete: kept, removeOnFail: kept });
        } else if (job.finishedOn !== undefined) return job;
        await Promise.race([woken, pause(LOOK_MS)]);
      } finally {
        this.#waiting.delete(id);
      }
    }
  }

  /** Plays a result into the sink; `gone` where Redis has not all of it, and nothing reached the sink. */
  async #fetch(job: Job<JobData>, sink: RunSink, interrupted: Promise<never>): Promise<'whole' | 'gone'> {
    const manifest = manifestSchema.safeParse(job.returnvalue);
    if (!manifest.success) throw new WorkerFailure('its result cannot be read: no manifest');
    const { list, frames } = manifest.data;
    if ((await Promise.race([this.#redis.llen(list), interrupted])) !== frames) return 'gone';
    const reader = new FrameReader(sink);
    try {
      for (let from = 0; from < frames; from += FETCHED) {
        const some = await Promise.race([this.#redis.lrangeBuffer(list, from, from + FETCHED - 1), interrupted]);
        for (const frame of some) reader.read(frame);
      }
    } catch (error) {
      if (!(error instanceof FrameTrouble)) throw error;
      await this.#remove(job).catch(() => undefined);
      throw new WorkerFailure(`its result cannot be read: ${error.message}`);
    }
    if (!reader.finished) throw new WorkerFailure('its result cannot be read: it has no end');
    return 'whole';
  }

  async #remove(job: Job<JobData>): Promise<void> {
    const manifest = manifestSchema.safeParse(job.returnvalue);
    if (manifest.success) await this.#redis.del(manifest.data.list);
    await job.remove();
  }

  /** A point that nobody has begun leaves the queue; one that is being computed stays, and its result waits for us. */
  #takeBack(id: string): void {
    if (this.#redis.status !== 'ready') return;
    void this.#queue
      .getJob(id)
      .then(async (job) => {
        if (job !== undefined && job.finishedOn === undefined) await job.remove();
      })
      .catch(() => undefined);
  }

  /** Says once that nobody is there to do the work. */
  #lookForWorkers(looks: number): void {
    this.#lookingForWorkers = setTimeout(() => {
      void this.#queue
        .getWorkersCount()
        .then((workers) => {
          if (workers > 0) return;
          if (looks === 0) {
            this.#options.say(
              `No worker listens yet: start one with brownout worker --queue redis://${this.#options.address.shown}`,
            );
          }
          this.#lookForWorkers(looks + 1);
        })
        .catch(() => undefined);
    }, 3_000);
    this.#lookingForWorkers.unref();
  }
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

function reasonText(reason: string): string {
  if (!/stalled more than/u.test(reason)) return reason.slice(0, 1000);
  return 'its workers died again and again: it may need more memory than they have';
}
