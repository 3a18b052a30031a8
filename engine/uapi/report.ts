// What a runner prints of a step: one JSON object with the actual result, and for people one line per mismatch.
import { plain } from './compare.ts';
import type { StepResult } from './run.ts';

export const RESULT_FORMAT = 'uapi-result/1';

/** One line of JSON: `ok` or `errno`, and `out` if there is any. */
export function resultLine(result: StepResult): string {
  const { script, step, call, answer } = result;
  const outcome = answer.errno === undefined ? { ok: true } : { errno: answer.errno };
  const out = answer.out.size === 0 ? {} : { out: plain(answer.out) };
  return JSON.stringify({ script, step, call, ...outcome, ...out });
}

/** `script step call: reason`. */
export function mismatchLine(result: StepResult): string {
  const { path, expected, actual } = result.mismatch!;
  const where = path === '' ? '' : `${path}: `;
  return `${result.script} ${result.step} ${result.call}: ${where}expected ${expected}, got ${actual}`;
}
