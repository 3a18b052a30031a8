// How a figure of an event reads: by what it is called, for the detail of an event is flat and has no units.
import { formatCount, formatFigure } from '../../../../main/contract/format.ts';

const PAGE = 4096n;

/** A page number as the address of its first byte: `0x8469a000`. */
export function pageAddress(page: number): string {
  return Number.isSafeInteger(page) && page >= 0 ? `0x${(BigInt(page) * PAGE).toString(16)}` : '–';
}

export function detailText(name: string, value: number | string | boolean): string {
  if (typeof value !== 'number') return String(value);
  if (/Ns$/u.test(name)) return `${formatFigure(value, 'ns')} (${value} ns)`;
  if (/^(pte|iova|gpa|hva|address|entry)/iu.test(name) && Number.isSafeInteger(value)) return `0x${value.toString(16)}`;
  if (/Page$/u.test(name)) return `${formatCount(value)} (${pageAddress(value)})`;
  if (/bytes$|^transferred$/iu.test(name)) return `${formatFigure(value, 'bytes')} (${value} B)`;
  return formatCount(value);
}
