// Gallery and editor in a real browser: first start to a run, edits on either side, bad values, hostile files.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { e2e } from './lab.ts';
import { longText } from './longText.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FIVE = '/edit/example/05-nic-behind-a-strict-viommu';

/** Violations of every rule, as `rule: element`. */
async function accessibility(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { target: unknown[] }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
  });
}

const textOf = (page: Page): Promise<string> => page.locator('.cm-content').innerText();
const untilText = (page: Page, part: string): Promise<unknown> =>
  page.waitForFunction(
    (wanted) =>
      document
        .querySelector('#editor-code')
        ?.shadowRoot?.querySelector<HTMLElement>('.cm-content')
        ?.innerText.includes(wanted),
    part,
  );
const field = (path: string): string => `[id="field-${path}"]`;

e2e('a first start opens on the gallery, one click from a run', async (lab) => {
  const page = await lab.open();
  await page.getByRole('heading', { name: 'Experiments', level: 1 }).waitFor();
  const cards = page.getByRole('article');
  await cards.first().waitFor();
  expect(await cards.count()).toBeGreaterThan(20);
  await page.getByText('sketch from the file').first().waitFor();
  await cards.first().getByRole('button', { name: /^Run / }).click();
  await page.waitForFunction(() => /^#\/run\/\d+$/u.test(location.hash));
  const client = await lab.client();
  const id = Number((await page.evaluate(() => location.hash)).split('/').at(-1));
  expect((await client.call('runs.get', { id })).row.name).toBe('NIC tracked by the IOMMU');
});

e2e(
  'form and text are one document: edits on either side, undo, problems at the field, a draft that comes back',
  async (lab) => {
    const page = await lab.open(FIVE);
    const memory = page.locator(field('guest.memory'));
    await memory.waitFor();
    expect(await memory.inputValue()).toBe('4GiB');

    // By form: one value changes, comments stay.
    await memory.fill('8GiB');
    await untilText(page, 'memory: 8GiB');
    expect(await textOf(page)).toContain('# A NIC behind an emulated VT-d');
    await page.locator(field('guest.backing')).fill('2MiB');
    await untilText(page, 'backing: 2MiB');

    // One history for both sides, from wherever one is.
    await page.keyboard.press('Control+z');
    await page.waitForFunction(
      (id) => document.querySelector<HTMLInputElement>(id)?.value === '',
      '[id="field-guest.backing"]',
    );
    expect(await textOf(page)).not.toContain('backing');

    // A bad value is told at the field and in the list, with what would be right; the list leads to its place.
    await memory.fill('8G');
    await page.locator(field('guest.memory-wrong')).waitFor();
    expect(await page.locator(field('guest.memory-wrong')).innerText()).toContain('write GiB');
    expect(await memory.getAttribute('aria-invalid')).toBe('true');
    await page.getByRole('region', { name: 'Problems' }).getByRole('button').first().click();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('editor-code');
    await memory.fill('8GiB');
    await page.getByText('No problems').waitFor();

    // By text: the form follows.
    await page.locator('.cm-content').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText('sampling: 5ms\n');
    await page.getByRole('button', { name: /^Lab/ }).click();
    await page.waitForFunction(
      (id) => document.querySelector<HTMLInputElement>(id)?.value === '5ms',
      '[id="field-sampling"]',
    );

    // Typed over a selection: brackets go around it, anything else stands in its place, without a word from the policy.
    await page.locator('.cm-content').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('# word');
    for (let i = 0; i < 4; i++) await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.type('[');
    await untilText(page, '# [word]');
    await page.keyboard.type('other');
    await untilText(page, '# [other]');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('x');
    await page.getByText('The form waits for the text').waitFor();
    await page.keyboard.press('Control+z');
    await untilText(page, 'sampling: 5ms');
    await page.keyboard.press('Control+End');
    await page.keyboard.press('Enter');

    // Kept by itself, and there again after a reload.
    await page.getByText('kept as a draft').waitFor();
    expect(await page.evaluate(() => location.hash)).toMatch(/^#\/edit\/draft\/\d+$/u);
    await page.reload();
    await memory.waitFor();
    expect(await memory.inputValue()).toBe('8GiB');
    expect(await textOf(page)).toContain('sampling: 5ms');

    // A text that cannot be read is kept, and the form waits.
    await page.locator('.cm-content').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText('x: [');
    await page.getByText('The form waits for the text').waitFor();
    expect(await memory.isDisabled()).toBe(true);
    await page.keyboard.press('Control+z');
    await page.getByText('No problems').waitFor();

    // Run from the keyboard, with another seed.
    await page.getByLabel(/^Seed for the next run/).fill('7');
    await page.keyboard.press('Control+Enter');
    await page.waitForFunction(() => /^#\/run\/\d+$/u.test(location.hash));
    const id = Number((await page.evaluate(() => location.hash)).split('/').at(-1));
    const { row, experiment } = await (await lab.client()).call('runs.get', { id });
    expect(row.seed).toBe(7);
    expect(experiment).toContain('sampling: 5ms');
  },
);

e2e(
  'lists and variants: another type keeps what both have; items are doubled with a name of their own',
  async (lab) => {
    const page = await lab.open(FIVE);
    const device = page.getByRole('group', { name: 'nic0', exact: true });
    await device.waitFor();
    await device.getByLabel('type').selectOption('nvme');
    await untilText(page, 'type: nvme');
    expect(await textOf(page)).toContain('ring: { offset: 2GiB, size: 256MiB }');
    await page.getByRole('button', { name: 'Double nic0' }).click();
    await untilText(page, 'name: nic1');
    await page.getByRole('button', { name: 'Move nic1 up' }).click();
    await page.waitForFunction(() =>
      /nic1[^]*nic0/u.test(
        document.querySelector('#editor-code')?.shadowRoot?.querySelector('.cm-content')?.textContent ?? '',
      ),
    );
    await page.getByRole('button', { name: 'Remove nic1' }).click();
    await page.waitForFunction(
      () =>
        !document.querySelector('#editor-code')?.shadowRoot?.querySelector('.cm-content')?.textContent.includes('nic1'),
    );
  },
);

e2e('the schedule adds a change where one clicks, and moves it by keyboard', async (lab) => {
  const page = await lab.open('/edit/new?template=device');
  const schedule = page.getByRole('region', { name: 'Schedule of changes' });
  await schedule.waitFor();
  await schedule.getByLabel('What a click adds to nic0').selectOption('unmap-all');
  await schedule
    .locator('.track')
    .first()
    .click({ position: { x: 150, y: 20 } });
  await untilText(page, 'do: unmap-all, device: nic0');
  const at = async (): Promise<string> => /at: (\S+),/u.exec(await textOf(page))?.[1] ?? '';
  const before = await at();
  await schedule.getByRole('slider').focus();
  await page.keyboard.press('Shift+ArrowRight');
  await page.waitForFunction(
    (old) =>
      !document
        .querySelector('#editor-code')
        ?.shadowRoot?.querySelector('.cm-content')
        ?.textContent.includes(`at: ${old},`),
    before,
  );
  expect(await at()).not.toBe(before);
  await schedule.getByRole('slider').focus();
  await page.keyboard.press('Delete');
  await page.waitForFunction(
    () =>
      !document
        .querySelector('#editor-code')
        ?.shadowRoot?.querySelector('.cm-content')
        ?.textContent.includes('changes'),
  );
});

e2e('the schedule of many: dragged, given up, undone, zoomed, and its comments stay', async (lab) => {
  const client = await lab.client();
  const unmaps = Array.from(
    { length: 200 },
    (_, i) => `  - { at: ${(i + 1) * 10}ms, do: unmap, device: nic0, offset: 1GiB, size: 4KiB } # number ${i}`,
  );
  const text = [
    'name: many',
    'guest: { memory: 4GiB }',
    'devices: [{ name: nic0, type: nic, ring: { offset: 1GiB, size: 2MiB } }]',
    'viommu: { mode: shadow }',
    'migration: { start: 1s }',
    'changes:',
    ...unmaps,
    '',
  ].join('\n');
  const { id } = await client.call('drafts.save', { id: null, name: 'many', text, fileName: 'many.yaml' });
  const page = await lab.open(`/edit/draft/${id}`);
  const schedule = page.getByRole('region', { name: 'Schedule of changes' });
  const markers = schedule.getByRole('slider');
  await markers.first().waitFor();
  expect(await markers.count()).toBe(200);
  const zoomIn = schedule.getByRole('button', { name: 'Zoom in' });
  // At what is chosen: the last one, which the others do not hide.
  await markers.last().click();
  for (let i = 0; i < 4; i++) await zoomIn.click();
  expect(await markers.count()).toBeLessThan(60);
  const last = schedule.locator('.marker.chosen');
  const drag = async (pixels: number, end: () => Promise<unknown>): Promise<void> => {
    const box = (await last.boundingBox())!;
    await page.mouse.move(box.x + 5, box.y + 8);
    await page.mouse.down();
    await page.mouse.move(box.x + 5 + pixels / 2, box.y + 8);
    await page.mouse.move(box.x + 5 + pixels, box.y + 8);
    await end();
    await page.mouse.up();
  };
  const draft = async (): Promise<string> => (await client.call('drafts.list', {})).find((one) => one.id === id)!.text;
  const kept = async (when: (now: string) => boolean): Promise<string> => {
    for (;;) {
      const now = await draft();
      if (when(now)) return now;
      await new Promise((later) => setTimeout(later, 50));
    }
  };
  // Given up: nothing changes, not even what the mouse does afterwards.
  await drag(-20, () => page.keyboard.press('Escape'));
  expect(await last.getAttribute('aria-valuenow')).toBe('2000');
  await drag(-20, () => Promise.resolve());
  await page.waitForFunction(() => document.querySelector('.marker.chosen')?.getAttribute('aria-valuenow') !== '2000');
  const moved = Number(await last.getAttribute('aria-valuenow'));
  expect(moved).toBeGreaterThan(1_500);
  expect(moved).toBeLessThan(2_000);
  // That one line is another, comments and all others are as they were.
  const after = await kept((now) => now !== text);
  const different = after.split('\n').filter((line, i) => line !== text.split('\n')[i]);
  expect(different).toEqual([expect.stringMatching(/^ {2}- \{ at: \d+(?:ms|us), do: unmap, .* # number 199$/u)]);
  await page.keyboard.press('Control+z');
  await kept((now) => now === text);
  await page.keyboard.press('Control+y');
  await kept((now) => now === after);
  for (let i = 0; i < 4; i++) await schedule.getByRole('button', { name: 'Zoom out' }).click();
  expect(await markers.count()).toBe(200);
});

e2e('two windows on one draft: neither overwrites the other, and both texts stay', async (lab) => {
  const client = await lab.client();
  const text = 'name: shared\nguest: { memory: 1GiB }\n';
  const { id } = await client.call('drafts.save', { id: null, name: 'shared', text, fileName: 'shared.yaml' });
  const [first, second] = [await lab.open(`/edit/draft/${id}`), await lab.open(`/edit/draft/${id}`)];
  for (const page of [first, second]) await page.locator(field('guest.memory')).waitFor();
  await first.locator(field('guest.memory')).fill('2GiB');
  await first.getByText('kept as a draft').waitFor();
  await expect.poll(async () => (await client.call('drafts.list', {}))[0]!.text).toContain('2GiB');

  await second.locator(field('guest.memory')).fill('3GiB');
  const asked = second.getByRole('alert').filter({ hasText: 'Another window has changed this draft' });
  await asked.waitFor();
  expect((await client.call('drafts.list', {})).map((draft) => draft.text)).toEqual([text.replace('1GiB', '2GiB')]);
  await asked.getByRole('button', { name: /^Keep both/u }).click();
  await second.getByText('kept as a draft').waitFor();
  const texts = (await client.call('drafts.list', {})).map((draft) => draft.text).sort();
  expect(texts).toEqual([text.replace('1GiB', '2GiB'), text.replace('1GiB', '3GiB')]);

  // The other way: the other window's text, and undo brings one's own back.
  const third = await lab.open(`/edit/draft/${id}`);
  await third.locator(field('guest.memory')).waitFor();
  await first.locator(field('guest.memory')).fill('4GiB');
  await expect
    .poll(async () => (await client.call('drafts.list', {})).find((draft) => draft.id === id)!.text)
    .toContain('4GiB');
  await third.locator(field('guest.memory')).fill('5GiB');
  await third.getByRole('button', { name: 'Take the other text' }).click();
  await untilText(third, 'memory: 4GiB');
  await third.getByRole('button', { name: 'Undo' }).click();
  await untilText(third, 'memory: 5GiB');
});

e2e('QEMU is asked for before it starts; the text explains itself where the pointer rests', async (lab) => {
  const text = 'name: measured\nbackend: qemu\nguest:\n  memory: 256MiB\n';
  const client = await lab.client();
  const { id } = await client.call('drafts.save', { id: null, name: 'measured', text, fileName: 'measured.yaml' });
  const page = await lab.open(`/edit/draft/${id}`);
  await page.locator(field('guest.memory')).waitFor();
  await page.getByText('No problems').waitFor();
  await page.keyboard.press('Control+Enter');
  const question = page.getByRole('group', { name: 'Start QEMU?' });
  await question.waitFor();
  expect(await question.textContent()).toContain('The app was started without leave to start QEMU');
  expect(await client.call('jobs.list', {})).toEqual([]);
  await question.getByRole('button').last().click();
  await question.waitFor({ state: 'detached' });
  await page.locator('.cm-line', { hasText: 'memory: 256MiB' }).getByText('memory').hover();
  await page.locator('.cm-tooltip-hover').waitFor();
  expect(await page.locator('.cm-tooltip-hover').textContent()).toContain('Guest RAM');
});

e2e('hostile names are text, and a file that is too large is refused before it is read', async (lab) => {
  const name = '<img src=x onerror="document.title=1"> \u202e';
  const text = `name: ${JSON.stringify(name)}\nguest: { memory: 1GiB }\n`;
  const client = await lab.client();
  const { id } = await client.call('drafts.save', { id: null, name, text, fileName: '<b>.yaml' });
  const page = await lab.open(`/edit/draft/${id}`);
  await page.locator(field('name')).waitFor();
  expect(await page.locator(field('name')).inputValue()).toBe(name);
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  await page.evaluate(() => (location.hash = '#/experiments'));
  await page.getByRole('heading', { name: 'Your drafts' }).waitFor();
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  await page.evaluate(() => {
    const files = new DataTransfer();
    files.items.add(new File(['#'.repeat(1024 * 1024 + 1)], 'large.yaml'));
    window.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  });
  await page.getByText('large.yaml is too large').waitFor();
});

e2e('ten thousand lines: a page of a list at a time, and both sides at once lose nothing', async (lab) => {
  const client = await lab.client();
  const text = longText(10_000);
  const { id } = await client.call('drafts.save', { id: null, name: 'Long', text, fileName: 'long.yaml' });
  const kept = async (): Promise<string> => (await client.call('drafts.list', {})).find((one) => one.id === id)!.text;
  const page = await lab.open(`/edit/draft/${id}`);
  await page.getByText('No problems').waitFor();

  await page.getByRole('button', { name: /^Changes 1,?998/u }).click();
  const items = page.locator('#section-changes li');
  expect(await items.count()).toBe(25);
  const number = page.getByLabel('Number of the first one shown');
  await number.fill('1990');
  await number.press('Enter');
  await page.locator(field('changes[1989]')).waitFor();
  expect(await items.count()).toBe(23);

  // A key after the other in the form, and at once in the text, before any of it can have been worked out.
  const vcpus = page.locator(field('guest.vcpus'));
  await vcpus.fill('');
  await vcpus.pressSequentially('12');
  await page.locator(field('name')).fill('Longer');
  await page.locator('.cm-content').click({ position: { x: 40, y: 8 } });
  await page.keyboard.press('Control+End');
  await page.keyboard.type('# typed at the end');
  const wanted = text
    .replace('name: Long\n', 'name: Longer\n')
    .replace('vcpus: 4', 'vcpus: 12')
    .concat('# typed at the end');
  await expect.poll(kept).toBe(wanted);
  expect(await vcpus.inputValue()).toBe('12');

  // A mistake leads to its item, on whatever page.
  await page.keyboard.press('Control+End');
  await page.keyboard.type('\nsampling: 5');
  await page.getByRole('region', { name: 'Problems' }).getByText('sampling').waitFor();
  for (let i = 0; i < 30; i++) await page.keyboard.press('Control+z');
  await expect.poll(kept).toBe(text);
  await page.getByText('No problems').waitFor();
  expect(await vcpus.inputValue()).toBe('4');
});

e2e('gallery and editor are accessible, in either theme', async (lab) => {
  const page = await lab.open('/experiments', { reducedMotion: true });
  const findsNothing = async (): Promise<void> => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await accessibility(page), colorScheme).toEqual([]);
    }
  };
  await page.getByText('sketch from the file').first().waitFor();
  await findsNothing();
  await page.evaluate((hash) => (location.hash = hash), FIVE);
  await page.getByRole('region', { name: 'Schedule of changes' }).waitFor();
  await findsNothing();
  await page.locator(field('guest.memory')).fill('8G');
  await page.locator(field('guest.memory-wrong')).waitFor();
  await page.setViewportSize({ width: 1024, height: 700 });
  await page.getByRole('tab', { name: 'Form' }).waitFor();
  await findsNothing();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1024);
});
