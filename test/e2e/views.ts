// Every view there is, for pictures (npm run screenshots) and for what must hold on each of them (axe.test.ts). Add a line with a view.
import type { Page } from 'playwright-core';
import { EXAMPLES, type Filled } from './filled.ts';

export interface ViewPlace {
  readonly name: string;
  /** As the router writes it. */
  readonly path: (filled: Filled) => string;
  /** Resolves when there is something to look at. */
  readonly ready: (page: Page) => Promise<unknown>;
  /** What opens over it, one after the other. */
  readonly openings?: readonly Opening[];
}

export interface Opening {
  readonly name: string;
  /** A selector of what opens. */
  readonly within: string;
  /** Resolves when it is there. */
  readonly open: (page: Page) => Promise<unknown>;
  /** Resolves when it is gone. */
  readonly close: (page: Page) => Promise<unknown>;
}

const FLOATING = '[role=dialog], [role=menu]';
const gone = async (page: Page): Promise<void> => {
  await page.keyboard.press('Escape');
  await page.locator(FLOATING).first().waitFor({ state: 'detached' });
};
const byKey = (name: string, key: string): Opening => ({
  ...{ name, within: FLOATING },
  open: async (page) => {
    await page.keyboard.press(key);
    await page.locator(FLOATING).first().waitFor();
  },
  close: gone,
});
export const byButton = (name: string, button: RegExp): Opening => ({
  ...{ name, within: FLOATING },
  open: async (page) => {
    await page.getByRole('button', { name: button }).first().click();
    await page.locator(FLOATING).first().waitFor();
  },
  close: gone,
});

/** Two files dropped: one that is no result of anybody, one that is no file of ours. */
const failedImport: Opening = {
  name: 'failed-import',
  within: '.toasts',
  open: async (page) => {
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['{"nobody": "knows"}'], 'log.json'));
      dataTransfer.items.add(new File(['x'], 'picture.png'));
      dispatchEvent(new DragEvent('drop', { dataTransfer }));
    });
    await page.getByText('picture.png is no file that Brownout reads').waitFor();
  },
  close: async (page) => {
    const dismiss = page.getByRole('button', { name: 'Dismiss' });
    while ((await dismiss.count()) > 0) await dismiss.first().click();
  },
};

export const heading = (page: Page): Promise<unknown> => page.locator('main').getByRole('heading').first().waitFor();
export const canvas = (page: Page): Promise<unknown> => page.locator('main canvas').first().waitFor();

export const compared = async (page: Page): Promise<void> => {
  await page.getByRole('heading', { name: 'What differs' }).waitFor();
  await canvas(page);
};

export const VIEW_PLACES: readonly ViewPlace[] = [
  { name: 'experiments', path: () => 'experiments', ready: heading },
  {
    name: 'editor',
    path: ({ draftId }) => `edit/draft/${draftId}`,
    ready: (page) => page.locator('.cm-content').waitFor(),
  },
  {
    name: 'runs',
    path: () => 'runs',
    ready: (page) => page.locator('main').getByText(EXAMPLES.tracked.shows).first().waitFor(),
    openings: [byKey('palette', 'Control+p'), byKey('keys', '?'), byButton('export', /^Export/u), failedImport],
  },
  { name: 'run', path: ({ runIds }) => `run/${runIds.tracked}`, ready: canvas },
  { name: 'run-lost-pages', path: ({ runIds }) => `run/${runIds.lost}`, ready: canvas },
  {
    name: 'compare',
    path: ({ runIds }) => `compare/${runIds.tracked},${runIds.lost}`,
    ready: compared,
    openings: [byButton('report', /^Report/u)],
  },
  { name: 'sweeps', path: () => 'sweeps', ready: heading },
  {
    name: 'sweep',
    path: ({ sweepId }) => `sweeps/${sweepId}`,
    ready: (page) => page.locator('[data-point]').first().waitFor(),
  },
];
