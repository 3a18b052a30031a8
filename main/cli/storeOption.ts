// `--db FILE`, the same for every command that reads or keeps runs.
import { existsSync } from 'node:fs';
import { defaultStoreFile } from '../store/location.ts';
import { Store } from '../store/store.ts';
import { UsageError, type Option, type Words } from './command.ts';
import { printable } from './text.ts';

export const dbOption: Option = {
  type: 'string',
  value: 'FILE',
  help: 'the file that keeps the runs (default: BROWNOUT_DB, else your data folder)',
};

export function storeFile(words: Words): string {
  const file = words.text('db') ?? defaultStoreFile();
  if (file === '') throw new UsageError('--db needs the name of a file');
  return file;
}

/** The store to read from; undefined where nothing was ever kept in the default place. */
export function existingStore(words: Words): Store | undefined {
  const file = storeFile(words);
  if (existsSync(file)) return new Store(file);
  if (words.text('db') !== undefined) throw new UsageError(`there is no file ${printable(file)}`);
  return undefined;
}

/** A run's number as the user writes it. */
export function runId(word: string): number {
  const id = /^\d{1,15}$/.test(word) ? Number(word) : 0;
  if (id > 0) return id;
  throw new UsageError(`${printable(word, 40)} is not the number of a run; brownout list shows them`);
}
