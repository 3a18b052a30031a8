// What makes no sense together: all checks across fields and sections. Each runs as soon as the sections it reads are
// valid in themselves, so that its reasons are about the combination alone.

import type { Check, CheckContext } from './check.ts';
import { changeChecks } from './checks-changes.ts';
import { deviceChecks } from './checks-devices.ts';
import { guestChecks } from './checks-guest.ts';
import { iommuChecks } from './checks-iommu.ts';
import { labChecks } from './checks-lab.ts';
import { migrationChecks } from './checks-migration.ts';
import type { ParsedExperiment } from './schema.ts';
import type { Finding } from './source.ts';

const CHECKS: readonly Check[] = [
  ...guestChecks,
  ...deviceChecks,
  ...iommuChecks,
  ...migrationChecks,
  ...changeChecks,
  ...labChecks,
];

export function runChecks(
  parsed: Partial<ParsedExperiment>,
  input: Readonly<Record<string, unknown>>,
  report: (finding: Finding) => void,
): void {
  const context: CheckContext = {
    report,
    given: (path) => {
      let value: unknown = input;
      for (const step of path) {
        if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return false;
        value = (value as Record<string | number, unknown>)[step];
      }
      return true;
    },
  };
  for (const { needs, run } of CHECKS) {
    if (needs.every((name) => name in parsed)) run(parsed as ParsedExperiment, context);
  }
}
