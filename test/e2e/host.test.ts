// The window over the real host: what holds whatever view is open.
import { expect } from 'vitest';
import { e2e } from './lab.ts';

e2e('the window opens from the printed address, finds the engine, and keeps the token out of sight', async (lab) => {
  const page = await lab.open();
  const { engineVersion } = await (await lab.client()).call('app.info', {});
  await page.getByText(`engine ${engineVersion}`).waitFor();
  expect(await page.title()).toContain('Brownout');
  expect(page.url()).not.toContain('token');
});
