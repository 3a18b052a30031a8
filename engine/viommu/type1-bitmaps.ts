// Dirty bitmaps between a type1 container and the VMM: which calls the container's rules allow, and what the bits cost.
//
//  unmap with dirty   one call for all mappings of a notification, where any set of whole mappings goes; where exactly one
//                     must be named the call is EINVAL, and from then on the VMM makes one for each
//  retrieval          one call for a range, or one for each mapping (slot): the same
//  bitmap             8 bytes for every 64 pages. The kernel copies each mapping's words to their place, shifting them where
//                     the mapping does not begin at a word of the bitmap; the VMM merges them into its own by RAM page, by
//                     whole words where the places agree modulo 64, else by a shift
// With an aligned base no mapping is ever shifted in the kernel, and the VMM's merge is by words wherever IOVA and RAM page
// agree modulo 64: for guest RAM always, for a guest's own IOVAs by chance.
// The rules themselves: vfio/bitmap-rules.ts. Only the time of the bits is here; which pages are dirty is the container's.
// Left out: QEMU's unaligned merge, which goes bit by bit over the dirty ones.
// Sources: drivers/vfio/vfio_iommu_type1.c vfio_dma_do_unmap(), update_user_bitmap(); hw/vfio/container-legacy.c
// vfio_dma_unmap_bitmap(); system/physmem.c physical_memory_set_dirty_lebitmap().

import type { Costs } from '../core/costs.ts';
import { ERRNO } from '../core/errno.ts';
import type { Errno } from '../core/errno.ts';
import type { EmitEvent } from '../core/ports.ts';
import { bitZero, bitmapBytes, bitmapFits, mergesByWords, readsDirty, unmapsWithDirty } from '../vfio/bitmap-rules.ts';
import type { Type1Rules } from '../vfio/type1-rules.ts';

export interface Type1BitmapsOptions {
  readonly name: string;
  readonly rules: Type1Rules;
  readonly costs: Costs;
  readonly emit: EmitEvent;
}

export interface BitmapCounters {
  /** Calls that answered with a bitmap. */
  calls: number;
  /** Calls that the kernel refused. */
  refused: number;
  /** Bytes that the kernel copied out. */
  copiedBytes: number;
  /** Of those, shifted by the kernel to their place in the bitmap. */
  kernelShiftedBytes: number;
  /** Of those, merged by the VMM with a shift; the rest by whole words. */
  shiftedBytes: number;
  /** The largest bitmap asked for. */
  largestBytes: number;
}

const MIB = 0x10_0000;
const WORD = 64;

export class Type1Bitmaps {
  readonly rules: Type1Rules;
  readonly counters: BitmapCounters = {
    calls: 0,
    refused: 0,
    copiedBytes: 0,
    kernelShiftedBytes: 0,
    shiftedBytes: 0,
    largestBytes: 0,
  };
  readonly #options: Type1BitmapsOptions;
  /** The VMM has learned that a call takes one mapping. */
  #unmapsOneByOne = false;
  #readsOneByOne = false;
  /** Time of refused calls, which the next that goes through carries. */
  #refusedNs = 0;

  constructor(options: Type1BitmapsOptions) {
    this.#options = options;
    this.rules = options.rules;
  }

