// Where guest RAM lies in guest physical memory, and which RAM blocks a migration walks: QEMU's `pc` machine.
//
// One RAM block `pc.ram` holds the guest's memory; ram_addr counts through it without holes. In guest physical memory
// it is cut in two: everything up to `below` stays below 4 GiB, the rest goes above 4 GiB, because PCI needs the space
// between. Firmware and option ROM are RAM blocks of their own behind it: they are migrated and counted like RAM.
// Order and split: hw/i386/pc_piix.c pc_init1(), pc.c pc_memory_init(); the block list is sorted by size, larger first
// (system/physmem.c ram_block_add()). The 130 firmware pages are what a measured QEMU 7.2 counts besides guest memory.
//
// Left out: the VGA window and the PAM regions between 640 KiB and 1 MiB are treated as RAM (the DMA of a device never
// goes there); other machines than `pc`.

import { invariant } from '../core/invariant.ts';

/** QEMU: above 3.5 GiB of RAM the part below 4 GiB is cut to 3 GiB (gigabyte alignment), in pages. */
const LOW_PAGES_MAX_UNCUT = 0xe0000;
const LOW_PAGES_CUT = 0xc0000;
/** First guest physical page above the hole. */
export const HIGH_GPA_PAGE = 0x100000;
/** The lab's host: RAM page p lies at host physical page HOST_BASE_PAGE + p, so PTE words are real ones. */
export const HOST_BASE_PAGE = 0x100000;

/** A run of guest physical pages backed by RAM pages. */
export interface RamSection {
  readonly name: string;
  readonly gpaPage: number;
  readonly ramPage: number;
  readonly pages: number;
  readonly readonly: boolean;
}

/** QEMU's RAMBlock: what the migration stream knows a range of RAM pages by. */
export interface RamBlock {
  readonly id: string;
  readonly firstPage: number;
  readonly pages: number;
}

export interface RamLayout {
  /** Guest memory as configured, in pages. */
  readonly guestPages: number;
  /** Guest memory plus firmware: what the migration counts as total. */
  readonly totalPages: number;
  readonly blocks: readonly RamBlock[];
  readonly sections: readonly RamSection[];
}

/** Firmware blocks of `pc` in the order of the block list: id, pages, guest physical page or -1 where not mapped. */
const FIRMWARE: readonly (readonly [id: string, pages: number, gpaPage: number])[] = [
  ['pc.bios', 64, 0xfffc0],
  ['/rom@etc/acpi/tables', 32, -1],
  ['pc.rom', 32, 0xc0],
  ['/rom@etc/table-loader', 1, -1],
  ['/rom@etc/acpi/rsdp', 1, -1],
];

export function pcLayout(guestPages: number): RamLayout {
  invariant(Number.isInteger(guestPages) && guestPages > 0, 'guest memory is a whole number of pages');
  const low = guestPages >= LOW_PAGES_MAX_UNCUT ? LOW_PAGES_CUT : guestPages;
  const sections: RamSection[] = [{ name: 'ram-below-4g', gpaPage: 0, ramPage: 0, pages: low, readonly: false }];
  if (guestPages > low) {
    sections.push({
      name: 'ram-above-4g',
      gpaPage: HIGH_GPA_PAGE,
      ramPage: low,
      pages: guestPages - low,
      readonly: false,
    });
  }
  const blocks: RamBlock[] = [{ id: 'pc.ram', firstPage: 0, pages: guestPages }];
  let next = guestPages;
  for (const [id, pages, gpaPage] of FIRMWARE) {
    blocks.push({ id, firstPage: next, pages });
    if (gpaPage >= HIGH_GPA_PAGE - 64) sections.push({ name: id, gpaPage, ramPage: next, pages, readonly: true });
    next += pages;
  }
  return { guestPages, totalPages: next, blocks, sections };
}

/** The RAM page behind a guest physical page, or -1 where no RAM answers. */
export function ramPageOf(layout: RamLayout, gpaPage: number): number {
  for (const section of layout.sections) {
    const offset = gpaPage - section.gpaPage;
    if (offset >= 0 && offset < section.pages) return section.ramPage + offset;
  }
  return -1;
}

/** The guest physical page of a RAM page, or -1 for a block that is not mapped. */
export function gpaPageOf(layout: RamLayout, ramPage: number): number {
  for (const section of layout.sections) {
    const offset = ramPage - section.ramPage;
    if (offset >= 0 && offset < section.pages) return section.gpaPage + offset;
  }
  return -1;
}
