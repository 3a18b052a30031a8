// How the table is arranged: columns and their order, kept for the user. Filter, sorting and grouping stand in the address.
import * as z from 'zod';

export const COLUMNS_KEY = 'runs.columns';
export const columnsSchema = z.array(z.string().min(1).max(200)).min(1).max(64);

export const DEFAULT_COLUMNS: readonly string[] = [
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

export const VIEWS_KEY = 'runs.views';
/** A filter with its sorting, grouping and columns under a name. */
export const namedViewsSchema = z.array(
  z.object({ name: z.string().min(1).max(80), query: z.record(z.string(), z.string()), columns: columnsSchema }),
);
export type NamedView = z.infer<typeof namedViewsSchema>[number];
