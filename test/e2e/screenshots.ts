// `npm run screenshots [VIEW…]`: pictures of every view in both themes and three sizes, from a store with real runs of the examples,
// into screenshots/ (ignored by git).
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { join } from 'node:path';
import { ROOT } from '../../main/setup/built.ts';
import { chromiumFile, NO_CHROMIUM, startChromium } from './chromium.ts';
import { fill } from './filled.ts';
import { Lab } from './labHost.ts';
import { VIEW_PLACES } from './views.ts';

const SIZES = [
  [1440, 900],
  [1024, 700],
  [2560, 1440],
] as const;

const wanted = process.argv.slice(2);
const file = chromiumFile();
if (file === undefined) {
  console.error(NO_CHROMIUM);
  process.exitCode = 1;
} else {
  const browser = await startChromium(file);
  const lab = new Lab(browser);
  const folder = join(ROOT, 'screenshots');
  mkdirSync(folder, { recursive: true });
  try {
    const filled = await fill(lab);
    for (const { name, path, ready, openings = [] } of VIEW_PLACES) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      for (const theme of ['light', 'dark'] as const) {
        for (const [width, height] of SIZES) {
          const page = await lab.open(path(filled), { theme, width, height, reducedMotion: true });
          const take = async (what: string): Promise<void> => {
            writeFileSync(join(folder, `${what}-${theme}-${width}x${height}.png`), await settled(page));
          };
          await ready(page).catch((error: unknown) => {
            console.error(`${name}: ${String(error).split('\n')[0] ?? ''}`);
            process.exitCode = 1;
          });
          await take(name);
          for (const { name: what, open, close } of openings) {
            await open(page);
            await take(`${name}-${what}`);
            await close(page);
          }
          await page.close();
        }
      }
      console.log(`${name}: ${SIZES.length * 2 * (1 + openings.length)} pictures`);
    }
    lab.check();
  } finally {
    await lab.close();
    await browser.close();
  }
}

const LOOK_MS = 400;
const MOST_LOOKS = 25;

/** The picture when nothing changes in it any more: fonts are in, what is fetched has come, charts are drawn. */
async function settled(page: Page): Promise<Buffer> {
  await page.evaluate(() => document.fonts.ready);
  let last = await page.screenshot();
  for (let i = 0; i < MOST_LOOKS; i++) {
    await page.waitForTimeout(LOOK_MS);
    const next = await page.screenshot();
    if (next.equals(last)) return next;
    last = next;
  }
  return last;
}
