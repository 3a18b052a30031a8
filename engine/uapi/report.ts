// What a runner tells of a step: an object with the actual result, and for people one line per mismatch.
import { plain } from './compare.ts';
import type { StepResult } from './run.ts';

export const RESULT_FORMAT = 'uapi-result/1';

/** The step's result as JSON.stringify takes it: `ok` or `errno`, and `out` if there is any. */
export function resultObject(result: StepResult): object {
  const { script, step, call, answer } = result;
  const outcome = answer.errno === undefined ? { ok: true } : { errno: answer.errno };
  const out = answer.out.size === 0 ? {} : { out: plain(answer.out) };
  return { script, step, call, ...outcome, ...out };
}

/** `script step call: reason`. */
export function mismatchLine(result: StepResult): string {
  const { path, expected, actual } = result.mismatch!;
  const where = path === '' ? '' : `${path}: `;
  return `${result.script} ${result.step} ${result.call}: ${where}expected ${expected}, got ${actual}`;
}
