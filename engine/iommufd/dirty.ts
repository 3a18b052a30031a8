// Dirty tracking of one domain of an IOAS: switching it, and reading what is dirty.
//
// Switching on always clears every area first, also when it was on: dirt not yet read is lost. A read goes over areas
// upward and ends, without an error, at the first address that no area covers; it records a leaf whole from where the
// range enters it and cleans it whole, so runs can reach beyond the range. One IOTLB sync comes at the very end, and only
// if something was to be cleared.
// Sources: drivers/iommu/iommufd/io_pagetable.c iopt_set_dirty_tracking(), __iommu_read_and_clear_dirty().
import { done, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';
import { DirtyRuns } from '../iommu/runs.ts';
import type { Span } from './address.ts';
import type { HwDomain } from './hw-domain.ts';
import type { Ioas } from './ioas.ts';

/** Takes a dirty run, in granules of the domain. */
export type DirtyRunVisitor = (first: number, count: number) => void;

export function setDirtyTracking(ioas: Ioas, domain: HwDomain, on: boolean): Outcome<undefined> {
  if (!domain.canTrack) return refuse('EOPNOTSUPP', 'the HWPT was made without dirty tracking');
  if (on) clearAll(ioas, domain);
  domain.trackingEnabled = on;
  return done;
}

/** Cleans every area, then one IOTLB sync over all of them. */
function clearAll(ioas: Ioas, domain: HwDomain): void {
  const runs = new DirtyRuns();
  ioas.areas.forEach((area) => {
    runs.reset();
    domain.readDirty(domain.granule(area.startPage, area.startOffset), domain.granules(area), true, runs);
  });
  const lowest = ioas.areas.first();
  const highest = ioas.areas.last();
  if (lowest === undefined || highest === undefined) return;
  const first = domain.granule(lowest.startPage, lowest.startOffset);
  domain.invalidate(first, domain.granule(highest.lastPage, highest.lastOffset) - first + 1);
}

export interface ReadDirtyOptions {
  readonly clear: boolean;
  /** Not Linux: passes over holes instead of ending at the first one. */
  readonly skipHoles?: boolean;
}

/** Reads a range; `scratch` is reused between calls. Answers how many areas were read. */
export function readDirty(
  ioas: Ioas,
  domain: HwDomain,
  span: Span,
  options: ReadDirtyOptions,
  visit: DirtyRunVisitor,
  scratch: DirtyRuns = new DirtyRuns(),
): number {
  let areas = 0;
  const first = domain.granule(span.startPage, span.startOffset);
  let readTo = first - 1;
  const readPart = (part: Span): void => {
    const from = domain.granule(part.startPage, part.startOffset);
    const count = domain.granules(part);
    scratch.reset();
    domain.readDirty(from, count, options.clear, scratch);
    for (let i = 0; i < scratch.length; i++) visit(scratch.firsts[i]!, scratch.counts[i]!);
    readTo = from + count - 1;
    areas++;
  };
  if (options.skipHoles === true) {
    for (let area = ioas.areas.firstIntersecting(span); area !== undefined; area = ioas.areas.after(area)) {
      if (domain.granule(area.startPage, area.startOffset) > domain.granule(span.lastPage, span.lastOffset)) break;
      readPart(clipped(area, span));
    }
  } else {
    ioas.forEachContiguous(span, (_area, part) => {
      readPart(part);
    });
  }
  if (options.clear && readTo >= first) domain.invalidate(first, readTo - first + 1);
  return areas;
}

function clipped(area: Span, span: Span): Span {
  const startsBefore =
    area.startPage < span.startPage || (area.startPage === span.startPage && area.startOffset < span.startOffset);
  const endsAfter =
    area.lastPage > span.lastPage || (area.lastPage === span.lastPage && area.lastOffset > span.lastOffset);
  const start = startsBefore ? span : area;
  const end = endsAfter ? span : area;
  return {
    startPage: start.startPage,
    startOffset: start.startOffset,
    lastPage: end.lastPage,
    lastOffset: end.lastOffset,
  };
}
