// What a run came to, for a terminal of 80 columns: the verdict in a sentence, where the blackout went, what crossed the
// wire, whether pages were lost, and the dirty rate of each source over time.
import type { ExpectResult, Known, Loss, Summary } from '../../engine/experiment/result.ts';
import { formatPercentage, PAGE_SIZE } from '../../engine/core/units.ts';
import { formatCount, formatFigure, formatPlural } from '../contract/format.ts';
import { verdictOf, verdictText, type VerdictSentence } from '../contract/verdict.ts';
import { limitsOf } from '../runs/limits.ts';
import type { RunRow, StoredRun } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { bars, columnPeaks, markLine, type Mark } from './chart.ts';
import { clip, pad, printable, wrap } from './text.ts';

const WIDTH = 80;
const LABEL = 11;
const duration = (ns: number): string => formatFigure(ns, 'ns');
const size = (bytes: number): string => formatFigure(bytes, 'bytes');

/** The verdict as one harmless line: all of it, or the sentences about these things. */
export function verdictLine(run: StoredRun, about?: readonly VerdictSentence['about'][]): string {
  const { tone, sentences } = verdictOf(run, limitsOf(run.experiment));
  const wanted = sentences.filter((sentence) => about?.includes(sentence.about) ?? true);
  return printable(verdictText({ tone, sentences: wanted }));
}

/** The whole summary, line by line. */
export function summaryLines(store: Store, id: number): string[] {
  const run = store.run(id);
  const lines = [clip(printable(run.row.name), WIDTH), ''];
  lines.push(...wrap(verdictLine(run), WIDTH));
  if (run.summary !== null) lines.push('', ...figures(run.summary), ...expectLines(run.expect));
  const chart = chartLines(store, run);
  if (chart.length > 0) lines.push('', ...chart);
  return lines;
}

function figures(summary: Summary): string[] {
  const { bytes, pages, tracking } = summary;
  const known = (value: Known, text: (value: number) => string): string => (value === null ? 'unknown' : text(value));
  const some = (parts: readonly (readonly [Known, string, (value: number) => string])[]): string =>
    parts.flatMap(([value, name, text]) => (value === null ? [] : [`${name} ${text(value)}`])).join(', ');
  const moved = summary.outcome === 'completed' || summary.outcome === 'unknown';
  const lines = [
    ...(moved || (summary.downtimeNs ?? 0) > 0
      ? labelled('downtime', known(summary.downtimeNs, duration), downtimeParts(summary))
      : []),
    ...labelled(
      'total time',
      known(summary.totalNs, duration),
      some([
        [summary.setupNs, 'set-up', duration],
        [summary.guestStallNs, 'guest stalled for', duration],
        [summary.guestSpeed, 'guest speed', (speed) => formatPercentage(speed)],
        [summary.throttleMaxPercent === 0 ? null : summary.throttleMaxPercent, 'throttled by up to', (p) => `${p}%`],
      ]),
    ),
    ...labelled(
      'sent',
      known(bytes.total, size),
      some([
        [bytes.normal, 'pages', size],
        [bytes.zero, 'zero pages', size],
        [bytes.device, 'device state', size],
        [bytes.protocol, 'protocol', size],
      ]),
    ),
    ...labelled(
      'pages',
      known(pages.total, formatCount),
      some([
        [pages.zero, 'zero', formatCount],
        [pages.resent, 'sent again', formatCount],
        [pages.needless, 'sent needlessly', formatCount],
      ]),
    ),
    // A guest that stays at the source cannot lose a page.
    ...(moved || (pages.lost ?? 0) > 0 ? labelled('lost', known(pages.lost, lostFigure), '') : []),
    ...summary.losses.slice(0, 5).flatMap(lossLines),
    ...(summary.losses.length > 5
      ? [`${' '.repeat(LABEL)}… and ${formatPlural(summary.losses.length - 5, 'more cause')}`]
      : []),
  ];
  const cost = some([
    [tracking.harvestNs, 'harvests', duration],
    [tracking.entriesTouched, 'entries', formatCount],
    [tracking.iotlbFlushes, 'IOTLB flushes', formatCount],
    [tracking.faults, 'faults', formatCount],
  ]);
  return cost === '' ? lines : [...lines, ...labelled('tracking', cost, '')];
}

function lostFigure(lost: number): string {
  return lost === 0 ? 'no page' : `${formatPlural(lost, 'page')}, ${size(lost * PAGE_SIZE)}`;
}

