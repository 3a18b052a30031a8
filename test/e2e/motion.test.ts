// Motion only keeps orientation, and there is none for whoever asked their system for less of it.
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import { e2e } from './lab.ts';

/** Runs until the test is over. */
const LONG = `name: long one
guest:
  memory: 16GiB
  vcpus: 4
  workloads: [{ name: all, pattern: uniform, rate: 400000 pages/s, region: { size: 12GiB } }]
migration: { bandwidth: 1Gbit/s, downtime_limit: 1ms, timeout: 4 min }
`;

/** Counts from now on what begins to move, by its name, and for how long. */
function watchMotion(page: Page): Promise<void> {
  return page.evaluate(() => {
    const moved: string[] = [];
    Object.assign(window, { moved });
    const look = (): void => {
      for (const animation of document.getAnimations()) {
        const name =
          animation instanceof CSSTransition
            ? animation.transitionProperty
            : animation instanceof CSSAnimation
              ? animation.animationName
              : 'script';
        const { duration } = animation.effect?.getComputedTiming() ?? {};
        if (Number(duration) > 1) moved.push(`${name} ${String(duration)} ms`);
      }
      requestAnimationFrame(look);
    };
    look();
  });
}
const moved = (page: Page): Promise<string[]> =>
  page.evaluate(() => [...new Set((window as unknown as { moved: string[] }).moved)]);

/** What moves: a section that is folded, a button under the pointer; a dialog does not. */
async function goThrough(page: Page): Promise<void> {
  await page.locator('.cm-content').waitFor();
  await watchMotion(page);
  await page
    .getByRole('button', { name: /^Guest/u })
    .first()
    .click();
  await page.getByRole('button', { name: 'Revert' }).hover();
  await page.keyboard.press('Control+p');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
}

e2e('nothing moves under reduced motion; without it things do', async (lab) => {
  const client = await lab.client();
  const { id } = await client.call('drafts.save', { id: null, name: 'slow', text: LONG, fileName: 'slow.yaml' });
  const calm = await lab.open(`edit/draft/${id}`, { reducedMotion: true });
  await goThrough(calm);
  // A run under way has a light that pulses.
  await calm.keyboard.press('Control+Enter');
  await calm.waitForURL(/#\/run\/\d+$/u);
  await calm.locator('main canvas').first().waitFor();
  expect(await moved(calm)).toEqual([]);
  const usual = await lab.open(`edit/draft/${id}`);
  await goThrough(usual);
  expect(await moved(usual)).not.toEqual([]);
});
