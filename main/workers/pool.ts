// The host's end: a pool of threads that run simulations, one job a thread, so that no host computes on its main thread.
//
// A job ends in one of three ways: it finished (also when it was cancelled: then the summary says so), the host's own sink
// threw (that error), or the worker broke (a WorkerFailure with the reason). What was sent before is delivered in each case.
import { availableParallelism } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Progress, RunSink } from '../../engine/experiment/result.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import { WorkerFailure } from './failure.ts';
import { CONTROL_BYTES, CREDIT, INITIAL_CREDIT, STOP, type JobMessage, type JobTask } from './protocol.ts';

export interface JobOptions {
  /** Asks the simulation to cancel; it still finishes, with what it has. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Progress is told at most so often. */
  readonly progressMs?: number;
}

export interface PoolOptions {
  readonly threads?: number;
  /** Module whose default export serves a JobTask. */
  readonly worker?: URL;
  /** JavaScript heap of a thread at most; typed arrays (page tables, bitmaps) do not count. */
  readonly heapMiB?: number;
}

/** Bundled, it lies beside us as JavaScript. */
const SIMULATION_WORKER = new URL(
  `./simulationWorker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
);
/** A thread that nobody needs ends after this. */
const IDLE_MS = 5_000;

export class SimulationPool {
  readonly #piscina: Piscina;

  constructor(options: PoolOptions = {}) {
    this.#piscina = new Piscina({
      filename: (options.worker ?? SIMULATION_WORKER).href,
      minThreads: 0,
      maxThreads: options.threads ?? Math.max(1, availableParallelism() - 1),
      idleTimeout: IDLE_MS,
      // A thread that sleeps in Atomics.wait between jobs would not close the ports of the last one.
      atomics: 'disabled',
      // Node 22 says that type stripping is experimental; nothing a user can act upon.
      ...(options.heapMiB === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: options.heapMiB } }),
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
  }

  /** Runs one simulation; its results reach `sink` in this thread. */
  run(experiment: Experiment, sink: RunSink, options: JobOptions = {}): Promise<void> {
    const { signal, onProgress, progressMs = 100 } = options;
    const shared = new SharedArrayBuffer(CONTROL_BYTES);
    const control = new Int32Array(shared);
    control[CREDIT] = INITIAL_CREDIT;
    const { port1: port, port2 } = new MessageChannel();
    const stop = (): void => {
      Atomics.store(control, STOP, 1);
    };
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop);

    const state: { finished: boolean; sinkError?: { readonly error: unknown } } = { finished: false };
    const deliver = (message: JobMessage): void => {
      switch (message.kind) {
        case 'head':
          sink.head(message.head);
          break;
        case 'samples':
          sink.samples(message.chunk);
          break;
        case 'events':
          for (const event of message.events) sink.event(event);
          break;
        case 'heat':
          sink.heat?.(message.map);
          break;
        case 'progress':
          onProgress?.(message.progress);
          return;
        case 'finished':
          sink.finished(message.summary, message.expect, message.hash);
          state.finished = true;
          break;
      }
    };
    port.on('message', (message: JobMessage) => {
      if (state.sinkError === undefined) {
        try {
          deliver(message);
        } catch (error) {
          state.sinkError = { error };
          stop();
        }
      }
      if (message.kind === 'progress') return;
      Atomics.add(control, CREDIT, 1);
      Atomics.notify(control, CREDIT);
    });
    // Closed by the worker when it is done, or by its end: either way after everything it had sent.
    const closed = new Promise<void>((resolve) => {
      port.once('close', resolve);
    });

    const task: JobTask = { experiment, port: port2, control: shared, progressMs };
    const job = this.#piscina.run(task, { transferList: [port2] }).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    return (async (): Promise<void> => {
      const failure = await job;
      // A job that never reached a thread has its port still open.
      if (failure !== undefined) port.ref();
      await closed;
      signal?.removeEventListener('abort', stop);
      if (state.sinkError !== undefined) throw state.sinkError.error;
      if (failure !== undefined) throw new WorkerFailure(reasonOf(failure.error), { cause: failure.error });
      if (!state.finished) throw new WorkerFailure('the simulation ended without a result');
    })();
  }

  /** Ends all threads; jobs under way fail. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `the simulation broke: ${String(error)}`;
  if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'the simulation ran out of memory';
  return `the simulation broke: ${error.message}`;
}
