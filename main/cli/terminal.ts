// Where a command's words go: results to standard output, progress and messages to standard error.
//
// A reader that goes away (`brownout list | head -1`) is no error: what remains is dropped and the command ends as usual.
// Ctrl-C is a request: the first aborts `interrupted`, on which a command cancels and keeps what it has; the second ends
// the process at once. One key press arrives several times (the terminal tells every process of the group, and npm and our
// own launcher pass it on): what comes within SAME_PRESS_MS is the same press.
import { writeSync } from 'node:fs';

export interface Terminal {
  /** Writes to standard output. */
  out(text: string): void;
  /** Writes bytes to standard output. */
  bytes(bytes: Uint8Array): void;
  /** Writes a line to standard error. */
  say(text: string): void;
  /** Rewrites the last line of standard error; does nothing where nobody watches. Empty text removes the line. */
  progress(text: string): void;
  /** Whether somebody sees the progress. */
  readonly watched: boolean;
  /** Whether results go to a terminal, rather than to a file or a pipe. */
  readonly isTerminal: boolean;
  /** Columns of the output; 80 where it is no terminal. */
  readonly columns: number;
  /** Aborted by the first Ctrl-C. */
  readonly interrupted: AbortSignal;
}

export const EXIT = { done: 0, failed: 1, wrongInput: 2, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const SAME_PRESS_MS = 300;

/** The terminal of this process. `dispose` removes what was installed. */
export function processTerminal(): Terminal & { dispose(): void } {
  const interruption = new AbortController();
  const { stdout, stderr } = process;
  let progressShown = false;
  let readerGone = false;

  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    readerGone = true;
  };
  let pressedMs = -Infinity;
  const onInterrupt = (): void => {
    const now = performance.now();
    if (now - pressedMs < SAME_PRESS_MS) return;
    pressedMs = now;
    if (interruption.signal.aborted) process.exit(EXIT.interrupted);
    interruption.abort();
  };
  stdout.on('error', onError);
  stderr.on('error', onError);
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  // The launcher that passes signals on to us was killed itself.
  process.on('disconnect', onInterrupt);
  process.channel?.unref();

  const clearProgress = (): void => {
    if (progressShown) stderr.write('\r\x1b[K');
    progressShown = false;
  };
  return {
    out(text) {
      clearProgress();
      if (!readerGone) writeAll(Buffer.from(text));
    },
    bytes(bytes) {
      clearProgress();
      if (!readerGone) writeAll(bytes);
    },
    say(text) {
      clearProgress();
      stderr.write(`${text}\n`);
    },
    progress(text) {
      if (!stderr.isTTY) return;
      clearProgress();
      if (text === '') return;
      stderr.write(text);
      progressShown = true;
    },
    watched: stderr.isTTY,
    isTerminal: stdout.isTTY,
    columns: stdout.isTTY ? stdout.columns : 80,
    interrupted: interruption.signal,
    dispose() {
      clearProgress();
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onInterrupt);
      process.off('disconnect', onInterrupt);
    },
  };

  /** All of it, before the process may end: pipes are asynchronous streams, and process.exit would cut them short. */
  function writeAll(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      try {
        from += writeSync(1, bytes, from);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EPIPE') {
          readerGone = true;
          return;
        }
        // A pipe in non-blocking mode that is full: wait a moment for its reader.
        if (code !== 'EAGAIN') throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      }
    }
  }
}
