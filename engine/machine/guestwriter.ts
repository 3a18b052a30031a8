// Where a vCPU group's page writes go: through KVM's tracking, into RAM (a zero page becomes a non-zero one), and to the
// oracle, which is told by setting the page's bit in the group's own bitmap "written since it was last sent".
//
// A page that the guest does not see as RAM (read-only, MMIO, unplugged) takes no write.
// After the move to the destination (post-copy) nothing is tracked any more, and a write may have to wait for its page.
// Nothing here reads a tracker or the oracle's judgement; the bit is tested only to see whether anything is left to do: a page
// that is in the bitmap has been made non-zero by the write that put it there.

import type { DirtyBitmap } from '../core/bitmap.ts';
import type { KvmTracking } from '../kvm/tracking.ts';
import type { Ram } from './ram.ts';
import type { WriteCounts } from './writecounts.ts';
import type { MissingPages, VcpuTarget } from './vcpu.ts';

export class GuestWriter implements VcpuTarget {
  readonly #ram: Ram;
  readonly #kvm: KvmTracking;
  readonly #group: number;
  readonly #written: DirtyBitmap;
  /** How often pages are written, where somebody must know. */
  readonly #counts: WriteCounts | null;
  #faultNs = 0;
  /** Pages that went from "as last sent" to "written since". */
  dirtied = 0;
  #nowNs = 0;
  #missing: MissingPages | null = null;

  constructor(ram: Ram, kvm: KvmTracking, group: number, written: DirtyBitmap, counts: WriteCounts | null) {
    this.#ram = ram;
    this.#kvm = kvm;
    this.#group = group;
    this.#written = written;
    this.#counts = counts;
  }

  writePages(pages: Uint32Array, count: number): void {
    const { unwritable } = this.#ram;
    if (unwritable.count > 0) {
      let kept = 0;
      for (let i = 0; i < count; i++) if (!unwritable.test(pages[i]!)) pages[kept++] = pages[i]!;
      this.#write(pages, kept);
    } else {
      this.#write(pages, count);
    }
  }

  writeRun(firstPage: number, count: number, times = 1): void {
    const { unwritable } = this.#ram;
    if (unwritable.count === 0) {
      this.#writeRun(firstPage, count, times);
      return;
    }
    const end = firstPage + count;
    for (let at = unwritable.nextClear(firstPage, end); at >= 0;) {
      const stop = unwritable.nextSet(at, end);
      this.#writeRun(at, (stop < 0 ? end : stop) - at, times);
      at = stop < 0 ? -1 : unwritable.nextClear(stop, end);
    }
  }

  readPages(pages: Uint32Array, count: number): void {
    if (this.#missing === null) return;
    for (let i = 0; i < count && this.#missing.missingPages > 0; i++) {
      this.#faultNs += this.#missing.touch(this.#nowNs, pages[i]!, 1);
    }
  }

  beginTick(nowNs: number): void {
    this.#nowNs = nowNs;
  }

  moveThere(missing: MissingPages): void {
    this.#missing = missing;
  }

  #write(pages: Uint32Array, count: number): void {
    if (this.#missing !== null) {
      this.readPages(pages, count);
      return;
    }
    this.#counts?.addPages(pages, count);
    this.#faultNs += this.#kvm.writePages(this.#group, pages, count);
    const written = this.#written;
    const chunks = written.chunks;
    for (let i = 0; i < count; i++) {
      const page = pages[i]!;
      const chunk = chunks[page >>> 16];
      if (chunk !== undefined && (chunk[(page & 0xffff) >>> 5]! & (1 << page)) !== 0) continue;
      written.set(page);
      this.#ram.nonZero.set(page);
      this.dirtied++;
    }
  }

  #writeRun(firstPage: number, count: number, times: number): void {
    if (count === 0) return;
    if (this.#missing !== null) {
      if (this.#missing.missingPages > 0) this.#faultNs += this.#missing.touch(this.#nowNs, firstPage, count);
      return;
    }
    this.#counts?.addRun(firstPage, count, times);
    this.#faultNs += this.#kvm.writeRun(this.#group, firstPage, count);
    const newly = this.#written.setRange(firstPage, count);
    if (newly > 0) this.#ram.nonZero.setRange(firstPage, count);
    this.dirtied += newly;
  }

  takeFaultNs(): number {
    const ns = this.#faultNs;
    this.#faultNs = 0;
    return ns;
  }
}
