// The ways to unmap a range of a tracked domain, as data: each is a list of micro-operations (unmaptask.ts), and each of
// those can be a timed step with device writes before and after it. Sources: seeds 000, 001, 002; kernel-uapi §15.
//
// `safeWith`: the Dirty write-back modes under which no write that the device was allowed to do goes unreported, whenever it
// falls. What is unsafe loses exactly the writes that fall into its window; a guest that stopped the DMA first has none.

export type MicroOp =
  /** Report dirty leaves, leave them dirty (GET_DIRTY_BITMAP with NO_CLEAR). */
  | 'read'
  /** Report dirty leaves and clean them. */
  | 'read-and-clear'
  /** Invalidate IOTLB and ATC for the range; drains DMA. */
  | 'flush'
  /** Take the present bit away and leave the rest of the word. */
  | 'non-present'
  /** Exchange each word with 0 atomically and keep the old one. */
  | 'exchange'
  /** Report Dirty of the words that are no longer present. */
  | 'read-back'
  /** Report Dirty of the words that came out of the exchange. */
  | 'look'
  /** Clear the entries and free tables; whatever dirt they still hold is gone. */
  | 'remove';

export type UnmapPolicyName =
  'unmap-only' | 'read-then-unmap' | 'nonpresent-flush-read' | 'query-then-unmap' | 'exchange';

export interface UnmapPolicy {
  readonly name: UnmapPolicyName;
  readonly steps: readonly MicroOp[];
  readonly safeWith: readonly ('memory' | 'held')[];
  readonly source: string;
}

export const UNMAP_POLICIES: readonly UnmapPolicy[] = [
  {
    name: 'unmap-only',
    steps: ['remove', 'flush'],
    safeWith: [],
    source: 'iommu_unmap(); what a VMM without a query does',
  },
  {
    name: 'read-then-unmap',
    steps: ['read-and-clear', 'flush', 'remove', 'flush'],
    safeWith: [],
    source: 'two ioctls: GET_DIRTY_BITMAP, then UNMAP',
  },
  {
    name: 'query-then-unmap',
    steps: ['read', 'remove', 'flush'],
    safeWith: [],
    source: 'iommufd today: GET_DIRTY_BITMAP(NO_CLEAR), then UNMAP',
  },
  {
    name: 'nonpresent-flush-read',
    steps: ['non-present', 'flush', 'read-back', 'remove'],
    safeWith: ['memory', 'held'],
    source: 'seed 001: the exact sequence; no kernel call does it',
  },
  {
    name: 'exchange',
    steps: ['exchange', 'flush', 'look', 'remove'],
    safeWith: ['memory'],
    source: 'seed 001: atomic exchange; a bit held in the IOTLB finds no entry to go to',
  },
];

export function unmapPolicyNamed(name: UnmapPolicyName): UnmapPolicy {
  return UNMAP_POLICIES.find((policy) => policy.name === name)!;
}
