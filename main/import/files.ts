// Whatever can be imported, from a file to runs in a store: bundles, reports with bundles in them, and what other tools wrote.
// A file is read and checked whole before anything of it is kept.
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { keepBundle } from '../bundle/keep.ts';
import { bytesSource, checkWhole, openBundle, withBundleFile, type Bundle } from '../bundle/read.ts';
import { bundlesInReport, looksLikeHtml, REPORT_BYTES_MAX } from '../bundle/report.ts';
import { looksLikeZip } from '../bundle/zipFile.ts';
import type { KeptRun } from '../contract/exports.ts';
import { makeRun } from '../runs/makeRun.ts';
import type { Store } from '../store/store.ts';
import { FORMAT_NAMES, playImportedRun, settingsText, type ImportFormat, type ImportedRun } from './imported.ts';
import { ImportError } from './problem.ts';
import { readImportFile } from './read.ts';

/** A file that was read and found in order. */
export interface ReadFile {
  readonly file: string;
  /** Keeps its runs, one after the other. */
  keep(store: Store, options: KeepOptions): AsyncGenerator<KeptRun>;
}

export interface KeepOptions {
  /** Bundles: as new runs, even where the same are here. */
  readonly again: boolean;
}

/** `name` where the file on disk is called otherwise. Throws an ImportError; then nothing of it may be used. */
export async function readFileToImport(path: string, format?: ImportFormat, name = basename(path)): Promise<ReadFile> {
  const kind = format === undefined ? kindOf(path, name) : 'other';
  switch (kind) {
    case 'bundle': {
      await withBundleFile(path, checkWhole, name);
      return {
        file: name,
        async *keep(store, options) {
          yield await withBundleFile(path, (bundle) => keepOne(store, bundle, options), name);
        },
      };
    }
    case 'report': {
      const bundles = readReport(path, name);
      return {
        file: name,
        // eslint-disable-next-line @typescript-eslint/require-await -- the same form as the others
        async *keep(store, options) {
          for (const bundle of bundles) yield keepOne(store, bundle, options);
        },
      };
    }
    case 'other': {
      const runs = await readImportFile(path, format, name);
      return {
        file: name,
        async *keep(store) {
          for (const run of runs) yield await keepMeasured(store, run, name);
        },
      };
    }
  }
}

/** The runs of a bundle or a report, checked; undefined where the file is neither. */
export function openIfBundle(path: string): Bundle[] | undefined {
  const name = basename(path);
  const kind = kindOf(path, name);
  if (kind === 'other') return undefined;
  if (kind === 'report') return readReport(path, name);
  const { size } = statSync(path);
  if (size > REPORT_BYTES_MAX) throw new ImportError(name, {}, `${size} bytes: import it instead`);
  const bundle = openBundle(bytesSource(readFileSync(path)), name);
  checkWhole(bundle);
  return [bundle];
}

function readReport(path: string, name: string): Bundle[] {
  const { size } = statSync(path);
  if (size > REPORT_BYTES_MAX) throw new ImportError(name, {}, `${size} bytes are more than ${REPORT_BYTES_MAX}`);
  return bundlesInReport(readFileSync(path), name).map((bytes) => {
    const bundle = openBundle(bytesSource(bytes), name);
    checkWhole(bundle);
    return bundle;
  });
}

function kindOf(path: string, name: string): 'bundle' | 'report' | 'other' {
  const start = Buffer.alloc(512);
  let count: number;
  try {
    const handle = openSync(path, 'r');
    try {
      count = readSync(handle, start, 0, start.length, 0);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new ImportError(code === 'ENOENT' ? path : name, {}, `cannot be opened (${code})`);
  }
  const bytes = start.subarray(0, count);
  if (looksLikeZip(bytes)) return 'bundle';
  return looksLikeHtml(bytes) ? 'report' : 'other';
}

function keepOne(store: Store, bundle: Bundle, options: KeepOptions): KeptRun {
  const { id, already } = keepBundle(store, bundle, options);
  return { id, name: store.run(id).row.name, source: 'bundle', already };
}

async function keepMeasured(store: Store, run: ImportedRun, file: string): Promise<KeptRun> {
  const request = { name: run.name, tags: [], experiment: settingsText(run, file), fileName: file };
  const id = await makeRun(store, request, (sink) => {
    playImportedRun(run, file, sink);
    return Promise.resolve();
  });
  return { id, name: run.name, source: FORMAT_NAMES[run.format], already: 'no' };
}
