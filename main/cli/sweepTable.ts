// What a sweep came to, for a terminal: a row for each setting (the median of its seeds), the Pareto front of downtime against
// bytes, and the failures. Settings that are on the front are marked: no other one has less downtime without more bytes.
import { formatDuration, formatSize } from '../../engine/core/units.ts';
import { median } from '../../engine/experiment/stats/quantiles.ts';
import { valueText } from '../../engine/experiment/sweep.ts';
import { paretoFront } from '../contract/pareto.ts';
import type { PointFigure, PointRow, SweepRow } from '../store/sweeps.ts';
import { formatCount } from '../contract/format.ts';
import { clip, pad, printable } from './text.ts';

export interface SettingResult {
  readonly written: readonly unknown[];
  readonly points: readonly PointRow[];
  readonly done: number;
  /** Medians over the seeds that are done; null where none is known. */
  readonly figures: Readonly<Record<PointFigure, number | null>>;
  /** No other setting is better in downtime without being worse in bytes. Only of settings that lost nothing. */
  readonly onFront: boolean;
}

const FIGURE_COLUMNS: readonly {
  readonly figure: PointFigure;
  readonly head: string;
  readonly text: (v: number) => string;
}[] = [
  { figure: 'downtimeNs', head: 'DOWN', text: formatDuration },
  { figure: 'totalNs', head: 'TOTAL', text: formatDuration },
  { figure: 'bytesTotal', head: 'SENT', text: formatSize },
  { figure: 'pagesLost', head: 'LOST', text: formatCount },
];

export function settingResults(points: readonly PointRow[]): SettingResult[] {
  const settings = new Map<number, PointRow[]>();
  for (const point of points) {
    const known = settings.get(point.setting);
    if (known === undefined) settings.set(point.setting, [point]);
    else known.push(point);
  }
  const results = [...settings.values()].map((members) => ({
    written: members[0]!.written,
    points: members,
    done: members.filter(({ status }) => status === 'done').length,
    figures: mediansOf(members),
  }));
  const sound = results.map(
    ({ points: members, figures }) =>
      members.every(({ status, outcome }) => status === 'done' && outcome === 'completed') && figures.pagesLost === 0,
  );
  const front = new Set(
    paretoFront(results.map(({ figures }, i) => ({ x: sound[i] ? figures.downtimeNs : null, y: figures.bytesTotal }))),
  );
  return results.map((result, i) => ({ ...result, onFront: front.has(i) }));
}

function mediansOf(points: readonly PointRow[]): Record<PointFigure, number | null> {
  const figures = Object.keys(points[0]!.figures) as PointFigure[];
  return Object.fromEntries(
    figures.map((figure) => {
      const known = points.map((point) => point.figures[figure]).filter((value) => value !== null);
      return [figure, known.length === 0 ? null : median(known)];
    }),
  ) as Record<PointFigure, number | null>;
}

const MAX_ROWS = 100;
const VALUE_WIDTH = 18;

export function sweepLines(sweep: SweepRow, points: readonly PointRow[], columns: number): string[] {
  const settings = settingResults(points);
  const seeds = new Set(points.map(({ seed }) => seed)).size;
  const lines = [printable(sweep.name), '', ...summary(sweep, settings.length, seeds)];
  const shown = settings.length <= MAX_ROWS ? settings : settings.filter(({ onFront }) => onFront).slice(0, MAX_ROWS);
  const heads = sweep.fields.map(({ name }) => printable(/[^.]+$/u.exec(name)?.[0] ?? name));
  const values = shown.map(({ written }) => written.map((value) => printable(valueText(value), VALUE_WIDTH)));
  const widths = heads.map((head, i) =>
    Math.min(VALUE_WIDTH, Math.max(head.length, ...values.map((v) => v[i]!.length))),
  );
  const row = (mark: string, cells: readonly string[], figures: readonly string[], note: string): string =>
    [
      pad(mark, 1),
      ...cells.map((cell, i) => pad(cell, widths[i]!, 'right')),
      ...figures.map((figure) => pad(figure, 9, 'right')),
      note,
    ]
      .join(' ')
      .trimEnd();
  lines.push(
    '',
    row(
      '',
      heads,
      FIGURE_COLUMNS.map(({ head }) => head),
      '',
    ),
  );
  for (const [i, { figures, onFront, points: members, done }] of shown.entries()) {
    const cells = FIGURE_COLUMNS.map(({ figure, text }) => {
      const value = figures[figure];
      return value === null ? '–' : text(value);
    });
    lines.push(row(onFront ? '*' : '', values[i]!, cells, noteOf(members, done)));
  }
  if (shown.length < settings.length) {
    lines.push('', `${formatCount(settings.length - shown.length)} more settings; --json has them all.`);
  }
  if (settings.some(({ onFront }) => onFront)) {
    lines.push('', '* no other setting has less downtime without more bytes (and no page was lost)');
  }
  const failures = points.filter(({ status }) => status === 'failed');
  for (const { number, failure } of failures.slice(0, 5)) {
    lines.push(`point ${number} failed: ${printable(failure ?? 'nobody knows why', 200)}`);
  }
  if (failures.length > 5) lines.push(`… and ${formatCount(failures.length - 5)} more failures`);
  return lines.map((line) => clip(line, Math.max(80, columns)));
}

function summary(sweep: SweepRow, settings: number, seeds: number): string[] {
  const { id, done, points, failed, status, workedMs } = sweep;
  const times = seeds > 1 ? ` with ${formatCount(seeds)} seeds each (medians)` : '';
  const state = { running: 'under way', paused: 'paused', finished: 'finished', interrupted: 'interrupted' }[status];
  const broken = failed > 0 ? `, ${formatCount(failed)} failed` : '';
  const lines = [
    `Sweep ${id}, ${state}: ${formatCount(done)} of ${formatCount(points)} points done${broken}, in ${formatDuration(Math.round(workedMs / 100) * 1e8)}.`,
    `${formatCount(settings)} setting${settings === 1 ? '' : 's'}${times}.`,
  ];
  return sweep.failure === null ? lines : [...lines, `It was paused: ${printable(sweep.failure, 300)}`];
}

function noteOf(members: readonly PointRow[], done: number): string {
  const notes: string[] = [];
  const outcomes = [
    ...new Set(members.flatMap(({ outcome }) => (outcome === null || outcome === 'completed' ? [] : [outcome]))),
  ];
  notes.push(...outcomes);
  if (done < members.length) notes.push(`${done} of ${members.length} done`);
  const unmet = members.filter(({ status, expectMet }) => status === 'done' && !expectMet).length;
  if (unmet > 0) notes.push(members.length === 1 ? 'expectation not met' : `${unmet} did not meet expectations`);
  return notes.join(', ');
}
