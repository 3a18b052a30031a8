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

/** Sends the signal once `when` says so, or so much later. */
export interface Interruption {
  readonly when: () => boolean;
  readonly signal: NodeJS.Signals;
  readonly delayMs?: number;
  /** Sends it twice, as npm does, which passes on what the terminal has told everybody already. */
  readonly again?: boolean;
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Another Node than the one that runs the tests. */
  readonly node?: string;
  /** Another entry than the command, from the root. */
  readonly script?: string;
  readonly interrupt?: Interruption;
}

export function brownout(args: readonly string[], options: Options = {}): Promise<Ended> {
  const script = resolve(ROOT, options.script ?? 'main/cli/brownout.js');
  const child = spawn(options.node ?? process.execPath, [script, ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const { interrupt } = options;
  const timers: NodeJS.Timeout[] = [];
  if (interrupt !== undefined) {
    const { when, signal, delayMs = 0, again = false } = interrupt;
    const watching = setInterval(() => {
      if (!when()) return;
      clearInterval(watching);
      for (const ms of again ? [delayMs, delayMs + 5] : [delayMs])
        timers.push(setTimeout(() => child.kill(signal), ms));
    }, 5);
    timers.push(watching);
  }
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => {
      for (const timer of timers) clearTimeout(timer);
      done({ code, signal, stdout, stderr });
    });
  });
}
