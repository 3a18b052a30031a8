// `brownout export ID…`: kept runs as files for other programs.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { exportFileName, severalFileName } from '../../export/fileName.ts';
import {
  EXPORT_FORMATS,
  EXPORT_TABLES,
  FORMAT_NAMES,
  type FormatName,
  type TableName,
} from '../../contract/exports.ts';
import { endingOf, exportPieces, inOneFile, type ExportRequest } from '../../export/formats.ts';
import { ExportError, writeFileWhole } from '../../export/target.ts';
import type { Store } from '../../store/store.ts';
import { nearest, UsageError, type Command, type Words } from '../command.ts';
import { dbOption, existingStore, runId } from '../storeOption.ts';
import { formatCount } from '../../contract/format.ts';
import { EXIT, type ExitCode, type Terminal } from '../terminal.ts';
import { printable, printableJson } from '../text.ts';

const RUNS_MAX = 10_000;

export const command: Command = {
  operands: 'ID…',
  purpose: 'write kept runs as files for other programs',
  details:
    'Without -o the file is written here, named after the run; -o FOLDER writes one file a run; -o - writes to standard output. csv, parquet and arrow hold one of four tables: samples (one row a sample, one column a series), long (one row a value), events, runs (one row a run); all but samples take several runs in one file.',
  options: {
    format: { type: 'string', value: 'NAME', short: 'f', help: FORMAT_NAMES.join(', ') },
    table: { type: 'string', value: 'NAME', help: `${EXPORT_TABLES.join(', ')} (default: samples)` },
    output: { type: 'string', value: 'PATH', short: 'o', help: 'a file, a folder, or - for standard output' },
    force: { type: 'boolean', help: 'replace files that are there' },
    json: { type: 'boolean', help: 'what was written, as one JSON document' },
    db: dbOption,
  },
  takes: [1, RUNS_MAX],
  async run(words, terminal) {
    const ids = [...new Set(words.positionals.map(runId))];
    const request = requestOf(words, ids);
    const store = existingStore(words);
    if (store === undefined) throw new UsageError('no runs are kept yet');
    try {
      const several = meaningless(() => inOneFile(request));
      // All are looked at before the first file is written.
      const runs = ids.map((id) => store.run(id).row);
      const ending = endingOf(request);
      const files = several
        ? [{ ids, name: runs.length === 1 ? exportFileName(runs[0]!, ending) : severalFileName(ids, ending) }]
        : runs.map((row) => ({ ids: [row.id], name: exportFileName(row, ending) }));
      const output = words.text('output');
      if (output === '-') {
        if (files.length > 1) throw new UsageError(`standard output takes one file; ${request.format} makes one a run`);
        return await toStandardOutput(store, ids, request, terminal);
      }
      const placed = place(files, output);
      return await toFiles(store, placed, request, { force: words.flag('force'), json: words.flag('json') }, terminal);
    } finally {
      store.close();
    }
  },
};

interface Placed {
  readonly ids: readonly number[];
  readonly path: string;
}

