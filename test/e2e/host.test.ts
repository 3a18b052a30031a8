// The window over the real host: what holds whatever view is open.
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import { e2e } from './lab.ts';

/** Of some seconds in real time, so that there is something to watch. */
const LONG = `name: long one
guest:
  memory: 16GiB
  vcpus: 4
  workloads: [{ name: all, pattern: uniform, rate: 400000 pages/s, region: { size: 12GiB } }]
migration: { bandwidth: 1Gbit/s, downtime_limit: 1ms, timeout: 4 min }
`;

const runningJob = (page: Page): ReturnType<Page['getByText']> => page.getByText('long one').first();

e2e('the window opens from the printed address, finds the engine, and keeps the token out of sight', async (lab) => {
  const page = await lab.open();
  const { engineVersion } = await (await lab.client()).call('app.info', {});
  await page.getByText(`engine ${engineVersion}`).waitFor();
  expect(await page.title()).toContain('Brownout');
  expect(page.url()).toMatch(/#\/$/u);
  // An empty store: the gallery, one click from a running experiment.
  await page.getByText('NIC tracked by the IOMMU').first().waitFor();
  await page.reload();
  await page.getByText(`engine ${engineVersion}`).waitFor();
});

e2e('an address with a place to begin opens there', async (lab) => {
  const page = await lab.open('/runs');
  await page.waitForURL(/#\/runs$/u);
  await page.getByRole('heading', { name: 'Runs', exact: true }).waitFor();
});

e2e('a page that does not know the token says so, and shows nothing of the store', async (lab) => {
  lab.allow(/WebSocket connection to|401/u);
  const { port } = await lab.host();
  const page = await lab.openAddress(`http://127.0.0.1:${port}/#token=${'x'.repeat(43)}`);
  await page
    .getByText(/does not know the token/u)
    .first()
    .waitFor();
  expect(await page.getByText(/^engine \d/u).count()).toBe(0);
});

e2e('two windows see the same job; one that is loaded anew in mid-run sees it go on', async (lab) => {
  const [first, second] = [await lab.open('/runs'), await lab.open('/runs')];
  const client = await lab.client();
  const { id } = await client.call('jobs.start', { from: { text: LONG, fileName: 'long.yaml' } });
  await runningJob(first).waitFor();
  await runningJob(second).waitFor();
  await first.reload();
  await runningJob(first).waitFor();
  const running = (await client.call('jobs.list', {})).find((job) => job.id === id);
  expect(running?.state).toBe('running');
  await client.call('jobs.cancel', { id });
  for (const page of [first, second]) {
    await page.waitForFunction(() => !document.body.innerText.includes('1 running'));
  }
});
