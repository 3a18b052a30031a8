// `brownout schema`: the experiment file as JSON Schema, for editors.
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../terminal.ts';
import { printableJson } from '../text.ts';

export const command: Command = {
  operands: '',
  purpose: 'print the JSON Schema of experiment files',
  details:
    'In an editor that knows it, the first line of a file names it:\n# yaml-language-server: $schema=experiment.schema.json',
  options: {},
  takes: [0, 0],
  run(_words, terminal) {
    terminal.out(`${printableJson(experimentJsonSchema())}\n`);
    return Promise.resolve(EXIT.done);
  },
};
