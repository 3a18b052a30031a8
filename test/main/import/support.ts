// Reads fixtures and texts as an import does, and keeps what would be stored.

import { readFileSync } from 'node:fs';
import type { RunHead, Summary } from '../../../engine/experiment/result.ts';
import { playImportedRun, type ImportedRun } from '../../../main/import/imported.ts';
import { ImportError } from '../../../main/import/problem.ts';
import { readImport } from '../../../main/import/read.ts';
import { KeepingSink } from '../qemu/support.ts';

export const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../fixtures/import/${name}`, import.meta.url));
export const importText = (text: string | Uint8Array, name = 'file'): ImportedRun[] =>
  readImport(typeof text === 'string' ? Buffer.from(text) : text, name);
export const importFixture = (name: string): ImportedRun[] => importText(fixture(name), name);

export interface Played {
  readonly head: RunHead;
  readonly sink: KeepingSink;
  readonly summary: Summary;
}
export function play(run: ImportedRun, name = 'file'): Played {
  const sink = new KeepingSink();
  playImportedRun(run, name, sink);
  return { sink, head: sink.headKept!, summary: sink.summary! };
}

/** The error of a file that cannot be imported. */
export function problemOf(text: string | Uint8Array, name = 'file'): ImportError {
  try {
    importText(text, name);
  } catch (error) {
    if (error instanceof ImportError) return error;
    throw error;
  }
  throw new Error('it was imported');
}
