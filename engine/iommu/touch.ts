// Device accesses in batches: single pages here, runs of adjacent pages in bursts.ts. Both do what `touchOne` does page by page.
import { findAhead, isPlain, touchBatch, touchOne } from './batch.ts';
import { loadAhead } from './loadahead.ts';
import { BATCH, resetTouch } from './dmaport.ts';
import type { DmaPort, TouchResult } from './dmaport.ts';

export { touchOne } from './batch.ts';
export { touchRuns } from './bursts.ts';

/** Accesses `count` IOVA pages (4 KiB) in order. */
export function touchPages(port: DmaPort, pages: Float64Array, count: number, write: boolean): TouchResult {
  const { result, domain } = port;
  resetTouch(result);
  const { counters } = domain.iotlb;
  const { hits, misses } = counters;
  const { dirtySets } = domain;
  const plain = isPlain(port);
  domain.table.cache.reserve(domain.table.arena.tables);
  let lookAhead = true;
  for (let i = 0; i < count; i += BATCH) {
    const end = Math.min(count, i + BATCH);
    if (plain) {
      for (let j = i; j < end; j++) touchOne(port, pages[j]!, write);
      continue;
    }
    if (lookAhead) {
      findAhead(port, pages, i, end);
      port.aheadSeen = loadAhead(domain.table.arena.words, port.ahead);
    }
    const missesBefore = counters.misses;
    touchBatch(port, pages, i, end, write, lookAhead);
    lookAhead = (counters.misses - missesBefore) * 8 > end - i;
  }
  result.hits = counters.hits - hits;
  result.misses = counters.misses - misses;
  result.dirtySets = domain.dirtySets - dirtySets;
  return result;
}
