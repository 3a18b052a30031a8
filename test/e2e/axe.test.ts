// Accessibility rules (WCAG 2.2 AA and good practice) on every view, in both themes, and on what opens over them, as axe-core finds them.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { AxeResults } from 'axe-core';
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import { e2e } from './lab.ts';
import { fill } from './filled.ts';
import { VIEW_PLACES } from './views.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** `rule: selector` of each violation in the first element that matches. */
async function violations(page: Page, within = 'html'): Promise<string[]> {
  await page.evaluate(AXE);
  const results = await page.evaluate(
    (selector) => (window as unknown as { axe: { run(where: string): Promise<AxeResults> } }).axe.run(selector),
    within,
  );
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary = '' }) => `${id}: ${target.join(' ')} ${failureSummary.replace(/\s+/gu, ' ')}`,
    ),
  );
}

/** In both themes, one after the other on the same page. */
async function inBothThemes(page: Page, name: string, within?: string): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const one of await violations(page, within)) found.push(`${name}, ${colorScheme}: ${one}`);
  }
  return found;
}

e2e('axe finds nothing on any view, in either theme', async (lab) => {
  const filled = await fill(lab);
  const found: string[] = [];
  for (const { name, path, ready, openings = [] } of VIEW_PLACES) {
    const page = await lab.open(path(filled), { reducedMotion: true });
    await ready(page);
    found.push(...(await inBothThemes(page, name)));
    for (const opening of openings) {
      await opening.open(page);
      found.push(...(await inBothThemes(page, `${name}, ${opening.name}`, opening.within)));
      await opening.close(page);
    }
    await page.close();
  }
  expect(found).toEqual([]);
});
