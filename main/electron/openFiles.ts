// Files that a user opens or saves: by dialog, from the list of recent ones, by double click or as an argument. The window gets
// names and texts; folders stay here.
import { readFileSync, statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MAX_FILE_BYTES } from '../../engine/experiment/limits.ts';
import {
  BUNDLE_ENDING,
  endingOf,
  EXPERIMENT_ENDINGS,
  JSON_ENDING,
  kindByName,
  kindOfJson,
} from '../contract/fileKinds.ts';

/** What went wrong, as a sentence for a person. */
export class FileTrouble extends Error {}

/** What is behind a path: an experiment with its text, or something to import, which nobody has read yet. */
export type FoundFile =
  | { readonly kind: 'experiment'; readonly fileName: string; readonly text: string }
  | { readonly kind: 'import'; readonly fileName: string };

/** Throws FileTrouble. */
export function findFile(path: string): FoundFile {
  const fileName = basename(path);
  const kind = kindByName(fileName);
  if (kind === undefined) {
    throw new FileTrouble(
      `${fileName} is no file that Brownout reads: experiments end with .yaml, bundles with .brownout`,
    );
  }
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new FileTrouble(`${fileName} is no file`);
    const tooLarge = stat.size > MAX_FILE_BYTES;
    if (kind === 'import' || (kind === 'json' && tooLarge)) return { kind: 'import', fileName };
    if (tooLarge) {
      throw new FileTrouble(`${fileName} has ${stat.size} bytes; an experiment file has at most ${MAX_FILE_BYTES}`);
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    if (kind === 'json' && kindOfJson(text) === 'import') return { kind: 'import', fileName };
    return { kind: 'experiment', fileName, text };
  } catch (error) {
    if (error instanceof FileTrouble) throw error;
    if (error instanceof TypeError) throw new FileTrouble(`${fileName} is no UTF-8 text`);
    throw new FileTrouble(`${fileName} cannot be read (${reason(error)})`);
  }
}

const MAX_NAME_CHARS = 120;

/** What stands in a save dialog's name field: no folder, nothing that a file system refuses, never empty. */
export function suggestedFileName(name: string): string {
  const safe = name.replaceAll(/[\p{Cc}\p{Cf}<>:"/\\|?*]+/gu, '-').replace(/^[.\s-]+/u, '');
  const ending = extname(safe).slice(0, 20);
  const short =
    `${safe.slice(0, safe.length - ending.length).slice(0, MAX_NAME_CHARS - ending.length)}${ending}`.trim();
  return short === '' ? 'experiment.yaml' : short;
}

/** Files among the words that Electron was started with. Switches and the app's own folder are none. */
export function filesOf(words: readonly string[], workingFolder: string): string[] {
  return words
    .filter((word) => !word.startsWith('-'))
    .map(pathOf)
    .filter((path) => path !== undefined && isOpenable(path))
    .map((path) => resolve(workingFolder, path ?? ''));
}

/** A double click on Linux names files by their addresses. Undefined: a file of another machine, or none. */
function pathOf(word: string): string | undefined {
  if (!/^file:/iu.test(word)) return word;
  try {
    const url = new URL(word);
    return url.host === '' ? fileURLToPath(url) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a double click may have meant us. */
export function isOpenable(path: string): boolean {
  return [...EXPERIMENT_ENDINGS, JSON_ENDING, BUNDLE_ENDING].includes(endingOf(path));
}

function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'it is not there',
    EACCES: 'no permission',
    EPERM: 'no permission',
    EISDIR: 'it is a folder',
  };
  return known[code ?? ''] ?? code ?? String(error);
}
