// The whole path with keys alone: from the gallery to a finished run, a second one, and both side by side. Wherever the focus goes, it is
// seen.
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import { e2e } from './lab.ts';

interface Focus {
  readonly name: string;
  readonly seen: boolean;
}

/** Where the focus is, and whether a person can see that: marked, on the screen, of some size. */
function focusOf(page: Page): Promise<Focus> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element === null || element === document.body) return { name: 'nothing', seen: false };
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const { top, left, bottom, right, width, height } = element.getBoundingClientRect();
    const inside = top < innerHeight && bottom > 0 && left < innerWidth && right > 0;
    const marked = (outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1) || boxShadow !== 'none';
    const label = element.getAttribute('aria-label') ?? element.textContent;
    return {
      name: `${element.getAttribute('role') ?? element.tagName.toLowerCase()} ${label.trim().replace(/\s+/gu, ' ').slice(0, 60)}`,
      seen: marked && inside && width > 1 && height > 1,
    };
  });
}

const MOST_TABS = 80;

/** Presses Tab until the focus is there; every place on the way must be seen. */
async function tabTo(page: Page, wanted: RegExp): Promise<void> {
  const way: string[] = [];
  for (let i = 0; i < MOST_TABS; i++) {
    await page.keyboard.press('Tab');
    const { name, seen } = await focusOf(page);
    way.push(name);
    // Behind the last place stands the browser's own frame, which a page without one cannot show.
    if (name === 'nothing') continue;
    expect(seen, `the focus is not seen at: ${name}`).toBe(true);
    if (wanted.test(name)) return;
  }
  throw new Error(`no way by Tab to ${String(wanted)}:\n${way.join('\n')}`);
}

e2e('with keys alone: from the gallery to a finished run, a second one, and both compared', async (lab) => {
  const page = await lab.open('', { width: 1024, height: 700 });
  await page.getByText('NIC tracked by the IOMMU').first().waitFor();
  await tabTo(page, /^a Skip to the view/u);
  await tabTo(page, /^button Run\b.*NIC tracked by the IOMMU/u);
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/run\/1$/u);
  await page.getByText(/^Converged in/u).waitFor();

  // The run's own page: a round of everything in it, and back to the gallery by its key.
  await tabTo(page, /^a Skip to the view|^a Experiments/u);
  await tabTo(page, /^button Run again/u);
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/run\/2$/u);
  await page.getByText(/^Converged in/u).waitFor();

  // A change of it, by the palette.
  await page.keyboard.press('Control+p');
  await page.getByRole('dialog').waitFor();
  expect((await focusOf(page)).seen).toBe(true);
  await page.keyboard.type('Go to Runs');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/runs/u);
  await page.getByRole('grid').getByText('NIC tracked by the IOMMU').first().waitFor();

  // Both are chosen in the table, and set side by side.
  await tabTo(page, /^(?:grid|row|gridcell)/u);
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await page.keyboard.press('c');
  await page.waitForURL(/#\/compare\//u);
  await page.getByRole('heading', { name: 'What differs' }).waitFor();
  await tabTo(page, /^radio round/u);

  // What the keys are is one key away; Esc gives the focus back.
  const before = await focusOf(page);
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Find a command, a run or an experiment').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await focusOf(page)).toEqual(before);
});
