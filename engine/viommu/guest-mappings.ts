// What the guest has mapped, by IOVA: the table the guest's driver keeps, and with a shadowing vIOMMU also the VMM's copy
// of it (QEMU's iova_tree). A mapping is a run of IOVA pages onto a run of RAM pages, known by its first IOVA.
//
// The translated address (gpa) is kept as the RAM page it leads to: bits found through an IOVA are placed by it alone.
// Arrays over slots (iova-space.ts): a mapping's length stands at the slot of its first page, the RAM page at the slot of
// each. Growth doubles.
// Invariant: mappings do not overlap (the allocator's promise; looked at only where `checks` asks for it).
// Cost: map and unmap touch three words and one a page; a walk over all costs one word per 32 slots in use, plus the mappings.

import { invariant } from '../core/invariant.ts';
import type { IovaSpace } from './iova-space.ts';
import { SLOTS_MAX } from './iova-space.ts';

/** Called with each mapping, ascending by IOVA within a window, the high window first. */
export type MappingVisitor = (iovaPage: number, ramPage: number, pages: number) => void;

const SLOTS_AT_START = 4096;

export class GuestMappings {
  readonly space: IovaSpace;
  #ram = new Int32Array(SLOTS_AT_START).fill(-1);
  #pages = new Int32Array(SLOTS_AT_START);
  #present = new Int32Array(SLOTS_AT_START / 32);
  #count = 0;
  #pagesMapped = 0;

  constructor(space: IovaSpace) {
    this.space = space;
  }

  /** Mappings. */
  get count(): number {
    return this.#count;
  }

  get pagesMapped(): number {
    return this.#pagesMapped;
  }

  add(iovaPage: number, ramPage: number, pages: number): void {
    const slot = this.space.slotOf(iovaPage);
    if (slot >= this.#ram.length) this.#grow(slot + 1);
    invariant(this.#pages[slot] === 0, 'an IOVA that is mapped is not mapped again');
    const ram = this.#ram;
    for (let i = 0; i < pages; i++) ram[slot - i] = ramPage + i;
    this.#pages[slot] = pages;
    this.#present[slot >>> 5]! |= 1 << (slot & 31);
    this.#count++;
    this.#pagesMapped += pages;
  }

  /** Pages of the mapping that begins there; 0 where none does. */
  pagesAt(iovaPage: number): number {
    const slot = this.space.slotOf(iovaPage);
    return slot < this.#pages.length ? this.#pages[slot]! : 0;
  }

  remove(iovaPage: number): void {
    const slot = this.space.slotOf(iovaPage);
    invariant(slot < this.#pages.length && this.#pages[slot] !== 0, 'an unmap names a mapping');
    const pages = this.#pages[slot]!;
    this.#pagesMapped -= pages;
    const ram = this.#ram;
    for (let i = 0; i < pages; i++) ram[slot - i] = -1;
    this.#pages[slot] = 0;
    this.#present[slot >>> 5]! &= ~(1 << (slot & 31));
    this.#count--;
  }

  /** The RAM page an IOVA page leads to, wherever in a mapping it lies; -1 where nothing is mapped. */
  translate(iovaPage: number): number {
    const slot = this.space.slotOf(iovaPage);
    return slot < this.#ram.length ? this.#ram[slot]! : -1;
  }

  /** Visits every mapping; it may remove the one it is shown. */
  forEach(visit: MappingVisitor): void {
    const present = this.#present;
    for (let w = present.length; w-- > 0;) {
      for (let bits = present[w]!; bits !== 0;) {
        const high = 31 - Math.clz32(bits);
        bits &= ~(1 << high);
        const slot = w * 32 + high;
        visit(this.space.iovaOf(slot), this.#ram[slot]!, this.#pages[slot]!);
      }
    }
  }

  #grow(slots: number): void {
    invariant(slots <= SLOTS_MAX, 'guest mappings stay under the bound of the IOVA tables');
    let length = this.#ram.length;
    while (length < slots) length *= 2;
    const ram = new Int32Array(length).fill(-1);
    const pages = new Int32Array(length);
    const present = new Int32Array(length / 32);
    ram.set(this.#ram);
    pages.set(this.#pages);
    present.set(this.#present);
    this.#ram = ram;
    this.#pages = pages;
    this.#present = present;
  }
}
