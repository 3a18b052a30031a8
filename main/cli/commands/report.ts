// `brownout report ID… -o FILE`: one run, or several side by side, as a file to hand to someone else.
import { extname } from 'node:path';
import { ExportError, writeFileWhole } from '../../export/target.ts';
import { MAX_COMPARED } from '../../contract/compare.ts';
import { parseSize, UnitError } from '../../../engine/core/units.ts';
import {
  BUNDLE_BYTES,
  CHART_NAMES,
  MAX_BUNDLE_BYTES,
  MAX_PROSE_CHARS,
  MAX_TITLE_CHARS,
  TABLE_NAMES,
} from '../../contract/report.ts';
import { formatFigure, formatPlural } from '../../contract/format.ts';
import { composeReport, type ReportDocument } from '../../report/document.ts';
import { reportFile } from '../../report/file.ts';
import { reportPieces } from '../../report/html.ts';
import { NoChromium } from '../../report/pdf.ts';
import { version } from '../../setup/version.ts';
import { UsageError, type Command, type Words } from '../command.ts';
import { OperandRuns, type RunPlace } from '../operandRuns.ts';
import { dbOption, runId } from '../storeOption.ts';
import { EXIT, type Terminal } from '../terminal.ts';
import { printable } from '../text.ts';
import { readTextFile } from '../textFile.ts';
import { positionOf } from './compare.ts';

const FORMATS = ['html', 'pdf', 'md'] as const;

export const command: Command = {
  operands: 'ID…',
  purpose: 'write a report of a run, or of several side by side',
  details:
    'The ending of FILE says what it becomes: .html is one file that needs no network and whose charts can be zoomed, .pdf is the same on paper (printed by a Chromium on this machine), .md has no charts. Numbers of kept runs, experiment files, or files that import reads.',
  options: {
    output: {
      type: 'string',
      value: 'FILE',
      short: 'o',
      help: 'where to: .html, .pdf or .md; - is HTML to standard output',
    },
    title: { type: 'string', value: 'TEXT', help: 'instead of the name of the run' },
    question: { type: 'string', value: 'TEXT', help: 'instead of the question of the experiment' },
    prose: { type: 'string', value: 'FILE', help: 'Markdown instead of the notes; - reads standard input' },
    charts: { type: 'string', value: 'LIST', help: `of ${CHART_NAMES.join(', ')} (default: all); none` },
    tables: { type: 'string', value: 'LIST', help: `of ${TABLE_NAMES.join(', ')} (default: all); none` },
    baseline: { type: 'string', value: 'ID', help: 'the run that the others are held against' },
    bundles: {
      type: 'string',
      value: 'SIZE',
      help: 'the runs themselves in .html, for import: as many as fit (default: 32MiB; 0: none)',
    },
    undated: { type: 'boolean', help: 'without the date, so that the same runs give the same bytes' },
    force: { type: 'boolean', help: 'replace a file that is there' },
    db: dbOption,
  },
  takes: [1, MAX_COMPARED],
  async run(words, terminal) {
    const output = words.text('output');
    if (output === undefined) throw new UsageError('where to? brownout report ID… -o FILE.html');
    const format = output === '-' ? 'html' : FORMATS.find((ending) => `.${ending}` === extname(output).toLowerCase());
    if (format === undefined) throw new UsageError(`${printable(output, 60)} should end in .html, .pdf or .md`);
    const title = limited(words, 'title');
    const question = limited(words, 'question');
    const proseFile = words.text('prose');
    const prose = proseFile === undefined ? null : readTextFile(proseFile, 'Markdown', MAX_PROSE_CHARS);
    const charts = listed('chart', words.text('charts'), CHART_NAMES);
    const tables = listed('table', words.text('tables'), TABLE_NAMES);
    const bundleBytes = format === 'html' ? bundleBytesIn(words.text('bundles')) : 0;
    const operands = new OperandRuns(words, terminal);
    try {
      const places: RunPlace[] = [];
      for (const word of words.positionals) places.push(...(await operands.open(word)));
      if (places.length > MAX_COMPARED)
        throw new UsageError(`${places.length} runs are too many; at most ${MAX_COMPARED}`);
      const wanted = words.text('baseline');
      const report = composeReport(places, {
        ...{ title: title ?? '', question: question ?? null, prose, charts, tables, bundleBytes },
        baseline: positionOf(places, wanted === undefined ? undefined : runId(wanted)),
        made: words.flag('undated') ? '' : new Date().toISOString().slice(0, 10),
        version: version(),
      });
      if (output === '-') {
        for (const piece of reportPieces(report)) terminal.out(piece);
        return EXIT.done;
      }
      const options = { force: words.flag('force'), signal: terminal.interrupted };
      const bytes = await writeFileWhole(output, await reportFile(report, format), options);
      terminal.say(`Written: ${printable(output)} (${formatFigure(bytes, 'bytes')})`);
      sayLeftOut(report, terminal);
      return EXIT.done;
    } catch (error) {
      if (error instanceof NoChromium) {
        terminal.say(`brownout: ${error.message}`);
        return EXIT.failed;
      }
      if (error instanceof ExportError) {
        terminal.say(`brownout: ${printable(error.message)}`);
        return error.kind === 'interrupted' ? EXIT.interrupted : error.kind === 'full' ? EXIT.failed : EXIT.wrongInput;
      }
      throw error;
    } finally {
      await operands.close();
    }
  },
};

function sayLeftOut({ runs, bundleBytes }: ReportDocument, terminal: Terminal): void {
  const left = runs.filter(({ bundle }) => bundle === null).length;
  if (bundleBytes === 0 || left === 0) return;
  terminal.say(
    `${formatPlural(left, 'run')} did not fit into the ${formatFigure(bundleBytes, 'bytes')} for bundles: whoever gets the file cannot import ${left === 1 ? 'it' : 'them'}. --bundles SIZE sets more apart, up to ${formatFigure(MAX_BUNDLE_BYTES, 'bytes')}.`,
  );
}

function bundleBytesIn(text: string | undefined): number {
  if (text === undefined) return BUNDLE_BYTES;
  if (text === '0' || text === 'none') return 0;
  try {
    const bytes = parseSize(text);
    if (bytes <= MAX_BUNDLE_BYTES) return bytes;
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--bundles: ${printable(error.message)}`);
    throw error;
  }
  throw new UsageError(
    `--bundles ${printable(text, 40)}: at most ${formatFigure(MAX_BUNDLE_BYTES, 'bytes')} fit into a report that can be opened`,
  );
}

function limited(words: Words, option: string): string | undefined {
  const text = words.text(option);
  if (text !== undefined && text.length > MAX_TITLE_CHARS) {
    throw new UsageError(`--${option} has ${text.length} characters, at most ${MAX_TITLE_CHARS} are allowed`);
  }
  return text;
}

function listed<T extends string>(what: string, list: string | undefined, names: readonly T[]): readonly T[] {
  if (list === undefined) return names;
  if (list === 'none') return [];
  return list.split(',').map((word) => {
    const found = names.find((name) => name === word.trim());
    if (found === undefined)
      throw new UsageError(`there is no ${what} ${printable(word, 40)}; there are ${names.join(', ')}`);
    return found;
  });
}
