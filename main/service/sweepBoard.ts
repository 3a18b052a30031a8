// The sweeps that this service works on. They belong to the service, not to a window; what is known of the others is the store's.
import { planSweep, type SweepPlan } from '../../engine/experiment/sweep.ts';
import type { Experiment } from '../../engine/experiment/schema.ts';
import { ServiceError } from '../contract/errors.ts';
import type { Sweep } from '../contract/sweeps.ts';
import type { Producer } from '../runs/makeRun.ts';
import type { Store } from '../store/store.ts';
import type { SweepRow } from '../store/sweeps.ts';
import { keepSweep, planOf, SweepError } from '../sweeps/plan.ts';
import { runSweep, type SweepProgress } from '../sweeps/runSweep.ts';
import { Bell } from './feed.ts';

export interface SweepBoardOptions {
  readonly store: Store;
  readonly threads: number;
  readonly producerOf: (experiment: Experiment) => Promise<Producer>;
  /** A run of a sweep began or ended. */
  readonly onRun: (runId: number) => void;
}

interface UnderWay {
  readonly pause: AbortController;
  readonly ended: Promise<void>;
  progress: SweepProgress | undefined;
}

/** Of a sweep that a window starts, which is planned anew with every change of the form: some milliseconds a setting. */
export const WINDOW_PLAN = {
  maxPoints: 2_000,
  moreHint:
    'The window plans anew with every change, so it stops there: brownout sweep FILE takes 10,000 (more with --max-points), and what it makes is shown here.',
} as const;

export class SweepBoard {
  /** Rings when any sweep changed. */
  readonly bell = new Bell();
  readonly #options: SweepBoardOptions;
  readonly #underWay = new Map<number, UnderWay>();

  constructor(options: SweepBoardOptions) {
    this.#options = options;
  }

  /** The newest first. */
  list(): Sweep[] {
    return this.#options.store.sweeps.list().map((row) => this.#told(row));
  }

  get(id: number): Sweep {
    return this.#told(this.#options.store.sweeps.get(id));
  }

  start(text: string, fileName: string, allowQemu: boolean): Sweep {
    const planned = planSweep(text, { fileName: nameOr(fileName), ...WINDOW_PLAN });
    if (!planned.ok) {
      const problems = [...planned.problems];
      const message = problems[0]?.message ?? 'the sweep cannot be read';
      throw new ServiceError({ kind: 'invalid-experiment', message, problems });
    }
    refuseQemu(planned.plan, allowQemu);
    const id = keepSweep(this.#options.store, planned.plan, text, fileName);
    this.#work(id, planned.plan);
    return this.get(id);
  }

  resume(id: number, allowQemu: boolean): Sweep {
    const row = this.#options.store.sweeps.get(id);
    if (row.status === 'running') throw new ServiceError({ kind: 'conflict', message: `sweep ${id} is under way` });
    let plan: SweepPlan;
    try {
      plan = planOf(this.#options.store, row);
    } catch (error) {
      if (error instanceof SweepError) throw new ServiceError({ kind: 'conflict', message: error.message });
      throw error;
    }
    refuseQemu(plan, allowQemu);
    this.#work(id, plan);
    return this.get(id);
  }

  /** Also where another process works on it, which sees it in a moment. */
  pause(id: number): void {
    const own = this.#underWay.get(id);
    if (own !== undefined) own.pause.abort();
    else if (!this.#options.store.sweeps.wantPause(id)) {
      throw new ServiceError({ kind: 'conflict', message: `nobody works on sweep ${id}` });
    }
    this.bell.ring();
  }

  remove(id: number): void {
    if (this.#options.store.sweeps.get(id).status === 'running') {
      throw new ServiceError({ kind: 'conflict', message: `sweep ${id} is under way; pause it first` });
    }
    this.#options.store.sweeps.remove(id);
    this.bell.ring();
  }

  /** Pauses everything and resolves when nothing is under way. */
  async close(): Promise<void> {
    const all = [...this.#underWay.values()];
    for (const { pause } of all) pause.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  #work(id: number, plan: SweepPlan): void {
    const { store, threads, producerOf, onRun } = this.#options;
    const pause = new AbortController();
    const workers = {
      concurrency: threads,
      producerOf: ({ experiment }: { experiment: Experiment }) => producerOf(experiment),
    };
    const ended = runSweep(store, id, plan, workers, {
      signal: pause.signal,
      onRun,
      onProgress: (progress) => {
        const one = this.#underWay.get(id);
        if (one !== undefined) one.progress = progress;
        this.bell.ring();
      },
    }).then(
      () => undefined,
      // It is paused then, with the reason, where the store could still be written.
      () => undefined,
    );
    const one: UnderWay = { pause, progress: undefined, ended };
    this.#underWay.set(id, one);
    void ended.then(() => {
      this.#underWay.delete(id);
      this.bell.ring();
    });
    this.bell.ring();
  }

  #told(row: SweepRow): Sweep {
    const progress = this.#underWay.get(row.id)?.progress;
    const { id, name, fileName, engineVersion, fields, status, failure, createdMs, endedMs } = row;
    return {
      ...{ id, name, fileName, engineVersion, status, failure, createdMs, endedMs },
      ...{ workedMs: row.workedMs, points: row.points, done: row.done, failed: row.failed },
      fields: fields as Sweep['fields'],
      underWay: progress?.underWay ?? 0,
      etaMs: row.status === 'running' ? (progress?.etaMs ?? null) : null,
    };
  }
}

const nameOr = (fileName: string): string => (fileName === '' ? '(sweep)' : fileName);

function refuseQemu(plan: SweepPlan, allowed: boolean): void {
  if (!plan.backends.has('qemu') || allowed) return;
  throw new ServiceError({
    kind: 'refused',
    message: 'this sweep starts QEMU on this machine, and that was not allowed',
    path: 'backend',
    hint: 'Agree to it where you start the sweep; the app itself must have been started with --allow-qemu, too.',
  });
}
