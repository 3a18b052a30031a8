// The whole validation: measured migrations in, predicted cases and the verdict out.

import { HOST_PROFILES } from '../../engine/experiment/hosts.ts';
import { judge, outcomesOf, type Case, type Verdict } from './errors.ts';
import type { Measured } from './measured.ts';
import { predict, type Simulate } from './predict.ts';

export async function validate(
  measured: readonly Measured[],
  simulate: Simulate,
  onCase: (name: string, index: number) => void = () => undefined,
): Promise<{ cases: Case[]; verdict: Verdict }> {
  const calibration = new Set<string>(
    Object.values(HOST_PROFILES).flatMap(({ calibratedFrom }) => [...calibratedFrom]),
  );
  const cases: Case[] = [];
  for (const [index, entry] of measured.entries()) {
    onCase(entry.name, index);
    cases.push({
      name: entry.name,
      predicted: await predict(entry, simulate),
      measured: outcomesOf(entry),
      calibration: calibration.has(entry.name),
    });
  }
  return { cases, verdict: judge(cases) };
}
