// `brownout show ID`: one kept run, as `run` showed it when it was made, and how to make it again. A bundle or a report is shown
// without being kept.
import { existsSync } from 'node:fs';
import { keepBundle } from '../../bundle/keep.ts';
import { openIfBundle } from '../../import/files.ts';
import { ImportError } from '../../import/problem.ts';
import { IN_MEMORY } from '../../store/database.ts';
import { Store } from '../../store/store.ts';
import { UsageError, type Command, type Words } from '../command.ts';
import { writeRunJson } from '../json.ts';
import { dbOption, existingStore, runId } from '../storeOption.ts';
import { summaryLines } from '../summary.ts';
import { EXIT, type Terminal } from '../terminal.ts';
import { clip, printable, printableLines } from '../text.ts';
import { localTime } from './list.ts';

export const command: Command = {
  operands: 'ID|FILE',
  purpose: 'show a kept run, or one in a bundle or report',
  options: {
    experiment: { type: 'boolean', help: 'only the experiment file, as it was written' },
    json: { type: 'boolean', help: 'everything, samples and events too, as one JSON document' },
    db: dbOption,
  },
  takes: [1, 1],
  run(words, terminal) {
    const word = words.positionals[0] ?? '';
    const isFile = !/^\d+$/u.test(word) && existsSync(word);
    try {
      if (isFile) showFile(word, words, terminal);
      else showKept(runId(word), words, terminal);
    } catch (error) {
      if (!(error instanceof ImportError)) throw error;
      terminal.say(printable(error.message));
      return Promise.resolve(EXIT.wrongInput);
    }
    return Promise.resolve(EXIT.done);
  },
};

function showKept(id: number, words: Words, terminal: Terminal): void {
  const store = existingStore(words);
  if (store === undefined) throw new UsageError('no runs are kept yet');
  try {
    showRun(store, id, `run ${id}`, words, terminal);
    const { row } = store.run(id);
    if (row.fileName !== '' && !words.flag('json') && !words.flag('experiment')) {
      const hint = `made from ${printable(row.fileName)}; brownout show ${id} --experiment gives it back`;
      terminal.out(`${clip(hint, 80)}\n`);
    }
  } finally {
    store.close();
  }
}

/** In a store that nobody keeps. */
function showFile(path: string, words: Words, terminal: Terminal): void {
  const bundles = openIfBundle(path);
  if (bundles === undefined) throw new UsageError(`${printable(path)} is neither a bundle nor a report`);
  if (bundles.length > 1 && (words.flag('json') || words.flag('experiment'))) {
    throw new UsageError(`${printable(path)} holds ${bundles.length} runs: import it, and show them one by one`);
  }
  const store = new Store(IN_MEMORY);
  try {
    for (const [i, bundle] of bundles.entries()) {
      if (i > 0) terminal.out('\n');
      const { id } = keepBundle(store, bundle, { again: true });
      showRun(store, id, printable(bundle.file, 40), words, terminal);
    }
  } finally {
    store.close();
  }
}

function showRun(store: Store, id: number, name: string, words: Words, terminal: Terminal): void {
  if (words.flag('json')) {
    writeRunJson(store, id, (text) => {
      terminal.out(text);
    });
  } else if (words.flag('experiment')) {
    const { experiment } = store.run(id);
    // To a file or a pipe as it was written; to a terminal so that it does no harm.
    terminal.out(terminal.isTerminal ? printableLines(experiment).join('\n') : experiment);
  } else {
    const { row } = store.run(id);
    const lines = [...summaryLines(store, id), ''];
    lines.push(
      `${name}, ${localTime(row.createdMs)}, seed ${row.seed}, ${printable(row.sourceText)}, engine ${printable(row.engineVersion)}`,
    );
    if (row.hash !== null) lines.push(`hash ${printable(row.hash)}`);
    terminal.out(`${lines.map((line) => clip(line, 80)).join('\n')}\n`);
  }
}
