// The service: one store, one pool of simulations, the jobs, and everyone who watches. Hosts give it clients (session.ts).
import { availableParallelism } from 'node:os';
import { ENGINE_VERSION } from '../../engine/experiment/simulate.ts';
import type { AppInfo } from '../contract/app.ts';
import type { MethodName } from '../contract/methods.ts';
import type { TopicName, TopicParams } from '../contract/topics.ts';
import type { Producer } from '../runs/makeRun.ts';
import { fieldsOf } from '../runs/fields.ts';
import type { Store } from '../store/store.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import { SimulationPool } from '../workers/pool.ts';
import { appHandlers } from './appHandlers.ts';
import { compareHandlers } from './compareHandlers.ts';
import { fileHandlers } from './fileHandlers.ts';
import { Files } from './files.ts';
import { Bell, stateFeed, type Feed } from './feed.ts';
import { EXAMPLES_FOLDER } from './gallery.ts';
import type { Answer, Handlers, Parts } from './handlers.ts';
import { JobBoard } from './jobs.ts';
import { liveFeed } from './live.ts';
import { runHandlers } from './runHandlers.ts';
import { SweepBoard } from './sweepBoard.ts';
import { sweepHandlers } from './sweepHandlers.ts';

export interface ServiceOptions {
  /** Closed by the service's close(). */
  readonly store: Store;
  readonly version: string;
  readonly host: AppInfo['host'];
  readonly qemuAllowed?: boolean;
  readonly threads?: number;
  /** Module that serves a simulation job; for tests. */
  readonly worker?: URL;
  readonly examplesFolder?: string;
  readonly clock?: () => number;
}

/** Another process may write to the same store: looked at so often while somebody watches the list of runs. */
const FOREIGN_MS = 1_000;
/** Runs of an older store whose experiments are read in one go, so that nobody waits long. */
const FIELDS_AT_ONCE = 20;
/** What lies in the bin for so long is removed for good when the service starts. */
export const BIN_MS = 7 * 24 * 3600 * 1000;

