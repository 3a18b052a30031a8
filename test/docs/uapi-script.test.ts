import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CALLS } from '../../engine/uapi/calls.ts';
import { parseScripts } from '../../engine/uapi/parse.ts';
import { runScript } from '../../engine/uapi/run.ts';
import { TYPE1_RULES } from '../../engine/vfio/type1-rules.ts';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'uapi-script.md'), 'utf8');

describe('docs/uapi-script.md', () => {
  it('names every call and every rule variant', () => {
    for (const name of [...Object.keys(CALLS), ...Object.keys(TYPE1_RULES)]) expect(text).toContain(`\`${name}\``);
  });

  it('shows a script that runs as it says', () => {
    const example = /```json\n(.*?)```/su.exec(text)![1]!;
    const { scripts, problems } = parseScripts([{ name: 'example', text: example }]);
    expect(problems).toEqual([]);
    const outcomes: unknown[] = [];
    runScript(scripts[0]!, ({ answer, mismatch }) => outcomes.push(answer.errno ?? mismatch ?? 'met'));
    expect(outcomes).toEqual(Array(7).fill('met'));
  });
});
