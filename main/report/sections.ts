// What stands in a report, as HTML: verdicts, comparison, charts as pictures, figures, losses, and what it takes to make it again.
// All that users wrote has gone through escape.ts or prose.ts.
import { formatSize, PAGE_SIZE } from '../../engine/core/units.ts';
import type { ExpectResult, Summary } from '../../engine/experiment/result.ts';
import { valueText } from '../contract/compareText.ts';
import { LEGEND, letter, mismatchLines, nameOf } from '../compare/markdown.ts';
import type { Comparison } from '../contract/compare.ts';
import { formatCount, formatFigure, formatPlural, type FigureUnit } from '../contract/format.ts';
import { sentenceText, verdictText, type Verdict } from '../contract/verdict.ts';
import type { ReportTable } from '../contract/report.ts';
import type { Chart } from './charts.ts';
import { differencesHtml, resultsHtml } from './comparisonTables.ts';
import type { ReportDocument, ReportRun } from './document.ts';
import { html, isolated } from './escape.ts';
import { proseHtml } from './prose.ts';
import { chartSvg, lookOf } from './svg.ts';
import { figureRows } from './figures.ts';

export function mainHtml(report: ReportDocument): string {
  const { charts, comparison, runs, tables } = report;
  return `<main class="report">
${head(report)}
${verdictsHtml(report)}
${comparison === null ? '' : comparisonHtml(comparison, tables)}
${charts.length === 0 ? '' : `<h2>Over time</h2>\n${charts.map(chartHtml).join('\n')}`}
${runs.length === 1 && tables.includes('figures') ? runHtml(runs[0]!) : ''}
${lossesHtml(runs)}
${againHtml(report)}
</main>`;
}

const MARK =
  '<svg viewBox="0 0 32 32" aria-hidden="true"><defs><linearGradient id="fade" x1="0" x2="1"><stop offset="0" stop-color="#f2b33d"/><stop offset="0.56" stop-color="#7a4f12"/><stop offset="0.62" stop-color="#15120e"/><stop offset="1" stop-color="#15120e"/></linearGradient></defs><circle cx="16" cy="16" r="15" fill="url(#fade)" stroke="#8a7f70" stroke-opacity="0.45"/><path d="M19.2 1.4v29.2" stroke="#fff3d6" stroke-width="1.2"/></svg>';

function head({ title, question, prose }: ReportDocument): string {
  const asked = question === '' ? '' : `<p class="question">${isolated(question)}</p>`;
  const told = prose.trim() === '' ? '' : `<div class="prose">${proseHtml(prose)}</div>`;
  return `<header>${MARK}<div><h1>${isolated(title)}</h1>${asked}</div></header>\n${told}`;
}

/** More of them are printed smaller: a page of sentences in large type is a page that nobody reads. */
const MOST_ALOUD = 4;
/** Of each group once, where its runs came to the same. */
function verdictsHtml({ runs, comparison }: ReportDocument): string {
  if (comparison === null) return runs.map(({ verdict }) => verdictHtml(verdict, '')).join('\n');
  const verdicts = comparison.groups.flatMap(({ label, members }, g) => {
    const byText = new Map<string, number[]>();
    for (const i of members) {
      const text = verdictText(runs[i]!.verdict);
      byText.set(text, [...(byText.get(text) ?? []), i]);
    }
    return [...byText.values()].map((same) => {
      const which = same.map((i) => `${nameOf(comparison.runs[i]!, i)}, seed ${runs[i]!.stored.row.seed}`).join('; ');
      const of = `<span class="of">${letter(g)} · ${isolated(label)} · ${isolated(which)}</span>`;
      return verdictHtml(runs[same[0]!]!.verdict, of);
    });
  });
  return `<div class="verdicts${verdicts.length > MOST_ALOUD ? ' many' : ''}">${verdicts.join('\n')}</div>`;
}

const verdictHtml = (verdict: Verdict, of: string): string =>
  `<p class="verdict ${verdict.tone}">${of}${sentencesHtml(verdict)}</p>`;

const sentencesHtml = ({ sentences }: Verdict): string =>
  sentences
    .map((sentence) => {
      const text = isolated(sentenceText(sentence));
      return sentence.tone === 'lost' || sentence.tone === 'bad'
        ? `<span class="t-${sentence.tone}">${text}</span>`
        : text;
    })
    .join(' ');

