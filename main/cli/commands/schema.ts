// `brownout schema`: the experiment file as JSON Schema, for editors; with --run, that of a run as JSON, for programs.
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import { runDocumentJsonSchema } from '../../export/documentSchema.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../terminal.ts';
import { printableJson } from '../text.ts';

export const command: Command = {
  operands: '',
  purpose: 'print the JSON Schema of experiment files',
  details:
    'In an editor that knows it, the first line of a file names it:\n# yaml-language-server: $schema=experiment.schema.json',
  options: { run: { type: 'boolean', help: 'of what export --format json and show --json print, instead' } },
  takes: [0, 0],
  run(words, terminal) {
    terminal.out(`${printableJson(words.flag('run') ? runDocumentJsonSchema() : experimentJsonSchema())}\n`);
    return Promise.resolve(EXIT.done);
  },
};
