// The Chromium that end-to-end tests, screenshots and benches of the window drive.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Undefined: there is none. */
export function chromiumFile(): string | undefined {
  const own = process.env['BROWNOUT_CHROMIUM'];
  if (own !== undefined && own !== '') return own;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const file = join(folder, name);
      if (existsSync(file)) return file;
    }
  }
  return undefined;
}

export const NO_CHROMIUM = 'there is no Chromium here (BROWNOUT_CHROMIUM names one)';

/** Offline but for loopback, and without the services that a browser starts for its user. */
export function startChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Chromium's sandbox refuses to run as root, which is what containers run as.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
}