function lossLines(loss: Loss): string[] {
  const writers =
    loss.writers.length === 0 ? '' : `, written by ${loss.writers.map((name) => printable(name, 40)).join(', ')}`;
  const event = loss.eventIndex < 0 ? '' : ` (event ${loss.eventIndex})`;
  return wrap(`${formatCount(loss.pages)}: ${printable(loss.cause)}${writers}${event}`, WIDTH - LABEL).map(
    (line) => ' '.repeat(LABEL) + line,
  );
}

function downtimeParts(summary: Summary): string {
  return summary.downtimeParts
    .filter(({ durationNs }) => durationNs > 0)
    .map(({ name, durationNs }) => `${printable(name, 40)} ${duration(durationNs)}`)
    .join(' + ');
}

/** `label  figure  = explanation`, the explanation broken below itself. */
function labelled(label: string, figure: string, explanation: string): string[] {
  const head = pad(label, LABEL) + figure;
  if (explanation === '') return wrap(figure, WIDTH - LABEL).map((line, i) => pad(i === 0 ? label : '', LABEL) + line);
  const indent = Math.max(head.length, LABEL + 10) + 2;
  return wrap(explanation, WIDTH - indent).map((line, i) => (i === 0 ? pad(head, indent) : ' '.repeat(indent)) + line);
}

function expectLines(expect: readonly ExpectResult[]): string[] {
  return expect.map(({ path, expected, actual, met }, i) => {
    const was = met ? 'met' : `NOT met: ${printable(actual)}`;
    return clip(`${pad(i === 0 ? 'expected' : '', LABEL)}${printable(path)} ${printable(expected)}: ${was}`, WIDTH);
  });
}

/** Series of dirty rates, one row each on one scale of time, and what is left to send. */
function chartLines(store: Store, { row, series, summary }: StoredRun): string[] {
  const shown = series
    .map((info, position) => ({ info, position }))
    .filter(({ info }) => info.kind === 'rate' && info.source !== undefined && info.id.startsWith('dirty.'))
    .slice(0, 12);
  if (row.sampleCount < 2 || shown.length === 0) return [];
  const left = series.findIndex(({ id }) => id === 'left');
  const nameWidth = 14;
  const scaleWidth = 14;
  const columns = WIDTH - nameWidth - scaleWidth - 2;
  const whole = { fromNs: 0, toNs: Number.MAX_SAFE_INTEGER, columns: columns * 4 };
  const positions = [...shown.map(({ position }) => position), ...(left < 0 ? [] : [left])];
  const envelope = store.envelope(row.id, positions, whole);
  const fromNs = 0;
  const toNs = envelope.toNs.at(-1) ?? 0;
  const rows = envelope.columns.map(({ greatest }) => {
    const peaks = columnPeaks({ toNs: envelope.toNs, greatest }, fromNs, toNs, columns);
    return { peaks, top: peaks.reduce((top, value) => (value > top ? value : top), 0) };
  });
  const line = (name: string, text: string, scale: string): string =>
    `${pad(name, nameWidth)} ${text} ${pad(scale, scaleWidth, 'right')}`.trimEnd();
  const lines = [`Dirty pages by source over ${duration(toNs)}; a scale for each row, its peak at right:`].flatMap(
    (text) => wrap(text, WIDTH),
  );
  for (const [i, { info }] of shown.entries()) {
    const { peaks, top } = rows[i]!;
    lines.push(line(printable(info.source ?? info.id), bars(peaks, top), `${short(top)} pages/s`));
  }
  const unsent = rows[shown.length];
  if (unsent !== undefined)
    lines.push(line('left to send', bars(unsent.peaks, unsent.top), `${short(unsent.top)} pages`));
  const marks = markLine(moments(store, row, summary), fromNs, toNs, columns);
  if (marks !== '') lines.push(line('', marks, ''));
  return lines;
}

function moments(store: Store, row: RunRow, summary: Summary | null): Mark[] {
  const events = store.events(row.id).filter(({ kind }) => kind === 'stop' || kind === 'resume');
  const marks = events.map(({ kind, timeNs, source }) => ({
    timeNs,
    source,
    text: kind === 'stop' ? '↑stop' : '↑resume',
  }));
  const start = summary === null ? [] : [{ timeNs: summary.startNs, text: '↑migration starts' }];
  return [...start, ...marks.filter(({ source }) => source === undefined)];
}

/** Four characters or so: `20.0k`. */
export function short(value: number): string {
  if (value < 1000) return String(Math.round(value));
  const units = ['', 'k', 'M', 'G', 'T'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0)}${units[unit] ?? ''}`;
}
