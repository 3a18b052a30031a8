// A comparison for a terminal: who, what differs, what would make one of the other, what they came to. One block for each group
// against the baseline, so that two fit 80 columns and fifty scroll.
import type { Comparison } from '../contract/compare.ts';
import { ARROW, deltaText, rowsThatDiffer, trustText, valueText } from '../contract/compareText.ts';
import { LEGEND, letter, mismatchLines, nameOf } from '../compare/markdown.ts';
import { clip, pad, printable, wrap } from './text.ts';

export interface TextOptions {
  readonly columns: number;
  /** Figures that are equal too. */
  readonly all: boolean;
}

/** Patch steps shown; the whole is in --json and --md. */
const MAX_STEPS = 12;

export function comparisonLines(comparison: Comparison, { columns, all }: TextOptions): string[] {
  const { groups, baseline, runs } = comparison;
  const width = Math.min(columns, 120);
  const lines: string[] = [];
  for (const line of mismatchLines(comparison)) lines.push(...wrap(printable(line), width), '');
  for (const [g, { label, members, repeats }] of groups.entries()) {
    const which = members.map((i) => printable(nameOf(runs[i]!, i), 40)).join(', ');
    const counted = repeats.length > 1 ? `, ${repeats.length} repeats` : '';
    lines.push(clip(`${letter(g)}  ${printable(label)}${g === baseline ? '  (baseline)' : ''}`, width));
    lines.push(...wrap(`${which}${counted}`, width - 3).map((line) => `   ${line}`));
    const first = runs[members[0]!]!;
    const verdict = members.length === 1 ? first.verdict : verdictOfMany(comparison, members);
    lines.push(...wrap(printable(verdict), width - 3).map((line) => `   ${line}`));
  }
  lines.push('', ...differenceLines(comparison, width));
  for (const g of groups.keys())
    if (g !== baseline) lines.push('', ...againstLines(comparison, g, { columns: width, all }));
  lines.push('', ...wrap(LEGEND, width));
  return lines;
}

/** Runs of one group may end differently; what was lost counts first. */
function verdictOfMany({ runs }: Comparison, members: readonly number[]): string {
  const lost = members.filter((i) => (runs[i]!.pagesLost ?? 0) > 0).length;
  const outcomes = new Map<string, number>();
  for (const i of members) {
    const outcome = runs[i]!.outcome ?? runs[i]!.status;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const ended = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  return `${lost === 0 ? '' : `${lost} of ${members.length} lost pages. `}${ended}.`;
}

function differenceLines({ groups, differences }: Comparison, width: number): string[] {
  if (differences.length === 0) return ['Nothing differs but the seed.'];
  const lines = ['What differs'];
  const name = Math.min(Math.floor(width * 0.4), Math.max(...differences.map(({ path }) => path.length)) + 4);
  const each = Math.floor((width - name) / groups.length);
  if (each >= 12) {
    lines.push(`${' '.repeat(name)}${groups.map((_, g) => pad(letter(g), each)).join('')}`.trimEnd());
    for (const { path, cells } of differences) {
      const texts = cells.map(({ text, origin }) => pad(cellText(text, origin), each));
      lines.push(`${pad(`  ${printable(path)}`, name - 1)} ${texts.join('')}`.trimEnd());
    }
    return lines;
  }
  for (const { path, cells } of differences) {
    lines.push(clip(`  ${printable(path)}`, width));
    for (const [g, { text, origin }] of cells.entries())
      lines.push(clip(`    ${letter(g)}  ${cellText(text, origin)}`, width));
  }
  return lines;
}

const cellText = (text: string, origin: string): string =>
  origin === 'default' ? `${printable(text)} (default)` : origin === 'absent' ? '–' : printable(text);

function againstLines(comparison: Comparison, group: number, { columns, all }: TextOptions): string[] {
  const { baseline, patches, results } = comparison;
  const [a, b] = [letter(baseline), letter(group)];
  const lines: string[] = [`${b} against ${a}`];
  const patch = patches[group];
  if (patch !== null && patch !== undefined && patch.steps.length > 0) {
    lines.push(`  what would make ${b} of ${a}:`);
    for (const step of patch.steps.slice(0, MAX_STEPS)) lines.push(clip(`    ${printable(step)}`, columns));
    if (patch.steps.length > MAX_STEPS) lines.push(`    … and ${patch.steps.length - MAX_STEPS} more (--md shows all)`);
  }
  const rows = all ? results : rowsThatDiffer(results.filter(({ cells }) => cells[group]!.judgement !== 'same'));
  if (rows.length === 0) lines.push('  the same in every figure');
  for (const row of rows) {
    const before = row.cells[baseline]!;
    const cell = row.cells[group]!;
    lines.push(
      clip(`  ${pad(row.title, 16)} ${ARROW[row.better]} ${valueText(row, before)} → ${valueText(row, cell)}`, columns),
      ...wrap(`${deltaText(row, cell)} ${trustText(before, cell)}`, columns - 21).map(
        (line) => `${' '.repeat(21)}${line}`,
      ),
    );
  }
  return lines;
}
