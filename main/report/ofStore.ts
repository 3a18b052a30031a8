// Reports that the window asks for, of runs in the store.
import { BUNDLE_BYTES, type ReportFileParams, type ReportParams } from '../contract/report.ts';
import { version } from '../setup/version.ts';
import type { Store } from '../store/store.ts';
import { composeReport, type ReportDocument } from './document.ts';
import { reportFile } from './file.ts';

export function reportOf(store: Store, params: ReportParams, bundleBytes = 0): ReportDocument {
  const { baselineId, title, question, prose, charts, tables } = params;
  const ids = [...new Set(params.ids)];
  return composeReport(
    ids.map((id) => ({ store, id, kept: true })),
    {
      ...{ title, charts, tables, bundleBytes, version: version() },
      question: question === '' ? null : question,
      prose: prose === '' ? null : prose,
      baseline: Math.max(0, ids.indexOf(baselineId ?? ids[0]!)),
      made: new Date().toISOString().slice(0, 10),
    },
  );
}

/** The bytes of the file. */
export async function* reportPiecesOf(store: Store, params: ReportFileParams): AsyncGenerator<Uint8Array> {
  const bundleBytes = params.format === 'html' && params.bundles ? BUNDLE_BYTES : 0;
  yield* await reportFile(reportOf(store, params, bundleBytes), params.format);
}

export function reportFileName({ ids, format }: ReportFileParams): string {
  const shown = ids.length <= 6 ? ids.join('-') : `${ids[0]}-to-${ids.at(-1)}`;
  return `report-${shown}.${format}`;
}
