// The bundled desktop app (dist/main): see bundle.ts.
import { ensureBuilt, type Part } from './built.ts';

/**
 * Packages that stay packages: a native addon, and those that start files of their own (threads, a browser's driver, the queue's
 * scripts) or are read as files (a report carries uPlot's). All others are bundled. electron-builder.yml packs these and what they need.
 */
export const EXTERNAL = [
  'electron',
  'better-sqlite3',
  'piscina',
  'playwright-core',
  'bullmq',
  'ioredis',
  'uplot',
] as const;

export const DESKTOP: Part = {
  name: 'the desktop app',
  folder: 'dist/main',
  proof: 'entry.js',
  sources: ['main', 'engine', 'build', 'package.json', 'package-lock.json'],
  needs: 'main/electron/entry.ts',
  command: (folder) => ['main/setup/bundle.ts', folder],
};

export function ensureDesktop(say: (line: string) => void): Promise<string | undefined> {
  return ensureBuilt(DESKTOP, say);
}
