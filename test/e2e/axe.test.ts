// Accessibility rules (WCAG 2.2 AA and good practice) on every view, in both themes, as axe-core finds them.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { AxeResults } from 'axe-core';
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import { e2e } from './lab.ts';
import { fill } from './filled.ts';
import { VIEW_PLACES } from './views.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** `rule: selector` of each violation. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run());
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary = '' }) => `${id}: ${target.join(' ')} ${failureSummary.replace(/\s+/gu, ' ')}`,
    ),
  );
}

for (const theme of ['light', 'dark'] as const) {
  e2e(`axe finds nothing on any view, ${theme}`, async (lab) => {
    const filled = await fill(lab);
    const found: string[] = [];
    for (const { name, path, ready } of VIEW_PLACES) {
      const page = await lab.open(path(filled), { theme, reducedMotion: true });
      await ready(page);
      for (const one of await violations(page)) found.push(`${name}: ${one}`);
      await page.close();
    }
    expect(found).toEqual([]);
  });
}
