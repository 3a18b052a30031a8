// Calls about comparisons. Gathered and computed here, away from the window: what crosses are figures, not series.
import { compareRuns } from '../compare/compare.ts';
import { composeReport } from '../report/document.ts';
import { reportHtml } from '../report/html.ts';
import { BUNDLE_BYTES } from '../contract/report.ts';
import { reportMarkdown } from '../report/markdown.ts';
import type { Handlers, Parts } from './handlers.ts';

export function compareHandlers({
  store,
  jobs,
  app,
}: Pick<Parts, 'store' | 'jobs' | 'app'>): Handlers<'compare.get' | 'report.make'> {
  return {
    'compare.get': ({ ids, baselineId }) => {
      for (const id of ids) jobs.live(id)?.flush();
      return compareRuns(store, [...new Set(ids)], baselineId);
    },
    'report.make': ({ ids, baselineId, title, question, prose, charts, format }) => {
      const which = [...new Set(ids)];
      for (const id of which) jobs.live(id)?.flush();
      const report = composeReport(
        which.map((id) => ({ store, id, kept: true })),
        {
          ...{ title, charts, bundleBytes: format === 'html' ? BUNDLE_BYTES / 2 : 0, version: app.version },
          question: question === '' ? null : question,
          prose: prose === '' ? null : prose,
          baseline: Math.max(0, which.indexOf(baselineId ?? which[0]!)),
          made: new Date().toISOString().slice(0, 10),
        },
      );
      const text = format === 'html' ? reportHtml(report) : reportMarkdown(report);
      return { fileName: `brownout-${which.slice(0, 4).join('-')}.${format}`, text };
    },
  };
}
