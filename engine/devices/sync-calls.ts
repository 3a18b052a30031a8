// The calls that a dirty sync of a container is made of, and what they take: one for each section or guest mapping, as QEMU
// asks, or one for all. What a type1 container answers with, bitmaps, costs time of its own and comes by its own rules
// (viommu/type1-bitmaps.ts); what iommufd's costs to copy is small beside the walk of the entries, which is counted there.
// Source: hw/vfio/common.c vfio_sync_dirty_bitmap(), vfio_container_query_dirty_bitmap().

import type { Costs } from '../core/costs.ts';
import type { GuestMappings } from '../viommu/guest-mappings.ts';
import type { RamSection } from '../viommu/ram-map.ts';
import type { Type1Bitmaps } from '../viommu/type1-bitmaps.ts';

export type QueryRange = 'section' | 'space';

export interface Asker {
  readonly query: QueryRange;
  readonly costs: Costs;
  readonly type1: Type1Bitmaps | null;
  readonly nowNs: number;
}

/** How many ioctls ask for the dirt of guest mappings, and what they and their bitmaps take. */
export function askForMappings(
  { query, costs, type1, nowNs }: Asker,
  mappings: GuestMappings,
): { readonly ioctls: number; readonly ns: number } {
  const { count } = mappings;
  if (type1 === null) {
    return query === 'space'
      ? { ioctls: 1, ns: costs.dirty_ioctl }
      : { ioctls: count, ns: count * costs.viommu_sync_mapping };
  }
  let first = Infinity;
  let end = 0;
  mappings.forEach((iovaPage, _ramPage, pages) => {
    if (iovaPage < first) first = iovaPage;
    if (iovaPage + pages > end) end = iovaPage + pages;
  });
  if (count === 0) return { ioctls: 0, ns: 0 };
  const together = query === 'space' && type1.readsTogether(nowNs, first, end - first, count);
  let ns = together ? type1.call(first, end - first, costs.dirty_ioctl) : 0;
  mappings.forEach((iovaPage, ramPage, pages) => {
    if (!together) ns += type1.call(iovaPage, pages, costs.viommu_sync_mapping);
    ns += type1.bits(together ? first : iovaPage, iovaPage, pages, ramPage);
  });
  return { ioctls: together ? 1 : count, ns };
}

/** Whether one retrieval takes all of these sections, which ascend. */
export function readsTogether(type1: Type1Bitmaps, nowNs: number, sections: readonly RamSection[]): boolean {
  const [first] = sections;
  const last = sections.at(-1);
  if (first === undefined || last === undefined) return true;
  return type1.readsTogether(nowNs, first.gpaPage, last.gpaPage + last.pages - first.gpaPage, sections.length);
}

/** One retrieval over sections that ascend, until its bits are in the VMM's bitmap. */
export function bitmapsNs(type1: Type1Bitmaps, costs: Costs, sections: readonly RamSection[]): number {
  const [first] = sections;
  if (first === undefined) return 0;
  const last = sections.at(-1)!;
  let ns = type1.call(first.gpaPage, last.gpaPage + last.pages - first.gpaPage, costs.dirty_ioctl);
  for (const { gpaPage, pages, ramPage } of sections) ns += type1.bits(first.gpaPage, gpaPage, pages, ramPage);
  return ns;
}
