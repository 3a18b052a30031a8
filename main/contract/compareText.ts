// Figures of a comparison as texts: values with their unit, differences with sign, interval and how far they may be trusted.
import { formatDelta, formatFigure, formatRatio, type FigureUnit } from './format.ts';
import { JUDGEMENT_WORDS, type ResultCell, type ResultRow } from './compare.ts';

const UNITS: Readonly<Record<ResultRow['unit'], FigureUnit>> = {
  pages: 'pages',
  bytes: 'bytes',
  ns: 'ns',
  count: 'count',
  share: 'ratio',
  percent: 'percent',
  outcome: 'count',
};

export const unitOf = ({ unit }: ResultRow): FigureUnit => UNITS[unit];

/** `5.31 ms`; of repeats the median, with its interval. */
export function valueText(row: ResultRow, cell: ResultCell): string {
  const value = formatFigure(cell.median, unitOf(row));
  if (cell.n < 2 || cell.interval === null || cell.least === cell.greatest) return value;
  return `${value} [${intervalText(cell.interval, unitOf(row))}]`;
}

/** `+1.2 ms (+23%) [+0.9 ms … +1.4 ms]`. */
export function deltaText(row: ResultRow, { delta, ratio, deltaInterval }: ResultCell): string {
  if (delta === null) return '–';
  if (delta === 0 && (deltaInterval === null || deltaInterval.low === deltaInterval.high)) return '±0';
  const unit = unitOf(row);
  const change = ratio === null ? '' : ` (${formatRatio(ratio)})`;
  const interval =
    deltaInterval === null
      ? ''
      : ` [${formatDelta(deltaInterval.low, unit)} … ${formatDelta(deltaInterval.high, unit)}]`;
  return `${formatDelta(delta, unit)}${change}${interval}`;
}

/** `better, n 5 and 5, effect −1 (large), p 0.03 after Holm`; never a bare p. */
export function trustText(before: ResultCell, cell: ResultCell): string {
  const words = JUDGEMENT_WORDS[cell.judgement];
  if (cell.effect === null || cell.p === null || cell.effectSize === null) return words;
  const effect = `effect ${cell.effect.toFixed(2).replace('-', '−')} (${cell.effectSize})`;
  return `${words}; n ${before.n} and ${cell.n}, ${effect}, p ${pText(cell.p)} after Holm`;
}

export const pText = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2));

export function intervalText({ low, high }: { readonly low: number; readonly high: number }, unit: FigureUnit): string {
  return `${formatFigure(low, unit)} … ${formatFigure(high, unit)}`;
}

export const ARROW = { less: '↓', more: '↑', neither: ' ' } as const;

/** Rows in which some group differs from the baseline, or all. */
export function rowsThatDiffer(rows: readonly ResultRow[]): readonly ResultRow[] {
  return rows.filter(({ cells }) => cells.some(({ judgement }) => judgement !== 'same' && judgement !== 'baseline'));
}
