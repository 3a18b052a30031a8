// Device accesses in batches. `touchPages` performs single pages, `touchRuns` bursts of adjacent pages.
import { resetTouch, FAULTS_LISTED, HOST_BASE_PAGE } from './dmaport.ts';
import type { DmaPort, TouchResult } from './dmaport.ts';

/** Accesses `count` IOVA pages (4 KiB) in order. */
export function touchPages(port: DmaPort, pages: Float64Array, count: number, write: boolean): TouchResult {
  resetTouch(port.result);
  const { iotlb } = port.domain;
  const { hits, misses } = iotlb.counters;
  const { dirtySets } = port.domain;
  for (let i = 0; i < count; i++) touchOne(port, pages[i]!, write);
  finish(port, hits, misses, dirtySets);
  return port.result;
}

/** Accesses runs of pages in order: run i is [firsts[i], firsts[i] + counts[i]). */
export function touchRuns(
  port: DmaPort,
  firsts: Float64Array,
  counts: Float64Array,
  runs: number,
  write: boolean,
): TouchResult {
  resetTouch(port.result);
  const { iotlb } = port.domain;
  const { hits, misses } = iotlb.counters;
  const { dirtySets } = port.domain;
  for (let i = 0; i < runs; i++) {
    const end = firsts[i]! + counts[i]!;
    for (let page = firsts[i]!; page < end; page++) touchOne(port, page, write);
  }
  finish(port, hits, misses, dirtySets);
  return port.result;
}

function finish(port: DmaPort, hits: number, misses: number, dirtySets: number): void {
  const { counters } = port.domain.iotlb;
  port.result.hits = counters.hits - hits;
  port.result.misses = counters.misses - misses;
  port.result.dirtySets = port.domain.dirtySets - dirtySets;
}

/** The plain form of one touch: what the flattened loops must agree with. */
export function touchOne(port: DmaPort, page: number, write: boolean): void {
  const { result, written, domain } = port;
  const { granuleShift } = domain.table.format;
  const scale = granuleShift >= 12 ? 1 << (granuleShift - 12) : 1 / (1 << (12 - granuleShift));
  const granule = Math.floor(page / scale);
  const pa = port.access(granule, write);
  if (pa < 0) {
    if (result.faults < FAULTS_LISTED) result.faultPages[result.faults] = page;
    result.faults++;
    return;
  }
  if (!write) return;
  const ramPage = Math.floor((pa + (page / scale - granule)) * scale) - HOST_BASE_PAGE;
  // Addresses outside guest RAM (a peer device's memory) are nobody's page.
  if (ramPage >= 0 && ramPage < written.pages && written.set(ramPage)) result.newlyWritten++;
}
