// How a type1 container could answer: as merged in Linux, and as proposed or weighed while its dirty bitmap was designed.
//
// unmapDirty: the thread on "unmap with dirty bitmap" settled on exactly one mapping per call; the merged code takes any
// set of whole mappings. bitmapBase: with bit 0 at the range's IOVA, neighbours whose bits share a 64-bit word must be
// shifted together; with bit 0 at the aligned IOVA below, bitmaps of neighbours merge by bytes. retrieval: any range that
// bisects no mapping, or one slot (here: mapping) at a time as KVM_GET_DIRTY_LOG does.
export interface Type1Rules {
  readonly unmapDirty: 'whole-mappings' | 'one-mapping';
  readonly bitmapBase: 'iova' | 'aligned';
  readonly retrieval: 'range' | 'slot';
}

export const AS_MERGED: Type1Rules = { unmapDirty: 'whole-mappings', bitmapBase: 'iova', retrieval: 'range' };
export const ONE_MAPPING: Type1Rules = { ...AS_MERGED, unmapDirty: 'one-mapping' };
export const ALIGNED_BITMAP: Type1Rules = { ...AS_MERGED, bitmapBase: 'aligned' };
export const SLOT_AT_A_TIME: Type1Rules = { ...AS_MERGED, retrieval: 'slot' };

export const TYPE1_RULES = {
  merged: AS_MERGED,
  'one-mapping': ONE_MAPPING,
  'aligned-bitmap': ALIGNED_BITMAP,
  'slot-at-a-time': SLOT_AT_A_TIME,
} as const satisfies Record<string, Type1Rules>;
