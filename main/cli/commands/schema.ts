// `brownout schema`: the experiment file, or the sweep file, as JSON Schema, for editors; with --run, that of a run as JSON, for
// programs.
import { experimentJsonSchema } from '../../../engine/experiment/jsonschema.ts';
import { sweepJsonSchema } from '../../../engine/experiment/schema-sweep.ts';
import { runDocumentJsonSchema } from '../../export/documentSchema.ts';
import { UsageError, type Command } from '../command.ts';
import { EXIT } from '../terminal.ts';
import { printableJson } from '../text.ts';

export const command: Command = {
  operands: '',
  purpose: 'print the JSON Schema of experiment files',
  details:
    'In an editor that knows it, the first line of a file names it:\n# yaml-language-server: $schema=experiment.schema.json',
  options: {
    run: { type: 'boolean', help: 'of what export --format json and show --json print, instead' },
    sweep: { type: 'boolean', help: 'of sweep files, instead' },
  },
  takes: [0, 0],
  run(words, terminal) {
    const [run, sweep] = [words.flag('run'), words.flag('sweep')];
    if (run && sweep) throw new UsageError('--run and --sweep are two schemas: take one of them');
    const schema = run ? runDocumentJsonSchema() : sweep ? sweepJsonSchema() : experimentJsonSchema();
    terminal.out(`${printableJson(schema)}\n`);
    return Promise.resolve(EXIT.done);
  },
};
