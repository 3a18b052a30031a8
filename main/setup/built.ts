// Parts of the app that are built from sources: made when they are missing or older than their sources, by whoever comes first;
// the others wait for it. A part is built aside and moved into place whole, with the fingerprint of its sources in it, so an
// interrupted build leaves the old one. A packaged app has no sources: it takes what is there.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The clone or the installed package. Built files lie as deep below it as sources do. */
export const ROOT = resolve(import.meta.dirname, '..', '..');

export interface Part {
  readonly name: string;
  /** Below the root. */
  readonly folder: string;
  /** A file that every whole build has. */
  readonly proof: string;
  /** Files and folders that it is made of, from the root. What is not there counts as absent. */
  readonly sources: readonly string[];
  /** A source without which nothing can be built. */
  readonly needs: string;
  /** What Node runs to build it into this folder, from the root. */
  readonly command: (folder: string) => readonly string[];
}

/** Builds every part. */
export const VITE = 'node_modules/vite/bin/vite.js';
const STAMP = '.stamp';
const POLL_MS = 100;
/** A lock that its owner has not touched for so long is nobody's, whatever process has its number now. */
const ABANDONED_MS = 60_000;
const TOUCH_MS = 5_000;

/** Resolves with undefined, or with the reason why there is none. */
export async function ensureBuilt(
  part: Part,
  say: (line: string) => void,
  root: string = ROOT,
): Promise<string | undefined> {
  const folder = join(root, part.folder);
  if (!existsSync(join(root, part.needs)) || !existsSync(join(root, VITE))) {
    return existsSync(join(folder, part.proof)) ? undefined : `${part.name} was not built and its sources are not here`;
  }
  const stamp = fingerprint(part.sources, root);
  const fresh = (): boolean => existsSync(join(folder, part.proof)) && readStamp(folder) === stamp;
  if (fresh()) return undefined;
  const release = await lock(join(root, '.cache', `build-${part.folder.replaceAll('/', '-')}.lock`));
  const aside = join(root, `${part.folder}.${randomUUID()}`);
  try {
    if (fresh()) return undefined;
    say(`Building ${part.name} (once after each change of its sources) …`);
    const { code, output } = await run(process.execPath, part.command(aside), root);
    if (code !== 0) return `${part.name} cannot be built:\n${output.trim()}`;
    writeFileSync(join(aside, STAMP), stamp);
    replace(folder, aside);
    return undefined;
  } finally {
    rmSync(aside, { recursive: true, force: true });
    release();
  }
}

function replace(folder: string, by: string): void {
  const old = `${by}.old`;
  mkdirSync(dirname(folder), { recursive: true });
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(by, folder);
  rmSync(old, { recursive: true, force: true });
}

function readStamp(folder: string): string {
  try {
    return readFileSync(join(folder, STAMP), 'utf8');
  } catch {
    return '';
  }
}

/** Of names, sizes and times of change: some hundred files, a few milliseconds. */
export function fingerprint(sources: readonly string[], root: string): string {
  const hash = createHash('sha256');
  for (const source of sources) {
    const path = join(root, source);
    if (!existsSync(path)) continue;
    const files = statSync(path).isDirectory()
      ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
      : [path];
    for (const file of files.sort((a, b) => (a < b ? -1 : 1))) {
      const { mtimeMs, size } = statSync(file);
      hash.update(`${file} ${mtimeMs} ${size}\n`);
    }
  }
  return hash.digest('hex');
}

/** Resolves with its release as soon as nobody else holds it. */
async function lock(file: string): Promise<() => void> {
  mkdirSync(dirname(file), { recursive: true });
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isAbandoned(file)) rmSync(file, { force: true });
    else await new Promise((later) => setTimeout(later, POLL_MS));
  }
  const touching = setInterval(() => {
    const now = new Date();
    utimesSync(file, now, now);
  }, TOUCH_MS).unref();
  return () => {
    clearInterval(touching);
    rmSync(file, { force: true });
  };
}

function isAbandoned(file: string): boolean {
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    if (Date.now() - statSync(file).mtimeMs > ABANDONED_MS) return true;
    // Just made, and not yet written to.
    if (owner === 0) return false;
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function run(command: string, args: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    child.on('error', (error) => {
      done({ code: 127, output: String(error) });
    });
    child.on('close', (code) => {
      done({ code: code ?? 1, output });
    });
  });
}
