import { expect } from 'vitest';
import { SMALL_SWEEP } from '../main/sweeps/aSweep.ts';
import { e2e } from './lab.ts';

const EXPERIMENT = SMALL_SWEEP.slice(0, SMALL_SWEEP.indexOf('sweep:'));

e2e('a sweep is built from an experiment, runs, and its points are filtered, sorted and opened', async (lab) => {
  const client = await lab.client();
  await client.call('drafts.save', { id: null, name: 'Small guest', text: EXPERIMENT, fileName: 'small.yaml' });
  const page = await lab.open('/sweeps');
  await page.getByRole('heading', { name: 'How does it depend on …?' }).waitFor();
  await page.getByRole('button', { name: 'New sweep' }).click();

  await page.getByLabel('Experiment').selectOption({ label: 'Small guest' });
  await page.getByLabel('Add a field').fill('bandwidth');
  await page.getByRole('button', { name: /^migration\.bandwidth / }).click();
  const bandwidth = page.getByRole('group', { name: 'migration.bandwidth' });
  await bandwidth.getByLabel('From').fill('500Mbit/s');
  await bandwidth.getByLabel('To').fill('2Gbit');
  // What is wrong is told before anything runs.
  await page.getByText(/"2Gbit" is not a rate/).waitFor();
  expect(await page.getByRole('button', { name: 'Start' }).isDisabled()).toBe(true);
  await bandwidth.getByLabel('To').fill('2Gbit/s');
  await bandwidth.getByLabel(/steps/).fill('3');
  await page.getByLabel('Add a field').fill('downtime_limit');
  await page.getByRole('button', { name: /^migration\.downtime_limit / }).click();
  const limit = page.getByRole('group', { name: 'migration.downtime_limit' });
  await limit.getByLabel('Values of migration.downtime_limit').selectOption('list');
  await limit.getByLabel('List of values').fill('20ms, 200ms');
  await page.getByLabel('Seeds').fill('2');
  await page.getByText('12 runs').waitFor();
  await page.getByRole('button', { name: 'Start' }).click();

  await page.getByText('12 of 12 points').waitFor();
  await page.getByText('finished', { exact: true }).waitFor();
  const scatter = page.getByRole('figure', { name: 'Scatter' });
  await page.waitForFunction(() => document.querySelectorAll('[data-point]').length === 12);
  await scatter.getByText(/Pareto front: \d/).waitFor();
  await page
    .getByRole('figure', { name: 'Heat map' })
    .getByRole('button', { name: /bandwidth 2Gbit\/s|bandwidth 2000/ })
    .first()
    .waitFor();

  // A range on an axis, drawn with keys: only points with the greater limit are left, everywhere.
  const axis = page.getByRole('slider', { name: 'Range of downtime limit' });
  await axis.focus();
  await page.keyboard.press('ArrowUp');
  const kept = page.getByText(/^\d+ of 12 points$/).last();
  await kept.waitFor();
  await page.waitForFunction(() => document.querySelectorAll('[data-point]').length < 12);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelectorAll('[data-point]').length === 12);

  await page.getByRole('button', { name: 'Downtime', exact: true }).click();
  const table = page.getByRole('table');
  expect(await table.getByRole('row').count()).toBe(13);
  await scatter.locator('[data-point]').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash.startsWith('#/run/'));
});

e2e('a sweep under way is paused and resumed from its view, and forgotten from the list', async (lab) => {
  const client = await lab.client();
  // Far more than any machine finishes between two clicks.
  const text = SMALL_SWEEP.replace('seeds: 2', 'seeds: 500');
  const { id } = await client.call('sweeps.start', { text, fileName: 'small.yaml' });
  const page = await lab.open(`/sweeps/${id}`, { width: 1024, height: 700, theme: 'dark' });
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  const { sweep } = await client.call('sweeps.get', { id });
  expect(sweep.status).toBe('paused');
  expect(sweep.done).toBeLessThan(2000);
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByText(/^[1-9][\d,]* of 2,000 points/u).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await page.goto(page.url().replace(/#.*/u, '#/sweeps'));
  await page.getByRole('button', { name: `Forget sweep ${id}, keep its runs` }).click();
  await page.getByRole('heading', { name: 'How does it depend on …?' }).waitFor();
  expect((await client.call('runs.count', { filter: '' })).count).toBeGreaterThan(0);
});
