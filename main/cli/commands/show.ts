// `brownout show ID`: one kept run, as `run` showed it when it was made, and how to make it again.
import type { Command } from '../command.ts';
import { UsageError } from '../command.ts';
import { writeRunJson } from '../json.ts';
import { dbOption, existingStore, runId } from '../storeOption.ts';
import { summaryLines } from '../summary.ts';
import { EXIT } from '../terminal.ts';
import { clip, printable, printableLines } from '../text.ts';
import { localTime } from './list.ts';

export const command: Command = {
  operands: 'ID',
  purpose: 'show a kept run',
  options: {
    experiment: { type: 'boolean', help: 'only the experiment file, as it was written' },
    json: { type: 'boolean', help: 'everything, samples and events too, as one JSON document' },
    db: dbOption,
  },
  takes: [1, 1],
  run(words, terminal) {
    const id = runId(words.positionals[0] ?? '');
    const store = existingStore(words);
    if (store === undefined) throw new UsageError('no runs are kept yet');
    try {
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
          `run ${id}, ${localTime(row.createdMs)}, seed ${row.seed}, ${printable(row.sourceText)}, engine ${printable(row.engineVersion)}`,
        );
        if (row.hash !== null) lines.push(`hash ${row.hash}`);
        if (row.fileName !== '')
          lines.push(`made from ${printable(row.fileName)}; brownout show ${id} --experiment gives it back`);
        terminal.out(`${lines.map((line) => clip(line, 80)).join('\n')}\n`);
      }
    } finally {
      store.close();
    }
    return Promise.resolve(EXIT.done);
  },
};
