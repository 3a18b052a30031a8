// An IOMMU domain: a page table, the IOTLB that caches it, the ATCs of attached devices, and whether dirty tracking is on.
// iommufd, VFIO and the device models build on this; none of them knows a format.
//
// Left out: per-device tracking state (HAD and SSADE are per device; all devices of a domain switch together in the kernel).
import { READ, WRITE } from './formats/format.ts';
import { CACHED_DIRTY, CACHED_HELD } from './iotlb.ts';
import type { Iotlb } from './iotlb.ts';
import { markDirty } from './arena.ts';
import { canBeDirty, dirtied, isDirty, isReadable, isWritable, leafAddress, leafSizeLog2 } from './entry.ts';
import { offsetInLeaf } from './leafchoice.ts';
import type { PageTable } from './pagetable.ts';
import { trackingHardwareOf } from './trackinghardware.ts';
import type { TrackingHardware } from './trackinghardware.ts';
import { findCached } from './walking.ts';

export interface DomainOptions {
  /** Tag of its IOTLB entries; unique among the domains that share an IOTLB. */
  readonly id: number;
  readonly table: PageTable;
  readonly iotlb: Iotlb;
}

export class Domain {
  readonly id: number;
  readonly table: PageTable;
  readonly iotlb: Iotlb;
  readonly hardware: TrackingHardware;
  /** ATCs of attached devices; `attachAtc` adds. */
  readonly atcs: Iotlb[] = [];
  /** Writes that are translated and have not landed yet (inflight.ts), oldest first. */
  readonly inFlight = new Set<{ complete(): void }>();
  tracking = false;
  /** Dirty bits that hardware set in memory or in an IOTLB entry. */
  dirtySets = 0;

  constructor({ id, table, iotlb }: DomainOptions) {
    this.id = id;
    this.table = table;
    this.iotlb = iotlb;
    this.hardware = trackingHardwareOf(table.format.name);
    iotlb.register(id, table);
  }

  attachAtc(atc: Iotlb): void {
    atc.register(this.id, this.table);
    this.atcs.push(atc);
  }

  detachAtc(atc: Iotlb): void {
    atc.invalidateDomain(this.id);
    const at = this.atcs.indexOf(atc);
    if (at >= 0) this.atcs.splice(at, 1);
  }

  /** Whether a write sets Dirty bits now. */
  get recording(): boolean {
    return this.tracking || this.hardware.recordsWhileOff;
  }

  /** Switches the hardware on or off; answers domain flushes done. Clearing the bits first is the caller's (iommufd's) part. */
  setTracking(on: boolean): number {
    if (this.tracking === on) return 0;
    this.tracking = on;
    if (!this.hardware.toggleFlushesDomain) return 0;
    this.flushDomain();
    return 1;
  }

  /** Invalidates, and returns when every write that was translated before has landed (an invalidation drains DMA). */
  flushRange(first: number, count: number): void {
    this.iotlb.invalidateRange(this.id, first, count);
    for (const atc of this.atcs) atc.invalidateRange(this.id, first, count);
    this.drain();
  }

  flushDomain(): void {
    this.iotlb.invalidateDomain(this.id);
    for (const atc of this.atcs) atc.invalidateDomain(this.id);
    this.drain();
  }

  private drain(): void {
    if (this.inFlight.size === 0) return;
    for (const write of this.inFlight) write.complete();
    this.inFlight.clear();
  }

  /**
   * One access as the hardware performs it: IOTLB, else walk, permission, Dirty. Answers the physical granule, or -1 for a
   * fault. `touch` is the same in batches; this is the plain form (and the ATC's translation request).
   */
  access(granule: number, write: boolean): number {
    const { iotlb, id } = this;
    const needed = write ? WRITE : READ;
    const way = iotlb.find(id, granule);
    if (way >= 0) {
      const flags = iotlb.flags[way]!;
      if ((flags & needed) !== 0) {
        iotlb.counters.hits++;
        const pa = iotlb.pa[way]! + offsetInLeaf(granule, iotlb.sizeOf(way));
        if (!write || (flags & CACHED_DIRTY) !== 0 || !this.recording) return pa;
        if (iotlb.held) {
          this.dirtySets++;
          iotlb.flags[way] = flags | CACHED_DIRTY | CACHED_HELD;
          return pa;
        }
        // The bit goes to memory, so the entry in memory must still permit the write.
        return this.walk(granule, WRITE, way);
      }
    }
    iotlb.counters.misses++;
    return this.walk(granule, needed, way);
  }

  /** Walks, sets Dirty, and puts the leaf into the IOTLB (into `way`, if it was there). */
  private walk(granule: number, needed: number, way: number): number {
    const { table, iotlb, id } = this;
    const { format, arena } = table;
    const e = table.inRange(granule, 1) ? findCached(table, granule) : -1;
    const lo = e < 0 ? 0 : arena.words[2 * e]!;
    const hi = e < 0 ? 0 : arena.words[2 * e + 1]!;
    const readable = e >= 0 && isReadable(format, lo, hi);
    const writable = e >= 0 && isWritable(format, lo, hi);
    if (way >= 0) iotlb.invalidateWay(way);
    if (needed === WRITE ? !writable : !readable) return -1;
    const write = needed === WRITE;
    // A leaf without a dirty state has nothing to be written: as good as dirty.
    let dirty = isDirty(format, lo, hi) || !canBeDirty(format, hi);
    let held = false;
    // A block that is being split (ARM nT) is translated but not cached: its Dirty bit cannot be held either.
    const uncached = table.foundLevel > 0 && (lo & format.noTranslateLo) !== 0;
    if (write && !dirty && this.recording) {
      this.dirtySets++;
      dirty = true;
      held = iotlb.held && !uncached;
      if (!held) {
        arena.words[2 * e] = dirtied(format, lo);
        markDirty(arena, e);
      }
    }
    const log2 = leafSizeLog2(format, table.foundLevel, lo, hi);
    const pa = leafAddress(format, log2, lo, hi);
    const flags =
      (readable ? READ : 0) | (writable ? WRITE : 0) | (dirty ? CACHED_DIRTY : 0) | (held ? CACHED_HELD : 0);
    if (!uncached) iotlb.fill(id, granule, log2, pa, e, flags);
    return pa + offsetInLeaf(granule, log2);
  }
}
