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
  // The step of the unmap, and the entry that it destroyed: VT-d, present and dirty (bits 0, 1 and 9).
  const told = (await losses.textContent()) ?? '';
  expect(told).toMatch(/policy\s*unmap-only/u);
  expect(told).toMatch(/step\s*remove/u);
  const before = BigInt(/PTE before\s*(0x[\da-f]{16})/u.exec(told)![1]!);
  expect(before & 0x203n).toBe(0x203n);
  expect(told).toMatch(/PTE after\s*0x0{16}/u);
  // The axis shows the moment of that step, and the heat map its pages; a click on lost pages there leads back to it.
  await page.waitForFunction(() => location.hash.includes('from='));
  const shown = page.locator('.chosen').first();
  await shown.waitFor({ state: 'attached' });
  await page.keyboard.press('Escape');
  await shown.waitFor({ state: 'detached' });
  await page.keyboard.press('q');
  await page.keyboard.press('Home');
  const heat = page.getByRole('img', { name: /^Heat map/u });
  await heat.scrollIntoViewIfNeeded();
  const client = await lab.client();
  const [loss] = (await client.call('runs.losses', { id })).losses;
  const { totalPages } = (await client.call('runs.heat', { id })) as { totalPages: number };
  const [first, count] = loss!.runs[0]!;
  const { width, height } = (await heat.boundingBox())!;
  const y = (1 - (first + count / 2) / totalPages) * height;
  await heat.click({ position: { x: width * 0.95, y } });
  await page.locator('[role=option][aria-selected=true]').getByText('unmapped without reading the Dirty bit').waitFor();
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
    // Every event in the order of time, splits and faults too; kinds that are not listed are passed over.
    const client = await lab.client();
    const { events } = await client.call('runs.events', { id, from: 0, limit: 1000 });
    const inTime = [...events].sort((a, b) => a.timeNs - b.timeNs || a.number - b.number);
    await page.getByRole('tab', { name: /^Events/u }).click();
    const chosen = page.getByRole('listbox', { name: 'Events' });
    for (const one of inTime.slice(0, 4)) {
      await page.keyboard.press('.');
      await page.locator(`#event-${one.number}[aria-selected=true]`).waitFor();
    }
    await page.keyboard.press(',');
    await page.locator(`#event-${inTime[2]!.number}[aria-selected=true]`).waitFor();
    await page.getByRole('group', { name: 'Kinds of events that are listed' }).getByText('none').click();
    await page.getByRole('button', { name: /^stop/u }).click();
    await page.keyboard.press('.');
    await chosen.getByRole('option', { selected: true }).getByText('guest stopped').waitFor();
    await page.keyboard.press('Escape');
    await chosen.getByRole('option', { selected: true }).waitFor({ state: 'detached' });
    // A panel is collapsed, sized and sized back; that is kept.
    const size = page.getByRole('separator', { name: 'Height of Pages left' });
    const usual = Number(await size.getAttribute('aria-valuenow'));
    await size.focus();
    await page.keyboard.press('PageDown');
    expect(Number(await size.getAttribute('aria-valuenow'))).toBe(usual + 64);
    await size.dblclick();
    expect(Number(await size.getAttribute('aria-valuenow'))).toBe(usual);
    await page.getByRole('button', { name: 'Pages left: collapse' }).click();
    await size.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Pages left: expand' }).click();
    // Two marks, and what lies between them.
    const charts = page.getByRole('region', { name: 'Charts' });
    const box = (await charts.boundingBox())!;
    await page.getByRole('tab', { name: 'Selection' }).click();
    for (const [key, x] of [['A', 400] as const, ['B', 700] as const]) {
      await page.mouse.move(box.x + x, box.y + 60);
      await page.keyboard.press(`Shift+${key}`);
    }
    const between = page.getByRole('region', { name: 'Measurement between A and B' });
    await between.getByRole('row', { name: /threshold/u }).waitFor();
    expect(await between.textContent()).toMatch(/Δt\s+\+\d/u);
    // The wheel with Ctrl comes nearer to what is under the pointer; Shift+drag pans.
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -400);
    await page.keyboard.up('Control');
    await page.waitForFunction(() => location.hash.includes('from='));
    const near = Number(await viewOf(page));
    await page.keyboard.down('Shift');
    await page.mouse.move(box.x + 700, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 500, box.y + 64, { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await page.waitForFunction(
      (from) => Number(new URLSearchParams(location.hash.split('?')[1]).get('from')) > from,
      near,
    );
    await page.keyboard.press('Escape');
    await page.keyboard.press('Home');
    await page.waitForFunction(() => !location.hash.includes('from='));
    await page.keyboard.press('m');
    const row = page.getByRole('row', { name: /throughput/u });
    await row.waitFor();
    const { row: run } = await client.call('runs.get', { id });
    expect(await row.textContent()).toContain(run.sampleCount.toLocaleString('en-US').slice(0, 2));
    await page.keyboard.press('q');
    await page.getByRole('tabpanel').waitFor({ state: 'detached' });
  },
);