function comparisonHtml(comparison: Comparison, tables: readonly ReportTable[]): string {
  const { groups, baseline, patches } = comparison;
  const letters = groups.map((_, g) => letter(g));
  const legend = groups
    .map(({ label, repeats }, g) => {
      const counted = repeats.length > 1 ? `, ${repeats.length} repeats` : '';
      return `<tr><td>${letters[g]!}</td><td>${isolated(label)}${counted}${g === baseline ? ' <span class="muted">(baseline)</span>' : ''}</td></tr>`;
    })
    .join('');
  const makes = patches
    .map((patch, g) =>
      patch === null || patch.steps.length === 0
        ? ''
        : `<details><summary>What would make ${letters[g]!} of ${letters[baseline]!}</summary><pre>${html(patch.steps.join('\n'))}</pre></details>`,
    )
    .join('');
  const table = groups.length === 1 ? spreadTable(comparison) : resultsHtml(comparison);
  const wrong = mismatchLines(comparison)
    .map((line) => `<p class="notice t-bad">${isolated(line)}</p>`)
    .join('');
  const parts = [`${wrong}<h2>Side by side</h2><table><tbody>${legend}</tbody></table>`];
  if (tables.includes('differences')) parts.push(`<h2>What differs</h2>${differencesHtml(comparison)}${makes}`);
  if (tables.includes('figures')) {
    parts.push(`<h2>What came of it</h2>${table}<p class="note">${html(LEGEND)}</p>`);
  }
  return parts.join('\n');
}

