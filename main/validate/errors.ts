// How far predictions lie from measurements, and how far repeats of a measurement lie from each other.
//
// Total time and bytes are judged by relative error, downtime and rounds by absolute error (most downtimes are a few
// milliseconds). Bytes and rounds of a migration that never converges are those at its cancel. A case whose own repeats
// disagree on the outcome has no outcome to be right about; it is shown and left out of every figure.

import type { Measured, MigrationOutcome, Repeat } from './measured.ts';
import type { Prediction } from './predict.ts';
import { median, quantile } from '../../engine/experiment/stats/quantiles.ts';
import { relativeSpread } from './statistics.ts';

/** The median over a measurement's repeats; outcome null where repeats disagree. */
export interface Outcomes {
  readonly outcome: MigrationOutcome | null;
  readonly totalMs: number | null;
  readonly downtimeMs: number | null;
  readonly bytes: number;
  readonly rounds: number;
  /** (max - min) / median over the repeats; null with fewer than two. */
  readonly totalSpread: number | null;
}

export interface Case {
  readonly name: string;
  readonly predicted: Prediction;
  /** Null where the file holds no measurement. */
  readonly measured: Outcomes | null;
  /** Part of the calibration of the host profile: shown, not judged. */
  readonly calibration: boolean;
}

export interface CaseErrors {
  readonly outcomeRight: boolean;
  readonly total: number | null;
  readonly bytes: number | null;
  readonly rounds: number | null;
  readonly downtimeMs: number | null;
}

export interface Spread {
  readonly cases: number;
  readonly median: number;
  readonly p90: number;
}

export interface Verdict {
  readonly judged: number;
  readonly outcomesWrong: readonly string[];
  readonly total: Spread | null;
  readonly bytes: Spread | null;
  readonly rounds: Spread | null;
  readonly downtimeMs: Spread | null;
  /** Spread of the measurement's own repeats in total time. */
  readonly noise: Spread | null;
}

export function outcomesOf({ repeats }: Measured): Outcomes | null {
  const [first] = repeats;
  if (first === undefined) return null;
  const agree = repeats.every(({ outcome }) => outcome === first.outcome);
  const known = (pick: (repeat: Repeat) => number | null): number[] =>
    repeats.map(pick).filter((value) => value !== null);
  const middle = (values: readonly number[]): number | null => (values.length === 0 ? null : median(values));
  const totals = known((repeat) => repeat.totalMs);
  return {
    outcome: agree ? first.outcome : null,
    totalMs: middle(totals),
    downtimeMs: middle(known((repeat) => repeat.downtimeMs)),
    bytes: median(repeats.map(({ bytes }) => bytes)),
    rounds: median(repeats.map(({ rounds }) => rounds)),
    totalSpread: totals.length < 2 ? null : relativeSpread(totals),
  };
}

/** Null where there is nothing to be compared with. */
export function errorsOf({ predicted, measured }: Case): CaseErrors | null {
  if (measured === null || measured.outcome === null) return null;
  const outcomeRight = predicted.outcome === measured.outcome;
  const relative = (value: number | null, truth: number | null): number | null =>
    value === null || truth === null || truth === 0 ? null : Math.abs(value - truth) / truth;
  const absolute = (value: number | null, truth: number | null): number | null =>
    value === null || truth === null ? null : Math.abs(value - truth);
  return {
    outcomeRight,
    total: relative(predicted.totalMs, measured.totalMs),
    bytes: relative(predicted.bytes, measured.bytes),
    rounds: absolute(predicted.rounds, measured.rounds),
    downtimeMs: absolute(predicted.downtimeMs, measured.downtimeMs),
  };
}

export function judge(cases: readonly Case[]): Verdict {
  const judged = cases.flatMap((entry) => {
    const errors = entry.calibration ? null : errorsOf(entry);
    return errors === null ? [] : [{ entry, errors }];
  });
  const spread = (values: readonly (number | null | undefined)[]): Spread | null => {
    const known = values.filter((value) => typeof value === 'number');
    return known.length === 0 ? null : { cases: known.length, median: median(known), p90: quantile(known, 0.9) };
  };
  return {
    judged: judged.length,
    outcomesWrong: judged.filter(({ errors }) => !errors.outcomeRight).map(({ entry }) => entry.name),
    total: spread(judged.map(({ errors }) => errors.total)),
    bytes: spread(judged.map(({ errors }) => errors.bytes)),
    rounds: spread(judged.map(({ errors }) => errors.rounds)),
    downtimeMs: spread(judged.map(({ errors }) => errors.downtimeMs)),
    noise: spread(judged.map(({ entry }) => entry.measured?.totalSpread)),
  };
}
