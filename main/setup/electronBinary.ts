// Electron's binary: where npm's package keeps it, whether it can show a window here, and fetching it. The package holds no binary;
// its own install script fetches one of the right version and checks it against a list of checksums.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Surroundings {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's number; undefined where there are none. */
  readonly uid: number | undefined;
}

/** Why no desktop window can be shown here, as the end of a sentence; undefined: it can, as far as can be known beforehand. */
export function noDesktop({ platform, env, uid }: Surroundings): string | undefined {
  const has = (name: string): boolean => (env[name] ?? '') !== '';
  if (platform === 'linux') {
    if (!has('DISPLAY') && !has('WAYLAND_DISPLAY')) return 'there is no display';
    if (uid === 0) return 'Electron’s sandbox does not work for root';
  }
  if (platform === 'darwin' && has('SSH_CONNECTION')) return 'there is no display over SSH';
  if (!['linux', 'darwin', 'win32'].includes(platform)) return `there is no Electron for ${platform}`;
  return undefined;
}

/** The binary's file; undefined where it was not fetched yet. */
export function electronBinary(root: string, env: Surroundings['env'] = process.env): string | undefined {
  const folder = join(root, 'node_modules', 'electron');
  let name: string;
  try {
    name = readFileSync(join(folder, 'path.txt'), 'utf8');
  } catch {
    name = process.platform === 'win32' ? 'electron.exe' : 'electron';
  }
  const file = join(env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(folder, 'dist'), name);
  return existsSync(file) ? file : undefined;
}

const FETCH_MS = 5 * 60_000;

/** Resolves with undefined, or with the reason why it could not be fetched, as the end of a sentence. */
export function fetchElectron(root: string, signal: AbortSignal): Promise<string | undefined> {
  const script = join(root, 'node_modules', 'electron', 'install.js');
  if (!existsSync(script)) return Promise.resolve('npm did not install Electron');
  return new Promise((done) => {
    const child = spawn(process.execPath, [script], {
      stdio: ['ignore', 'ignore', 'pipe'],
      signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)]),
    });
    let heard = '';
    child.stderr.on('data', (text: Buffer) => (heard = (heard + text.toString()).slice(0, 10_000)));
    child.on('error', (error) => {
      done(error.name === 'AbortError' ? 'Electron could not be fetched in time' : error.message);
    });
    child.on('close', (code) => {
      done(code === 0 ? undefined : `Electron could not be fetched: ${firstLine(heard)}`);
    });
  });
}

/** The first line of what a program said last before it gave up, without the name of the error's class. */
export function firstLine(text: string): string {
  const line = text
    .split('\n')
    .map((one) => one.trim())
    .find((one) => one !== '');
  return (line ?? 'it did not say why').replace(/^\w*Error: /u, '').slice(0, 200);
}
