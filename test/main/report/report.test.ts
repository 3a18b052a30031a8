// A report opened as its reader opens it: in a browser without network. Nothing of a user's text may act.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { bytesSource, openBundle } from '../../../main/bundle/read.ts';
import { bundlesInReport } from '../../../main/bundle/report.ts';
import { CHART_NAMES, TABLE_NAMES } from '../../../main/contract/report.ts';
import { composeReport, type ReportDocument, type ReportRequest } from '../../../main/report/document.ts';
import { reportHtml } from '../../../main/report/html.ts';
import { reportMarkdown } from '../../../main/report/markdown.ts';
import { findChromium, NoChromium, reportPdf } from '../../../main/report/pdf.ts';
import { proseHtml } from '../../../main/report/prose.ts';
import { DASHES, lookOf } from '../../../main/report/svg.ts';
import type { Store } from '../../../main/store/store.ts';
import { identity } from '../../../renderer/chart/identity.ts';
import { aRun, aStore, SMALL } from './runs.ts';

/** Each would call alarm() if anything of it ran. */
const ZOO = [
  '<script>alarm(1)</script>',
  '"><img src=x onerror=alarm(2)>',
  "'><svg/onload=alarm(3)>",
  '</title></style></script><script>alarm(4)</script>',
  '<iframe srcdoc="<script>parent.alarm(5)</script>"></iframe>',
  '<a href="javascript:alarm(6)">x</a>',
  '--><!--<script>alarm(7)</script>',
  '</pre></code><body onload=alarm(8)>',
  '<style>@import "https://example.invalid/x.css"</style>',
  '&lt;script&gt;alarm(9)&lt;/script&gt;',
  '{{constructor.constructor("alarm(10)")()}}',
  '\u202egnp.exe<img src=x onerror=alarm(11)>',
  '</details><details open ontoggle=alarm(12)>',
];
const PROSE = [
  ...ZOO,
  '[click](javascript:alarm(20))',
  '[click](data:text/html,<script>alarm(21)</script>)',
  '![picture](https://example.invalid/track.png)',
  '[fine](https://example.org/) [mail](mailto:a@example.org) [here](#data)',
  '[plain](http://example.org/)',
  '<https://example.org/"onmouseover=alarm(22)>',
  '[x]: javascript:alarm(23)\n\n[x]',
].join('\n\n');

let store: Store;
let ids: number[];
let browser: Browser | undefined;
const folder = mkdtempSync(join(tmpdir(), 'brownout-report-'));

