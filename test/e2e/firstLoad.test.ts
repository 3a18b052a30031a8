// What the browser fetches before there is something to look at: everything up to the gallery, whoever asked for it (the page, a
// module, a style). Counted as a server that compresses would send it; fonts are compressed already and count as they are.
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { e2e } from './lab.ts';

const MAX_BYTES = 400_000;

e2e('the window at first load is under 400 kB, compressed', async (lab) => {
  const { address } = await lab.host();
  const page = await lab.openAddress('about:blank');
  const answers: Promise<readonly [path: string, bytes: number]>[] = [];
  page.on('response', (response) => {
    const sized = async (): Promise<readonly [string, number]> => {
      const path = new URL(response.url()).pathname;
      const body = await response.body();
      return [path, path.endsWith('.woff2') ? body.length : gzipSync(body).length];
    };
    answers.push(sized());
  });
  await page.goto(address);
  await page.getByText('NIC tracked by the IOMMU').first().waitFor();
  await page.evaluate(() => document.fonts.ready);
  const loaded = await Promise.all(answers);
  const total = loaded.reduce((sum, [, bytes]) => sum + bytes, 0);
  const list = loaded.map(([path, bytes]) => `${bytes} ${path}`).join('\n');
  // Else this would count nothing.
  expect(loaded.map(([path]) => path).filter((path) => /\.(?:js|css|woff2)$/u.test(path)).length, list).toBeGreaterThan(
    3,
  );
  expect(total, list).toBeLessThan(MAX_BYTES);
});
