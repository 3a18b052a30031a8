// Runs the `brownout` command as a user does: as a process of its own, with its own store and home.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const COMMAND = resolve(ROOT, 'main/cli/brownout.js');

export interface Options {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Another Node than the one that runs the tests. */
  readonly node?: string;
  /** Called when standard error has said something. */
  readonly onStderr?: (all: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export function brownout(args: readonly string[], options: Options = {}): Promise<Ended> {
  const child = spawn(options.node ?? process.execPath, [COMMAND, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => {
    stderr += text.toString();
    options.onStderr?.(stderr, (signal) => child.kill(signal));
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => {
      done({ code, signal, stdout, stderr });
    });
  });
}
