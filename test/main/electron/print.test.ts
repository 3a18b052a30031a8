// A report as PDF from the desktop app: printed by Electron itself, in a window that nobody sees and that is gone afterwards. The page
// comes from the real engine; what Electron does with it, the fake records.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { BrowserWindow, Session } from '../../../main/electron/electron.ts';
import { PagePrinter } from '../../../main/electron/printPage.ts';
import { findChromium } from '../../../main/report/pdf.ts';
import { Store } from '../../../main/store/store.ts';
import { aChunk, aRun, aSummary } from '../store/aRun.ts';
import { later } from './aDesktop.ts';
import { aWholeDesktop, type WholeDesktop } from './aWholeDesktop.ts';
import { FakeElectron, FakeSession, FakeWindow, type FakeContents } from './anElectron.ts';

const REPORT = {
  ids: [1],
  baselineId: null,
  title: 'Bad </title><script>alert(1)</script>',
  question: '',
  prose: '',
  charts: ['left' as const],
  tables: ['figures' as const],
  format: 'pdf' as const,
  bundles: true,
};

interface Printing extends WholeDesktop {
  readonly path: string;
  /** As the window that asks does it. */
  readonly save: () => Promise<unknown>;
}

async function aPrinting(prepare: (fake: FakeElectron) => void = () => undefined): Promise<Printing> {
  const desktop = await aWholeDesktop({}, (fake, folder) => {
    const store = new Store(join(folder, 'runs.db'));
    const writer = store.begin(aRun('One run'));
    writer.samples(aChunk(0, 2_000));
    writer.finish(aSummary(), [], 'abc');
    store.close();
    prepare(fake);
  });
  const { fake, folder, client } = desktop;
  const path = join(folder, 'chosen.pdf');
  const [asking] = FakeWindow.all;
  fake.saveAnswer = { canceled: false, filePath: path };
  return {
    ...desktop,
    path,
    async save() {
      const { ticket } = await client.call('report.open', REPORT);
      return fake.ask('desktop:save-export', [ticket], asking!.webContents.mainFrame);
    },
  };
}

/** What the hidden window gets at its address. */
const pageOf = (session: FakeSession, { mainFrame }: FakeContents): Response =>
  session.schemeHandler!({ url: mainFrame.url, method: 'GET' });

const unfinished = (folder: string): string[] => readdirSync(folder).filter((name) => name.includes('.part-'));