export class Service {
  readonly version: string;
  /** On their way out and in: hosts hand them on. */
  readonly files: Files;
  readonly #store: Store;
  readonly #pool: SimulationPool;
  readonly #jobs: JobBoard;
  readonly #sweeps: SweepBoard;
  readonly #handlers: Handlers;
  readonly #runs = new Bell();
  #revision = 0;
  #changedIds: Set<number> | null = new Set();
  #foreign: NodeJS.Timeout | undefined;
  #foreignSeen = 0;
  #reading: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(options: ServiceOptions) {
    const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
    this.version = options.version;
    this.#store = options.store;
    this.#pool = new SimulationPool({ threads, ...(options.worker === undefined ? {} : { worker: options.worker }) });
    this.#jobs = new JobBoard({
      store: this.#store,
      threads,
      clock: options.clock ?? Date.now,
      producerOf: (experiment) => this.#producerOf(experiment),
      onRun: (id) => {
        this.#changed([id]);
      },
    });
    this.files = new Files(this.#store);
    this.#sweeps = new SweepBoard({
      store: this.#store,
      threads,
      producerOf: (experiment) => this.#producerOf(experiment),
      onRun: (id) => {
        this.#changed([id]);
      },
    });
    const parts: Parts = {
      store: this.#store,
      jobs: this.#jobs,
      sweeps: this.#sweeps,
      files: this.files,
      app: {
        name: 'Brownout',
        version: options.version,
        engineVersion: ENGINE_VERSION,
        host: options.host,
        platform: process.platform,
        threads,
        qemuAllowed: options.qemuAllowed ?? false,
      },
      examplesFolder: options.examplesFolder ?? EXAMPLES_FOLDER,
      changed: (ids) => {
        this.#changed(ids);
      },
    };
    this.#handlers = {
      ...appHandlers(parts),
      ...runHandlers(parts),
      ...sweepHandlers(parts),
      ...compareHandlers(parts),
      ...fileHandlers(parts),
    };
    this.#foreignSeen = this.#store.foreignChanges();
    this.#reading = setImmediate(() => {
      this.#tidy();
    });
  }

  /** Throws what errors.ts turns into the contract's errors. */
  call<M extends MethodName>(method: M, params: never): Answer<M> | Promise<Answer<M>> {
    const handler = this.#handlers[method] as (params: never) => Answer<M> | Promise<Answer<M>>;
    return handler(params);
  }

  /** `notify` is called when the feed may have something new. */
  open<T extends TopicName>(topic: T, params: TopicParams<T>, notify: () => void): Feed {
    switch (topic) {
      case 'jobs':
        return stateFeed(this.#jobs.bell, notify, () => ({ jobs: this.#jobs.list() }));
      case 'sweeps': {
        // Another process may work on a sweep of this store.
        const stop = this.#runs.listen(() => {
          this.#sweeps.bell.ring();
        });
        const feed = stateFeed(this.#sweeps.bell, notify, () => ({ sweeps: this.#sweeps.list() }));
        return {
          ended: false,
          next: () => feed.next(),
          close: () => {
            stop();
            feed.close();
          },
        };
      }
      case 'runs':
        return this.#runsFeed(notify);
      case 'live': {
        const live = params as TopicParams<'live'>;
        return liveFeed(this.#store, this.#jobs.live(live.runId), live, notify);
      }
      default:
        throw new Error(`no topic ${String(topic)}`);
    }
  }

  /** Jobs under way are cancelled and kept; then nothing of it is left. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#foreign);
    if (this.#reading !== undefined) clearImmediate(this.#reading);
    await Promise.all([this.files.close(), this.#jobs.close(), this.#sweeps.close()]);
    await this.#pool.close();
    this.#store.close();
  }

  #changed(ids: readonly number[] | null): void {
    if (ids?.length === 0) return;
    this.#revision++;
    if (ids === null) this.#changedIds = null;
    else for (const id of ids) this.#changedIds?.add(id);
    this.#runs.ring();
    this.#changedIds = new Set();
  }

  #runsFeed(notify: () => void): Feed {
    let ids: Set<number> | null = null;
    let fresh = true;
    const stop = this.#runs.listen(() => {
      if (!fresh) ids = new Set();
      fresh = true;
      if (this.#changedIds === null) ids = null;
      else for (const id of this.#changedIds) ids?.add(id);
      // Many: then it is cheaper to ask anew.
      if (ids !== null && ids.size > 100) ids = null;
      notify();
    });
    this.#foreign ??= setInterval(() => {
      this.#lookForOthers();
    }, FOREIGN_MS).unref();
    return {
      ended: false,
      next: () => {
        if (!fresh) return undefined;
        fresh = false;
        return { item: { revision: this.#revision, ids: ids === null ? null : [...ids] } };
      },
      close: () => {
        stop();
        if (this.#runs.heard) return;
        clearInterval(this.#foreign);
        this.#foreign = undefined;
      },
    };
  }

  #lookForOthers(): void {
    const seen = this.#store.foreignChanges();
    if (seen === this.#foreignSeen) return;
    this.#foreignSeen = seen;
    this.#changed(null);
  }

  async #producerOf(experiment: Experiment): Promise<Producer> {
    if (experiment.backend === 'sim') return (sink, options) => this.#pool.run(experiment, sink, options);
    const { runInQemu } = await import('../qemu/run.ts');
    return (sink, options) => runInQemu(experiment, sink, { ...options, allowQemu: true });
  }

  /** Once, after the start: empties the bin of what is old, and reads the experiments of runs that nobody has read yet. */
  #tidy(): void {
    this.#reading = undefined;
    try {
      this.#store.purge(BIN_MS);
      this.#readFields();
    } catch {
      // A store that is full or in use can wait: the next start tries again.
    }
  }

  #readFields(): void {
    if (this.#closed) return;
    const runs = this.#store.runsWithoutFields(FIELDS_AT_ONCE);
    for (const { id, experiment } of runs) this.#store.setFields(id, experiment, fieldsOf(experiment));
    if (runs.length === FIELDS_AT_ONCE) {
      this.#reading = setImmediate(() => {
        this.#tidy();
      });
    }
  }
}
