// Predictions: each measured configuration is simulated with several seeds; the median of the seeds is the prediction.

import type { Experiment } from '../../engine/experiment/schema.ts';
import type { RunSink, Summary } from '../../engine/experiment/result.ts';
import { experimentOf } from './experimentOf.ts';
import type { Measured, MigrationOutcome } from './measured.ts';
import { median } from '../../engine/experiment/stats/quantiles.ts';

/** Odd, so that the outcome has a majority. */
export const SEEDS = [1, 2, 3, 4, 5] as const;

/** `totalMs` and `downtimeMs` are null where the migration is predicted not to converge. */
export interface Prediction {
  readonly outcome: MigrationOutcome;
  readonly totalMs: number | null;
  readonly downtimeMs: number | null;
  readonly bytes: number;
  readonly rounds: number;
}

/** Runs one experiment and delivers to the sink: a worker pool's method, or the engine in this thread. */
export type Simulate = (experiment: Experiment, sink: RunSink) => Promise<void>;

export async function predict(measured: Measured, simulate: Simulate): Promise<Prediction> {
  const runs = await Promise.all(SEEDS.map((seed) => summaryOf(experimentOf(measured, seed), simulate)));
  const outcome = majority(runs.map(outcomeOf));
  // Numbers come from the seeds that ended in the predicted way: a mean of two different stories tells neither.
  const alike = runs.filter((run) => outcomeOf(run) === outcome);
  const ms = (pick: (run: Summary) => number): number => median(alike.map(pick)) / 1e6;
  const converges = outcome !== 'cancelled-not-converging';
  return {
    outcome,
    totalMs: converges ? ms((run) => run.totalNs ?? 0) : null,
    downtimeMs: converges ? ms((run) => run.downtimeNs ?? 0) : null,
    bytes: Math.round(median(alike.map((run) => run.bytes.total ?? 0))),
    rounds: Math.round(median(alike.map((run) => run.rounds ?? 0))),
  };
}

async function summaryOf(experiment: Experiment, simulate: Simulate): Promise<Summary> {
  let summary: Summary | undefined;
  await simulate(experiment, {
    head: () => undefined,
    samples: () => undefined,
    event: () => undefined,
    finished: (made) => {
      summary = made;
    },
  });
  if (summary === undefined) throw new Error(`${experiment.name}: the simulation ended without a summary`);
  return summary;
}

const outcomeOf = ({ outcome, throttleMaxPercent }: Summary): MigrationOutcome => {
  if (outcome !== 'completed') return 'cancelled-not-converging';
  return (throttleMaxPercent ?? 0) > 0 ? 'converged-throttled' : 'converged';
};

function majority(outcomes: readonly MigrationOutcome[]): MigrationOutcome {
  const counts = new Map<MigrationOutcome, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  if (first === undefined) throw new Error('a prediction needs at least one run');
  return first[0];
}
