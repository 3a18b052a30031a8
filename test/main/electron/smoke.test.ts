// The app in real Electron, wherever its binary and a display (or Xvfb) are to be had: the window opens from its own scheme, finds
// the engine's process over its port, keeps an example's run, and ends without leaving anything. Elsewhere skipped, with the reason.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SHOWN } from '../../../main/electron/desktop.ts';
import { ROOT } from '../../../main/setup/built.ts';
import { ensureDesktop } from '../../../main/setup/desktop.ts';
import { electronBinary } from '../../../main/setup/electronBinary.ts';
import { ensureWindow } from '../../../main/setup/window.ts';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';

/** How to run something that needs a display; undefined: there is no way. */
function withDisplay(): readonly string[] | undefined {
  const { DISPLAY = '', WAYLAND_DISPLAY = '' } = process.env;
  if (process.platform !== 'linux' || DISPLAY !== '' || WAYLAND_DISPLAY !== '') return [];
  return spawnSync('xvfb-run', ['--help']).error === undefined ? ['xvfb-run', '-a'] : undefined;
}

it('opens its window in real Electron and ends in order', { timeout: 180_000 }, async (context) => {
  const binary = electronBinary(ROOT);
  context.skip(
    binary === undefined,
    'Electron’s binary was not fetched here (npm start does, where there is a display)',
  );
  const display = withDisplay();
  context.skip(display === undefined, 'there is no display, and no xvfb-run to stand in for one');
  const quiet = (): void => undefined;
  for (const ensure of [ensureWindow, ensureDesktop]) expect(await ensure(quiet)).toBeUndefined();
  const folder = aFolder();
  const storeFile = join(folder, 'runs.db');
  const [command = '', ...args] = [
    ...(display ?? []),
    ...[binary ?? '', ROOT, `--user-data-dir=${folder}`],
    // The sandbox refuses root, which is what containers run as.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  const child = spawn(command, args, {
    env: { ...process.env, BROWNOUT_DB: storeFile },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let told = '';
  let heard = '';
  child.stderr.on('data', (text: Buffer) => (heard += text.toString()));
  const shown = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      told += text.toString();
      if (told.includes(SHOWN)) resolve();
    });
    child.once('close', (code) => {
      reject(new Error(`Electron ended with ${String(code)}: ${heard}`));
    });
  });
  await shown;
  while (!existsSync(storeFile)) await new Promise((later) => setTimeout(later, 100));
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
  const store = new Store(storeFile);
  expect(store.count()).toBe(0);
  store.close();
});
