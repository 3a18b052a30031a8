// `brownout import FILE…`: what other tools measured, kept as runs beside our own.
import type { RunSink } from '../../../engine/experiment/result.ts';
import {
  FORMAT_NAMES,
  playImportedRun,
  settingsText,
  type ImportFormat,
  type ImportedRun,
} from '../../import/imported.ts';
import { ImportError } from '../../import/problem.ts';
import { IMPORT_FORMATS, readImportFile } from '../../import/read.ts';
import { makeRun } from '../../runs/makeRun.ts';
import { Store } from '../../store/store.ts';
import { nearest, UsageError, type Command } from '../command.ts';
import { dbOption, storeFile } from '../storeOption.ts';
import { verdictLine } from '../summary.ts';
import { EXIT } from '../terminal.ts';
import { clip, printable, printableJson } from '../text.ts';

const FILES_MAX = 1000;

export const command: Command = {
  operands: 'FILE…',
  purpose: 'keep what other tools measured as runs',
  details:
    'Reads QMP logs with answers to query-migrate, guestperf reports, the output of virsh domjobinfo, and measured migrations. Nothing is kept when one of the files cannot be read.',
  options: {
    as: { type: 'string', value: 'FORMAT', help: `instead of what the file looks like: ${IMPORT_FORMATS.join(', ')}` },
    json: { type: 'boolean', help: 'the kept runs as one JSON document' },
    db: dbOption,
  },
  takes: [1, FILES_MAX],
  async run(words, terminal) {
    const format = formatOf(words.text('as'));
    const found: { readonly file: string; readonly run: ImportedRun }[] = [];
    for (const file of words.positionals) {
      try {
        for (const run of await readImportFile(file, format)) found.push({ file: fileNameOf(file), run });
      } catch (error) {
        if (!(error instanceof ImportError)) throw error;
        terminal.say(printable(error.message));
        return EXIT.wrongInput;
      }
    }
    const store = new Store(storeFile(words));
    try {
      const kept: { readonly id: number; readonly name: string; readonly source: string }[] = [];
      for (const { file, run } of found) {
        const request = { name: run.name, tags: [], experiment: settingsText(run, file), fileName: file };
        const id = await makeRun(store, request, (sink: RunSink) => {
          playImportedRun(run, file, sink);
          return Promise.resolve();
        });
        kept.push({ id, name: run.name, source: FORMAT_NAMES[run.format] });
        if (!words.flag('json')) terminal.out(`${clip(line(store, id, run), 100)}\n`);
      }
      if (words.flag('json')) terminal.out(`${printableJson(kept)}\n`);
      return EXIT.done;
    } finally {
      store.close();
    }
  },
};

function formatOf(word: string | undefined): ImportFormat | undefined {
  if (word === undefined) return undefined;
  const found = IMPORT_FORMATS.find((format) => format === word);
  if (found !== undefined) return found;
  const meant = nearest(word, IMPORT_FORMATS);
  const hint = meant === undefined ? `expected one of ${IMPORT_FORMATS.join(', ')}` : `did you mean ${meant}?`;
  throw new UsageError(`--as ${printable(word, 40)}: ${hint}`);
}

const fileNameOf = (path: string): string => path.split('/').at(-1) ?? path;

/** Only how it ended: whether pages were lost is known of no import. */
const line = (store: Store, id: number, run: ImportedRun): string =>
  `run ${id}: ${printable(run.name, 40)}: ${verdictLine(store.run(id), ['end', 'blackout'])}`;
