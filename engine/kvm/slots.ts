// KVM memslots as the tracking sees them: runs of RAM pages, each with a bitmap of its own in the kernel. The engine keeps
// one bitmap over all RAM pages and a slot is a range in it: a slot's bitmap is that range.
//
// QEMU registers one slot per FlatRange of RAM (accel/kvm/kvm-all.c kvm_region_add()); read-only slots are not logged.

export interface Memslot {
  readonly name: string;
  /** RAM page of the first page. */
  readonly first: number;
  readonly pages: number;
  readonly readonly: boolean;
}

export const PAGES_PER_GIB = 1 << 18;
export const PAGES_PER_HUGE = 512;

export const gib = (pages: number): number => pages / PAGES_PER_GIB;

export const loggedPages = (slots: readonly Memslot[]): number =>
  slots.reduce((sum, slot) => (slot.readonly ? sum : sum + slot.pages), 0);
