// A lab for one end-to-end test. README.md says how to use it.
import type { Browser } from 'playwright-core';
import { afterAll, it } from 'vitest';
import { chromiumFile, NO_CHROMIUM, startChromium } from './chromium.ts';
import { Lab } from './labHost.ts';

export type { Lab, WindowOptions } from './labHost.ts';

/** Far above what any needs, for machines that do much else. */
const TEST_MS = 480_000;

const file = chromiumFile();
let browser: Promise<Browser> | undefined;

afterAll(async () => {
  await (await browser)?.close();
  browser = undefined;
});

/** A test with a lab; skipped where there is no Chromium. */
export function e2e(name: string, body: (lab: Lab) => Promise<void>): void {
  it(name, { timeout: TEST_MS }, async (context) => {
    context.skip(file === undefined, NO_CHROMIUM);
    browser ??= startChromium(file!);
    const lab = new Lab(await browser);
    try {
      await body(lab);
      lab.check();
    } catch (error) {
      await lab.photograph(name);
      throw lab.withComplaints(error);
    } finally {
      await lab.close();
    }
  });
}
