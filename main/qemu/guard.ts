// Processes and a folder that cannot outlive the lab, whatever kills it.
//
// Each is kept by a small shell of its own that reads from a pipe whose other end only the lab holds. When the lab
// lets go of the pipe, or dies in any way (kill -9 too: the kernel closes the pipe), the shell reads end-of-file, kills
// its child or removes its folder, and ends. Where util-linux's setpriv is there (PR_SET_PDEATHSIG cannot be reached
// from Node), the kernel also kills the child when the shell itself is killed.
//
// The shells run in a session of their own, so that Ctrl-C in a terminal reaches the lab only, which then ends in order.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { QemuError } from './errors.ts';

/** Runs "$@" with this shell's descriptors from 3 on, until standard input ends; exits with the child's status. */
const KEEP_PROCESS = `
if setpriv --pdeathsig KILL true 2>/dev/null; then set -- setpriv --pdeathsig KILL -- "$@"; fi
"$@" </dev/null >/dev/null &
child=$!
exec 3>&- 4>&- 5>&- 6>&- 1>&-
cat >/dev/null
kill -KILL "$child" 2>/dev/null
wait "$child"
`;

/**
 * Makes the folder "$1" for this user only, says so, and removes it when standard input ends: not before, whatever signal
 * a terminal or an impatient user sends, and also when nobody hears it say so any more (PIPE).
 */
const KEEP_FOLDER = `
trap '' HUP INT TERM PIPE
umask 077
mkdir -- "$1" || exit 1
echo ready
exec 1>&-
cat >/dev/null
rm -rf -- "$1"
`;

const STDERR_KEPT_CHARS = 64 * 1024;
const FOLDER_TIMEOUT_MS = 10_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GuardedProcess {
  /** Of the guarding shell. */
  readonly pid: number;
  /** The lab's ends of descriptors 3, 4, … of the process. */
  readonly streams: readonly Duplex[];
  /** Resolves when shell and process are gone. */
  readonly exited: Promise<Exit>;
  /** The last of what the process wrote to standard error. */
  stderr(): string;
  /** Kills the process at once, if it still runs, and waits until it is gone. */
  end(): Promise<Exit>;
}

/** Starts `command` with `streamCount` connected sockets as descriptors 3, 4, …. */
export async function startGuarded(
  command: string,
  args: readonly string[],
  streamCount: number,
  onStderr?: (chunk: Buffer) => void,
): Promise<GuardedProcess> {
  const pipes = Array.from({ length: streamCount }, () => 'pipe' as const);
  const child = spawn('/bin/sh', ['-c', KEEP_PROCESS, 'brownout-guard', command, ...args], {
    stdio: ['pipe', 'ignore', 'pipe', ...pipes],
    detached: true,
  });
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
  await started(child);
  const lifeline = child.stdin!;
  lifeline.on('error', () => undefined); // the shell is gone: `exited` tells
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    onStderr?.(chunk);
    text = (text + chunk.toString('utf8')).slice(-STDERR_KEPT_CHARS);
  });
  const streams = child.stdio.slice(3) as Duplex[];
  for (const stream of streams) stream.on('error', () => undefined); // readers add their own; none must crash the lab
  return {
    pid: child.pid!,
    streams,
    exited,
    stderr: () => text,
    end: () => {
      lifeline.end();
      for (const stream of streams) stream.destroy();
      return exited;
    },
  };
}

export interface GuardedFolder {
  readonly path: string;
  /** Removes the folder with everything in it. */
  end(): Promise<void>;
}

/** A new folder that only this user can enter. */
export async function makeGuardedFolder(parent: string = tmpdir()): Promise<GuardedFolder> {
  const path = join(parent, `brownout-qemu-${randomUUID()}`);
  const child = spawn('/bin/sh', ['-c', KEEP_FOLDER, 'brownout-guard', path], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  await started(child);
  child.stdin.on('error', () => undefined);
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(-1000);
  });
  const ready = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => {
      resolve(false);
    }, FOLDER_TIMEOUT_MS);
    const settle = (value: boolean): void => {
      clearTimeout(timer);
      resolve(value);
    };
    child.stdout.once('data', () => {
      settle(true);
    });
    child.once('close', () => {
      settle(false);
    });
  });
  const end = (): Promise<void> => {
    child.stdin.end();
    return exited;
  };
  if (!ready) {
    await end();
    throw new QemuError('failed', `cannot make the folder ${path}: ${complaint.trim()}`);
  }
  return { path, end };
}

async function started(child: ReturnType<typeof spawn>): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(new QemuError('missing', `cannot start /bin/sh, which guards QEMU: ${error.message}`, { cause: error }));
    });
  });
}
