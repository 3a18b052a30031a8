// Where an export goes: a file that is either whole or not there.
//
// Pieces are written to a file of another name beside the target, synced, and only then given the target's name. A kill, a full
// disk or Ctrl-C leaves the target as it was (after a kill the unfinished file stays, named `.NAME.part-PID`). Between pieces
// the event loop runs, so that a signal is seen and a host goes on answering.
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

export type ExportTrouble = 'exists' | 'full' | 'unusable' | 'interrupted' | 'unfit';

/** An export that cannot be made, in words for its user. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
  readonly kind: ExportTrouble;

  constructor(kind: ExportTrouble, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

export interface TargetOptions {
  /** Replace what is there. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
}

/** The event loop gets its turn at least so often. */
const SLICE_MS = 20;

/** Resolves with the number of bytes. Rejects with an ExportError, or with what the pieces throw; then nothing was changed. */
export async function writeFileWhole(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { force = false, signal, onBytes }: TargetOptions = {},
): Promise<number> {
  if (!force && exists(path)) throw alreadyThere(path);
  const unfinished = join(dirname(path), `.${basename(path).slice(0, 200)}.part-${process.pid}`);
  const file = translating(path, () => openSync(unfinished, 'wx'));
  try {
    let bytes = 0;
    let since = performance.now();
    for await (const piece of pieces) {
      translating(path, () => {
        writeAll(file, piece);
      });
      bytes += piece.length;
      onBytes?.(bytes);
      if (performance.now() - since > SLICE_MS) {
        await setImmediate();
        since = performance.now();
      }
      if (signal?.aborted === true) throw new ExportError('interrupted', `interrupted: ${path} was not written`);
    }
    translating(path, () => {
      fsyncSync(file);
      giveName(unfinished, path, force);
      syncFolder(dirname(path));
    });
    return bytes;
  } finally {
    closeSync(file);
    rmSync(unfinished, { force: true });
  }
}

function writeAll(file: number, piece: Uint8Array): void {
  for (let from = 0; from < piece.length;) from += writeSync(file, piece, from);
}

/** A link, unlike a rename, fails where somebody else made a file of that name meanwhile. */
function giveName(unfinished: string, path: string, force: boolean): void {
  if (!force) {
    try {
      linkSync(unfinished, path);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw alreadyThere(path);
      // A file system without links.
      if (exists(path)) throw alreadyThere(path);
    }
  }
  renameSync(unfinished, path);
}

/** So that the name survives a power cut; not every system lets a folder be opened. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // Then the file is as safe as that system makes it.
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

const alreadyThere = (path: string): ExportError =>
  new ExportError('exists', `${path} is there already; --force replaces it`);

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  ENOTDIR: 'part of its path is no folder',
  EISDIR: 'it is a folder',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EROFS: 'the disk can only be read',
  ENAMETOOLONG: 'the name is too long',
  EFBIG: 'it is larger than files may be there',
};

function translating<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExportError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new ExportError('full', `the disk is full: ${path} was not written`, error);
    }
    throw new ExportError('unusable', `${path} cannot be written: ${REASONS[code] ?? message}`, error);
  }
}
