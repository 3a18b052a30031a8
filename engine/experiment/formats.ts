// Which row of the IOMMU's format table an experiment means: the format's name and, on Arm, the granule.

import { formatNamed, isFormatName } from '../iommu/formats/table.ts';
import type { PteFormat } from '../iommu/formats/format.ts';

const SUFFIX: ReadonlyMap<number, string> = new Map([
  [4096, ''],
  [16384, '-16k'],
  [65536, '-64k'],
]);

/** undefined: the format does not have this granule. */
export function formatRow({ format, granule }: { format: string; granule: number }): PteFormat | undefined {
  const suffix = SUFFIX.get(granule);
  const name = suffix === undefined ? '' : `${format}${suffix}`;
  return isFormatName(name) ? formatNamed(name) : undefined;
}

/** The smallest leaf sizes of a format in bytes, for messages. */
export function leafSizes(row: PteFormat): number[] {
  return row.leafShifts.map((shift) => powerOfTwo(shift));
}

function powerOfTwo(exponent: number): number {
  let value = 1;
  for (let i = 0; i < exponent; i++) value *= 2;
  return value;
}
