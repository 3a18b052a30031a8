// Icons are the mark as Chromium draws it now: whoever changes one and forgets the other is told.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { expect, it } from 'vitest';
import { chromiumFile, NO_CHROMIUM, startChromium } from './chromium.ts';
import { drawIcon, ICON_FOLDER, SIZES } from './icons.ts';

/** Of 255, on average over all channels: Chromiums differ at edges alone. */
const MAX_DIFFERENCE = 1.5;

it('the icons in build/ show the mark (else run node test/e2e/icons.ts)', { timeout: 120_000 }, async (context) => {
  const file = chromiumFile();
  context.skip(file === undefined, NO_CHROMIUM);
  const browser = await startChromium(file!);
  try {
    for (const size of SIZES) {
      const kept = PNG.sync.read(readFileSync(join(ICON_FOLDER, 'icons', `${size}x${size}.png`)));
      const drawn = PNG.sync.read(await drawIcon(browser, size));
      expect([kept.width, kept.height]).toEqual([size, size]);
      let sum = 0;
      for (const [i, value] of drawn.data.entries()) sum += Math.abs(value - (kept.data[i] ?? 0));
      expect(sum / drawn.data.length, `${size}`).toBeLessThan(MAX_DIFFERENCE);
    }
  } finally {
    await browser.close();
  }
});
