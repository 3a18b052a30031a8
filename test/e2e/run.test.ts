// The page of a run: from the verdict to the step that lost a page, the keys of the axis, statistics of a stretch, hostile names.
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { e2e } from './lab.ts';

const drawn = (page: Page): Promise<unknown> => page.locator('main canvas').first().waitFor();
/** What is shown stands in the address, a moment after it was moved. */
const viewOf = (page: Page): Promise<string | null> =>
  page.evaluate(() => new URLSearchParams(location.hash.split('?')[1] ?? '').get('from'));

e2e('lost pages come first, and a click leads to the step that lost them', async (lab) => {
  const id = await lab.runExample('06');
  const page = await lab.open(`/run/${id}`);
  await drawn(page);
  const verdict = page.getByLabel('Verdict');
  expect((await verdict.textContent())?.trim()).toMatch(/^[\d,]+ pages lost/u);
  await verdict.getByRole('button').first().click();
  const losses = page.getByRole('tabpanel', { name: /Lost pages/u });
  await losses.getByText('unmapped without reading the Dirty bit').first().waitFor();
  expect(await losses.textContent()).toContain('nic0');
  expect(await losses.textContent()).toMatch(/0x[\da-f]+/u);
  // The axis shows the moment of that step.
  await page.waitForFunction(() => location.hash.includes('from='));
});

e2e(
  'the axis is moved by keys, selected by dragging, and what is selected is counted from every sample',
  async (lab) => {
    const id = await lab.runExample('01');
    const page = await lab.open(`/run/${id}`);
    await drawn(page);
    await page.keyboard.press('w');
    await page.waitForFunction(() => location.hash.includes('from='));
    const before = Number(await viewOf(page));
    await page.keyboard.press('d');
    await page.waitForFunction(
      (from) => Number(new URLSearchParams(location.hash.split('?')[1]).get('from')) > from,
      before,
    );
    await page.keyboard.press('Home');
    await page.waitForFunction(() => !location.hash.includes('from='));
    await page.keyboard.press('m');
    await page.getByRole('tab', { name: 'Selection' }).click();
    const row = page.getByRole('row', { name: /throughput/u });
    await row.waitFor();
    const { row: run } = await (await lab.client()).call('runs.get', { id });
    expect(await row.textContent()).toContain(run.sampleCount.toLocaleString('en-US').slice(0, 2));
    await page.keyboard.press('q');
    await page.getByRole('tabpanel').waitFor({ state: 'detached' });
  },
);

e2e('a name that wants to be more than a name is a name', async (lab) => {
  const id = await lab.runExample('06');
  const name = '<img src=x onerror=alert(1)> \u202e مرحبا '.repeat(5).slice(0, 200);
  await (await lab.client()).call('runs.rename', { id, name });
  await (await lab.client()).call('runs.note', { id, note: '<script>alert(2)</script>' });
  await (await lab.client()).call('runs.tag', { ids: [id], add: ['<b>x</b>'], remove: [] });
  const page = await lab.open(`/run/${id}`);
  await drawn(page);
  expect(await page.locator('main h1').textContent()).toBe(name);
  expect(await page.locator('main img[src=x], main script').count()).toBe(0);
});