  /** Whether one unmap call takes the dirt of so many mappings; a refusal costs a call. */
  unmapsTogether(nowNs: number, firstPage: number, pages: number, mappings: number): boolean {
    if (mappings === 1) return true;
    if (this.#unmapsOneByOne) return false;
    const together = unmapsWithDirty(this.rules, false);
    if (together && this.#fits(firstPage, pages)) return true;
    this.#unmapsOneByOne = !together;
    // QEMU looks at max_dirty_bitmap_size before it asks the kernel.
    this.#refuse(nowNs, 'VFIO_IOMMU_UNMAP_DMA', together ? 'E2BIG' : 'EINVAL', mappings);
    return false;
  }

  /** Whether one retrieval takes a range of so many mappings. */
  readsTogether(nowNs: number, firstPage: number, pages: number, mappings: number): boolean {
    if (mappings === 1) return true;
    if (this.#readsOneByOne) return false;
    if (readsDirty(this.rules, false) && this.#fits(firstPage, pages)) return true;
    this.#readsOneByOne = true;
    this.#refuse(nowNs, 'VFIO_IOMMU_DIRTY_PAGES', 'EINVAL', mappings);
    return false;
  }

  /** A call for [firstPage, firstPage + pages), and the bitmap itself, which the VMM zeroes; answers their time. */
  call(firstPage: number, pages: number, ioctlNs: number): number {
    const bytes = bitmapBytes(this.rules, firstPage % WORD, pages);
    const { counters } = this;
    counters.calls++;
    if (bytes > counters.largestBytes) counters.largestBytes = bytes;
    const { bitmap_copy } = this.#options.costs;
    const refusedNs = this.#refusedNs;
    this.#refusedNs = 0;
    return refusedNs + ioctlNs + (bytes * bitmap_copy) / MIB;
  }

  /** The bits of one mapping in a bitmap asked for from `firstPage` on, until they are in the VMM's own; answers the time. */
  bits(firstPage: number, iovaPage: number, pages: number, ramPage: number): number {
    const { counters } = this;
    const { bitmap_copy, bitmap_merge, bitmap_shift } = this.#options.costs;
    const bit = iovaPage - bitZero(this.rules, firstPage);
    const bytes = 8 * Math.ceil(((bit % WORD) + pages) / WORD);
    counters.copiedBytes += bytes;
    let nsPerMib = bitmap_copy;
    if (this.rules.bitmapBase === 'iova' && bit % WORD !== 0) {
      counters.kernelShiftedBytes += bytes;
      nsPerMib += bitmap_shift;
    }
    if (mergesByWords(ramPage - bit)) nsPerMib += bitmap_merge;
    else {
      counters.shiftedBytes += bytes;
      nsPerMib += bitmap_shift;
    }
    return (bytes * nsPerMib) / MIB;
  }

  /** One mapping, unmapped with its dirt. */
  unmapped(iovaPage: number, pages: number, ramPage: number): number {
    return this.call(iovaPage, pages, this.#options.costs.dirty_ioctl) + this.bits(iovaPage, iovaPage, pages, ramPage);
  }

  /** The longest that `unmapped` takes for one page: two words, zeroed, copied, and shifted or merged. */
  get pageNsMax(): number {
    const { dirty_ioctl, bitmap_copy, bitmap_merge, bitmap_shift } = this.#options.costs;
    return dirty_ioctl + (16 * (2 * bitmap_copy + bitmap_shift + Math.max(bitmap_merge, bitmap_shift))) / MIB;
  }

  /** What the container's bitmaps came to, when logging ends. */
  tell(nowNs: number): void {
    const { name, emit } = this.#options;
    const { calls, refused, copiedBytes, shiftedBytes, kernelShiftedBytes, largestBytes } = this.counters;
    const text =
      `${name}: ${calls} dirty bitmaps, the largest of ${largestBytes} bytes; ${copiedBytes} bytes copied, ` +
      `${kernelShiftedBytes} shifted by the kernel, ${shiftedBytes} by the VMM; ${refused} calls refused`;
    const detail = { calls, refused, copiedBytes, shiftedBytes, kernelShiftedBytes, largestBytes };
    emit({ timeNs: Math.floor(nowNs), durationNs: 0, kind: 'note', text, source: name, detail });
  }

  #fits(firstPage: number, pages: number): boolean {
    const leadIn = firstPage % WORD;
    return bitmapFits(this.rules, leadIn, pages, bitmapBytes(this.rules, leadIn, pages));
  }

  #refuse(nowNs: number, ioctl: string, errno: Errno, mappings: number): void {
    const { name, emit, costs } = this.#options;
    this.counters.refused++;
    this.#refusedNs += costs.dirty_ioctl;
    emit({
      timeNs: Math.floor(nowNs),
      durationNs: 0,
      kind: 'error',
      text: `${name}: ${ioctl} over ${mappings} mappings = -${ERRNO[errno]} (${errno})`,
      source: name,
      detail: { ioctl, errno, mappings },
    });
  }
}
