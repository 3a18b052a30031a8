// Values of a resolved experiment (base units) as the form shows them in grey, and what a text typed into a field means.
import { formatFigure, type FigureUnit } from '../../../../main/contract/format.ts';
import type { Field } from './fields.ts';

const UNITS: Readonly<Record<string, FigureUnit>> = {
  size: 'bytes',
  pages: 'bytes',
  duration: 'ns',
  rate: 'bytes/s',
  'page-rate': 'pages/s',
  share: 'ratio',
  percent: 'percent',
  cost: 'ns',
};

/** `16 GiB`; '' for what is no single value. */
export function spellResolved(field: Field, value: unknown): string {
  const unit = UNITS[field.quantity];
  if (typeof value === 'number') return unit === undefined ? String(value) : formatFigure(value, unit);
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (Array.isArray(value) && field.item !== null && value.length <= 4) {
    const item = field.item;
    return value.map((one) => spellResolved(item, one)).join(', ');
  }
  return '';
}

/** What stands in grey where nothing is set: the default of the file, or what the lab makes of the others. */
export function greyText(field: Field, resolved: unknown): string {
  if (field.byDefault !== '') {
    if (field.kind === 'boolean') return field.byDefault === 'true' ? 'on' : 'off';
    return field.byDefault;
  }
  return spellResolved(field, resolved);
}

/** A field that takes numbers means a number where one is typed; all else stays text for the check to judge. */
export function meant(field: Field, typed: string): string | number {
  const text = field.multiline ? typed : typed.trim();
  return field.numeric && /^-?\d+(\.\d+)?$/u.test(text) ? Number(text) : text;
}

/** A value of the file as a field shows it. */
export function shownValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(value);
}
