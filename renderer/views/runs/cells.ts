// What a cell of the table says, by the type of its column; and what a filter needs to say to mean this value.
import { exactFigure, formatAligned, formatCount, type FigureUnit } from '../../../main/contract/format.ts';
import { quote } from '../../../main/contract/filter/tokens.ts';
import type { Column, ColumnType, ListedRun, RunRow } from '../../../main/contract/runs.ts';
import { dateTime } from '../../ui/dates.ts';

export type CellValue = string | number | null;

export function cellValue({ row, cells }: ListedRun, { name, rowField }: Pick<Column, 'name' | 'rowField'>): CellValue {
  if (rowField === null) return cells[name] ?? null;
  const value = row[rowField as keyof RunRow];
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? null : value;
}

const UNITS: Partial<Record<ColumnType, FigureUnit>> = {
  duration: 'ns',
  size: 'bytes',
  share: 'ratio',
  percent: 'percent',
  rate: 'bytes/s',
  'page-rate': 'pages/s',
};

export const isNumber = (type: ColumnType): boolean => type !== 'text' && type !== 'time';

/** For people. What is not known is a dash. */
export function cellText(value: CellValue, type: ColumnType): string {
  if (value === null || value === '') return '–';
  if (typeof value === 'string') return value;
  if (type === 'time') return dateTime(value);
  const unit = UNITS[type];
  return unit === undefined ? formatCount(value) : formatAligned(value, unit);
}

/** All digits, for the title and for copying. */
export function cellExact(value: CellValue, type: ColumnType): string {
  if (value === null) return 'not known';
  if (typeof value === 'string') return value;
  if (type === 'time') return new Date(value).toISOString();
  return exactFigure(value, UNITS[type] ?? 'count');
}

/** The smallest unit of the language, so that no digit is lost. */
const FILTER_UNITS: Partial<Record<ColumnType, string>> = {
  duration: 'ns',
  size: 'B',
  rate: 'B/s',
  'page-rate': ' pages/s',
  percent: '%',
};

/** `downtime = 5312345ns`; of several texts (tags) each by itself. */
export function conditionFor(name: string, value: CellValue, type: ColumnType): string {
  if (value === null || value === '') return `${name} is unknown`;
  if (typeof value === 'string') {
    const texts = value.split(', ');
    return texts.map((text) => `${name} = ${quote(text)}`).join(' and ');
  }
  if (type === 'time') return `${name} = '${dateTime(value).slice(0, 10)}'`;
  if (type === 'share') return `${name} = ${value * 100}%`;
  return `${name} = ${quote(`${value}${FILTER_UNITS[type] ?? ''}`)}`;
}

/** A filter and one condition more. */
export function narrowed(filter: string, condition: string): string {
  const before = filter.trim();
  if (before === '') return condition;
  return /\bor\b/iu.test(before) ? `(${before}) and ${condition}` : `${before} and ${condition}`;
}

export const excluded = (condition: string): string => `not (${condition})`;
