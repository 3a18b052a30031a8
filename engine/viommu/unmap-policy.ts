// How dirt is taken from a mapping that goes, as rows. The VMM's timed unmap (vmm-container.ts) reads the row.
//
//   unmap-only             nobody looks at the Dirty bit
//   read-then-unmap        read and clear, no flush, then unmap
//   query-then-unmap       read without clearing, then unmap: iommufd today (GET_DIRTY_BITMAP with NO_CLEAR)
//   exchange               swap the entry with 0, flush, look at the old word
//   nonpresent-flush-read  make the entry non-present, flush, read it back: the exact sequence
//
// A write that sets Dirty between a read that comes first and the unmap is lost: the last two rows have no such gap. An
// IOTLB that holds Dirty in the entry writes it back at the flush: only an entry that is still there, present or not, can
// take it, so only the last row is whole with such hardware.
// Source: iommufd dirty tracking discussion, Feb 2022; drivers/iommu/iommufd/io_pagetable.c; QEMU 11.0 hw/vfio/iommufd.c.

export interface UnmapPolicy {
  /** A read before the unmap, with or without clearing; 'none' asks nothing. */
  readonly readFirst: 'none' | 'clear' | 'keep';
  /** The word that the unmap removes is looked at. */
  readonly readRemoved: boolean;
  /** A Dirty bit that the IOTLB held is still taken at the flush. */
  readonly takesHeld: boolean;
}

export const UNMAP_POLICIES = {
  'unmap-only': { readFirst: 'none', readRemoved: false, takesHeld: false },
  'read-then-unmap': { readFirst: 'clear', readRemoved: false, takesHeld: false },
  'query-then-unmap': { readFirst: 'keep', readRemoved: false, takesHeld: false },
  exchange: { readFirst: 'none', readRemoved: true, takesHeld: false },
  'nonpresent-flush-read': { readFirst: 'none', readRemoved: true, takesHeld: true },
} as const satisfies Record<string, UnmapPolicy>;

export type UnmapPolicyName = keyof typeof UNMAP_POLICIES;
