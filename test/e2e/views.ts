// Every view there is, for pictures (npm run screenshots) and for what must hold on each of them (axe.test.ts). Add a line with a view.
import type { Page } from 'playwright-core';
import { EXAMPLES, type Filled } from './filled.ts';

export interface ViewPlace {
  readonly name: string;
  /** As the router writes it. */
  readonly path: (filled: Filled) => string;
  /** Resolves when there is something to look at. */
  readonly ready: (page: Page) => Promise<unknown>;
}

const heading = (page: Page): Promise<unknown> => page.locator('main').getByRole('heading').first().waitFor();
const canvas = (page: Page): Promise<unknown> => page.locator('main canvas').first().waitFor();

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
  },
  { name: 'run', path: ({ runIds }) => `run/${runIds.tracked}`, ready: canvas },
  { name: 'run-lost-pages', path: ({ runIds }) => `run/${runIds.lost}`, ready: canvas },
  {
    name: 'compare',
    path: ({ runIds }) => `compare/${runIds.tracked},${runIds.lost}`,
    ready: (page) => page.locator('main').waitFor(),
  },
  { name: 'sweeps', path: () => 'sweeps', ready: (page) => page.locator('main').waitFor() },
];
