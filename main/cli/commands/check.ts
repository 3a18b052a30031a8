// `brownout check FILE|ID`: may it pass? For the CI of a VMM or a driver.
import { UnitError } from '../../../engine/core/units.ts';
import { DEFAULT_ALLOWANCES, readAllowance, rulesOf, type Allowance } from '../../compare/check.ts';
import { compareGathered } from '../../compare/compare.ts';
import { gather } from '../../compare/gather.ts';
import { junitXml } from '../../compare/junit.ts';
import { ExportError, writeFileWhole } from '../../export/target.ts';
import { UsageError, type Command } from '../command.ts';
import { OperandRuns } from '../operandRuns.ts';
import { dbOption } from '../storeOption.ts';
import { verdictLine } from '../summary.ts';
import { EXIT } from '../terminal.ts';
import { printable, printableJson } from '../text.ts';

export const command: Command = {
  operands: 'FILE|ID',
  purpose: 'may this run pass? For CI: exit 0 yes, 1 no',
  details: `Rules: no page lost; what the experiment expects; and against a baseline, how much worse each figure may be (without --allow: ${DEFAULT_ALLOWANCES.join(', ')}). An experiment file is run on the spot and not kept.`,
  options: {
    baseline: {
      type: 'string',
      value: 'ID',
      help: 'a kept run or a file to hold it against (default: the pinned run)',
    },
    allow: { type: 'string', value: 'RULE', multiple: true, help: 'how much worse: downtime=+5%, total=2s, bytes=any' },
    json: { type: 'boolean', help: 'as one JSON document' },
    junit: { type: 'string', value: 'FILE', help: 'write the rules as JUnit XML too' },
    db: dbOption,
  },
  takes: [1, 1],
  async run(words, terminal) {
    const allowances = allowancesOf(words.texts('allow'));
    const operands = new OperandRuns(words, terminal);
    try {
      const word = words.positionals[0] ?? '';
      const [place, more] = await operands.open(word);
      if (place === undefined || more !== undefined) {
        throw new UsageError(`${printable(word, 60)} holds several runs; check takes one`);
      }
      const named = words.text('baseline') ?? operands.kept?.baseline()?.toString();
      const base = named === undefined ? undefined : (await operands.open(named))[0];
      const places = [...(base === undefined ? [] : [base]), place];
      const gathered = places.map(({ store, id, kept }) => gather(store, [id], { kept })[0]!);
      const run = gathered.at(-1)!.stored;
      const comparison = base === undefined ? null : compareGathered(gathered, 0);
      const rules = rulesOf(run, base === undefined ? null : gathered[0]!.stored, comparison, allowances);
      const passed = rules.every(({ status }) => status !== 'failed');
      const verdict = verdictLine(run);
      if (words.flag('json')) terminal.out(`${printableJson({ passed, run: run.row.name, verdict, rules })}\n`);
      else {
        const lines = rules.map(
          ({ name, status, message }) => `${status.padEnd(8)} ${printable(name)}: ${printable(message)}`,
        );
        terminal.out(`${[printable(run.row.name), verdict, ...lines].join('\n')}\n`);
      }
      const junit = words.text('junit');
      if (junit !== undefined) {
        // A report of the build before is no loss.
        await writeFileWhole(junit, [Buffer.from(junitXml(run.row.name, rules))], { force: true });
      }
      return passed ? EXIT.done : EXIT.failed;
    } catch (error) {
      if (error instanceof ExportError) throw new UsageError(printable(error.message));
      throw error;
    } finally {
      await operands.close();
    }
  },
};

/** What is said replaces the default of that figure. */
function allowancesOf(said: readonly string[]): Allowance[] {
  const allowed = new Map<string, Allowance>();
  try {
    for (const text of [...DEFAULT_ALLOWANCES, ...said]) {
      const { metric, allowance } = readAllowance(text);
      if (allowance === null) allowed.delete(metric);
      else allowed.set(metric, allowance);
    }
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--allow: ${printable(error.message)}`);
    throw error;
  }
  return [...allowed.values()];
}