async function toFiles(
  store: Store,
  files: readonly Placed[],
  request: ExportRequest,
  { force, json }: { readonly force: boolean; readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const written: { readonly file: string; readonly runs: readonly number[]; readonly bytes: number }[] = [];
  let code: ExitCode = EXIT.done;
  for (const { ids, path } of files) {
    try {
      let told = 0;
      const bytes = await writeFileWhole(path, await exportPieces(store, ids, request), {
        force,
        signal: terminal.interrupted,
        onBytes: (soFar) => {
          if (!terminal.watched || soFar - told < 16e6) return;
          told = soFar;
          terminal.progress(`${printable(path, 50)}: ${formatCount(Math.round(soFar / 1e6))} MB`);
        },
      });
      terminal.progress('');
      written.push({ file: path, runs: ids, bytes });
      if (!json) terminal.out(`${printable(path)}\n`);
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
      terminal.progress('');
      terminal.say(`brownout: ${printable(error.message)}`);
      code = error.kind === 'interrupted' ? EXIT.interrupted : error.kind === 'full' ? EXIT.failed : EXIT.wrongInput;
      // Whoever stands in the way of one file leaves the others; a full disk or Ctrl-C ends it all.
      if (error.kind !== 'exists') break;
    }
  }
  if (json) terminal.out(`${printableJson(written)}\n`);
  return code;
}

async function toStandardOutput(
  store: Store,
  ids: readonly number[],
  request: ExportRequest,
  terminal: Terminal,
): Promise<ExitCode> {
  const isText = EXPORT_FORMATS[request.format].mediaType.includes('charset') || request.format === 'perfetto';
  if (terminal.isTerminal && !isText) {
    throw new UsageError(`${request.format} is not for a terminal; -o FILE writes it to a file`);
  }
  for (const piece of await exportPieces(store, ids, request)) {
    if (terminal.isTerminal) terminal.out(printableText(piece));
    else terminal.bytes(piece);
    await new Promise(setImmediate);
    if (terminal.interrupted.aborted) return EXIT.interrupted;
  }
  return EXIT.done;
}

/** Lines stay lines; what a terminal would obey is shown by its number. */
const printableText = (piece: Uint8Array): string =>
  Buffer.from(piece)
    .toString('utf8')
    .split('\n')
    .map((line) => printable(line.replace(/\r$/u, '')))
    .join('\n');

function place(
  files: readonly { readonly ids: readonly number[]; readonly name: string }[],
  output: string | undefined,
): Placed[] {
  if (output === '') throw new UsageError('--output needs a path');
  if (output === undefined) return files.map(({ ids, name }) => ({ ids, path: name }));
  const isFolder = statSync(output, { throwIfNoEntry: false })?.isDirectory() === true;
  if (files.length === 1 && !isFolder && !/[/\\]$/u.test(output)) return [{ ids: files[0]!.ids, path: output }];
  if (!isFolder) {
    try {
      mkdirSync(output, { recursive: true });
    } catch (error) {
      throw new UsageError(
        `${printable(output)} cannot be made a folder (${(error as NodeJS.ErrnoException).code ?? ''})`,
      );
    }
  }
  return files.map(({ ids, name }) => ({ ids, path: join(output, name) }));
}

/** What one reads is a report, of all runs together and with words of its own. */
const READ: Readonly<Record<string, string>> = { html: 'html', htm: 'html', pdf: 'pdf', md: 'md', markdown: 'md' };

function requestOf(words: Words, ids: readonly number[]): ExportRequest {
  const [format, table] = [words.text('format'), words.text('table')];
  if (format === undefined) throw new UsageError(`--format is missing: ${FORMAT_NAMES.join(', ')}`);
  const ending = READ[format.toLowerCase()];
  if (ending !== undefined) {
    const named = ids.length > 6 ? `${ids.slice(0, 6).join(' ')} …` : ids.join(' ');
    throw new UsageError(
      `--format ${format}: a page to read is a report; brownout report ${named} -o report.${ending} writes it`,
    );
  }
  return { format: oneOf('format', format, FORMAT_NAMES), table: oneOfOrNone('table', table, EXPORT_TABLES) };
}

function oneOf<T extends FormatName | TableName>(option: string, word: string, names: readonly T[]): T {
  const found = names.find((name) => name === word);
  if (found !== undefined) return found;
  const meant = nearest(word, names);
  const hint = meant === undefined ? `expected one of ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new UsageError(`--${option} ${printable(word, 40)}: ${hint}`);
}

const oneOfOrNone = <T extends TableName>(
  option: string,
  word: string | undefined,
  names: readonly T[],
): T | undefined => (word === undefined ? undefined : oneOf(option, word, names));

/** Options that do not go together are the command line's mistake. */
function meaningless<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExportError && error.kind === 'unfit') throw new UsageError(error.message);
    throw error;
  }
}
