// The built window (dist/renderer), made when it is missing or older than its sources. A packaged app has no sources: it takes
// what is there.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..', '..');
export const WINDOW_FOLDER = join(ROOT, 'dist', 'renderer');
const STAMP = join(ROOT, 'dist', 'renderer.stamp');
/** What the window is made of. */
const SOURCES = ['renderer', 'main/contract', 'engine', 'vite.config.ts', 'package-lock.json'];

/** Resolves with undefined, or with the reason why there is no window to show. */
export async function ensureWindow(say: (line: string) => void, root: string = ROOT): Promise<string | undefined> {
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  if (!existsSync(join(root, 'renderer', 'index.html')) || !existsSync(vite)) {
    return existsSync(join(WINDOW_FOLDER, 'index.html'))
      ? undefined
      : 'the window was not built and its sources are not here';
  }
  const stamp = fingerprint(root);
  if (existsSync(join(WINDOW_FOLDER, 'index.html')) && readStamp() === stamp) return undefined;
  say('Building the window (once after each change of its sources) …');
  const { code, output } = await run(process.execPath, [vite, 'build', '--logLevel', 'warn'], root);
  if (code !== 0) return `the window cannot be built:\n${output.trim()}`;
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(STAMP, stamp);
  return undefined;
}

function readStamp(): string {
  try {
    return readFileSync(STAMP, 'utf8');
  } catch {
    return '';
  }
}

/** Of names, sizes and times of change: some hundred files, a few milliseconds. */
function fingerprint(root: string): string {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
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
