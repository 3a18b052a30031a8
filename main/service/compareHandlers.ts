// Calls about comparisons. Gathered and computed here, away from the window: what crosses are figures, not series.
import { compareRuns } from '../compare/compare.ts';
import type { Handlers, Parts } from './handlers.ts';

export function compareHandlers({ store, jobs }: Pick<Parts, 'store' | 'jobs'>): Handlers<'compare.get'> {
  return {
    'compare.get': ({ ids, baselineId }) => {
      for (const id of ids) jobs.live(id)?.flush();
      return compareRuns(store, [...new Set(ids)], baselineId);
    },
  };
}
