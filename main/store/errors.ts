// What can go wrong with a store, in words for its user. SQLite's own messages say little ("database disk image is
// malformed"); every function of this folder lets nothing else escape.

export type StoreTrouble =
  /** Not a store of Brownout; untouched. */
  | 'foreign'
  /** A store whose contents are broken; untouched. */
  | 'damaged'
  /** Written by a newer Brownout; untouched. */
  | 'newer'
  /** No room on the disk. */
  | 'full'
  /** Another process holds the file for too long. */
  | 'busy'
  /** The file cannot be opened or written: rights, missing folder, read-only disk, input/output error. */
  | 'unusable'
  /** There is no run of this number. */
  | 'absent';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreTrouble;
  readonly file: string;

  constructor(kind: StoreTrouble, file: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.file = file;
  }
}

/** Runs `work` and turns what SQLite throws into a StoreError; other errors (ours) pass. */
export function translating<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translated(file, error);
  }
}

export function translated(file: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  const say = (kind: StoreTrouble, message: string): StoreError => new StoreError(kind, file, message, error);
  // SHMSIZE: the index beside a store, which readers need too.
  if (code.startsWith('SQLITE_FULL') || code === 'SQLITE_IOERR_SHMSIZE' || code === 'ENOSPC' || code === 'EDQUOT') {
    return say('full', `the disk is full: nothing more can be kept in ${file} (what was kept before is safe)`);
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return say('busy', `${file} is in use by another process for too long; try again`);
  }
  if (code.startsWith('SQLITE_CORRUPT')) return damaged(file, error);
  if (code.startsWith('SQLITE_NOTADB')) return notAStore(file);
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS') return say('unusable', `${file} cannot be written`);
  if (code === 'EACCES' || code === 'EPERM') return say('unusable', `no permission to use ${file}`);
  if (code.startsWith('SQLITE_CANTOPEN')) {
    const why = 'SQLite keeps files of its own beside it, for readers too: its folder must be writable';
    return say('unusable', `${file} cannot be opened. ${why}; else copy the file to a folder of yours`);
  }
  if (code.startsWith('SQLITE_IOERR') || /^E[A-Z]+$/.test(code)) {
    return say('unusable', `${file} cannot be used: ${error instanceof Error ? error.message : code}`);
  }
  return error;
}

export function damaged(file: string, cause?: unknown): StoreError {
  const message = `${file} is damaged and was left untouched; restore a copy of it, or start a new file with --db`;
  return new StoreError('damaged', file, message, cause);
}

export function notAStore(file: string): StoreError {
  return new StoreError('foreign', file, `${file} is not a store of Brownout and was left untouched`);
}

function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof StoreError || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