beforeAll(async () => {
  store = aStore();
  const hostile = SMALL.replace('name: A small guest', `# ${ZOO.join(' ')}\nname: A small guest`);
  ids = [];
  ids.push(await aRun(store));
  for (const seed of [2, 3])
    ids.push(await aRun(store, hostile.replace('512MiB', '256MiB'), { name: ZOO.join(' '), seed }));
  store.note(ids[1]!, PROSE);
  const executablePath = findChromium();
  if (executablePath !== undefined) {
    const args = ['--disable-gpu', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
    browser = await chromium.launch({ executablePath, args });
  }
}, 120_000);
afterAll(async () => {
  await browser?.close();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const REQUEST: ReportRequest = {
  ...{
    title: '',
    question: null,
    prose: null,
    baseline: 0,
    charts: CHART_NAMES,
    tables: TABLE_NAMES,
    bundleBytes: 0,
    made: '',
    version: '0.1.0',
  },
};
const compose = (which: readonly number[], request: Partial<ReportRequest> = {}): ReportDocument =>
  composeReport(
    which.map((i) => ({ store, id: ids[i]!, kept: true })),
    { ...REQUEST, ...request },
  );

interface Opened {
  readonly page: Page;
  /** Errors, refusals of the policy, attempts to reach the network, and every call of alarm(). */
  readonly complaints: string[];
}

async function open(context: TestContext, html: string, { scripts = true } = {}): Promise<Opened> {
  context.skip(browser === undefined, 'there is no Chromium on this machine');
  const file = join(folder, `${Math.floor(performance.now() * 1000)}.html`);
  writeFileSync(file, html);
  const tab = await browser!.newContext({ offline: true, javaScriptEnabled: scripts });
  const page = await tab.newPage();
  const complaints: string[] = [];
  if (scripts) {
    await page.exposeFunction('alarm', (n: number) => {
      complaints.push(`alarm ${n}`);
    });
  }
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  if (scripts) await page.waitForSelector('html[data-charts=drawn]', { timeout: 30_000 });
  return { page, complaints };
}

describe('a report in a browser without network', () => {
  it('draws zoomable charts from the data that it carries, and complains of nothing', async (context) => {
    const { page, complaints } = await open(context, reportHtml(compose([0])));
    expect(await page.locator('.plot canvas').count()).toBeGreaterThanOrEqual(3);
    expect(await page.locator('.verdict').innerText()).toMatch(/^Converged in \d+ rounds?\./);
    const box = (await page.locator('.plot canvas').first().boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    expect(complaints).toEqual([]);
  });

  it('runs nothing of hostile names, notes, prose and files, and shows them as text', async (context) => {
    const shown = [
      compose([0, 1, 2], { bundleBytes: 2 ** 25 }),
      compose([1]),
      compose([1], { title: ZOO.join(' '), question: ZOO.join(' '), prose: PROSE }),
    ];
    for (const report of shown) {
      const { page, complaints } = await open(context, reportHtml(report));
      // Time for what would run late.
      await page.waitForTimeout(200);
      expect(complaints).toEqual([]);
      const text = await page.locator('main').innerText();
      expect(text).toContain('<script>alarm(1)</script>');
      expect(text).toContain('onerror=alarm(2)>');
      for (const tag of ['iframe', 'img', 'main script', 'main style', '[onload]', '[onerror]', '[ontoggle]']) {
        expect([tag, await page.locator(tag).count()]).toEqual([tag, 0]);
      }
      const links: unknown = await page.evaluate(
        "[...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))",
      );
      for (const link of links as string[]) expect(link).toMatch(/^(https:\/\/|mailto:|#)/);
    }
  });

  it('is readable without scripts: verdict, pictures of charts, tables', async (context) => {
    const { page } = await open(context, reportHtml(compose([0, 1, 2])), { scripts: false });
    expect(await page.locator('.plot > svg path.line').count()).toBeGreaterThanOrEqual(6);
    expect(await page.locator('main').innerText()).toContain('migration.bandwidth');
  });

  it('carries every sample of a small run, and the policy names each script by its hash', async (context) => {
    const html = reportHtml(compose([0]));
    expect(html).toMatch(/script-src 'sha256-[^']+' 'sha256-[^']+'; style-src 'sha256-/);
    expect(html).not.toMatch(/unsafe-inline|unsafe-eval|https?:\/\/(?!www\.w3\.org)[^"]*\.(?:js|css|woff)/);
    const { page } = await open(context, html);
    // As the page's own script reads it, but in a few lines.
    const greatest: unknown = await page.evaluate(`(async () => {
      const packed = Uint8Array.from(atob(document.querySelector('#data').textContent), (c) => c.charCodeAt(0));
      const stream = new Response(packed).body.pipeThrough(new DecompressionStream('deflate-raw'));
      const buffer = await new Response(stream).arrayBuffer();
      const length = new DataView(buffer).getUint32(0, true);
      const [chart] = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
      const [at, count] = chart.lines[0].values;
      return { count, greatest: Math.max(...new Float64Array(buffer.slice(at, at + 8 * count))) };
    })()`);
    const run = store.run(ids[0]!);
    const position = run.series.findIndex(({ id }) => id.startsWith('dirty.'));
    const samples = store.samples(ids[0]!, position);
    expect(greatest).toEqual({ count: samples.length, greatest: Math.max(...samples) });
  });
});

describe('a report', () => {
  it('says what it takes to make it again', () => {
    const html = reportHtml(compose([0]));
    const { row, experiment } = store.run(ids[0]!);
    expect(html).toContain(row.hash!);
    expect(html).toContain('Brownout 0.1.0');
    expect(html).toContain(experiment.split('\n')[2]!.trim());
  });

  it('without a date is the same bytes each time', () => {
    const whole = { bundleBytes: 2 ** 25 };
    expect(reportHtml(compose([0, 1], whole))).toBe(reportHtml(compose([0, 1], whole)));
  });

  it('holds its runs as bundles, as many as fit, and says which are not in it', () => {
    const html = reportHtml(compose([0, 1, 2], { bundleBytes: 2 ** 25 }));
    const bundles = bundlesInReport(Buffer.from(html), 'x.html');
    expect(bundles.map((bytes) => openBundle(bytesSource(bytes), 'x').manifest.run.hash)).toEqual(
      ids.map((id) => store.run(id).row.hash),
    );
    expect(html).toContain('as 3 bundles of');
    // Room for one and a half.
    const bundleBytes = Math.floor(1.5 * bundles[0]!.length);
    const less = reportHtml(compose([0, 1, 2], { bundleBytes }));
    expect(bundlesInReport(Buffer.from(less), 'x.html')).toEqual([bundles[0]]);
    expect(less).toContain('1 of the 3 runs is in this file');
    expect(less).toContain(`Runs ${ids[1]}, ${ids[2]} are not`);
    const none = reportHtml(compose([0], { bundleBytes: 100 }));
    expect(none).toContain(`Run ${ids[0]} is not: 100 B are set apart for that.`);
    expect(() => bundlesInReport(Buffer.from(none), 'x.html')).toThrow('without a run in it');
  });

  it('as Markdown holds no markup of its runs’ names', () => {
    const text = reportMarkdown(compose([0, 1, 2]));
    const outside = text.replace(/^```+yaml\n[^]*?^```+$/gmu, '');
    expect(outside).not.toMatch(/<(?!br>)[a-z/!]/i);
    expect(text).toContain('# A small guest and');
  });

  it('draws sources as the window does', () => {
    for (let i = 0; i < 20; i++) {
      const { token, dash } = identity(i);
      expect([`--series-${lookOf(i).colour}`, lookOf(i).dash]).toEqual([token, dash]);
    }
    expect(DASHES).toHaveLength(8);
    const css = (file: string): Map<string, string> =>
      new Map(
        [
          ...readFileSync(new URL(file, import.meta.url), 'utf8').matchAll(/^\s*(--[\w-]+):\s*(light-dark\(.*\));$/gmu),
        ].map(([, name, value]) => [name!, value!]),
      );
    const window = css('../../../renderer/style/tokens.css');
    for (const [name, value] of css('../../../main/report/page/page.css'))
      expect([name, window.get(name)]).toEqual([name, value]);
  });

  it('as a PDF has pages with the verdict, or says what to install', async (context) => {
    await expect(reportPdf('', undefined)).rejects.toThrow(NoChromium);
    context.skip(findChromium() === undefined, 'there is no Chromium on this machine');
    const pdf = Buffer.from(await reportPdf(reportHtml(compose([0])), findChromium()));
    expect(pdf.subarray(0, 5).toString('latin1')).toBe('%PDF-');
    expect(pdf.toString('latin1')).toMatch(/\/Type\s*\/Page\b/);
  });
});

describe('prose', () => {
  it('is Markdown with links to https, mail and places in the page alone', () => {
    const html = proseHtml(PROSE);
    expect(html).toContain('<a href="https://example.org/" rel="noopener noreferrer">fine</a>');
    expect(html).toContain('href="mailto:a@example.org"');
    expect(html).toContain('href="#data"');
    expect(html).not.toMatch(/href="(?:javascript|data|http:)/i);
    expect(html).not.toContain('<img');
    expect(proseHtml('**bold** and a\n\n| a | b |\n| - | - |\n| 1 | 2 |')).toMatch(/<strong>bold.*<table>/s);
  });
});
