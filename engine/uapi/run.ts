// Running a script: every step, whatever earlier ones answered, and what each answered. A script that turns out to be
// wrong while it runs ends there; that is a problem of the script, not an answer.
import { CALLS } from './calls.ts';
import type { Answer } from './answers.ts';
import { callIommufd, isIommufdIoctl } from './call-iommufd.ts';
import { VFIO_CALLS } from './call-vfio.ts';
import { difference } from './compare.ts';
import type { Difference } from './compare.ts';
import { Lab } from './lab.ts';
import { Bindings, Operands } from './operands.ts';
import { ScriptError } from './problems.ts';
import type { ScriptProblem } from './problems.ts';
import { readReference } from './script.ts';
import type { Expectation, Script } from './script.ts';
import { VERBS } from './verbs.ts';
import type { Type1Rules } from '../vfio/type1-rules.ts';

/** What one step answered, and whether that was expected. */
export interface StepResult {
  readonly script: string;
  readonly step: number;
  readonly call: string;
  readonly answer: Answer;
  /** Where it differs from the expectation, if there is one and it does. */
  readonly mismatch: Difference | undefined;
}

export interface RunOptions {
  /** Not Linux: another of the container's rule variants. */
  readonly type1Rules?: Type1Rules;
}

/** Runs a script; hands on each step's result as it comes. Answers the problem that ended it early, if one did. */
export function runScript(
  script: Script,
  emit: (result: StepResult) => void,
  options: RunOptions = {},
): ScriptProblem | undefined {
  const lab = new Lab(script.machine, options.type1Rules);
  const bindings = new Bindings();
  for (const device of lab.devices.values()) {
    if (device.bound === undefined) continue;
    bindings.bind(device.spec.name, { out: new Map([['dev_id', device.bound.id]]), primary: 'dev_id' });
  }
  for (let i = 0; i < script.steps.length; i++) {
    const { call, args, as, expect } = script.steps[i]!;
    try {
      lab.spendOnStep();
      const answer = perform(lab, call, new Operands(args, bindings));
      const mismatch = expect && compare(expect, answer, bindings);
      if (as !== undefined && answer.errno === undefined) {
        bindings.bind(as, { out: answer.out, primary: CALLS[call]?.primary });
      }
      emit({ script: script.name, step: i, call, answer, mismatch });
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      return {
        file: script.file,
        script: script.name,
        step: i,
        path: `steps[${i}].${error.path}`,
        message: error.message,
      };
    }
  }
  return undefined;
}

function perform(lab: Lab, call: string, operands: Operands): Answer {
  if (isIommufdIoctl(call)) return callIommufd(lab, call, operands);
  const perform = VFIO_CALLS[call] ?? VERBS[call];
  if (perform === undefined) throw new ScriptError('call', `unknown call ${call}`);
  return perform(lab, operands);
}

function compare(expect: Expectation, answer: Answer, bindings: Bindings): Difference | undefined {
  if (expect.errno !== answer.errno) {
    return { path: '', expected: expect.errno ?? 'ok', actual: answer.errno ?? 'ok' };
  }
  if (expect.out === undefined) return undefined;
  const resolve = (text: string): ReturnType<Bindings['value']> => bindings.value(readReference(text)!, 'expect.out');
  return difference(expect.out, answer.out, resolve, 'out');
}
