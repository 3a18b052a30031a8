// A report as Markdown: the same without charts, for a wiki or a pull request.
import { comparisonMarkdown, escaped, fenced } from '../compare/markdown.ts';
import { verdictText } from '../contract/verdict.ts';
import type { ReportDocument } from './document.ts';
import { figureRows } from './figures.ts';

export function reportMarkdown(report: ReportDocument): string {
  const { title, question, prose, runs, comparison, tables, made, version } = report;
  const lines = [`# ${escaped(title)}`, ''];
  if (question !== '') lines.push(`*${escaped(question)}*`, '');
  // The author's own Markdown; whoever shows it decides about the rest of HTML in it.
  if (prose.trim() !== '') lines.push(prose.trim().replaceAll('<', '&lt;'), '');
  if (comparison === null) {
    const { stored, verdict } = runs[0]!;
    lines.push(`**${escaped(verdictText(verdict))}**`, '');
    if (stored.summary !== null && tables.includes('figures')) {
      lines.push('| figure | value | |', '| --- | ---: | --- |');
      for (const [name, value, more] of figureRows(stored.summary)) lines.push(`| ${name} | ${value} | ${more} |`);
      lines.push('');
    }
    for (const { path, expected, actual, met } of stored.expect) {
      lines.push(`- ${escaped(path)} ${escaped(expected)}: ${met ? 'met' : `**not met**, ${escaped(actual)}`}`);
    }
  } else {
    const [differences, figures] = [tables.includes('differences'), tables.includes('figures')];
    lines.push(comparisonMarkdown(comparison, { differences, figures }));
  }
  lines.push(
    '',
    '## To make it again',
    '',
    '| run | made by | engine | seed | hash |',
    '| --- | --- | --- | --- | --- |',
  );
  for (const [i, { stored, id }] of runs.entries()) {
    const { sourceText, engineVersion, seed, hash } = stored.row;
    lines.push(`| ${id ?? i + 1} | ${escaped(sourceText)} | ${escaped(engineVersion)} | ${seed} | ${hash ?? '–'} |`);
  }
  for (const text of tables.includes('files') ? new Set(runs.map(({ stored }) => stored.experiment)) : []) {
    lines.push('', ...fenced(text.trimEnd().split('\n')));
  }
  lines.push('', `Made by Brownout ${version}${made === '' ? '' : ` on ${made}`}.`);
  return `${lines.join('\n')}\n`;
}
