// Electron's entry: gathers what the machine says and starts the desktop app. No decision is made here.
import * as electron from 'electron';
import { join } from 'node:path';
import { ROOT } from '../setup/built.ts';
import { version } from '../setup/version.ts';
import { WINDOW_FOLDER } from '../setup/window.ts';
import { defaultStoreFile } from '../store/location.ts';
import { startDesktop } from './desktop.ts';

startDesktop(electron, {
  // Unpackaged, the second word is the app's folder.
  words: process.argv.slice(electron.app.isPackaged ? 1 : 2),
  workingFolder: process.cwd(),
  platform: process.platform,
  version: version(),
  storeFile: defaultStoreFile(),
  windowFolder: WINDOW_FOLDER,
  preload: join(ROOT, 'dist', 'main', 'preload.cjs'),
  icon: join(ROOT, 'dist', 'main', 'icon.png'),
  coreModule: join(ROOT, 'dist', 'main', 'utilityCore.js'),
  qemuAllowed: electron.app.commandLine.hasSwitch('allow-qemu'),
  signals: process,
  tell: (line) => {
    process.stdout.write(`${line}\n`);
  },
});
