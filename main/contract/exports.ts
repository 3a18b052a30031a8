// Exports and imports as the window asks for them: formats, tickets for files that the host hands out, files on their way in.
import * as z from 'zod';
import { MAX_PAGE } from './limits.ts';
import { runIdSchema } from './runs.ts';

export interface ExportFormat {
  /** For a menu. */
  readonly title: string;
  /** Of the file's name. */
  readonly extension: string;
  readonly mediaType: string;
  /** Whether it holds any of EXPORT_TABLES, rather than one run as a whole. */
  readonly tabular: boolean;
}

export const EXPORT_FORMATS = {
  csv: { title: 'CSV', extension: 'csv', mediaType: 'text/csv; charset=utf-8', tabular: true },
  'csv-long': { title: 'CSV, long', extension: 'csv', mediaType: 'text/csv; charset=utf-8', tabular: true },
  json: { title: 'JSON', extension: 'json', mediaType: 'application/json; charset=utf-8', tabular: false },
  parquet: { title: 'Parquet', extension: 'parquet', mediaType: 'application/vnd.apache.parquet', tabular: true },
  arrow: { title: 'Arrow IPC', extension: 'arrow', mediaType: 'application/vnd.apache.arrow.file', tabular: true },
  perfetto: { title: 'Perfetto trace', extension: 'trace.json', mediaType: 'application/json', tabular: false },
  bundle: { title: 'Bundle', extension: 'brownout', mediaType: 'application/zip', tabular: false },
} as const satisfies Record<string, ExportFormat>;
export type FormatName = keyof typeof EXPORT_FORMATS;
export const FORMAT_NAMES = Object.keys(EXPORT_FORMATS) as readonly FormatName[];

export const EXPORT_TABLES = ['samples', 'long', 'events', 'runs'] as const;
export type TableName = (typeof EXPORT_TABLES)[number];

export const exportParamsSchema = z.strictObject({
  ids: z.array(runIdSchema).min(1).max(MAX_PAGE),
  format: z.enum(FORMAT_NAMES as [FormatName, ...FormatName[]]),
  /** Of the tabular formats; the samples where nothing is said. */
  table: z.enum(EXPORT_TABLES).optional(),
});

/** A file that the host hands out once, to whoever names the ticket, within TICKET_MS. */
export const ticketSchema = z.object({ ticket: z.string(), fileName: z.string() });
export const TICKET_MS = 60_000;
/** Where a browser host hands it out: this, then the ticket. */
export const EXPORT_PATH = '/export/';

/** Bytes of one piece of a file on its way in: what a message carries in Base64, with room to spare. */
export const IMPORT_PIECE_BYTES = 1024 * 1024;
/** Of a whole file: the largest bundle that there can be. */
export const MAX_IMPORT_BYTES = 4 * 2 ** 30;
/** Files on their way in at the same time. */
export const MAX_IMPORTS = 8;

export const importIdSchema = z.int().positive();
export const keptRunSchema = z.object({
  id: z.number(),
  name: z.string(),
  /** What it was read from: `bundle`, `QMP log` … */
  source: z.string(),
  /** The same run was here before, or lies in the bin; nothing was changed. */
  already: z.enum(['no', 'here', 'bin']),
});
export type KeptRun = z.infer<typeof keptRunSchema>;
