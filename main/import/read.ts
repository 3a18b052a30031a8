// Reads a file that somebody else's tool wrote: which format it is, and the runs in it, all of them or none.

import { basename } from 'node:path';
import { open } from 'node:fs/promises';
import { looksLikeDomjobinfo, readDomjobinfo } from './domjobinfo.ts';
import { looksLikeGuestperf, readGuestperf } from './guestperf.ts';
import { FORMAT_NAMES, type ImportFormat, type ImportedRun } from './imported.ts';
import { parseDocument } from './json.ts';
import { looksLikeMeasured } from './measured-file.ts';
import { readMeasured } from './measured.ts';
import { ImportError } from './problem.ts';
import { looksLikeQmp, readQmpLog } from './qmplog.ts';

/** A guestperf report of hours has a few MB, a QMP log of a day at 50 ms about 1 GB: that is a log to be cut first. */
export const IMPORT_BYTES_MAX = 128 * 2 ** 20;
export const IMPORT_FORMATS = Object.keys(FORMAT_NAMES) as readonly ImportFormat[];

/** The runs of a file on disk. `format` overrides what the content looks like. */
export async function readImportFile(
  path: string,
  format?: ImportFormat,
  name = basename(path),
): Promise<ImportedRun[]> {
  let handle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw new ImportError(path, {}, `cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
  try {
    const { size } = await handle.stat();
    if (size > IMPORT_BYTES_MAX) throw tooLarge(name, size);
    return readImport(await handle.readFile(), name, format);
  } catch (error) {
    if (error instanceof ImportError) throw error;
    throw new ImportError(
      name,
      {},
      `cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
    );
  } finally {
    await handle.close();
  }
}

/** The runs in these bytes. Throws ImportError; then nothing of the file may be used. */
export function readImport(bytes: Uint8Array, file: string, format?: ImportFormat): ImportedRun[] {
  if (bytes.length > IMPORT_BYTES_MAX) throw tooLarge(file, bytes.length);
  const text = decode(bytes, file);
  switch (format ?? recognise(text)) {
    case 'guestperf':
      return readGuestperf(parseDocument(text, file), file);
    case 'measured':
      return readMeasured(parseDocument(text, file), file);
    case 'domjobinfo':
      return readDomjobinfo(text, file);
    case 'qmp-log':
      return readQmpLog(text, file);
    case undefined:
      // A broken document of ours or guestperf's gets its own message rather than "unknown".
      if (/^\s*\{/.test(text)) parseDocument(text, file);
      throw new ImportError(
        file,
        {},
        `none of the formats that can be imported: ${IMPORT_FORMATS.map((name) => FORMAT_NAMES[name]).join(', ')}`,
      );
  }
}

function recognise(text: string): ImportFormat | undefined {
  if (looksLikeDomjobinfo(text)) return 'domjobinfo';
  const document = documentOf(text);
  if (document !== undefined && looksLikeGuestperf(document)) return 'guestperf';
  if (document !== undefined && looksLikeMeasured(document)) return 'measured';
  if (looksLikeQmp(text)) return /"progress_history"\s*:/.test(text) ? 'guestperf' : 'qmp-log';
  return undefined;
}

/** The whole text as one JSON document, or undefined: which format it is comes first, what is wrong with it later. */
function documentOf(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return parseDocument(text, '');
  } catch {
    return undefined;
  }
}

/** The text of a file: UTF-8, with or without a byte order mark. */
export function decode(bytes: Uint8Array, file: string): string {
  const [first, second] = bytes;
  if (first === 0x1f && second === 0x8b) throw new ImportError(file, {}, 'is compressed by gzip: unpack it first');
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw new ImportError(file, {}, 'is a text in UTF-16: save it as UTF-8');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ImportError(file, {}, 'not a text in UTF-8');
  }
}

const tooLarge = (file: string, size: number): ImportError =>
  new ImportError(file, {}, `${size} bytes are more than the ${IMPORT_BYTES_MAX} that can be imported`);
