// Works on a sweep: takes its points in order, so many at a time, and keeps each as a run, until none is left or somebody wants
// a pause.
//
// What is promised: a finished point is never run again, and none is lost, whenever this process is killed. A pause gives up the
// points under way (they are begun again later) and keeps nothing of them. A point that fails is noted and does not stop the
// others; a store that cannot be written does.
import { configJson } from '../../engine/experiment/identity.ts';
import { settingText, type SweepPlan, type SweepPoint } from '../../engine/experiment/sweep.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import { makeRun, type Producer } from '../runs/makeRun.ts';
import { HEARTBEAT_MS } from '../store/owner.ts';
import type { Store } from '../store/store.ts';
import { WorkerFailure } from '../workers/failure.ts';
import { SweepError } from './plan.ts';

export interface PointWork {
  readonly point: SweepPoint;
  readonly experiment: Experiment;
  /** The point's own experiment file. */
  readonly text: string;
}

export interface SweepWorkers {
  /** Points under way at the same time. */
  readonly concurrency: number;
  producerOf(work: PointWork): Promise<Producer>;
}

export interface SweepProgress {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly underWay: number;
  /** Wall-clock time still to go, from the points of this session; null before the first of them. */
  readonly etaMs: number | null;
}

export interface SweepOptions {
  /** Aborted: pause. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SweepProgress) => void;
  /** A run of the sweep began or ended. */
  readonly onRun?: (runId: number) => void;
}

/** How soon the wish of another process for a pause is seen. */
const LOOK_MS = 500;
const MAX_NAME_CHARS = 200;

/** Resolves when no point is left, or with `paused`. Throws a SweepError where another process works on it. */
export async function runSweep(
  store: Store,
  id: number,
  plan: SweepPlan,
  workers: SweepWorkers,
  options: SweepOptions = {},
): Promise<'finished' | 'paused'> {
  if (!store.sweeps.claim(id)) throw new SweepError(`another process works on sweep ${id} already`);
  return new Session(store, id, plan, workers, options).work();
}

class Session {
  readonly #store: Store;
  readonly #id: number;
  readonly #plan: SweepPlan;
  readonly #workers: SweepWorkers;
  readonly #options: SweepOptions;
  readonly #pause = new AbortController();
  readonly #waiting: SweepPoint[];
  readonly #fileName: string;
  readonly #startedMs = performance.now();
  #beatMs = performance.now();
  #done: number;
  #failed = 0;
  #underWay = 0;
  #ended = 0;
  #trouble: Error | undefined;

  constructor(store: Store, id: number, plan: SweepPlan, workers: SweepWorkers, options: SweepOptions) {
    this.#store = store;
    this.#id = id;
    this.#plan = plan;
    this.#workers = workers;
    this.#options = options;
    this.#fileName = store.sweeps.get(id).fileName;
    const done = new Set(store.sweeps.points(id).flatMap(({ status, number }) => (status === 'done' ? [number] : [])));
    this.#done = done.size;
    this.#waiting = plan.points.filter(({ number }) => !done.has(number));
  }

