// How the table is arranged: columns and their order, kept for the user. Filter, sorting and grouping stand in the address.
import * as z from 'zod';
import type { Column } from '../../../main/contract/runs.ts';

export const COLUMNS_KEY = 'runs.columns';
export const columnsSchema = z.array(z.string().min(1).max(200)).min(1).max(64);

/** What stands before the columns: the box to choose a run, the shape of its dirty rate, its verdict. */
export const LEAD_PX = [36, 124, 26] as const;
/** The name takes what is left, never less than this. */
export const LEAST_NAME_PX = 216;
/** After the last column. */
export const END_PX = 8;
const SCROLLBAR_PX = 15;

const WIDTHS: Readonly<Record<string, number>> = {
  time: 160,
  duration: 84,
  size: 88,
  count: 66,
  share: 84,
  percent: 84,
  rate: 110,
  'page-rate': 120,
};
export const widthOf = ({ type, name }: Pick<Column, 'type' | 'name'>): number =>
  WIDTHS[type] ?? (name === 'outcome' || name === 'status' || name === 'source' ? 108 : 130);

/** Those of somebody who has chosen none, in order; and the same from what is missed most to what is missed least. */
export const USUAL_COLUMNS: readonly string[] = [
  'downtime',
  'total',
  'sent',
  'rounds',
  'lost',
  'outcome',
  'device',
  'created',
  'tag',
];
const BY_WEIGHT = ['downtime', 'total', 'sent', 'lost', 'rounds', 'created', 'tag', 'device', 'outcome'];

/** The usual columns that fit beside a name that can be read: a fifth of the table, or its least. */
export function usualColumns(columns: readonly Column[], roomPx: number): readonly string[] {
  const fixed = LEAD_PX.reduce((sum, px) => sum + px, END_PX + SCROLLBAR_PX);
  let left = roomPx - fixed - Math.max(LEAST_NAME_PX, roomPx * 0.21);
  const fitting = new Set<string>();
  for (const name of BY_WEIGHT) {
    const column = columns.find((one) => one.name === name);
    if (column === undefined) continue;
    left -= widthOf(column);
    if (left < 0 && fitting.size > 0) break;
    fitting.add(name);
  }
  return USUAL_COLUMNS.filter((name) => fitting.has(name));
}

export const VIEWS_KEY = 'runs.views';
/** A filter with its sorting, grouping and columns under a name. */
export const namedViewsSchema = z.array(
  z.object({ name: z.string().min(1).max(80), query: z.record(z.string(), z.string()), columns: columnsSchema }),
);
export type NamedView = z.infer<typeof namedViewsSchema>[number];
