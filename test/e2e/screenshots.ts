// `npm run screenshots [NAME…]`: pictures of every view and of the states it can be in, in both themes and at several sizes, from stores
// with real runs of the examples, into screenshots/ (ignored by git). NAME: of a scene (scenes.ts), or how the name of a picture begins.
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { join } from 'node:path';
import { ROOT } from '../../main/setup/built.ts';
import { chromiumFile, NO_CHROMIUM, startChromium } from './chromium.ts';
import { Lab } from './labHost.ts';
import { SCENES, type Picture, type Scene } from './scenes.ts';

const FOLDER = join(ROOT, 'screenshots');
const LOOK_MS = 400;
const MOST_LOOKS = 25;
/** What moves is looked at when there is something to see. */
const MOVING_MS = 3_000;

async function takeScene(browser: Browser, scene: Scene, wanted: readonly string[]): Promise<void> {
  const lab = new Lab(browser);
  try {
    for (const picture of await scene.prepare(lab)) {
      if (wanted.length === 0 || wanted.some((name) => picture.name.startsWith(name))) await takePicture(lab, picture);
    }
    lab.check();
  } finally {
    await lab.close();
  }
}

async function takePicture(lab: Lab, picture: Picture): Promise<void> {
  const { name, path, ready, sizes, openings = [], moving = false } = picture;
  for (const theme of ['light', 'dark'] as const) {
    for (const [width, height] of sizes) {
      const page = await lab.open(path, { theme, width, height, reducedMotion: true });
      const take = async (what: string): Promise<void> => {
        if (moving) await page.waitForTimeout(MOVING_MS);
        const png = moving ? await page.screenshot() : await settled(page);
        writeFileSync(join(FOLDER, `${what}-${theme}-${width}x${height}.png`), png);
      };
      try {
        await ready(page);
        await take(name);
        for (const { name: what, open, close } of openings) {
          await open(page);
          await take(`${name}-${what}`);
          await close(page);
        }
      } catch (error) {
        console.error(`${name}, ${theme}, ${width}x${height}: ${String(error)}`);
        process.exitCode = 1;
        await take(name);
      }
      await page.context().close();
    }
  }
  console.log(`${name}: ${sizes.length * 2 * (1 + openings.length)} pictures`);
}

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

const file = chromiumFile();
if (file === undefined) {
  console.error(NO_CHROMIUM);
  process.exitCode = 1;
} else {
  const wanted = process.argv.slice(2);
  const browser = await startChromium(file);
  mkdirSync(FOLDER, { recursive: true });
  try {
    const scenes = SCENES.filter(({ name }) => wanted.includes(name));
    const pictures = wanted.filter((name) => !SCENES.some((scene) => scene.name === name));
    for (const scene of scenes.length > 0 ? scenes : SCENES) await takeScene(browser, scene, pictures);
  } finally {
    await browser.close();
  }
}