  async work(): Promise<'finished' | 'paused'> {
    const { signal } = this.#options;
    const pause = (): void => {
      this.#pause.abort();
    };
    signal?.addEventListener('abort', pause);
    if (signal?.aborted === true) pause();
    const looking = setInterval(() => {
      this.#look();
    }, LOOK_MS);
    this.#tell();
    try {
      const next = this.#waiting.values();
      const workers = Math.max(1, Math.min(this.#workers.concurrency, this.#waiting.length));
      await Promise.all(Array.from({ length: workers }, () => this.#workOn(next)));
    } finally {
      clearInterval(looking);
      signal?.removeEventListener('abort', pause);
    }
    if (this.#trouble !== undefined) {
      this.#giveUp();
      throw this.#trouble;
    }
    const status = this.#pause.signal.aborted ? 'paused' : 'finished';
    this.#store.sweeps.release(this.#id, status, this.#workedMs());
    return status;
  }

  async #workOn(next: Iterator<SweepPoint>): Promise<void> {
    while (!this.#pause.signal.aborted) {
      const { value: point, done } = next.next() as IteratorResult<SweepPoint, undefined>;
      if (done === true) return;
      this.#underWay++;
      this.#tell();
      try {
        await this.#runPoint(point);
      } catch (error) {
        // Not the point is at fault: nothing more is begun, and the first trouble is the one to tell of.
        this.#trouble ??= error instanceof Error ? error : new Error(String(error));
        this.#pause.abort();
      } finally {
        this.#underWay--;
        this.#tell();
      }
    }
  }

  /** Throws what concerns the whole sweep. */
  async #runPoint(point: SweepPoint): Promise<void> {
    const { sweeps } = this.#store;
    const experiment = this.#plan.experiment(point);
    const text = this.#plan.text(point);
    const request = {
      name: runName(this.#plan, point, experiment),
      tags: [...new Set([...experiment.tags, sweepTag(this.#id)])],
      experiment: text,
      fileName: this.#fileName,
      fields: { config: configJson(experiment) },
      point: { sweepId: this.#id, number: point.number },
    };
    let runId: number | undefined;
    const { signal } = this.#pause;
    try {
      const produce = await this.#workers.producerOf({ point, experiment, text });
      await makeRun(this.#store, request, produce, {
        signal,
        onBegin: (begun) => {
          runId = begun;
          this.#options.onRun?.(begun);
        },
      });
      if (signal.aborted && this.#store.run(runId!).row.outcome === 'cancelled')
        sweeps.discardRun(this.#id, point.number);
      else this.#done++;
    } catch (error) {
      if (signal.aborted) {
        sweeps.discardRun(this.#id, point.number);
        return;
      }
      if (!isOfPoint(error)) throw error;
      this.#failed++;
      if (runId === undefined) sweeps.failPoint(this.#id, point.number, error.message);
    } finally {
      this.#ended++;
      if (runId !== undefined) this.#options.onRun?.(runId);
    }
  }

  #look(): void {
    try {
      if (performance.now() - this.#beatMs >= HEARTBEAT_MS) this.#store.sweeps.beat(this.#id, this.#workedMs());
      if (this.#store.sweeps.isPauseWanted(this.#id)) this.#pause.abort();
    } catch {
      // A store that cannot be written stops the next point, which can tell of it.
    }
  }

  /** Since the last time it was asked. */
  #workedMs(): number {
    const now = performance.now();
    const worked = now - this.#beatMs;
    this.#beatMs = now;
    return worked;
  }

  #giveUp(): void {
    const reason = this.#trouble?.message ?? '';
    try {
      this.#store.sweeps.release(this.#id, 'paused', this.#workedMs(), reason);
    } catch {
      // Not even that: it will be shown as interrupted when this process has ended.
    }
  }

  #tell(): void {
    const total = this.#plan.points.length;
    const left = total - this.#done - this.#failed;
    const tookMs = performance.now() - this.#startedMs;
    const etaMs = this.#ended === 0 ? null : (tookMs / this.#ended) * left;
    const progress = { total, done: this.#done, failed: this.#failed, underWay: this.#underWay, etaMs };
    this.#options.onProgress?.(progress);
  }
}

/** The tag that all runs of a sweep have. */
export const sweepTag = (id: number): string => `sweep-${id}`;

function runName(plan: SweepPlan, point: SweepPoint, experiment: Experiment): string {
  const setting = settingText(plan.fields, plan.settings[point.setting] ?? []);
  const seed = plan.seeds.length > 1 ? `seed ${point.seed}` : '';
  const varied = [setting, seed].filter((part) => part !== '').join(', ');
  const name = varied === '' ? experiment.name : `${experiment.name}: ${varied}`;
  return name.length <= MAX_NAME_CHARS ? name : `${name.slice(0, MAX_NAME_CHARS - 1)}…`;
}

/** Whether only this point failed. QEMU's errors are told by name: main/qemu is loaded only when it is wanted. */
function isOfPoint(error: unknown): error is Error {
  return error instanceof WorkerFailure || (error instanceof Error && error.name === 'QemuError');
}
