// The whole validation: measured migrations in, predicted cases and the verdict out.

import { HOST_PROFILES } from '../../engine/experiment/hosts.ts';
import { ImportError } from '../import/problem.ts';
import { judge, outcomesOf, type Case, type Verdict } from './errors.ts';
import { experimentOf } from './experimentOf.ts';
import type { Measured } from './measured.ts';
import { predict, type Simulate } from './predict.ts';

export interface Validation {
  readonly cases: readonly Case[];
  /** Of configurations that no experiment can have: the others are predicted all the same. */
  readonly problems: readonly ImportError[];
  readonly verdict: Verdict;
}

export async function validate(
  measured: readonly Measured[],
  simulate: Simulate,
  onCase: (name: string, index: number) => void = () => undefined,
): Promise<Validation> {
  const calibration = new Set<string>(
    Object.values(HOST_PROFILES).flatMap(({ calibratedFrom }) => [...calibratedFrom]),
  );
  const cases: Case[] = [];
  const problems: ImportError[] = [];
  for (const [index, entry] of measured.entries()) {
    onCase(entry.name, index);
    try {
      experimentOf(entry, 1);
    } catch (error) {
      if (!(error instanceof ImportError)) throw error;
      problems.push(error);
      continue;
    }
    cases.push({
      name: entry.name,
      predicted: await predict(entry, simulate),
      measured: outcomesOf(entry),
      calibration: calibration.has(entry.name),
    });
  }
  return { cases, problems, verdict: judge(cases) };
}
