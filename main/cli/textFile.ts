// A text file named on the command line: read whole, but never more than it may have, and only if it is UTF-8.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UsageError } from './command.ts';
import { formatCount } from '../contract/format.ts';
import { printable } from './text.ts';

const PIECE = 1 << 20;
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'no permission to read it',
  ENAMETOOLONG: 'the name is too long',
};

/** `what` as in `an experiment file`. The name - stands for standard input. */
export function readTextFile(name: string, what: string, maxBytes: number): string {
  const shown = printable(name);
  let bytes: Buffer | undefined;
  try {
    bytes = name === '-' ? readAtMost(0, maxBytes) : readNamed(name, what, maxBytes);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`${shown}: ${REASONS[code ?? ''] ?? printable(message)}`);
  }
  if (bytes === undefined) throw tooLarge(name, maxBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${shown} is not text in UTF-8`);
  }
}

function readNamed(name: string, what: string, maxBytes: number): Buffer | undefined {
  const file = openSync(name, 'r');
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw new UsageError(`${printable(name)} is a folder, expected ${what}`);
    if (stat.size > maxBytes) throw tooLarge(name, maxBytes, stat.size);
    return readAtMost(file, maxBytes);
  } finally {
    closeSync(file);
  }
}

function tooLarge(name: string, maxBytes: number, size?: number): UsageError {
  const most = formatCount(maxBytes);
  const why = size === undefined ? `more than ${most} bytes` : `${formatCount(size)} bytes, at most ${most}`;
  return new UsageError(`${printable(name)} is too large: ${why}`);
}

/** Undefined if there is more: a device or a pipe has no size to ask for before. */
function readAtMost(file: number, maxBytes: number): Buffer | undefined {
  const pieces: Buffer[] = [];
  for (let total = 0; ;) {
    const piece = Buffer.allocUnsafe(PIECE);
    const got = readSome(file, piece);
    if (got === 0) return Buffer.concat(pieces, total);
    pieces.push(piece.subarray(0, got));
    total += got;
    if (total > maxBytes) return undefined;
  }
}

function readSome(file: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(file, into);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      // A pipe in non-blocking mode whose writer is not ready.
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
