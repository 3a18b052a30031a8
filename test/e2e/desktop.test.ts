// The window as the desktop has it: files come from the main process, exports go where its dialogs say. Electron is stood in for by
// a few lines in the page, put there before it loads; engine, store and port are real.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Page } from 'playwright-core';
import { bundle } from '../../main/bundle/write.ts';
import { subprotocolsFor } from '../../main/contract/browserTransports.ts';
import { IMPORT_PIECE_BYTES } from '../../main/contract/exports.ts';
import type { OpenedFile } from '../../main/contract/desktop.ts';
import { ROOT } from '../../main/setup/built.ts';
import { IN_MEMORY } from '../../main/store/database.ts';
import { Store } from '../../main/store/store.ts';
import { aChunk, aRun, aSummary } from '../main/store/aRun.ts';
import { e2e, type Lab } from './lab.ts';
import { tokenOf } from './labHost.ts';

/** What the test and the stand-in in the page share. */
interface StandIn {
  files: ((file: OpenedFile) => void)[];
  /** What the next dialog answers. */
  chosen: readonly OpenedFile[];
  readonly tickets: string[];
  menu: readonly { readonly id: string; readonly menu: string }[];
}

async function openDesktopWindow(lab: Lab, path: string): Promise<Page> {
  const { address } = await lab.host();
  const page = await lab.openAddress('about:blank');
  await page.addInitScript(
    (protocols) => {
      const standIn: StandIn = { files: [], chosen: [], tickets: [], menu: [] };
      const nothing = (): void => undefined;
      const desktop = {
        openFiles: () => Promise.resolve(standIn.chosen),
        saveFile: () => Promise.resolve(null),
        saveExport: (ticket: string) => Promise.resolve(standIn.tickets.push(ticket) > 1 ? null : 'chosen.csv'),
        recentFiles: () => Promise.resolve([]),
        setMenu: (menu: StandIn['menu']) => {
          standIn.menu = menu;
          return Promise.resolve();
        },
        onCommand: () => nothing,
        onFile: (listener: (file: OpenedFile) => void) => {
          standIn.files.push(listener);
          return nothing;
        },
      };
      Object.assign(window, { desktop, standIn });
      // The preload's part: a port for whoever asks.
      window.addEventListener('message', ({ data }) => {
        if (data !== 'brownout:want-port') return;
        const { port1, port2 } = new MessageChannel();
        const socket = new WebSocket(`ws://${location.host}/`, protocols);
        socket.binaryType = 'arraybuffer';
        socket.onopen = () => {
          port1.onmessage = (message) => {
            socket.send(message.data as string);
          };
          window.postMessage('brownout:port', location.origin, [port2]);
        };
        socket.onmessage = (message) => {
          port1.postMessage(message.data);
        };
      });
    },
    [...subprotocolsFor(tokenOf(address))],
  );
  await page.goto(`${address.split('#')[0] ?? ''}#/${path}`);
  return page;
}

const tell = (page: Page, file: OpenedFile): Promise<void> =>
  page.evaluate((one) => {
    for (const listener of (window as unknown as { standIn: StandIn }).standIn.files) listener(one);
  }, file);

/** As the engine's process keeps it for the window: sent here in pieces, because no main process offers it by its path. */
async function offered(lab: Lab, fileName: string, bytes: Uint8Array): Promise<OpenedFile> {
  const client = await lab.client();
  const { id } = await client.call('imports.begin', { fileName, bytes: bytes.length });
  for (let at = 0; at < bytes.length; at += IMPORT_PIECE_BYTES) {
    const base64 = Buffer.from(bytes.subarray(at, at + IMPORT_PIECE_BYTES)).toString('base64');
    await client.call('imports.add', { id, at, base64 });
  }
  return { kind: 'import', fileName, id };
}

function aBundle(): Uint8Array {
  const store = new Store(IN_MEMORY);
  const writer = store.begin(aRun('Made elsewhere'));
  writer.samples(aChunk(0, 2_000));
  writer.finish(aSummary(), [], 'abc');
  const bytes = Buffer.concat([...bundle(store, writer.id)]);
  store.close();
  return bytes;
}

e2e('files opened from the desktop, and exports saved there', async (lab) => {
  const page = await openDesktopWindow(lab, 'experiments');
  const bytes = aBundle();
  await page.getByText('engine ').first().waitFor();

  // A bundle by double click: its run is on the screen.
  await tell(page, await offered(lab, 'result.brownout', bytes));
  await page.waitForURL(/#\/run\/1$/u);
  await page.getByText('result.brownout: 1 run imported.').waitFor();
  await page.locator('main canvas').first().waitFor();
  await page.getByText('store 1 run').waitFor();

  // Once more, after it was deleted: one click brings it back.
  await (await lab.client()).call('runs.delete', { ids: [1] });
  await page.goto(page.url().replace(/#.*/u, '#/runs'));
  await tell(page, await offered(lab, 'result.brownout', bytes));
  await page.getByText('result.brownout: its run was deleted here.').waitFor();
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.waitForURL(/#\/run\/1$/u);

  // What is broken says so, and stays until it was read.
  await tell(page, await offered(lab, 'half.brownout', bytes.subarray(0, 700)));
  await page.getByText(/^Not imported: half\.brownout: /u).waitFor();
  await tell(page, { kind: 'refused', fileName: 'gone.yaml', message: 'gone.yaml cannot be read (it is not there)' });
  await page.getByText('gone.yaml cannot be read (it is not there)').waitFor();

  // An experiment, by the dialog, with keys.
  const example = readFileSync(join(ROOT, 'examples', '01-nic-tracked-by-the-iommu.yaml'), 'utf8');
  await page.evaluate(
    (chosen) => Object.assign((window as unknown as { standIn: StandIn }).standIn, { chosen }),
    [{ kind: 'experiment' as const, fileName: 'mine.yaml', text: example }],
  );
  await page.goto(page.url().replace(/#.*/u, '#/experiments'));
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.keyboard.press('Control+o');
  await page.waitForURL(/#\/edit\/draft\//u);
  await page.locator('.cm-content').waitFor();

  // An export asks the main process, which has the ticket; the one whose dialog is cancelled says nothing.
  await page.goto(page.url().replace(/#.*/u, '#/runs'));
  await page.getByRole('grid').getByText('Made elsewhere').waitFor();
  for (let time = 1; time <= 2; time++) {
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByRole('menuitem', { name: /^CSV \.csv/u }).click();
  }
  await page.waitForFunction(() => (window as unknown as { standIn: StandIn }).standIn.tickets.length === 2);
  expect(await page.getByText('chosen.csv is written.').count()).toBe(1);
  const { tickets, menu } = await page.evaluate(() => {
    const { standIn } = window as unknown as { standIn: StandIn };
    return { tickets: standIn.tickets, menu: standIn.menu };
  });
  for (const ticket of tickets) expect(ticket).toMatch(/^[\w-]{43}$/u);
  expect(menu.find(({ id }) => id === 'export.csv')).toMatchObject({ menu: 'File' });
});
