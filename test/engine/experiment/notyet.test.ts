import { describe, expect, it } from 'vitest';
import { NOT_YET } from '../../../engine/experiment/notyet.ts';
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import type { JsonSchema } from '../../../engine/experiment/jsonschema.ts';
import { parseExperiment } from '../../../engine/experiment/parse.ts';

function exists(at: JsonSchema, steps: readonly string[]): boolean {
  const [step, ...rest] = steps;
  if (step === undefined) return true;
  const variants = [at, ...(at.anyOf ?? []), ...(at.oneOf ?? [])] as JsonSchema[];
  return variants.some((variant) => {
    const next = (step === '[]' ? variant.items : variant.properties?.[step]) as JsonSchema | undefined;
    return next !== undefined && exists(next, rest);
  });
}

describe('what is not simulated yet', () => {
  it.each(NOT_YET.map(({ path }) => path))('%s is a field of the schema', (path) => {
    expect(exists(experimentJsonSchema(), path.replaceAll('[]', '.[]').split('.'))).toBe(true);
  });

  it('is refused where it is written, and accepted by those who only edit', () => {
    if (!NOT_YET.some(({ path }) => path === 'migration.postcopy.enabled')) return;
    const text = 'name: x\nguest: {memory: 1GiB}\nmigration:\n  postcopy: true\n';
    const refused = parseExperiment(text, { fileName: 'x.yaml' });
    expect(refused.ok ? [] : refused.problems).toMatchObject([
      { line: 4, column: 13, path: 'migration.postcopy', message: 'post-copy is not simulated yet' },
    ]);
    expect(parseExperiment(text, { fileName: 'x.yaml', unsupported: 'accept' }).ok).toBe(true);
  });
});
