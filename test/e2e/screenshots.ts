// `npm run screenshots [VIEW…]`: pictures of every view in both themes and three sizes, from a store with real runs of the examples,
// into screenshots/ (ignored by git).
import { mkdirSync } from 'node:fs';
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
    for (const { name, path, ready } of VIEW_PLACES) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      for (const theme of ['light', 'dark'] as const) {
        for (const [width, height] of SIZES) {
          const page = await lab.open(path(filled), { theme, width, height, reducedMotion: true });
          const picture = join(folder, `${name}-${theme}-${width}x${height}.png`);
          await ready(page).catch((error: unknown) => {
            console.error(`${name}: ${String(error).split('\n')[0] ?? ''}`);
            process.exitCode = 1;
          });
          // Fonts are in, and what is drawn in the next frames is drawn.
          await page.evaluate(() => document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 300))));
          await page.screenshot({ path: picture });
          await page.close();
        }
      }
      console.log(`${name}: ${SIZES.length * 2} pictures`);
    }
    lab.check();
  } finally {
    await lab.close();
    await browser.close();
  }
}
