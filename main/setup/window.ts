// The built window: what the browser host serves and the desktop app loads.
import { join } from 'node:path';
import { ensureBuilt, ROOT, VITE, type Part } from './built.ts';

export const WINDOW: Part = {
  name: 'the window',
  folder: 'dist/renderer',
  proof: 'index.html',
  sources: ['renderer', 'main/contract', 'engine', 'vite.config.ts', 'package-lock.json'],
  needs: 'renderer/index.html',
  command: (folder) => [VITE, 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'],
};
export const WINDOW_FOLDER = join(ROOT, WINDOW.folder);

/** Resolves with undefined, or with the reason why there is no window to show. */
export function ensureWindow(say: (line: string) => void): Promise<string | undefined> {
  return ensureBuilt(WINDOW, say);
}
