// `node test/e2e/icons.ts`: the app's icons, drawn by Chromium from the mark (renderer/public/mark.svg), into build/, where
// electron-builder finds them; the desktop's window takes one, too. To be run after each change of the mark.
//
// .icns and .ico are made here, because electron-builder would fetch a tool for it: both are a head and PNGs one after the other.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { ROOT } from '../../main/setup/built.ts';
import { chromiumFile, NO_CHROMIUM, startChromium } from './chromium.ts';

export const ICON_FOLDER = join(ROOT, 'build');
/** Pixels of each side: in build/icons, for Linux. */
export const SIZES = [16, 24, 32, 48, 64, 128, 256, 512];
const ICO_SIZES = [16, 24, 32, 48, 64, 128, 256];
/** Of Apple's types those that hold PNGs, by their pixels; the last three are for screens of double density. */
const ICNS_TYPES = [
  ['icp4', 16],
  ['icp5', 32],
  ['ic07', 128],
  ['ic08', 256],
  ['ic09', 512],
  ['ic11', 32],
  ['ic12', 64],
  ['ic10', 1024],
] as const;
/** Apple's grid leaves a tenth free on each side of what stands in the dock. */
const MAC_MARGIN = 0.0977;

/** `margin`: share of the width that stays free on each side. */
export async function drawIcon(browser: Browser, pixels: number, margin = 0): Promise<Buffer> {
  const svg = readFileSync(join(ROOT, 'renderer', 'public', 'mark.svg')).toString('base64');
  const page = await browser.newPage({ viewport: { width: pixels, height: pixels }, deviceScaleFactor: 1 });
  try {
    const size = Math.round(pixels * (1 - 2 * margin));
    const at = Math.round((pixels - size) / 2);
    await page.setContent(
      `<body style="margin:0"><img style="position:absolute;left:${at}px;top:${at}px;width:${size}px;height:${size}px" src="data:image/svg+xml;base64,${svg}">`,
    );
    await page.evaluate(() => document.querySelector('img')?.decode());
    return await page.screenshot({ omitBackground: true });
  } finally {
    await page.close();
  }
}

/** `icns`, the length of all, then for each: type, its length with these eight bytes, PNG. Numbers are big-endian. */
function icns(pictures: readonly (readonly [type: string, png: Buffer])[]): Buffer {
  const head = (name: string, bytes: number): Buffer => {
    const buffer = Buffer.alloc(8);
    buffer.write(name, 'latin1');
    buffer.writeUInt32BE(bytes + 8, 4);
    return buffer;
  };
  const parts = pictures.flatMap(([type, png]) => [head(type, png.length), png]);
  return Buffer.concat([
    head(
      'icns',
      parts.reduce((sum, part) => sum + part.length, 0),
    ),
    ...parts,
  ]);
}

/** Six bytes (0, 1 for icons, count), sixteen for each (sides, of which 0 means 256; one plane, 32 bits; length; place), then the PNGs. */
function ico(pictures: readonly (readonly [pixels: number, png: Buffer])[]): Buffer {
  const head = Buffer.alloc(6 + 16 * pictures.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(pictures.length, 4);
  let place = head.length;
  for (const [i, [pixels, png]] of pictures.entries()) {
    const at = 6 + 16 * i;
    head.writeUInt8(pixels % 256, at);
    head.writeUInt8(pixels % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(png.length, at + 8);
    head.writeUInt32LE(place, at + 12);
    place += png.length;
  }
  return Buffer.concat([head, ...pictures.map(([, png]) => png)]);
}

async function writeIcons(browser: Browser): Promise<void> {
  const write = (name: string, bytes: Buffer): void => {
    mkdirSync(dirname(join(ICON_FOLDER, name)), { recursive: true });
    writeFileSync(join(ICON_FOLDER, name), bytes);
    console.log(`build/${name}: ${bytes.length} bytes`);
  };
  const drawn = new Map<number, Buffer>();
  for (const size of SIZES) drawn.set(size, await drawIcon(browser, size));
  for (const [size, png] of drawn) write(`icons/${size}x${size}.png`, png);
  write('icon.ico', ico(ICO_SIZES.map((size) => [size, drawn.get(size)!])));
  const forMac: [string, Buffer][] = [];
  for (const [type, pixels] of ICNS_TYPES) forMac.push([type, await drawIcon(browser, pixels, MAC_MARGIN)]);
  write('icon.icns', icns(forMac));
}

if (process.argv[1] === import.meta.filename) {
  const file = chromiumFile();
  if (file === undefined) {
    console.error(NO_CHROMIUM);
    process.exitCode = 1;
  } else {
    const browser = await startChromium(file);
    try {
      await writeIcons(browser);
    } finally {
      await browser.close();
    }
  }
}
