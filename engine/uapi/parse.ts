// Reading script files: text to checked scripts, or all that is wrong with them.
//
// Strict on purpose: an unknown key is more often a mistyped rule than an extension. Names are unique over all files of a
// run; a reference must name an earlier step or a device. Bounds on files, scripts and steps keep any input harmless.
import { isErrno } from '../core/errno.ts';
import { CALLS } from './calls.ts';
import { JsonTextError, isArray, isObject, readJson } from './json-text.ts';
import type { JsonObject, JsonValue } from './json-text.ts';
import { MATCHERS, checkPattern } from './compare.ts';
import { parseArguments } from './parse-arguments.ts';
import { parseMachine } from './parse-machine.ts';
import { Problems } from './problems.ts';
import type { ScriptProblem } from './problems.ts';
import { SCRIPT_FORMAT } from './script.ts';
import type { Expectation, MachineSpec, Script, Step } from './script.ts';
import { suggestion } from './suggest.ts';

const SCRIPTS_MAX = 100_000;
const STEPS_MAX = 10_000;
const NAME_LENGTH_MAX = 200;
const BOUND_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

export interface ScriptFile {
  readonly name: string;
  readonly text: string;
}

export interface ParsedScripts {
  readonly scripts: readonly Script[];
  readonly problems: readonly ScriptProblem[];
}

/** Reads all files of a run. Scripts are only worth running if there are no problems. */
export function parseScripts(files: readonly ScriptFile[]): ParsedScripts {
  const scripts: Script[] = [];
  const all: ScriptProblem[] = [];
  const names = new Map<string, string>();
  for (const file of files) {
    const problems = new Problems(file.name);
    for (const script of parseFile(file, problems)) {
      const before = names.get(script.name);
      problems.script = script.name;
      if (before !== undefined) problems.add('name', `a script of this name is in ${before}`);
      else names.set(script.name, file.name);
      scripts.push(script);
    }
    all.push(...problems.list);
  }
  return { scripts, problems: all };
}

function parseFile(file: ScriptFile, problems: Problems): Script[] {
  let document: JsonValue;
  try {
    document = readJson(file.text);
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    problems.add('', `line ${error.line}, column ${error.column}: ${error.message}`);
    return [];
  }
  const list = isArray(document) ? document : [document];
  if (list.length > SCRIPTS_MAX) problems.add('', `a file may have ${SCRIPTS_MAX} scripts`);
  return list.slice(0, SCRIPTS_MAX).map((value, i) => parseScript(value, isArray(document) ? i : undefined, problems));
}

function parseScript(value: JsonValue, index: number | undefined, problems: Problems): Script {
  problems.step = undefined;
  const given = isObject(value) ? value.get('name') : undefined;
  const name = typeof given === 'string' ? given : '';
  problems.script = name === '' ? (index === undefined ? undefined : `script ${index}`) : name;
  const object = checkedObject(value, '', ['format', 'name', 'source', 'machine', 'steps'], problems);
  if (object.get('format') !== SCRIPT_FORMAT) problems.add('format', `"${SCRIPT_FORMAT}" was expected`);
  if (name === '' || name.length > NAME_LENGTH_MAX) {
    problems.add('name', `a name of 1 to ${NAME_LENGTH_MAX} characters was expected`);
  }
  const source = object.get('source');
  if (source !== undefined && typeof source !== 'string') problems.add('source', 'a string was expected');
  const machine = parseMachine(object.get('machine'), problems);
  const steps = object.get('steps');
  const list = isArray(steps) ? steps : [];
  if (!isArray(steps)) problems.add('steps', 'an array was expected');
  if (list.length > STEPS_MAX) problems.add('steps', `a script may have ${STEPS_MAX} steps`);
  const script: Script = {
    file: problems.file,
    name,
    source: typeof source === 'string' ? source : undefined,
    machine,
    steps: parseSteps(list.slice(0, STEPS_MAX), machine, problems),
  };
  problems.step = undefined;
  return script;
}

function parseSteps(list: readonly JsonValue[], machine: MachineSpec, problems: Problems): Step[] {
  const bound = new Set<string>();
  if (machine.container === 'iommufd') {
    for (const device of machine.devices) if (device.kind === 'pci') bound.add(device.name);
  }
  return list.map((value, i) => {
    problems.step = i;
    const step = parseStep(value, machine, bound, problems, `steps[${i}]`);
    if (step.as !== undefined) bound.add(step.as);
    return step;
  });
}

function parseStep(
  value: JsonValue,
  machine: MachineSpec,
  bound: ReadonlySet<string>,
  problems: Problems,
  path: string,
): Step {
  const object = checkedObject(value, path, ['call', 'args', 'as', 'expect'], problems);
  const call = object.get('call');
  const spec = typeof call === 'string' && Object.hasOwn(CALLS, call) ? CALLS[call] : undefined;
  if (spec === undefined) {
    const hint = typeof call === 'string' ? suggestion(call, Object.keys(CALLS)) : '';
    problems.add(`${path}.call`, `unknown call${hint}`);
  }
  if (call === 'device.replace' && machine.container !== 'iommufd') {
    problems.add(`${path}.call`, 'a type1 container cannot replace');
  }
  const as = object.get('as');
  if (as !== undefined && (typeof as !== 'string' || !BOUND_NAME.test(as))) {
    problems.add(`${path}.as`, 'a name was expected: a letter, then letters, digits, _ and -');
  }
  const scope = { machine, bound, problems };
  return {
    call: typeof call === 'string' ? call : '',
    args: spec === undefined ? new Map() : parseArguments(spec, object.get('args'), scope, `${path}.args`),
    as: typeof as === 'string' ? as : undefined,
    expect: parseExpectation(object.get('expect'), bound, problems, `${path}.expect`),
  };
}

function parseExpectation(
  value: JsonValue | undefined,
  bound: ReadonlySet<string>,
  problems: Problems,
  path: string,
): Expectation | undefined {
  if (value === undefined) return undefined;
  const object = checkedObject(value, path, ['ok', 'errno', 'out'], problems);
  const success = object.get('ok');
  const errno = object.get('errno');
  if ((success === undefined) === (errno === undefined)) problems.add(path, 'either ok or errno was expected');
  if (success !== undefined && success !== true) problems.add(`${path}.ok`, 'true was expected');
  const out = object.get('out');
  if (out !== undefined) {
    if (isObject(out) && ![...out.keys()].some((key) => MATCHERS.includes(key)))
      checkPattern(out, bound, problems, `${path}.out`);
    else problems.add(`${path}.out`, 'an object was expected');
  }
  if (errno === undefined) return { errno: undefined, out };
  if (typeof errno !== 'string' || !isErrno(errno)) {
    problems.add(`${path}.errno`, 'the name of an errno was expected, such as "EINVAL"');
    return undefined;
  }
  return { errno, out };
}

function checkedObject(value: JsonValue, path: string, keys: readonly string[], problems: Problems): JsonObject {
  if (!isObject(value)) {
    problems.add(path, 'an object was expected');
    return new Map();
  }
  for (const key of value.keys()) {
    const at = path === '' ? key : `${path}.${key}`;
    if (!keys.includes(key)) problems.add(at, `unknown key${suggestion(key, keys)}`);
  }
  return value;
}
