// `brownout compare ID…`: kept runs and files side by side: what differs, and what comes of it.
import { compareGathered } from '../../compare/compare.ts';
import { gather } from '../../compare/gather.ts';
import { comparisonMarkdown } from '../../compare/markdown.ts';
import { MAX_COMPARED } from '../../contract/compare.ts';
import { comparisonLines } from '../comparison.ts';
import { UsageError, type Command } from '../command.ts';
import { OperandRuns, type RunPlace } from '../operandRuns.ts';
import { dbOption, runId } from '../storeOption.ts';
import { EXIT } from '../terminal.ts';
import { printableJson } from '../text.ts';

export const command: Command = {
  operands: 'ID…',
  purpose: 'compare runs: what differs, and what came of it',
  details:
    'Numbers of kept runs, experiment files (run on the spot, not kept), or files that import reads; up to 50 runs. Runs that differ only in their seed are one group with median and interval. Exit 1 where two runs that should be identical are not.',
  options: {
    baseline: {
      type: 'string',
      value: 'ID',
      help: 'the run that the others are held against (default: the pinned or the first)',
    },
    all: { type: 'boolean', short: 'a', help: 'figures that are equal too' },
    md: { type: 'boolean', help: 'as Markdown' },
    json: { type: 'boolean', help: 'as one JSON document' },
    db: dbOption,
  },
  takes: [1, MAX_COMPARED],
  async run(words, terminal) {
    if (words.flag('md') && words.flag('json')) throw new UsageError('--md or --json, not both');
    const operands = new OperandRuns(words, terminal);
    try {
      const places: RunPlace[] = [];
      for (const word of words.positionals) places.push(...(await operands.open(word)));
      const wanted = words.text('baseline');
      const baseline = positionOf(places, wanted === undefined ? undefined : runId(wanted));
      if (places.length > MAX_COMPARED) {
        throw new UsageError(`${places.length} runs are too many to compare; at most ${MAX_COMPARED}`);
      }
      const runs = places.flatMap(({ store, id, kept }) => gather(store, [id], { kept }));
      const comparison = compareGathered(runs, baseline);
      if (words.flag('json')) terminal.out(`${printableJson(comparison)}\n`);
      else if (words.flag('md')) terminal.out(comparisonMarkdown(comparison, { all: words.flag('all') }));
      else {
        const options = { columns: terminal.columns, all: words.flag('all') };
        terminal.out(`${comparisonLines(comparison, options).join('\n')}\n`);
      }
      return comparison.mismatches.length > 0 ? EXIT.failed : EXIT.done;
    } finally {
      await operands.close();
    }
  },
};

/** Of the run with this number; without one, of the pinned run if it is among them, else the first. */
export function positionOf(places: readonly RunPlace[], wanted: number | undefined): number {
  const kept = places.find((place) => place.kept);
  const id = wanted ?? kept?.store.baseline() ?? undefined;
  const found = places.findIndex((place) => place.kept && place.id === id);
  if (wanted !== undefined && found < 0) throw new UsageError(`--baseline ${wanted} is not among the runs to compare`);
  return Math.max(0, found);
}
