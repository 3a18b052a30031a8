// Runs side by side: what differs, repeats that fold, the baseline, the three alignments, runs that should be identical and are
// not, files that join; then a report of it, looked at before it is written and imported after.
import Database from 'better-sqlite3';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { bundle } from '../../main/bundle/write.ts';
import { Store } from '../../main/store/store.ts';
import { aRun, SMALL } from '../main/report/runs.ts';
import { aChunk, anEvent, aRun as aRecorded, aSummary } from '../main/store/aRun.ts';
import { e2e, type Lab } from './lab.ts';

const drawn = (page: Page): Promise<void> => page.locator('section[aria-label="Over time"][aria-busy=false]').waitFor();
const results = (page: Page): Promise<string> => page.getByRole('region', { name: 'Results' }).innerText();

/** Drops a file on the window, as a person would. */
async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([fileName, base64]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64 ?? ''), (char) => char.charCodeAt(0))], fileName ?? ''));
      return data;
    },
    [name, Buffer.from(bytes).toString('base64')],
  );
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
}

async function fill(lab: Lab, write: (store: Store) => Promise<void>): Promise<void> {
  const store = new Store(lab.storeFile);
  try {
    await write(store);
  } finally {
    store.close();
  }
}

e2e('two set-ups with repeats: judged, pinned, aligned, a patch, a file that joins, a report and back', async (lab) => {
  const narrow = SMALL.replace('512MiB/s', '128MiB/s');
  let bytes = new Uint8Array();
  await fill(lab, async (store) => {
    for (const seed of [1, 2, 3, 4]) await aRun(store, SMALL, { seed });
    for (const seed of [1, 2, 3, 4]) await aRun(store, narrow, { seed, name: 'A narrower link' });
    bytes = Buffer.concat([...bundle(store, 8)]);
    store.discard(8);
  });
  const page = await lab.open('/compare/1,2,3,4,5,6,7');
  await drawn(page);
  const who = page.getByRole('navigation', { name: 'Runs' });
  expect(await who.getByText('4 repeats').count()).toBe(1);
  expect(await who.getByText('3 repeats').count()).toBe(1);
  const differs = page.getByRole('region', { name: 'What differs, field by field' });
  expect(await differs.innerText()).toMatch(/migration\.bandwidth\s+512MiB\/s\s+128MiB\/s/u);
  // Four against three are enough for neither: shown, not judged.
  expect(await results(page)).toMatch(/total time[^]*too few repeats/u);
  expect(await page.locator('.delta.better, .delta.worse').count()).toBe(0);

  await drop(page, 'eighth.brownout', bytes);
  await who.getByText('4 repeats').nth(1).waitFor();
  await drawn(page);
  expect(await results(page)).toMatch(/n 4 and 4, effect 1\.00 \(large\), p 0\.\d+ after Holm/u);
  expect(await page.locator('.delta.worse').count()).toBeGreaterThan(0);

  // Held against the other, what was worse is better.
  await who.getByRole('button', { name: 'Make it the baseline' }).click();
  await page.locator('.delta.better').first().waitFor();
  expect(await (await lab.client()).call('runs.baseline', {})).toEqual({ id: 5 });

  await page.getByText('What would make a of b').click();
  expect(await page.locator('pre.code').innerText()).toContain('migration.bandwidth: 512MiB/s');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy the whole file' }).click();
  await page.getByRole('status').filter({ hasText: /cop/iu }).first().waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect((await (await lab.client()).call('experiments.check', { text: copied })).problems).toEqual([]);
  expect(copied).toContain('512MiB/s');

  for (const [key, align] of [
    ['2', 'stop'],
    ['3', 'round'],
    ['1', 'start'],
  ] as const) {
    await page.keyboard.press(key);
    await page.locator(`[role=radio][aria-checked=true]`, { hasText: align }).waitFor();
    await drawn(page);
    expect(await page.locator('section[aria-label="Over time"] canvas').count()).toBeGreaterThanOrEqual(3);
  }

  // The report: what is typed and chosen is seen before it is written.
  await page.keyboard.press('r');
  const preview = page.getByRole('region', { name: 'The page as it will be' });
  await preview.locator('h1', { hasText: 'A small guest and A narrower link' }).waitFor();
  await page.getByLabel('Title').fill('<b>Wider</b> is better');
  await page.getByLabel('Prose, in Markdown').fill('As **expected**.\n\n| a | b |\n| - | -: |\n| 1 | 2 |');
  await page.getByRole('checkbox', { name: 'Throughput' }).uncheck();
  await preview.locator('h1', { hasText: '<b>Wider</b> is better' }).waitFor();
  await preview.locator('strong', { hasText: 'expected' }).waitFor();
  expect(await preview.locator('figure b').allInnerTexts()).not.toContain('Throughput');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as HTML' }).click();
  const file = await (await download).path();
  const html = readFileSync(file, 'utf8');
  expect(html).toContain('&lt;b&gt;Wider&lt;/b&gt; is better');
  expect(html).toContain('as 8 bundles of');
  await page.keyboard.press('r');
  const printed = page.waitForEvent('download');
  await page.getByRole('button', { name: 'PDF' }).click();
  expect(
    readFileSync(await (await printed).path())
      .subarray(0, 5)
      .toString(),
  ).toBe('%PDF-');
  await drop(page, 'report.html', Buffer.from(html));
  await page.getByText('its runs are here already').waitFor();
});

e2e('fifty runs, and two that should be identical and are not', async (lab) => {
  await fill(lab, async (store) => {
    await aRun(store, SMALL);
    await aRun(store, SMALL);
    for (let i = 3; i <= 50; i++) {
      const writer = store.begin(aRecorded(`run ${i}`));
      writer.samples(aChunk(0, 300));
      writer.event(anEvent(20_000_000));
      writer.finish(aSummary({ downtimeNs: i * 1e6 }), [], `hash ${i}`);
    }
  });
  const db = new Database(lab.storeFile);
  db.prepare('UPDATE run SET hash = ? WHERE id = 2').run('0'.repeat(64));
  db.close();
  const page = await lab.open(`/compare/${Array.from({ length: 50 }, (_, i) => i + 1).join(',')}`);
  await drawn(page);
  await page.getByText('Run 1 and Run 2 should be identical').waitFor();
  const who = page.getByRole('navigation', { name: 'Runs' });
  expect(await who.getByRole('checkbox').count()).toBe(50);
  await who.getByRole('button', { name: 'Take run 2 out' }).click();
  await page.getByText('should be identical').waitFor({ state: 'detached' });
  expect(await who.getByRole('checkbox').count()).toBe(49);
});
