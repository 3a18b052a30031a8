// `brownout validate [FOLDER]`: how far predictions lie from measured migrations.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { calibrate } from '../../validate/calibrate.ts';
import { ImportError } from '../../import/problem.ts';
import { readMeasuredFolder, type MeasuredFolder } from '../../validate/measured.ts';
import { figuresOf, jsonReport, markdownTable, textReport } from '../../validate/report.ts';
import { scatterSvg } from '../../validate/scatter.ts';
import type { Case, Verdict } from '../../validate/errors.ts';
import { validate } from '../../validate/validate.ts';
import { SimulationPool } from '../../workers/pool.ts';
import { UsageError, type Command } from '../command.ts';
import { EXIT } from '../terminal.ts';
import { printable, printableJson } from '../text.ts';

const MEASURED = fileURLToPath(new URL('../../../test/fixtures/measured', import.meta.url));

export const command: Command = {
  operands: '[FOLDER]',
  purpose: 'predict measured migrations and report the error',
  details:
    'FOLDER holds measured migrations as *.json (or is one such file); without it, the ones that come with Brownout. Each is predicted from its configuration and the guest’s write rate before the migration alone, then compared with what was measured, if the file says. Files the host profile was calibrated from are shown but not judged. A file that cannot be read costs the others nothing; the exit code is 2 then.',
  options: {
    json: { type: 'boolean', help: 'one JSON document: an array of {name, predicted, measured}' },
    calibrate: { type: 'boolean', help: 'print the host constants that the idle runs of FOLDER tell, as JSON' },
    write: { type: 'string', value: 'FOLDER', help: 'write the table and scatter plots there as well' },
  },
  takes: [0, 1],
  async run(words, terminal) {
    let folder: MeasuredFolder;
    try {
      folder = readMeasuredFolder(words.positionals[0] ?? MEASURED);
    } catch (error) {
      if (error instanceof ImportError) throw new UsageError(printable(error.message));
      throw error;
    }
    const { measured } = folder;
    const complain = (problems: readonly ImportError[]): void => {
      for (const { message } of problems) terminal.say(printable(message));
    };
    for (const note of folder.notes) terminal.say(printable(note));
    complain(folder.problems);
    if (measured.length === 0) return folder.problems.length === 0 ? EXIT.done : EXIT.wrongInput;
    if (words.flag('calibrate')) {
      const idle = measured.filter(({ config }) => config.pattern === 'idle');
      if (idle.length === 0) throw new UsageError('no idle guest among the files: calibration takes nothing else');
      terminal.out(`${printableJson(calibrate(idle))}\n`);
      return EXIT.done;
    }
    const pool = new SimulationPool();
    try {
      const { cases, problems, verdict } = await validate(
        measured,
        (experiment, sink) => pool.run(experiment, sink, { signal: terminal.interrupted }),
        (name, index) => {
          terminal.progress(`${index + 1} of ${measured.length}  ${printable(name)}`);
          terminal.interrupted.throwIfAborted();
        },
      );
      terminal.progress('');
      terminal.out(words.flag('json') ? `${printableJson(jsonReport(cases))}\n` : `${textReport(cases, verdict)}\n`);
      complain(problems);
      const target = words.text('write');
      if (target !== undefined) writeReport(target, cases, verdict);
      return folder.problems.length + problems.length === 0 ? EXIT.done : EXIT.wrongInput;
    } catch (error) {
      if (terminal.interrupted.aborted) return EXIT.interrupted;
      throw error;
    } finally {
      await pool.close();
    }
  },
};

function writeReport(folder: string, cases: readonly Case[], verdict: Verdict): void {
  mkdirSync(folder, { recursive: true });
  const figures = figuresOf(verdict).map((line) => `    ${line}`);
  writeFileSync(join(folder, 'table.md'), `${markdownTable(cases)}\n\n${figures.join('\n')}\n`);
  const tested = cases.filter(({ calibration }) => !calibration);
  const dots = (pick: (numbers: { totalMs: number | null; bytes: number }) => number | null) =>
    tested.flatMap(({ name, predicted, measured }) => {
      const [guess, truth] = [pick(predicted), measured === null ? null : pick(measured)];
      return guess === null || truth === null ? [] : [{ name, predicted: guess, measured: truth }];
    });
  writeFileSync(
    join(folder, 'total.svg'),
    scatterSvg(
      'Total time',
      'ms',
      dots(({ totalMs }) => totalMs),
    ),
  );
  writeFileSync(
    join(folder, 'bytes.svg'),
    scatterSvg(
      'Bytes sent',
      'MB',
      dots(({ bytes }) => bytes / 1e6),
    ),
  );
}
