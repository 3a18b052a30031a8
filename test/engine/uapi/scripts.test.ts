import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mismatchLine } from '../../../engine/uapi/report.ts';
import { parseScripts } from '../../../engine/uapi/parse.ts';
import { runScript, type StepResult } from '../../../engine/uapi/run.ts';
import type { Expectation, Script } from '../../../engine/uapi/script.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures');

/** The script files of a folder of fixtures. */
function filesOf(folder: string): { name: string; text: string }[] {
  return readdirSync(join(FIXTURES, folder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, text: readFileSync(join(FIXTURES, folder, name), 'utf8') }));
}

const FILES = filesOf('uapi');
const { scripts, problems } = parseScripts(FILES);

function run(script: Script): StepResult[] {
  const results: StepResult[] = [];
  expect(runScript(script, (result) => results.push(result))).toBeUndefined();
  return results;
}

const mismatches = (results: readonly StepResult[]): string[] =>
  results.filter(({ mismatch }) => mismatch !== undefined).map(mismatchLine);

describe('published scripts', () => {
  it('are all well formed', () => {
    expect(problems).toEqual([]);
    expect(scripts.length).toBe(142);
    expect(scripts.flatMap(({ steps }) => steps).filter((step) => step.expect !== undefined).length).toBe(1516);
  });

  describe.each(FILES.map(({ name }) => basename(name)))('%s', (file) => {
    it.each(scripts.filter((script) => script.file === file))('$name', (script) => {
      const results = run(script);
      expect(results.length).toBe(script.steps.length);
      expect(mismatches(results)).toEqual([]);
    });
  });
});

describe('scripts derived from the rules', () => {
  const derived = parseScripts(filesOf('uapi-derived'));

  it('are all well formed', () => {
    expect(derived.problems).toEqual([]);
    expect(derived.scripts.length).toBe(122);
  });

  it.each(derived.scripts)('$name', (script) => {
    expect(mismatches(run(script))).toEqual([]);
  });
});

describe('a comparison', () => {
  const opposite = ({ errno }: Expectation): Expectation => ({
    errno: errno === undefined ? 'EXDEV' : undefined,
    out: undefined,
  });
  const altered = (script: Script, alter: (step: Script['steps'][number]) => Script['steps'][number]): Script => ({
    ...script,
    steps: script.steps.map(alter),
  });

  it('notices every outcome that is not the expected one', () => {
    for (const script of scripts) {
      const wrong = altered(script, (step) => ({ ...step, expect: opposite(step.expect!) }));
      expect(mismatches(run(wrong)).length, script.name).toBe(script.steps.length);
    }
  });

  it('notices an output that is not there', () => {
    for (const script of scripts) {
      const wrong = altered(script, (step) => ({
        ...step,
        expect: { ...step.expect!, out: new Map([['no_such_output', 0]]) },
      }));
      expect(mismatches(run(wrong)).length, script.name).toBe(script.steps.length);
    }
  });
});
