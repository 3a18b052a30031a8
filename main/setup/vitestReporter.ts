// A vitest reporter that writes what `npm test` adds up: counts, what was skipped and why, what failed.
// A test file that cannot be loaded and an error outside any test count as failures.
import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
  /** One line for each failure. */
  readonly problems: readonly string[];
}

export default class SumsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    let passed = 0;
    const skipped: { name: string; why: string }[] = [];
    const problems: string[] = [];
    for (const module of modules) {
      for (const error of module.errors()) problems.push(`${module.relativeModuleId}: ${error.message}`);
      for (const suite of module.children.allSuites()) {
        for (const error of suite.errors())
          problems.push(`${module.relativeModuleId} > ${suite.fullName}: ${error.message}`);
      }
      for (const test of module.children.allTests()) {
        const name = `${module.relativeModuleId} > ${test.fullName}`;
        const result = test.result();
        if (result.state === 'passed') passed++;
        else if (result.state === 'skipped') skipped.push({ name, why: result.note ?? '' });
        else problems.push(name);
      }
    }
    for (const error of unhandled) problems.push(`outside any test: ${error.message}`);
    const result: SuiteResult = { passed, failed: problems.length, skipped, problems };
    const file = process.env['BROWNOUT_TEST_RESULT'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(result));
  }
}
