import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDependencies, PLANTED } from '../../../main/setup/dependencies.ts';
import { aFolder } from '../aFolder.ts';

const violation = (from: string, name: string): object => ({ from, to: 'somewhere', rule: { name } });
const caught = Object.entries(PLANTED).map(([from, rule]) => violation(from, rule));
const report = (sources: readonly string[], violations: readonly object[]): string =>
  JSON.stringify({
    modules: sources.map((source) => ({ source })),
    summary: { totalCruised: sources.length, violations },
  });

function aTree(): string {
  const root = aFolder();
  for (const file of ['engine/core/a.ts', 'main/b.js', 'test/main/planted/engine/core/c.ts']) {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  return root;
}

/** Answers for the tree itself, then for the planted violations. */
const saying =
  (real: string, planted: string) =>
  (_args: readonly string[], cwd: string): Promise<string> =>
    Promise.resolve(cwd.includes('planted') ? planted : real);

describe('the check of the dependency rule', () => {
  const all = ['engine/core/a.ts', 'main/b.js'];

  it('passes with every file read and every planted violation caught', async () => {
    const passed = checkDependencies(aTree(), saying(report(all, []), report([], caught)));
    expect(await passed).toBe(`2 modules, ${caught.length} planted violations caught`);
  });

  it.each([
    [
      'there is a violation',
      report(all, [violation('main/b.js', 'a rule')]),
      report([], caught),
      /a rule: main\/b\.js/,
    ],
    ['the tool read nothing', report([], []), report([], caught), /did not read: engine\/core\/a\.ts, main\/b\.js/],
    ['a planted one slips through', report(all, []), report([], caught.slice(1)), /climbs\.ts was not caught/],
    ['it is caught by another rule', report(all, []), report([], [violation('x', 'y')]), /climbs\.ts was not caught/],
  ])('fails when %s', async (_, real, planted, message) => {
    await expect(checkDependencies(aTree(), saying(real, planted))).rejects.toThrow(message);
  });
});
