// Files that a user opens or saves: by dialog, from the list of recent ones, by double click or as an argument. The window gets
// names and texts; folders stay here.
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { MAX_FILE_BYTES } from '../../engine/experiment/limits.ts';
import type { OpenedFile } from '../contract/desktop.ts';

/** What an experiment file's name ends with. */
export const EXPERIMENT_ENDINGS: readonly string[] = ['yaml', 'yml', 'json'];

/** What went wrong, as a sentence for a person. */
export class FileTrouble extends Error {}

export function readExperimentFile(path: string): OpenedFile {
  const fileName = basename(path);
  if (!EXPERIMENT_ENDINGS.includes(extname(path).slice(1).toLowerCase())) {
    throw new FileTrouble(`${fileName} is no experiment file: those end with .yaml, .yml or .json`);
  }
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new FileTrouble(`${fileName} is no file`);
    if (stat.size > MAX_FILE_BYTES) {
      throw new FileTrouble(`${fileName} has ${stat.size} bytes; an experiment file has at most ${MAX_FILE_BYTES}`);
    }
    return { fileName, text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) };
  } catch (error) {
    if (error instanceof FileTrouble) throw error;
    if (error instanceof TypeError) throw new FileTrouble(`${fileName} is no UTF-8 text`);
    throw new FileTrouble(`${fileName} cannot be read (${reason(error)})`);
  }
}

/** Written aside and moved into place: the old file stays whole until the new one is. */
export function saveTextFile(path: string, text: string): string {
  const aside = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    writeFileSync(aside, text);
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw new FileTrouble(`${basename(path)} cannot be written (${reason(error)})`);
  }
  return basename(path);
}

/** What stands in a save dialog's name field: no folder, nothing that a file system refuses, never empty. */
export function suggestedFileName(name: string): string {
  const safe = name
    .replaceAll(/[\p{Cc}\p{Cf}<>:"/\\|?*]+/gu, '-')
    .replace(/^[.\s-]+/u, '')
    .slice(0, 120)
    .trim();
  return safe === '' ? 'experiment.yaml' : safe;
}

/** Files among the words that Electron was started with. Switches and the app's own folder are none. */
export function filesOf(words: readonly string[], workingFolder: string): string[] {
  return words.filter((word) => !word.startsWith('-') && isOpenable(word)).map((word) => resolve(workingFolder, word));
}

/** Whether a double click may have meant us. */
export function isOpenable(path: string): boolean {
  return [...EXPERIMENT_ENDINGS, 'brownout'].includes(extname(path).slice(1).toLowerCase());
}

function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'it is not there',
    EACCES: 'no permission',
    EPERM: 'no permission',
    EISDIR: 'it is a folder',
    ENOSPC: 'the disk is full',
    EROFS: 'the disk is read-only',
  };
  return known[code ?? ''] ?? code ?? String(error);
}
