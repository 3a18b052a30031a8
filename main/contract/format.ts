// Numbers for people: one place that decides how a figure reads, for the command line, the window and reports alike.
//
// Three significant digits and a space before the unit (`5.31 ms`, `381 MiB`, `9.4 Gbit/s`); IEC prefixes for memory, SI for
// rates on the wire. The steps and the rounding are those of engine/core/units.ts, which writes the same figures without the
// space, as a file has them. exactFigure() keeps every digit: it is what copying gives.
import { formatDuration, formatPageRate, formatPercentage, formatRate, formatSize } from '../../engine/core/units.ts';

/** Units of series and of summary figures. `ratio`: 0 … 1 is shown in percent; `percent` counts whole percent. */
export type FigureUnit =
  | 'ns'
  | 'bytes'
  | 'bytes/s'
  | 'pages'
  | 'pages/s'
  | 'count'
  | '1/s'
  | 'ratio'
  | 'percent'
  /** Times as much: `1.3×`. */
  | 'factor';

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const GROUPED = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

/** Digits in groups of three: `41,200`. Every digit of a whole number is shown. */
export function formatCount(value: number): string {
  return Number.isInteger(value) ? WHOLE.format(value) : GROUPED.format(value);
}

/** `1 page`, `2,048 pages`. */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** For people, three significant digits: `5.31 ms`. What is not known is a dash. */
export function formatFigure(value: number | null, unit: FigureUnit): string {
  if (value === null || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  switch (unit) {
    case 'ns':
      return spaced(formatDuration(value));
    case 'bytes':
      return spaced(formatSize(value));
    case 'bytes/s':
      return spaced(formatRate(value, { inBits: true }));
    case 'pages/s':
      return Math.abs(value) < 99_950 && Math.abs(value) >= 1000
        ? `${WHOLE.format(value)} pages/s`
        : formatPageRate(value);
    case 'pages':
      return formatPlural(Math.round(value), 'page');
    case 'count':
      return formatCount(value);
    case '1/s':
      return `${Math.abs(value) >= 100 ? WHOLE.format(value) : GROUPED.format(value)}/s`;
    case 'ratio':
      return percentage(value);
    case 'percent':
      return percentage(value / 100);
    case 'factor':
      return `${GROUPED.format(value)}×`;
  }
}

/** As formatFigure, with all three digits, so that a column of them aligns: `2.10 ms` below `2.04 ms`. */
export function formatAligned(value: number | null, unit: FigureUnit): string {
  const text = formatFigure(value, unit);
  if (value === 0) return text;
  return text.replace(
    /^(−?)(\d+)(?:\.(\d+))?(?= (?:µs|ms|s|[KMGT]iB|[kMGT]bit\/s)$)/u,
    (number, sign, whole, rest = '') => {
      const digits = `${whole}${rest}`.length;
      return digits >= 3 ? number : `${sign}${whole}.${rest}${'0'.repeat(3 - digits)}`;
    },
  );
}

/** Every digit, in the base unit: what a copy of the figure is. */
export function exactFigure(value: number | null, unit: FigureUnit): string {
  if (value === null || Number.isNaN(value)) return '';
  const names = { 'bytes/s': 'B/s', bytes: 'B', percent: '%', count: '', ratio: '', factor: '' } as const;
  const name = unit in names ? names[unit as keyof typeof names] : unit;
  return name === '' ? String(value) : `${value} ${name}`;
}

/** A difference of two figures, always with its sign: `+1.2 ms`, `−381 MiB`, `±0`. */
export function formatDelta(value: number | null, unit: FigureUnit): string {
  if (value === null || Number.isNaN(value)) return '–';
  if (value === 0) return '±0';
  // A difference of shares is counted in points of percent.
  const points = unit === 'ratio' || unit === 'percent';
  const text = points
    ? `${GROUPED.format(Math.abs(value) * (unit === 'ratio' ? 100 : 1))} points`
    : formatFigure(Math.abs(value), unit);
  return `${value < 0 ? '−' : '+'}${text}`;
}

/** How much more or less `b` is than `a`: `+5.2%`, `−38%`, `3.4×` from double on; a dash where there is no ratio. */
export function formatRatio(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return '–';
  if (ratio === 1) return '±0%';
  if (ratio >= 2) return `${GROUPED.format(ratio)}×`;
  const change = (ratio - 1) * 100;
  return `${change < 0 ? '−' : '+'}${new Intl.NumberFormat('en-US', { maximumSignificantDigits: 2 }).format(Math.abs(change))}%`;
}

function percentage(share: number): string {
  const percent = Math.abs(share * 100);
  return formatPercentage(share, percent >= 99.95 ? 0 : percent >= 9.995 ? 1 : 2);
}

/** `5.31ms` → `5.31 ms`, `2min 5s` → `2 min 5 s`. */
function spaced(text: string): string {
  return text.replace(/(\d)(?=[A-Za-zµ])/gu, '$1 ');
}
