// What a report is asked for with, and what may be in it.
import * as z from 'zod';
import { MAX_COMPARED } from './compare.ts';
import { runIdSchema } from './runs.ts';

export const CHARTS = [
  { name: 'dirty', title: 'Pages dirtied' },
  { name: 'left', title: 'Pages left to send' },
  { name: 'throughput', title: 'Throughput' },
  { name: 'throttle', title: 'vCPU throttle' },
  { name: 'stall', title: 'Guest stall, in total' },
] as const;
export type ChartName = (typeof CHARTS)[number]['name'];
export const CHART_NAMES = CHARTS.map(({ name }) => name) as [ChartName, ...ChartName[]];

/** What can be left out beside the charts; verdicts, lost pages, seeds and hashes cannot. */
export const TABLES = [
  { name: 'differences', title: 'What differs' },
  { name: 'figures', title: 'Figures' },
  { name: 'files', title: 'Experiment files' },
] as const;
export type ReportTable = (typeof TABLES)[number]['name'];
export const TABLE_NAMES = TABLES.map(({ name }) => name) as [ReportTable, ...ReportTable[]];

export const MAX_TITLE_CHARS = 300;
export const MAX_PROSE_CHARS = 256 * 1024;
/** Of all bundles in a report together: what is set apart where nothing is said, and at most. */
export const BUNDLE_BYTES = 32 * 2 ** 20;
export const MAX_BUNDLE_BYTES = 256 * 2 ** 20;

export const reportRequestSchema = z.strictObject({
  ids: z.array(runIdSchema).min(1).max(MAX_COMPARED),
  baselineId: runIdSchema.nullable(),
  /** '': that of the experiment. */
  title: z.string().max(MAX_TITLE_CHARS),
  question: z.string().max(MAX_TITLE_CHARS),
  /** Markdown; '': the notes of the experiment and of the run. */
  prose: z.string().max(MAX_PROSE_CHARS),
  charts: z.array(z.enum(CHART_NAMES)).max(CHART_NAMES.length),
  tables: z.array(z.enum(TABLE_NAMES)).max(TABLE_NAMES.length),
});
export type ReportParams = z.output<typeof reportRequestSchema>;

export const REPORT_FORMATS = {
  html: { title: 'HTML', mediaType: 'text/html; charset=utf-8' },
  pdf: { title: 'PDF', mediaType: 'application/pdf' },
  md: { title: 'Markdown', mediaType: 'text/markdown; charset=utf-8' },
} as const;
export type ReportFormat = keyof typeof REPORT_FORMATS;

export const reportFileSchema = reportRequestSchema.extend({
  format: z.enum(Object.keys(REPORT_FORMATS) as [ReportFormat, ...ReportFormat[]]),
  /** Whether an HTML file holds the runs themselves, for import. */
  bundles: z.boolean(),
});
export type ReportFileParams = z.output<typeof reportFileSchema>;

/** The page without scripts: its styles, what stands in it, and whether this host can make a PDF of it. */
export const reportPreviewSchema = z.object({ css: z.string(), html: z.string(), pdf: z.boolean() });
