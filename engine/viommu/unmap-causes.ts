// What an unmap drops dirt for: the cause that the oracle names with a lost page.
import type { MicroOp, UnmapPolicy } from '../iommu/unmappolicies.ts';

/** What a notification says of where the pages were. */
export type UnmapEntry = 'translated' | 'none';

export const NO_ENTRY = 'unmap without an IOTLB entry: no place for its dirt';
export const NOT_READ = 'unmapped without reading the Dirty bit';
export const WRITTEN_BETWEEN = 'written between the read of the Dirty bit and the unmap';
export const AT_ZERO = 'whole-space unmap with translated address 0: dirt placed elsewhere';
export const LAST_OF_REPEATED = 'last page of a repeated leaf: cleaned, not reported';
export const HELD_TOO_LATE = 'Dirty held in the IOTLB came back after its entry was gone';

const READS: ReadonlySet<MicroOp> = new Set<MicroOp>(['read', 'read-and-clear']);

/** Whether a step is a dirty query: an ioctl before the one that unmaps. */
export const reads = (op: MicroOp): boolean => READS.has(op);

/** Why a step of a policy dropped what it dropped. */
export function causeOf(op: MicroOp, policy: UnmapPolicy, entry: UnmapEntry): string {
  if (op === 'flush') return HELD_TOO_LATE;
  if (reads(op)) return LAST_OF_REPEATED;
  if (entry !== 'translated') return NO_ENTRY;
  return policy.steps[0] === 'remove' ? NOT_READ : WRITTEN_BETWEEN;
}
