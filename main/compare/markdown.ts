// A comparison as Markdown: for a pull request, a wiki, a mail. Texts of users are escaped, so that a name is a name.
import { type ComparedRun, type Comparison } from '../contract/compare.ts';
import { ARROW, deltaText, rowsThatDiffer, trustText, valueText } from '../contract/compareText.ts';

export interface MarkdownOptions {
  /** Figures that are equal everywhere too. */
  readonly all?: boolean;
  readonly differences?: boolean;
  readonly figures?: boolean;
}

export function comparisonMarkdown(
  comparison: Comparison,
  { all = false, differences = true, figures = true }: MarkdownOptions = {},
): string {
  const parts = [runLines(comparison)];
  if (differences) parts.push(differenceLines(comparison));
  if (figures) parts.push(resultLines(comparison, all));
  return `${parts.flat().join('\n')}\n`;
}

function runLines(comparison: Comparison): string[] {
  const { groups, baseline } = comparison;
  const letters = groups.map((_, i) => letter(i));
  const lines = ['## Runs', '', '| | run | seed | made by | verdict |', '| --- | --- | --- | --- | --- |'];
  for (const [g, { label, members }] of groups.entries()) {
    for (const [at, i] of members.entries()) {
      const run = comparison.runs[i]!;
      const name = at === 0 ? `${escaped(label)}${g === baseline ? ' (baseline)' : ''}` : '';
      lines.push(
        `| ${at === 0 ? letters[g]! : ''} | ${runName(run)} ${name} | ${run.seed} | ${escaped(run.sourceText)} | ${escaped(run.verdict)} |`,
      );
    }
  }
  lines.push(...mismatchLines(comparison).map((line) => `\n**${escaped(line)}**`));
  return lines;
}

function differenceLines({ groups, baseline, differences, patches }: Comparison): string[] {
  const letters = groups.map((_, i) => letter(i));
  const lines = ['', '## What differs', ''];
  if (differences.length === 0) lines.push('Nothing but the seed.');
  else {
    lines.push(`| field | ${letters.join(' | ')} |`, `| --- |${' --- |'.repeat(groups.length)}`);
    for (const { path, cells } of differences) {
      const texts = cells.map(({ text, origin }) => `${escaped(text)}${origin === 'default' ? ' *(default)*' : ''}`);
      lines.push(`| ${code(path)} | ${texts.join(' | ')} |`);
    }
  }
  for (const [g, patch] of patches.entries()) {
    if (patch === null || patch.steps.length === 0) continue;
    lines.push('', `What would make ${letters[g]!} of ${letters[baseline]!}:`, '', ...fenced(patch.steps));
  }
  return lines;
}

function resultLines({ groups, baseline, results }: Comparison, all: boolean): string[] {
  const letters = groups.map((_, i) => letter(i));
  const lines = ['', '## Results', ''];
  const rows = all ? results : rowsThatDiffer(results);
  if (rows.length === 0) lines.push('The same in every figure.');
  else {
    const others = groups.flatMap((_, g) => (g === baseline ? [] : [g]));
    lines.push(
      `| figure | ${letters[baseline]!} | ${others.map((g) => `${letters[g]!} | ${letters[g]!} − ${letters[baseline]!} | `).join('')}`,
      `| --- | --- |${' --- | --- |'.repeat(others.length)}`,
    );
    for (const row of rows) {
      const before = row.cells[baseline]!;
      const cells = others.map((g) => {
        const cell = row.cells[g]!;
        return `${valueText(row, cell)} | ${deltaText(row, cell)}<br>${trustText(before, cell)} |`;
      });
      lines.push(`| ${row.title} ${ARROW[row.better]} | ${valueText(row, before)} | ${cells.join(' ')}`);
    }
    lines.push('', LEGEND);
  }
  return lines;
}

export const LEGEND =
  'Of repeats: the median with its bootstrap 95 % interval; effect is Cliff’s delta, p is Mann–Whitney’s, two-sided, after Holm. ' +
  '↓ less is better, ↑ more is better.';

/** What must be said before anything is compared. */
export function mismatchLines({ runs, mismatches }: Comparison): string[] {
  return mismatches.map(
    ({ runs: same }) =>
      `${same.map((i) => nameOf(runs[i]!, i)).join(' and ')} should be identical (same experiment, seed and engine) and are not: ` +
      `their hashes are ${same.map((i) => (runs[i]!.hash ?? '').slice(0, 12)).join(' and ')}`,
  );
}

/** a, b … z, aa … */
export function letter(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : letter(Math.floor(index / 26) - 1) + last;
}

export const nameOf = ({ id, name }: ComparedRun, position: number): string =>
  id === null ? `${name} (${position + 1})` : `run ${id}`;

const runName = ({ id }: ComparedRun): string => (id === null ? 'file' : `run ${id}`);

/** Text in Markdown: nothing of it is markup, and it stays in its cell. */
export function escaped(text: string): string {
  return (
    text
      .replace(/[\\`*_{}[\]()#+!|~<>&]/gu, (char) =>
        char === '<' ? '&lt;' : char === '>' ? '&gt;' : char === '&' ? '&amp;' : `\\${char}`,
      )
      .replace(/[\r\n]+/gu, ' ')
      // A bare address would become a link.
      .replace(/:\/\//gu, ':&#47;&#47;')
      .replace(/www\./giu, 'www&#46;')
  );
}

/** Code in a line, whatever it holds. */
function code(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/gu) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest > 0 ? ' ' : '';
  return `${fence}${pad}${text.replace(/\|/gu, '\\|').replace(/[\r\n]+/gu, ' ')}${pad}${fence}`;
}

/** Lines of code, whatever they hold. */
export function fenced(lines: readonly string[], language = 'yaml'): string[] {
  const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/gu) ?? []).map((run) => run.length)));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${language}`, ...lines, fence];
}