/** Goes on for as long as a test needs it: more is dirtied than sent, and there is no time limit. */
const ENDLESS = `name: endless
guest:
  memory: 256MiB
  vcpus: 1
  workloads: [{ name: w, pattern: uniform, region: { size: 128MiB }, rate: 60000 pages/s }]
migration: { bandwidth: 100MiB/s, timeout: 0s }
sampling: 100ms
limits: { simulated: 20h }
`;

e2e(
  'a run is watched while it is made: reloaded, paused, left behind and caught up with, cancelled, made again',
  async (lab) => {
    const client = await lab.client();
    const job = await client.call('jobs.start', { from: { text: ENDLESS, fileName: 'endless.yaml' } });
    const runOf = async (): Promise<number | null | undefined> =>
      (await client.call('jobs.list', {})).find((one) => one.id === job.id)?.runId;
    await expect.poll(runOf).toBeTypeOf('number');
    const id = (await runOf())!;
    const page = await lab.open(`/run/${id}`);
    const running = page.getByText(/Running: precopy, round \d+/u);
    await running.waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await page.reload();
    await running.waitFor();
    await drawn(page);

    // What is drawn stands still, while the run goes on.
    const left = page.getByRole('img', { name: /^Pages left/u });
    await page.waitForFunction(() =>
      /to [\d,]+ pages/u.test(document.querySelector('[aria-label^="Pages left,"]')?.getAttribute('aria-label') ?? ''),
    );
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: /The view is paused/u }).waitFor();
    const still = await left.getAttribute('aria-label');
    const { row: before } = await client.call('runs.get', { id });
    await expect
      .poll(async () => (await client.call('runs.get', { id })).row.sampleCount)
      .toBeGreaterThan(before.sampleCount);
    expect(await left.getAttribute('aria-label')).toBe(still);
    await page.keyboard.press('Space');
    await page.getByText('live', { exact: true }).waitFor();
    // Who looks closer stays there, until they want to be back.
    await page.keyboard.press('w');
    await page.getByRole('button', { name: /Jump to live/u }).waitFor();
    await page.keyboard.press('l');
    await page.getByText('live', { exact: true }).waitFor();

    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    const verdict = page.getByLabel('Verdict');
    await verdict.waitFor();
    expect(await verdict.textContent()).toMatch(/Cancelled, after .* rounds\. [\d,]+ pages were left to send/u);
    await page.getByText('live', { exact: true }).waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'Run again' }).click();
    await page.waitForFunction((old) => Number(/run\/(\d+)/u.exec(location.hash)?.[1]) > old, id);
    await running.waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await verdict.waitFor();
    await page.getByRole('button', { name: 'What can be done with this run' }).click();
    await page.getByRole('menuitem', { name: 'Run again with changes' }).click();
    await page.waitForURL(/edit\/run\/\d+/u);
    await page.getByText('limits', { exact: false }).first().waitFor();
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
