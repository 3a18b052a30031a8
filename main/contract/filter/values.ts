// A value as it is written, by the type of its column: numbers with units, shares, dates. The units are those of the
// experiment file (engine/core/units.ts), with its messages.
import {
  formatPercentage,
  parseDuration,
  parsePercentage,
  parseRate,
  parseSize,
  UnitError,
} from '../../../engine/core/units.ts';
import type { FilterColumn, FilterValue } from './ast.ts';

export type ReadValue =
  | { readonly ok: true; readonly value: FilterValue }
  | { readonly ok: false; readonly message: string; readonly hint: string };

const EXAMPLES: Readonly<Record<FilterColumn['type'], string>> = {
  text: 'nic',
  count: '1000',
  duration: '300ms',
  size: '16GiB',
  share: '60%',
  percent: '60%',
  rate: '25Gbit/s',
  'page-rate': '20000 pages/s',
  time: '2026-11-21',
};

export function exampleOf(type: FilterColumn['type']): string {
  return EXAMPLES[type];
}

export function readValue(column: FilterColumn, text: string): ReadValue {
  if (column.type === 'text') return { ok: true, value: text };
  const wrong = (why: string): ReadValue => ({
    ok: false,
    message: `${column.name}: ${why}`,
    hint: `For example: ${column.name} > ${EXAMPLES[column.type]}`,
  });
  if (column.type === 'time') {
    const span = readTime(text);
    return span === undefined ? wrong(`${shown(text)} is no date`) : { ok: true, value: span };
  }
  try {
    const value = readNumber(column.type, text);
    return Number.isNaN(value) ? wrong(`${shown(text)} is no number`) : { ok: true, value };
  } catch (error) {
    if (error instanceof UnitError) return wrong(error.message);
    throw error;
  }
}

function readNumber(type: Exclude<FilterColumn['type'], 'text' | 'time'>, text: string): number {
  if (/^0+$/u.test(text)) return 0;
  switch (type) {
    case 'count':
      return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/iu.test(text) ? Number(text) : NaN;
    case 'duration':
      return parseDuration(text);
    case 'size':
      return parseSize(text);
    case 'share':
      return parsePercentage(text, 1_000_000);
    case 'percent':
      return Number(formatPercentage(parsePercentage(text, 1_000_000), 9).slice(0, -1));
    case 'rate':
    case 'page-rate': {
      if (text === 'full') return Infinity;
      const rate = parseRate(text);
      if (type === 'rate') return 'bytesPerSecond' in rate ? rate.bytesPerSecond : rate.pagesPerSecond * 4096;
      return 'pagesPerSecond' in rate ? rate.pagesPerSecond : rate.bytesPerSecond / 4096;
    }
  }
}

/** `2026`, `2026-11`, `2026-11-21`, `2026-11-21T10:30`, in the local time zone: the whole of that year, month, day, minute. */
function readTime(text: string): { from: number; to: number } | undefined {
  const parts = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2}))?)?)?$/u.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute] = parts.slice(1).map((part) => (part ? Number(part) : undefined));
  if (year === undefined) return undefined;
  const from = new Date(year, (month ?? 1) - 1, day ?? 1, hour ?? 0, minute ?? 0);
  // The calendar turns the 31st of April into the 1st of May; we do not.
  if (from.getMonth() !== (month ?? 1) - 1 || from.getDate() !== (day ?? 1)) return undefined;
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59) return undefined;
  const to = new Date(from);
  if (month === undefined) to.setFullYear(year + 1);
  else if (day === undefined) to.setMonth(month);
  else if (hour === undefined) to.setDate(day + 1);
  else to.setMinutes((minute ?? 0) + 1);
  return { from: from.getTime(), to: to.getTime() };
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
