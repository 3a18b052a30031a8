// A report as PDF: the same page printed by a Chromium of this machine, without scripts, so that its charts are pictures of lines.
// The desktop app has a Chromium of its own and prints with that (main/electron/printPage.ts).
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { forPaper } from './paper.ts';

/** There is nothing to print with; the message says what would help. */
export class NoChromium extends Error {
  override readonly name = 'NoChromium';
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge'];
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** BROWNOUT_CHROMIUM, else the first on the PATH or where systems put it. */
export function findChromium(env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  const named = env['BROWNOUT_CHROMIUM'];
  if (named !== undefined && named !== '') return existsSync(named) ? named : undefined;
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...PLACES].find((file) =>
    existsSync(file),
  );
}

/** `chromium`: what findChromium found. Throws NoChromium where it found none. */
export async function reportPdf(page: string, chromium: string | undefined): Promise<Uint8Array> {
  if (chromium === undefined) {
    throw new NoChromium(
      'a PDF is printed by Chromium or Chrome, and none was found; install one, or name it in BROWNOUT_CHROMIUM, or write .html and print that',
    );
  }
  const { chromium: driver } = await import('playwright-core');
  const browser = await driver.launch({
    executablePath: chromium,
    // Chromium's sandbox refuses to work for root.
    args: ['--disable-gpu', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
  try {
    const context = await browser.newContext({ javaScriptEnabled: false, offline: true, colorScheme: 'light' });
    const tab = await context.newPage();
    await tab.setContent(forPaper(page), { waitUntil: 'load' });
    return await tab.pdf({ preferCSSPageSize: true, printBackground: true, tagged: true, outline: true });
  } finally {
    await browser.close();
  }
}
