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
  format: z.enum(['html', 'md']),
});
export const madeReportSchema = z.object({ fileName: z.string(), text: z.string() });
