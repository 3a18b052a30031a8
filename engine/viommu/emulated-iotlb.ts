// The IOTLB of the emulated unit: what the VMM need not look up in the guest's tables again.
//
// The hardware translates a passthrough device's DMA and knows nothing of this one. The VMM asks the emulated unit where a
// guest mapping leads when it replays them for a dirty sync; a miss walks the guest's table in guest memory (viommu_walk).
// QEMU keeps no order of use: an insertion into a full IOTLB empties all of it first. So a guest with one mapping more than
// entries misses at nearly every question of every sync. An invalidation of the guest takes out what it names.
// One unit serves all devices; each asks through a view, whose stamps are arrays over slots (iova-space.ts).
// Invariant: `held` counts the entries whose stamp is not older than the last reset.
// Left out: QEMU's intel_iommu, which replays by one walk over the whole table; its hash by mask; context and PASID caches.
// Sources: hw/i386/intel_iommu.c vtd_update_iotlb(), vtd_reset_iotlb(); hw/arm/smmu-common.c smmu_iotlb_insert();
// system/memory.c memory_region_iommu_replay() (translate() for each granule).

import type { IovaSpace } from './iova-space.ts';

const SLOTS_AT_START = 1024;

export class EmulatedIotlb {
  readonly entries: number;
  /** Entries in use, over all views. */
  held = 0;
  /** Resets so far, from 1 on; 0 marks a slot that holds nothing. */
  epoch = 1;

  constructor(entries: number) {
    this.entries = entries;
  }

  view(space: IovaSpace): IotlbView {
    return new IotlbView(this, space);
  }

  /** Room for one more: a full IOTLB is emptied. */
  makeRoom(): void {
    if (this.held === this.entries) {
      this.epoch++;
      this.held = 0;
    }
    this.held++;
  }
}

/** What one device's IOVA space has in the IOTLB. */
export class IotlbView {
  readonly #iotlb: EmulatedIotlb;
  readonly #space: IovaSpace;
  #stamps = new Int32Array(SLOTS_AT_START);

  constructor(iotlb: EmulatedIotlb, space: IovaSpace) {
    this.#iotlb = iotlb;
    this.#space = space;
  }

  /** Whether the translation is there; it is afterwards. */
  ask(iovaPage: number): boolean {
    const slot = this.#space.slotOf(iovaPage);
    if (slot >= this.#stamps.length) this.#grow(slot + 1);
    if (this.#stamps[slot] === this.#iotlb.epoch) return true;
    this.#iotlb.makeRoom();
    this.#stamps[slot] = this.#iotlb.epoch;
    return false;
  }

  invalidate(iovaPage: number): void {
    const slot = this.#space.slotOf(iovaPage);
    if (slot >= this.#stamps.length || this.#stamps[slot] !== this.#iotlb.epoch) return;
    this.#stamps[slot] = 0;
    this.#iotlb.held--;
  }

  #grow(slots: number): void {
    let length = this.#stamps.length;
    while (length < slots) length *= 2;
    const stamps = new Int32Array(length);
    stamps.set(this.#stamps);
    this.#stamps = stamps;
  }
}
