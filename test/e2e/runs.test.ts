// The table of runs: ten thousand of them, the filter, what the keys do, and names that want to be more than names.
import Database from 'better-sqlite3';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { aChunk, anEvent, aRun, aSummary } from '../main/store/aRun.ts';
import type { Store } from '../../main/store/store.ts';
import { e2e, type Lab } from './lab.ts';

function keep(store: Store, name: string, downtimeMs: number, lost = 0): number {
  const writer = store.begin(aRun(name));
  writer.samples(aChunk(0, 200));
  writer.event(anEvent(20_000_000));
  writer.finish(
    aSummary({ downtimeNs: downtimeMs * 1e6, pages: { ...aSummary().pages, lost } }),
    [],
    `hash of ${name}`,
  );
  return writer.id;
}

/** Copies of the only run there is, each with a name, a seed and a downtime of its own. */
function multiply(lab: Lab, count: number): void {
  const db = new Database(lab.storeFile);
  const columns = (db.prepare('PRAGMA table_info(run)').all() as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => name !== 'id');
  const row = db.prepare('SELECT * FROM run').get() as Record<string, unknown>;
  const insert = db.prepare(
    `INSERT INTO run (${columns.join(', ')}) VALUES (${columns.map((name) => `@${name}`).join(', ')})`,
  );
  const uid = String(row['uid']);
  db.transaction(() => {
    for (let i = 0; i < count; i++) {
      const last = i.toString(16).padStart(6, '0');
      insert.run({
        ...row,
        uid: uid.slice(0, -6) + last,
        name: `run number ${i}`,
        seed: i,
        downtime_ns: (i + 1) * 1e6,
        created_ms: Number(row['created_ms']) + i,
      });
    }
  })();
  db.close();
}

const status = (page: Page, text: string): Promise<unknown> =>
  page.locator('[role=status]', { hasText: text }).first().waitFor();
const rows = (page: Page): Promise<string[]> => page.locator('.rows .name a').allTextContents();

e2e('ten thousand runs: scrolled, filtered, completed, with few elements at any time', async (lab) => {
  lab.fill((store) => keep(store, 'the first', 0));
  multiply(lab, 10_000);
  const page = await lab.open('/runs');
  await status(page, '10,001 runs');
  const grid = page.getByRole('grid', { name: 'Runs' });
  expect(await grid.getAttribute('aria-rowcount')).toBe('10002');
  expect((await rows(page))[0]).toBe('run number 9999');
  expect(await page.getByRole('row').count()).toBeLessThan(80);

  await grid.focus();
  await page.keyboard.press('End');
  await page.locator('.rows .name a', { hasText: 'the first' }).waitFor();
  expect(await page.getByRole('row').count()).toBeLessThan(80);

  const filter = page.getByRole('combobox', { name: 'Filter of the runs' });
  await page.keyboard.press('/');
  await page.keyboard.type('downt');
  await page
    .getByRole('listbox')
    .getByRole('option', { name: /^downtime/u })
    .first()
    .waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.type('<= 25ms');
  await status(page, '26 of 10,001 runs');
  expect(new URL(page.url()).hash).toContain('filter=');

  // A mistake says where it is, and the table stays as it is.
  await filter.fill('downtime <= 25ns and not (seed in (1,');
  await page.locator('#filter-mistake mark').waitFor();
  await status(page, '26 of 10,001 runs');
  await filter.fill('downtime <= 25ms and not seed in (1, 2)');
  await status(page, '24 of 10,001 runs');

  // Sorted the other way by a click on the head; the address brings it all back.
  await page.getByRole('columnheader', { name: 'Downtime' }).getByRole('button').click();
  await page.waitForFunction(() => document.querySelector('.rows .name a')?.textContent === 'run number 24');
  await page.reload();
  await status(page, '24 of 10,001 runs');
  expect((await rows(page))[0]).toBe('run number 24');
});

e2e('keys choose, set the baseline, tag, delete and bring back; names are only names', async (lab) => {
  const hostile = '<img src=x onerror="document.title=\'owned\'"> \u202Egnp.exe';
  lab.fill((store) => {
    keep(store, 'steady', 10);
    keep(store, hostile, 20);
    keep(store, 'lossy', 30, 4096);
  });
  const page = await lab.open('/runs');
  await status(page, '3 runs');
  expect(await rows(page)).toEqual(['lossy', hostile, 'steady']);
  expect(await page.locator('.rows img').count()).toBe(0);
  expect(await page.title()).not.toContain('owned');
  expect(await page.locator('.rows .cell.lost').textContent()).toContain('4,096');

  await page.getByRole('grid').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await status(page, '1 run chosen');
  await page.keyboard.press('b');
  await page.getByLabel('baseline').waitFor();
  const client = await lab.client();
  expect(await client.call('runs.baseline', {})).toEqual({ id: 2 });

  await page.keyboard.press('t');
  await page.getByLabel('New tag').fill('<script>alert(1)</script>');
  await page.keyboard.press('Enter');
  await page.getByLabel('Note, in Markdown').fill('# note\n<b>bold</b>');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const { row } = await client.call('runs.get', { id: 2 });
  expect(row.tags).toContain('<script>alert(1)</script>');
  expect(row.note).toBe('# note\n<b>bold</b>');

  await page.getByRole('grid').focus();
  await page.keyboard.press('Delete');
  await status(page, '1 run deleted.');
  await status(page, '2 runs');
  await page.getByRole('button', { name: 'Undo' }).click();
  await status(page, '3 runs');

  // The menu of a cell narrows the filter to its value.
  await page.locator('.rows .cell.lost').click({ button: 'right' });
  await page.getByRole('menuitem', { name: /^Only this/u }).click();
  await status(page, '1 of 3 runs');
  expect(await rows(page)).toEqual(['lossy']);
  await page.getByRole('combobox', { name: 'Filter of the runs' }).fill('');
  await status(page, '3 runs');

  // Repeats fold; a group opens its runs.
  await page.getByRole('grid').focus();
  await page.keyboard.press('g');
  await status(page, 'Grouped by Configuration');
  await page.getByRole('table').getByRole('button').first().click();
  await page.getByRole('grid').waitFor();
});