/** Repeats of one experiment: how far they lie apart. */
function spreadTable({ results }: Comparison): string {
  const rows = results.map((row) => {
    const cell = row.cells[0]!;
    const unit: FigureUnit = row.unit === 'share' ? 'ratio' : row.unit === 'outcome' ? 'count' : row.unit;
    return `<tr><td>${html(row.title)}</td><td>${html(valueText(row, cell))}</td><td>${formatFigure(cell.least, unit)}</td><td>${formatFigure(cell.greatest, unit)}</td><td>${cell.n}</td></tr>`;
  });
  return `<table><thead><tr><th>figure</th><th>median</th><th>least</th><th>greatest</th><th>n</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function chartHtml(chart: Chart, index: number): string {
  // Repeats share one look.
  const shown = chart.lines.filter(
    ({ identity }, i) => chart.lines.findIndex((line) => line.identity === identity) === i,
  );
  const legend = shown
    .map(({ label, identity }) => {
      const { colour, dash } = lookOf(identity);
      const dashes = dash.length === 0 ? '' : ` stroke-dasharray="${dash.join(' ')}"`;
      return `<span><svg viewBox="0 0 26 8" aria-hidden="true"><path class="line s${colour}"${dashes} d="M0 4H26"/></svg>${isolated(label)}</span>`;
    })
    .join('');
  const each = chart.lines.reduce((most, { samplesEach }) => Math.max(most, samplesEach), 1);
  const behind =
    each === 1
      ? 'Every sample is here.'
      : `Least and greatest of each ${formatCount(each)} samples: no spike is missing.`;
  const origin = chart.fromStart
    ? 'Times count from the start of each migration.'
    : 'Times count from the beginning of the run.';
  return `<figure><figcaption><b>${html(chart.title)}</b>${legend}</figcaption><div class="plot" id="plot-${index}">${chartSvg(chart)}</div><p class="note">${origin} ${behind}<span class="hint"> Drag to zoom, double click for the whole.</span></p></figure>`;
}

function runHtml({ stored }: ReportRun): string {
  const { summary, expect } = stored;
  if (summary === null) return '';
  return `<h2>In figures</h2>${downtimeHtml(summary)}<table><tbody>${figureRows(summary)
    .map(
      ([name, value, more]) =>
        `<tr><td>${name}</td><td class="number">${html(value)}</td><td class="muted">${html(more)}</td></tr>`,
    )
    .join('')}</tbody></table>${expectHtml(expect)}`;
}

function downtimeHtml({ downtimeParts, downtimeNs }: Summary): string {
  const parts = downtimeParts.filter(({ durationNs }) => durationNs > 0);
  if (parts.length === 0 || downtimeNs === null) return '';
  return `<p>Of the ${formatFigure(downtimeNs, 'ns')} blackout: ${parts
    .map(({ name, durationNs }) => `${isolated(name)} ${formatFigure(durationNs, 'ns')}`)
    .join(', ')}.</p>`;
}

function expectHtml(expect: readonly ExpectResult[]): string {
  if (expect.length === 0) return '';
  return `<h2>Expected</h2><table><tbody>${expect
    .map(
      ({ path, expected, actual, met }) =>
        `<tr><td><code>${html(path)}</code></td><td>${isolated(expected)}</td><td>${isolated(actual)}</td><td>${met ? 'met' : '<span class="t-bad">not met</span>'}</td></tr>`,
    )
    .join('')}</tbody></table>`;
}

function lossesHtml(runs: readonly ReportRun[]): string {
  const rows = runs.flatMap(({ stored, id }, i) =>
    (stored.summary?.losses ?? []).slice(0, 100).map(({ pages, cause, writers, runs: ranges, eventIndex }) => {
      const where = ranges
        .slice(0, 4)
        .map(([first, count]) => `${first}+${count}`)
        .join(', ');
      return `<tr><td>${id ?? i + 1}</td><td class="t-lost">${formatCount(pages)} (${formatSize(pages * PAGE_SIZE)})</td><td>${isolated(cause)}</td><td>${writers.map(isolated).join(', ')}</td><td>${where}${ranges.length > 4 ? ' …' : ''}</td><td>${eventIndex < 0 ? '–' : eventIndex}</td></tr>`;
    }),
  );
  if (rows.length === 0) return '';
  return `<h2>Lost pages</h2><div class="scroll"><table><thead><tr><th>run</th><th>pages</th><th>what dropped them</th><th>last written by</th><th>RAM pages (first+count)</th><th>event</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** What it takes to make it again. */
function againHtml(report: ReportDocument): string {
  const { runs, made, version } = report;
  const rows = runs.map(({ stored: { row }, id }, i) => {
    const hash = row.hash === null ? '–' : `<code>${html(row.hash)}</code>`;
    return `<tr><td>${id ?? i + 1}</td><td>${isolated(row.sourceText)}</td><td>${isolated(row.engineVersion)}</td><td>${row.seed}</td><td>${hash}</td></tr>`;
  });
  const inIt = bundlesText(report);
  const texts = [...new Map(runs.map(({ stored }) => [stored.experiment, stored.row])).entries()];
  const files = texts.map(([text, row]) => {
    const name = row.fileName === '' ? row.name : row.fileName;
    return `<details${texts.length === 1 ? ' open' : ''}><summary>${isolated(name)}</summary><pre>${html(text.trimEnd())}</pre></details>`;
  });
  const when = made === '' ? '' : ` on ${html(made)}`;
  return `<h2>To make it again</h2>
<p>The same experiment, seed and engine version give the same bytes, and with them the same hash.</p>${inIt === '' ? '' : `\n<p>${inIt}</p>`}
<div class="scroll"><table><thead><tr><th>run</th><th>made by</th><th>engine</th><th>seed</th><th>hash of the result</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>
${report.tables.includes('files') ? `<h3>Experiment files</h3>\n${files.join('\n')}\n` : ''}<footer>Made by Brownout ${html(version)}${when}. This file is whole: it needs no network and asks nobody for anything.</footer>`;
}

/** What of the runs is in the file itself; '' where nothing was wanted. */
function bundlesText({ runs, bundleBytes }: ReportDocument): string {
  if (bundleBytes === 0) return '';
  const held = runs.flatMap(({ bundle }) => (bundle === null ? [] : [bundle.length]));
  const bytes = held.reduce((sum, one) => sum + one, 0);
  const names = runs.flatMap(({ bundle, id }, i) => (bundle === null ? [String(id ?? i + 1)] : []));
  const [is, them] = runs.length === 1 ? ['The run itself is', 'it'] : ['The runs themselves are', 'them'];
  const some =
    names.length === 0 ? is : `${held.length} of the ${runs.length} runs ${held.length === 1 ? 'is' : 'are'}`;
  const inside =
    held.length === 0
      ? ''
      : `${some} in this file, samples and events, as ${formatPlural(held.length, 'bundle')} of ${formatFigure(bytes, 'bytes')}: <code>brownout import FILE</code> keeps ${held.length === 1 ? 'it' : them}, to look at and to make again.`;
  const outside =
    names.length === 0
      ? ''
      : ` ${names.length === 1 ? `Run ${names[0]!} is` : `Runs ${names.join(', ')} are`} not: ${formatFigure(bundleBytes, 'bytes')} are set apart for that. <code>brownout export -f bundle</code> makes a file of any run.`;
  return `${inside}${outside}`.trim();
}
