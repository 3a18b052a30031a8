// The list of IOVA ranges a type1 container may map: apertures of its domains without reserved regions.
//
// The kernel edits one list as groups come and go, and these functions edit it in the same steps, quirks included: an
// aperture only widens again when a domain goes, and a reserved region at the very edge of the list is not given back
// before that. An empty list (no IOMMU-backed group yet) permits everything.
// Source: drivers/vfio/vfio_iommu_type1.c vfio_iommu_aper_resize(), vfio_iommu_resv_exclude(), vfio_iommu_aper_expand(),
// vfio_iommu_resv_refresh().
import { U64_MAX } from '../iommufd/address.ts';

export interface ValidRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Whether start … end lies in one range. */
export const isValid = (list: readonly ValidRange[], start: bigint, end: bigint): boolean =>
  list.length === 0 || list.some((range) => start >= range.start && end <= range.end);

/** Narrows the list to an aperture. */
export function withAperture(list: readonly ValidRange[], aperture: ValidRange): ValidRange[] {
  if (list.length === 0) return [aperture];
  const { start, end } = aperture;
  const fromStart = [...list];
  while (fromStart.length > 0) {
    const first = fromStart[0]!;
    if (start < first.start) break;
    if (start < first.end) {
      fromStart[0] = { start, end: first.end };
      break;
    }
    fromStart.shift();
  }
  return fromStart
    .filter((range) => end > range.start || end > range.end)
    .map((range) => (end <= range.end ? { start: range.start, end } : range));
}

/** Cuts regions out; undefined if nothing is left. */
export function without(list: readonly ValidRange[], regions: readonly ValidRange[]): ValidRange[] | undefined {
  let result = [...list];
  for (const { start, end } of regions) {
    result = result.flatMap((range) => {
      if (start > range.end || end < range.start) return [range];
      const rest: ValidRange[] = [];
      if (start > range.start) rest.push({ start: range.start, end: start - 1n });
      if (end < range.end) rest.push({ start: end + 1n, end: range.end });
      return rest;
    });
  }
  return result.length === 0 ? undefined : result;
}

/** After a domain has gone: the outer ends move to the apertures that are left (all 64 bits if none is). */
export function widened(list: readonly ValidRange[], apertures: readonly ValidRange[]): ValidRange[] {
  if (list.length === 0) return [];
  let start = 0n;
  let end = U64_MAX;
  for (const aperture of apertures) {
    if (aperture.start > start) start = aperture.start;
    if (aperture.end < end) end = aperture.end;
  }
  const result = [...list];
  result[0] = { start, end: result[0]!.end };
  const last = result.length - 1;
  result[last] = { start: result[last]!.start, end };
  return result;
}

/** One range from the first start to the last end, with the regions of the groups left cut out of it. */
export function refreshed(list: readonly ValidRange[], regions: readonly ValidRange[]): ValidRange[] | undefined {
  if (list.length === 0) return undefined;
  return without([{ start: list[0]!.start, end: list.at(-1)!.end }], regions);
}
