// How the lines of a run are drawn. A line of a source has the source's colour everywhere; lines without one (totals, what is
// left) take the first colours that no source of the panel has.
import type { SeriesInfo } from '../../../main/contract/runs.ts';
import { identities, identity, type Identity } from '../../chart/identity.ts';

/** A line that others are measured against. */
const REFERENCE: Identity = { token: '--series-8', dash: [4, 3], marker: 'bar' };

export function looksOf(panel: readonly SeriesInfo[], all: readonly SeriesInfo[]): ReadonlyMap<string, Identity> {
  const sources = identities(all);
  const looks = new Map<string, Identity>();
  const taken = new Set<string>();
  for (const { id, source } of panel) {
    const own = source === undefined ? undefined : sources.get(source);
    if (own === undefined) continue;
    looks.set(id, own);
    taken.add(own.token);
  }
  let position = 0;
  for (const { id } of panel) {
    if (looks.has(id)) continue;
    if (id === 'threshold') {
      looks.set(id, REFERENCE);
      continue;
    }
    while (position < 7 && taken.has(identity(position).token)) position++;
    const look = identity(position++);
    taken.add(look.token);
    looks.set(id, look);
  }
  return looks;
}
