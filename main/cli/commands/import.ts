// `brownout import FILE…`: bundles, reports, and what other tools measured, kept as runs beside our own.
import type { ImportFormat } from '../../import/imported.ts';
import type { KeptRun } from '../../contract/exports.ts';
import { readFileToImport, type ReadFile } from '../../import/files.ts';
import { ImportError } from '../../import/problem.ts';
import { IMPORT_FORMATS } from '../../import/read.ts';
import { Store } from '../../store/store.ts';
import { nearest, UsageError, type Command } from '../command.ts';
import { dbOption, storeFile } from '../storeOption.ts';
import { verdictLine } from '../summary.ts';
import { EXIT } from '../terminal.ts';
import { clip, printable, printableJson } from '../text.ts';

const FILES_MAX = 1000;

export const command: Command = {
  operands: 'FILE…',
  purpose: 'keep bundles, reports and what other tools measured as runs',
  details:
    'Reads .brownout bundles, reports with runs in them, QMP logs with answers to query-migrate, guestperf reports, the output of virsh domjobinfo, and measured migrations. A run that is here already is not kept twice. Nothing is kept when one of the files cannot be read.',
  options: {
    as: { type: 'string', value: 'FORMAT', help: `instead of what the file looks like: ${IMPORT_FORMATS.join(', ')}` },
    again: { type: 'boolean', help: 'keep runs of bundles once more, as new ones, where they are here already' },
    json: { type: 'boolean', help: 'the kept runs as one JSON document' },
    db: dbOption,
  },
  takes: [1, FILES_MAX],
  async run(words, terminal) {
    const format = formatOf(words.text('as'));
    const files: ReadFile[] = [];
    for (const file of words.positionals) {
      try {
        files.push(await readFileToImport(file, format));
      } catch (error) {
        if (!(error instanceof ImportError)) throw error;
        terminal.say(printable(error.message));
        return EXIT.wrongInput;
      }
    }
    const store = new Store(storeFile(words));
    try {
      const kept: KeptRun[] = [];
      for (const file of files) {
        for await (const run of file.keep(store, { again: words.flag('again') })) {
          kept.push(run);
          if (!words.flag('json')) terminal.out(`${clip(line(store, run), 100)}\n`);
        }
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

/** Only how it ended: whether pages were lost is known of few imports. */
function line(store: Store, { id, name, already }: KeptRun): string {
  const shown = `run ${id}: ${printable(name, 40)}`;
  if (already === 'bin') return `${shown}: deleted here, and still in the bin; --again keeps it as a new run`;
  if (already === 'here') return `${shown}: was here already; --again keeps it once more`;
  return `${shown}: ${verdictLine(store.run(id), ['end', 'blackout'])}`;
}
