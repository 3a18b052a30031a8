// What makes no sense together: checks across fields and sections, each with its reason.

import type { ParsedExperiment, SectionName } from './schema.ts';
import type { Finding } from './source.ts';

export type Report = (finding: Finding) => void;

/** A check runs when every section it reads is valid in itself. */
export interface Check {
  readonly needs: readonly SectionName[];
  readonly run: (experiment: ParsedExperiment, report: Report) => void;
}

const CHECKS: readonly Check[] = [];

export function runChecks(parsed: Partial<ParsedExperiment>, report: Report): void {
  for (const { needs, run } of CHECKS) {
    if (needs.every((name) => name in parsed)) run(parsed as ParsedExperiment, report);
  }
}