describe('a report as PDF', () => {
  it('is what Electron prints of its page, in a window without script, preload or sight', async () => {
    const options: object[] = [];
    let page = '';
    let policy: string | null = '';
    const { fake, folder, path, save } = await aPrinting((electron) => {
      electron.print = async (contents, given) => {
        options.push(given);
        const answer = pageOf(electron.printSession, contents);
        policy = answer.headers.get('content-security-policy');
        page = await answer.text();
        return Buffer.from('%PDF-1.7 of the page');
      };
    });
    writeFileSync(path, 'old');
    expect(await save()).toEqual({ ok: true, value: 'chosen.pdf' });
    expect(readFileSync(path, 'utf8')).toBe('%PDF-1.7 of the page');
    expect(unfinished(folder)).toEqual([]);
    const { window } = fake;
    expect(window.options).toMatchObject({ show: false, focusable: false, skipTaskbar: true });
    expect(window.did).toEqual([]);
    expect(window.options.webPreferences).toEqual({
      session: fake.printSession,
      javascript: false,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: false,
    });
    expect(options).toEqual([
      { preferCSSPageSize: true, printBackground: true, generateTaggedPDF: true, generateDocumentOutline: true },
    ]);
    // No script, no connection, no origin of ours; unfolded, and without the runs, which no paper holds.
    expect(policy).toMatch(/^default-src 'none'; .*; sandbox$/u);
    expect(page).toContain('Bad &lt;/title&gt;');
    expect(page).not.toContain('<details>');
    expect(page).not.toContain('application/x-brownout-bundle"');
    expect(window.destroyed).toBe(true);
    // Its address gives nothing any more, and gave nothing but that.
    expect(pageOf(fake.printSession, window.webContents).status).toBe(404);
    expect(fake.printSession.schemeHandler!({ url: 'brownout://app/index.html', method: 'GET' }).status).toBe(404);
  });

  it('is offered by the desktop app on a machine without Chromium', async () => {
    vi.stubEnv('BROWNOUT_CHROMIUM', '/nowhere/chromium');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { client } = await aPrinting();
    const { format, bundles, ...shown } = REPORT;
    expect([format, bundles]).toEqual(['pdf', true]);
    expect((await client.call('report.preview', shown)).pdf).toBe(true);
  });

  it('that cannot be made or written says why, by its name alone, and leaves what was there', async () => {
    const { fake, folder, path, save } = await aPrinting();
    writeFileSync(path, 'old');
    expect(await save()).toEqual({ ok: false, message: 'the PDF was not made: no printer' });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(unfinished(folder)).toEqual([]);
    fake.print = () => Promise.resolve(Buffer.from('%PDF'));
    fake.saveAnswer = { canceled: false, filePath: join(folder, 'no', 'a.pdf') };
    expect(await save()).toEqual({ ok: false, message: 'a.pdf cannot be written: there is no such folder' });
    expect(FakeWindow.all.slice(1).map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it(
    'has its charts and its styles: a Chromium prints the very answer, policy and all',
    { timeout: 60_000 },
    async (test) => {
      const binary = findChromium();
      test.skip(binary === undefined, 'there is no Chromium here');
      const browser = await chromium.launch({
        executablePath: binary ?? '',
        args: ['--disable-gpu', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
      });
      onTestFinished(() => browser.close());
      const seen: { readonly paths: number; readonly widthPx: number }[] = [];
      const { path, save } = await aPrinting((electron) => {
        electron.print = async (contents) => {
          const answer = pageOf(electron.printSession, contents);
          const body = await answer.text();
          const context = await browser.newContext({
            javaScriptEnabled: false,
            viewport: { width: 1_900, height: 900 },
          });
          const tab = await context.newPage();
          const refused: string[] = [];
          tab.on('console', (message) => refused.push(message.text()));
          await tab.route('**/*', (route) =>
            route.fulfill({ status: 200, headers: Object.fromEntries(answer.headers), body }),
          );
          await tab.goto('http://localhost/');
          seen.push({
            paths: await tab.locator('svg path').count(),
            // A style of the page's own: unstyled it would be as wide as the window.
            widthPx: (await tab.locator('.report').boundingBox())?.width ?? 0,
          });
          expect(refused.filter((line) => !line.startsWith('Blocked script execution'))).toEqual([]);
          return tab.pdf({ preferCSSPageSize: true, printBackground: true });
        };
      });
      expect(await save()).toEqual({ ok: true, value: 'chosen.pdf' });
      expect(seen[0]?.paths).toBeGreaterThan(0);
      expect(seen[0]?.widthPx).toBeLessThan(1_200);
      expect(readFileSync(path).subarray(0, 5).toString()).toBe('%PDF-');
    },
  );
});

describe('a page that is being printed', () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const aPage = (prepare: (fake: FakeElectron) => void) => {
    const fake = new FakeElectron('/nowhere');
    prepare(fake);
    const session = new FakeSession();
    const printer = new PagePrinter(fake.electron, session as unknown as Session);
    const asking = new FakeWindow({ webPreferences: {} });
    const pdf = printer.print('<p>page</p>', asking as unknown as BrowserWindow);
    return { fake, session, asking, pdf, paper: fake.window };
  };
  type Page = ReturnType<typeof aPage>;

  it.each<[string, string, Partial<FakeElectron>, (page: Page) => void]>([
    [
      'Electron cannot print it',
      'Printing failed',
      { print: () => Promise.reject(new Error('Printing failed')) },
      () => undefined,
    ],
    ['it cannot be loaded', 'ERR_ABORTED', { load: () => Promise.reject(new Error('ERR_ABORTED')) }, () => undefined],
    [
      'its process ends',
      'the process that prints it ended (oom)',
      { print: never },
      ({ paper }) => paper.webContents.emit('render-process-gone', {}, { reason: 'oom', exitCode: 5 }),
    ],
    ['it never loads', 'it took longer than 60 s', { load: never }, () => vi.advanceTimersByTime(60_000)],
    ['it is never printed', 'it took longer than 60 s', { print: never }, () => vi.advanceTimersByTime(60_000)],
    [
      'the window that asked is closed',
      'its window was closed',
      { print: never },
      ({ asking }) => asking.emit('closed'),
    ],
    [
      'the app ends',
      'its window was closed',
      { print: never },
      ({ paper }) => {
        paper.destroy();
      },
    ],
  ])('is given up when %s: its window is gone, and its address', async (_what, why, electron, then) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const page = aPage((fake) => Object.assign(fake, electron));
    expect(pageOf(page.session, page.paper.webContents).status).toBe(200);
    const over = expect(page.pdf).rejects.toThrow(`the PDF was not made: ${why}`);
    await later();
    then(page);
    await over;
    expect(page.paper.destroyed).toBe(true);
    expect(pageOf(page.session, page.paper.webContents).status).toBe(404);
    expect(page.asking.listenerCount('closed')).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
