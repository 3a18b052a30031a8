// Small sets of ranges beside the areas of an IOAS: reserved intervals (each with an owner; they may overlap) and the
// allowed list. A handful of entries, so plain arrays. Source: drivers/iommu/iommufd/io_pagetable.c.
import { LAST_OFFSET, LAST_PAGE, compareAddress, intersects } from './address.ts';
import type { Span } from './address.ts';

/** Whoever made a reservation: a domain, a device, a test. Compared by identity. */
export type Owner = object;

interface Reservation {
  readonly span: Span;
  readonly owner: Owner;
}

const byStart = (a: Span, b: Span): number => compareAddress(a.startPage, a.startOffset, b.startPage, b.startOffset);

/** The ranges in ascending order with overlapping and touching ones joined. */
export function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of [...spans].sort(byStart)) {
    const last = result.at(-1);
    if (last !== undefined && touches(last, span)) {
      if (compareAddress(span.lastPage, span.lastOffset, last.lastPage, last.lastOffset) > 0) {
        result[result.length - 1] = { ...last, lastPage: span.lastPage, lastOffset: span.lastOffset };
      }
    } else {
      result.push(span);
    }
  }
  return result;
}

/** `above` starts within `below` or right after it. */
function touches(below: Span, above: Span): boolean {
  if (compareAddress(above.startPage, above.startOffset, below.lastPage, below.lastOffset) <= 0) return true;
  const next = addressAfter(below);
  return next !== undefined && next.page === above.startPage && next.offset === above.startOffset;
}

function addressAfter(span: Span): { page: number; offset: number } | undefined {
  if (span.lastOffset < LAST_OFFSET) return { page: span.lastPage, offset: span.lastOffset + 1 };
  return span.lastPage < LAST_PAGE ? { page: span.lastPage + 1, offset: 0 } : undefined;
}

function addressBefore(page: number, offset: number): { page: number; offset: number } {
  return offset > 0 ? { page, offset: offset - 1 } : { page: page - 1, offset: LAST_OFFSET };
}

/** What of the 64-bit space `spans` leaves free, ascending. */
export function gapsBetween(spans: readonly Span[]): Span[] {
  const gaps: Span[] = [];
  let from: { page: number; offset: number } | undefined = { page: 0, offset: 0 };
  for (const span of joined(spans)) {
    if (from !== undefined && compareAddress(from.page, from.offset, span.startPage, span.startOffset) < 0) {
      const last = addressBefore(span.startPage, span.startOffset);
      gaps.push({ startPage: from.page, startOffset: from.offset, lastPage: last.page, lastOffset: last.offset });
    }
    from = addressAfter(span);
  }
  if (from !== undefined) {
    gaps.push({ startPage: from.page, startOffset: from.offset, lastPage: LAST_PAGE, lastOffset: LAST_OFFSET });
  }
  return gaps;
}

export class ReservedIntervals {
  private entries: Reservation[] = [];

  add(span: Span, owner: Owner): void {
    this.entries.push({ span, owner });
  }

  removeOwner(owner: Owner): void {
    this.entries = this.entries.filter((entry) => entry.owner !== owner);
  }

  intersects(span: Span): boolean {
    for (const entry of this.entries) if (intersects(entry.span, span)) return true;
    return false;
  }

  get spans(): Span[] {
    return this.entries.map((entry) => entry.span);
  }
}
