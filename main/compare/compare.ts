// A comparison of runs, whatever made them: groups of repeats, what differs between their set-ups, what would make one of the
// other, and what they came to.
import { differencesOf, type Difference } from '../../engine/experiment/compare/differences.ts';
import { groupRuns, mismatchesOf, type Groupable } from '../../engine/experiment/compare/groups.ts';
import { patchTo, stepText } from '../../engine/experiment/compare/patch.ts';
import { resultsOf } from '../../engine/experiment/compare/results.ts';
import type { Comparison } from '../contract/compare.ts';
import { gather, type GatheredRun } from './gather.ts';
import { settingDifferences } from './settings.ts';
import type { Store } from '../store/store.ts';

/** `baselineId`: a run of the store; without it the pinned one, if it is among them, or else the first. */
export function compareRuns(store: Store, ids: readonly number[], baselineId: number | null = null): Comparison {
  const wanted = baselineId ?? store.baseline();
  return compareGathered(
    gather(store, ids),
    Math.max(
      0,
      ids.findIndex((id) => id === wanted),
    ),
  );
}

/** `baseline`: the position of a run. */
export function compareGathered(runs: readonly GatheredRun[], baseline: number): Comparison {
  const groupables = runs.map(groupable);
  const groups = groupRuns(groupables);
  const groupOf = (run: number): number => groups.findIndex(({ members }) => members.includes(run));
  const base = Math.max(0, groupOf(baseline));
  const firsts = groups.map(({ members }) => runs[members[0]!]!);
  const differences = [...producerDifferences(firsts), ...configurationDifferences(firsts)];
  const results = resultsOf(
    groups.map(({ repeats }) => ({
      summaries: repeats.flatMap((i) => runs[i]!.stored.summary ?? []),
    })),
    base,
  );
  return {
    runs: runs.map(({ compared }, i) => ({ ...compared, group: groupOf(i) })),
    groups: groups.map(({ members, repeats }, i) => ({
      label: labelOf(firsts, differences, i),
      members: [...members],
      repeats: [...repeats],
    })),
    baseline: base,
    differences: differences.map(({ path, title, cells }) => ({
      path,
      title,
      cells: cells.map((cell) => ({ ...cell })),
    })),
    patches: firsts.map((first, i) => (i === base ? null : patchOf(firsts[base]!, first))),
    results: results.map((row) => ({ ...row, cells: [...row.cells] })),
    mismatches: mismatchesOf(groupables).map((mismatch) => ({ runs: [...mismatch.runs] })),
  };
}

function groupable({ stored: { row }, configuration }: GatheredRun): Groupable {
  const { sourceKind, engineVersion, seed, hash } = row;
  return { kind: sourceKind, engineVersion, seed, hash, configuration };
}

function patchOf(a: GatheredRun, b: GatheredRun): Comparison['patches'][number] {
  const patch = patchTo(a.stored.experiment, b.stored.experiment);
  return patch === null ? null : { steps: patch.steps.map(stepText), text: patch.text };
}

const KIND_WORDS = { sim: 'simulated', qemu: 'measured in QEMU', import: 'imported' } as const;

/** Who made the runs, where that differs. */
function producerDifferences(runs: readonly GatheredRun[]): Difference[] {
  const row = (path: string, title: string, texts: readonly string[]): Difference[] =>
    new Set(texts).size < 2
      ? []
      : [{ path, title, cells: texts.map((text) => ({ text, value: null, origin: 'set' as const })) }];
  return [
    ...row(
      'source',
      'made by',
      runs.map(
        ({
          stored: {
            row: { sourceKind, sourceText },
          },
        }) => (sourceKind === 'sim' ? KIND_WORDS.sim : `${KIND_WORDS[sourceKind]}: ${sourceText}`),
      ),
    ),
    ...row(
      'engine',
      'engine',
      runs.map(
        ({
          stored: {
            row: { engineVersion },
          },
        }) => engineVersion,
      ),
    ),
  ];
}

/** Among experiments by their schema, among imports by what their files say; one has nothing to say of the other. */
function configurationDifferences(runs: readonly GatheredRun[]): Difference[] {
  const spread = (rows: readonly Difference[], which: readonly number[]): Difference[] =>
    rows.map((row) => ({
      ...row,
      cells: runs.map((_, i) => row.cells[which.indexOf(i)] ?? { text: 'not known', value: null, origin: 'absent' }),
    }));
  const ours = runs.flatMap(({ configured }, i) => (configured === null ? [] : [i]));
  const others = runs.flatMap(({ configured }, i) => (configured === null ? [i] : []));
  return [
    ...spread(differencesOf(ours.map((i) => runs[i]!.configured!)), ours),
    ...spread(settingDifferences(others.map((i) => runs[i]!.stored.experiment)), others),
  ];
}

/** A group's name; where others are called the same, with the first things in which it differs. */
function labelOf(runs: readonly GatheredRun[], differences: readonly Difference[], group: number): string {
  const names = runs.map(({ stored }) => stored.row.name);
  const name = names[group]!;
  const alike = names.flatMap((other, i) => (other === name && i !== group ? [i] : []));
  if (alike.length === 0) return name;
  const telling: string[] = [];
  let left = alike;
  for (const { title, cells } of differences) {
    if (left.length === 0 || telling.length === 3) break;
    const { text } = cells[group]!;
    const still = left.filter((i) => cells[i]!.text === text);
    if (still.length < left.length) telling.push(`${title} ${text}`);
    left = still;
  }
  return telling.length === 0 ? `${name} (${group + 1})` : `${name}: ${telling.join(', ')}`;
}
