// Sweeps for tests: small guests, and workers that do what they are told.
import type { RunSink } from '../../../engine/experiment/result.ts';
import { createSimulation } from '../../../engine/experiment/simulate.ts';
import { planSweep, type SweepPlan } from '../../../engine/experiment/sweep.ts';
import type { Producer } from '../../../main/runs/makeRun.ts';
import { keepSweep } from '../../../main/sweeps/plan.ts';
import type { PointWork, SweepWorkers } from '../../../main/sweeps/runSweep.ts';
import type { Store } from '../../../main/store/store.ts';

/** 8 points, each some ten milliseconds of work. */
export const SMALL_SWEEP = `name: Small
guest:
  memory: 64MiB
  workloads: [{name: db, pattern: uniform, region: {size: 16MiB}, rate: 2000 pages/s}]
migration: {start: 50ms, bandwidth: 1Gbit/s}
sampling: 50ms
sweep:
  fields:
    migration.bandwidth: [500Mbit/s, 2Gbit/s]
    migration.downtime_limit: [20ms, 200ms]
  seeds: 2
`;

export function planOfText(text: string): SweepPlan {
  const planned = planSweep(text, { fileName: 'sweep.yaml' });
  if (!planned.ok) throw new Error(planned.problems.map(({ message }) => message).join('\n'));
  return planned.plan;
}

export const keep = (store: Store, text = SMALL_SWEEP): { readonly id: number; readonly plan: SweepPlan } => {
  const plan = planOfText(text);
  return { plan, id: keepSweep(store, plan, text, 'sweep.yaml') };
};

/** The engine itself, in this thread. */
export const inThread =
  ({ experiment }: PointWork): Producer =>
  (sink) => {
    const simulation = createSimulation(experiment, sink);
    while (!simulation.advance(100_000));
    return Promise.resolve();
  };

export function theHash({ experiment }: Pick<PointWork, 'experiment'>): string {
  let found = '';
  const sink: RunSink = {
    head: () => undefined,
    samples: () => undefined,
    event: () => undefined,
    finished: (_summary, _expect, hash) => (found = hash),
  };
  const simulation = createSimulation(experiment, sink);
  while (!simulation.advance(100_000));
  return found;
}

/** Workers that count what they are given. */
export function workersThat(
  produce: (work: PointWork) => Producer = inThread,
  concurrency = 2,
): SweepWorkers & { readonly begun: number[] } {
  const begun: number[] = [];
  return {
    concurrency,
    begun,
    producerOf(work) {
      begun.push(work.point.number);
      return Promise.resolve(produce(work));
    },
  };
}
