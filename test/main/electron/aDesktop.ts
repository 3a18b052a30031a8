// The desktop app over a hand-written Electron, ready, with one window at its address.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDesktop, type DesktopOptions } from '../../../main/electron/desktop.ts';
import { aFolder } from '../aFolder.ts';
import { FakeElectron } from './anElectron.ts';

export interface TestDesktop {
  readonly fake: FakeElectron;
  readonly folder: string;
  readonly told: string[];
}

export function aBareDesktop(
  options: Partial<DesktopOptions> = {},
  prepare: (fake: FakeElectron, folder: string) => void = () => undefined,
): TestDesktop {
  const folder = aFolder();
  const windowFolder = join(folder, 'window');
  mkdirSync(join(windowFolder, 'assets'), { recursive: true });
  writeFileSync(join(windowFolder, 'index.html'), '<!doctype html><title>window</title>');
  writeFileSync(join(windowFolder, 'assets', 'a.js'), 'export {};');
  writeFileSync(join(windowFolder, 'secret.db'), 'not of a type that is served');
  writeFileSync(join(folder, 'outside.txt'), 'outside');
  const fake = new FakeElectron(folder);
  const told: string[] = [];
  prepare(fake, folder);
  startDesktop(fake.electron, {
    words: [],
    workingFolder: folder,
    platform: 'linux',
    version: '1.2.3',
    storeFile: join(folder, 'runs.db'),
    windowFolder,
    preload: '/app/preload.cjs',
    icon: '/app/icon.png',
    coreModule: '/app/core.js',
    qemuAllowed: false,
    signals: fake.signals,
    tell: (line) => told.push(line),
    ...options,
  });
  return { fake, folder, told };
}

export async function aDesktop(...args: Parameters<typeof aBareDesktop>): Promise<TestDesktop> {
  const desktop = aBareDesktop(...args);
  desktop.fake.app.ready.resolve(undefined);
  await later();
  return desktop;
}

/** After all that is already under way. */
export function later(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function anExperimentFile(folder: string, name = 'my.yaml', text = 'name: mine\n'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
