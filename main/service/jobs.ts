// Jobs: experiments on their way to becoming runs. They belong to the service, not to the window that started them.
//
// At most as many simulations run as there are threads; the rest waits in order. QEMU runs one at a time: two would measure
// each other. A job that ended is told of for a while, so that every window can show how.
import { parseExperiment } from '../../engine/experiment/parse.ts';
import type { Progress } from '../../engine/experiment/result.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import { ServiceError } from '../contract/errors.ts';
import { NEXT_JOB_STATE, type Job, type JobStateName } from '../contract/jobs.ts';
import { MAX_ENDED_JOBS, MAX_JOBS } from '../contract/limits.ts';
import { invariant } from '../../engine/core/invariant.ts';
import { makeRun, type Producer } from '../runs/makeRun.ts';
import type { Store } from '../store/store.ts';
import { absent, contractError } from './errors.ts';
import { Bell } from './feed.ts';
import { LiveRun, watched } from './live.ts';

export type ProducerOf = (experiment: Experiment) => Promise<Producer>;

export interface JobBoardOptions {
  readonly store: Store;
  readonly producerOf: ProducerOf;
  /** Simulations that run at the same time. */
  readonly threads: number;
  readonly clock: () => number;
  /** A run began, ended or changed. */
  readonly onRun: (id: number) => void;
}

interface Entry {
  job: Job;
  readonly experiment: Experiment;
  readonly text: string;
  readonly fileName: string;
  readonly abort: AbortController;
}

export class JobBoard {
  /** Rings when any job changed. */
  readonly bell = new Bell();
  readonly #options: JobBoardOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #live = new Map<number, LiveRun>();
  readonly #running = new Set<Promise<void>>();
  #lastId = 0;
  #closed = false;

  constructor(options: JobBoardOptions) {
    this.#options = options;
  }

  /** The newest first. */
  list(): Job[] {
    return [...this.#entries.values()].map(({ job }) => job).reverse();
  }

  live(runId: number): LiveRun | undefined {
    return this.#live.get(runId);
  }

  jobOf(runId: number): number | null {
    for (const { job } of this.#entries.values()) {
      if (job.runId === runId && NEXT_JOB_STATE[job.state].length > 0) return job.id;
    }
    return null;
  }

  start(text: string, fileName: string, seed: number | undefined): Job {
    const parsed = parseExperiment(text, { fileName: fileName === '' ? '(editor)' : fileName });
    if (!parsed.ok) {
      const problems = [...parsed.problems];
      const message = problems[0]?.message ?? 'the experiment cannot be read';
      throw new ServiceError({ kind: 'invalid-experiment', message, problems });
    }
    const waiting = [...this.#entries.values()].filter(({ job }) => NEXT_JOB_STATE[job.state].length > 0);
    if (waiting.length >= MAX_JOBS) {
      throw new ServiceError({ kind: 'too-much', message: `${MAX_JOBS} jobs wait already` });
    }
    const experiment = seed === undefined ? parsed.experiment : { ...parsed.experiment, seed };
    const job: Job = {
      id: ++this.#lastId,
      state: 'queued',
      name: experiment.name,
      seed: experiment.seed,
      backend: experiment.backend,
      runId: null,
      createdMs: this.#options.clock(),
      startedMs: null,
      endedMs: null,
      progress: null,
      outcome: null,
      pagesLost: null,
      error: null,
    };
    const entry: Entry = { job, experiment, text, fileName, abort: new AbortController() };
    this.#entries.set(job.id, entry);
    this.bell.ring();
    this.#startWaiting();
    return entry.job;
  }

  cancel(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw absent(`job ${id}`);
    switch (entry.job.state) {
      case 'queued':
        this.#change(entry, { state: 'cancelled', endedMs: this.#options.clock() });
        break;
      case 'running':
        this.#change(entry, { state: 'cancelling' });
        entry.abort.abort();
        break;
      case 'cancelling':
        break;
      default:
        throw new ServiceError({ kind: 'conflict', message: `job ${id} has ended` });
    }
  }

  /** Cancels everything and resolves when all runs have been kept. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { job } of this.#entries.values()) {
      if (job.state === 'queued' || job.state === 'running') this.cancel(job.id);
    }
    await Promise.all(this.#running);
  }

  #startWaiting(): void {
    for (const entry of this.#entries.values()) {
      if (this.#closed) return;
      if (entry.job.state === 'queued' && this.#hasRoom(entry.experiment.backend)) {
        this.#change(entry, { state: 'running', startedMs: this.#options.clock() });
        const run = this.#run(entry);
        this.#running.add(run);
        void run.finally(() => {
          this.#running.delete(run);
          this.#forgetOld();
          this.#startWaiting();
        });
      }
    }
  }

  #hasRoom(backend: Experiment['backend']): boolean {
    let busy = 0;
    for (const { job } of this.#entries.values()) {
      if (job.backend === backend && (job.state === 'running' || job.state === 'cancelling')) busy++;
    }
    return busy < (backend === 'qemu' ? 1 : this.#options.threads);
  }

  /** Never rejects. */
  async #run(entry: Entry): Promise<void> {
    const { experiment, text, fileName, abort } = entry;
    const { store, producerOf, onRun } = this.#options;
    let live: LiveRun | undefined;
    try {
      const produce = await producerOf(experiment);
      const request = { name: experiment.name, tags: experiment.tags, experiment: text, fileName };
      const id = await makeRun(
        store,
        request,
        (sink, options) =>
          produce(
            watched(sink, () => live),
            options,
          ),
        {
          signal: abort.signal,
          onBegin: (runId, begun) => {
            live = new LiveRun(runId, begun);
            this.#live.set(runId, live);
            this.#change(entry, { runId });
            onRun(runId);
          },
          onProgress: (progress: Progress) => {
            this.#change(entry, { progress });
          },
        },
      );
      const { outcome, pagesLost } = store.run(id).row;
      this.#change(entry, { state: 'finished', outcome, pagesLost, endedMs: this.#options.clock() });
    } catch (error) {
      this.#change(entry, { state: 'failed', error: contractError(error), endedMs: this.#options.clock() });
    } finally {
      if (live !== undefined) {
        this.#live.delete(live.id);
        live.end();
        onRun(live.id);
      }
    }
  }

  #change(entry: Entry, change: Partial<Job> & { readonly state?: JobStateName }): void {
    const { state } = change;
    if (state !== undefined) {
      invariant(
        NEXT_JOB_STATE[entry.job.state].includes(state),
        `a job never goes from ${entry.job.state} to ${state}`,
      );
    }
    entry.job = { ...entry.job, ...change };
    this.bell.ring();
  }

  #forgetOld(): void {
    const ended = [...this.#entries.values()].filter(({ job }) => NEXT_JOB_STATE[job.state].length === 0);
    for (const { job } of ended.slice(0, -MAX_ENDED_JOBS)) this.#entries.delete(job.id);
  }
}
