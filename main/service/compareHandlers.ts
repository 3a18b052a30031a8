// Calls about comparisons and reports. Gathered and computed here, away from the window: what crosses are figures, not series.
import { compareRuns } from '../compare/compare.ts';
import { reportPreview } from '../report/html.ts';
import { reportOf } from '../report/ofStore.ts';
import { findChromium } from '../report/pdf.ts';
import type { Handlers, Parts } from './handlers.ts';

export function compareHandlers({
  store,
  jobs,
  files,
  app,
}: Pick<Parts, 'store' | 'jobs' | 'files' | 'app'>): Handlers<'compare.get' | 'report.preview' | 'report.open'> {
  /** What runs now is seen as far as it came. */
  const flush = (ids: readonly number[]): void => {
    for (const id of ids) jobs.live(id)?.flush();
  };
  return {
    'compare.get': ({ ids, baselineId }) => {
      flush(ids);
      return compareRuns(store, [...new Set(ids)], baselineId);
    },
    'report.preview': (params) => {
      flush(params.ids);
      // The desktop app is a Chromium itself.
      const pdf = app.host === 'desktop' || findChromium() !== undefined;
      return { ...reportPreview(reportOf(store, params)), pdf };
    },
    'report.open': (params) => {
      flush(params.ids);
      return files.ticketForReport({ ...params, ids: [...new Set(params.ids)] });
    },
  };
}
