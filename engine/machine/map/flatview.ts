// The flat view: guest physical memory as one list of ranges, the result of rendering all regions (QEMU, system/memory.c,
// generate_memory_topology(), flatview_simplify(), can_merge()).
//
// Two neighbours merge iff they are contiguous in guest physical memory, belong to the same region, are contiguous in it, have
// the same flags, and neither is marked unmergeable. Here: the same RAM block (`region`), contiguous RAM pages, the same
// read-only flag.
// Left out: romd and nonvolatile flags, dirty masks per client (logging is global here), aliases deeper than one level.

export interface FlatRange {
  readonly name: string;
  readonly gpaPage: number;
  readonly ramPage: number;
  readonly pages: number;
  readonly readonly: boolean;
  /** Ranges of different regions never merge. */
  readonly region: string;
  readonly unmergeable: boolean;
}

export type FlatView = readonly FlatRange[];

export const canMerge = (a: FlatRange, b: FlatRange): boolean =>
  a.gpaPage + a.pages === b.gpaPage &&
  a.region === b.region &&
  a.ramPage + a.pages === b.ramPage &&
  a.readonly === b.readonly &&
  !a.unmergeable &&
  !b.unmergeable;

/** Merges what can be merged; `ranges` ascend in guest physical memory. */
export function simplify(ranges: FlatView): FlatView {
  const merged: FlatRange[] = [];
  for (const range of ranges) {
    const last = merged[merged.length - 1];
    if (last !== undefined && canMerge(last, range)) {
      merged[merged.length - 1] = { ...last, pages: last.pages + range.pages };
    } else {
      merged.push(range);
    }
  }
  return merged;
}

export const sameRange = (a: FlatRange, b: FlatRange): boolean =>
  a.gpaPage === b.gpaPage &&
  a.pages === b.pages &&
  a.ramPage === b.ramPage &&
  a.readonly === b.readonly &&
  a.region === b.region;

/** What turns one view into another. */
export interface ViewChange {
  readonly deleted: readonly FlatRange[];
  readonly added: readonly FlatRange[];
  readonly kept: readonly FlatRange[];
}

/** As QEMU compares views: a range that is not the same in both goes as a whole and comes as a whole. */
export function changeOf(before: FlatView, after: FlatView): ViewChange {
  const deleted = before.filter((old) => !after.some((range) => sameRange(old, range)));
  const added = after.filter((range) => !before.some((old) => sameRange(old, range)));
  const kept = after.filter((range) => before.some((old) => sameRange(old, range)));
  return { deleted, added, kept };
}

/**
 * The treatment weighed in October 2020: compare what memory lies where, and do nothing about pages for which nothing
 * changed. `units` are the ranges that listeners were told of and still have. A unit goes as a whole, because a mapping cannot
 * be bisected, and only if something in it changed; what no kept unit covers is added. A + B = A' is no change at all.
 */
export function comparedChange(units: FlatView, after: FlatView): ViewChange {
  const kept = units.filter((unit) => uncovered(unit, after).length === 0);
  const deleted = units.filter((unit) => !kept.includes(unit));
  const added = after.flatMap((range) => uncovered(range, kept));
  return { deleted, added, kept };
}

/** The parts of a range that no range of `view` maps to the same RAM pages with the same access. */
function uncovered(range: FlatRange, view: FlatView): FlatRange[] {
  let parts: FlatRange[] = [range];
  for (const other of view) {
    if (other.gpaPage - other.ramPage !== range.gpaPage - range.ramPage || other.readonly !== range.readonly) continue;
    parts = parts.flatMap((part) => {
      const from = Math.max(part.gpaPage, other.gpaPage);
      const to = Math.min(part.gpaPage + part.pages, other.gpaPage + other.pages);
      if (from >= to) return [part];
      const left = from - part.gpaPage;
      const right = part.gpaPage + part.pages - to;
      return [
        ...(left > 0 ? [{ ...part, pages: left }] : []),
        ...(right > 0 ? [{ ...part, gpaPage: to, ramPage: part.ramPage + (to - part.gpaPage), pages: right }] : []),
      ];
    });
  }
  return parts;
}
