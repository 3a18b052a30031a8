// Where guest RAM lies in guest physical memory, and which RAM blocks a migration walks, by QEMU machine.
//
// One RAM block holds the guest's memory; ram_addr counts through it without holes. In guest physical memory it is cut
// in two once it is large: `pc` leaves 3 GiB below 4 GiB from 3.5 GiB on, `q35` 2 GiB from 2.75 GiB on, because PCI needs the
// space between; `virt` has none. Memory modules have a block each and lie above all that. Firmware and option ROM are RAM blocks of their own behind it: they are migrated and counted like RAM.
// Order and split: hw/i386/pc_piix.c pc_init1(), pc.c pc_memory_init(); the block list is sorted by size, larger first
// (system/physmem.c ram_block_add()). The 130 firmware pages are what a measured QEMU 7.2 counts besides guest memory.
//
// Left out: the VGA window and the PAM regions between 640 KiB and 1 MiB are treated as RAM (the DMA of a device never
// goes there); the flash of `virt`; memory modules scan after the guest's memory even if they are larger.

import { invariant } from '../core/invariant.ts';

/** First guest physical page above the hole. */
export const HIGH_GPA_PAGE = 0x100000;

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
  /** What is there without any module. */
  readonly sections: readonly RamSection[];
  /** Where each module lies when it is plugged. */
  readonly dimms: readonly RamSection[];
}

/** Firmware blocks of `pc` in the order of the block list: id, pages, guest physical page or -1 where not mapped. */
const FIRMWARE: readonly (readonly [id: string, pages: number, gpaPage: number])[] = [
  ['pc.bios', 64, 0xfffc0],
  ['/rom@etc/acpi/tables', 32, -1],
  ['pc.rom', 32, 0xc0],
  ['/rom@etc/table-loader', 1, -1],
  ['/rom@etc/acpi/rsdp', 1, -1],
];

/** A memory module: its RAM follows the guest's memory and the modules before it. */
export interface Dimm {
  readonly name: string;
  readonly pages: number;
}

export type MachineKind = 'pc' | 'q35' | 'virt';

interface Machine {
  /** Guests smaller than this are not cut, in pages. */
  readonly cutFrom: number;
  /** Pages below the hole of a guest that is cut; Infinity: there is no hole. */
  readonly low: number;
  /** Guest physical page at which RAM begins. */
  readonly base: number;
  readonly firmware: typeof FIRMWARE;
  readonly ram: string;
  readonly source: string;
}

const MACHINES: Readonly<Record<MachineKind, Machine>> = {
  pc: { cutFrom: 0xe0000, low: 0xc0000, base: 0, firmware: FIRMWARE, ram: 'pc.ram', source: 'hw/i386/pc_piix.c' },
  q35: { cutFrom: 0xb0000, low: 0x80000, base: 0, firmware: FIRMWARE, ram: 'pc.ram', source: 'hw/i386/pc_q35.c' },
  virt: {
    ...{ cutFrom: Infinity, low: Infinity, base: 0x40000, firmware: [], ram: 'mach-virt.ram' },
    source: 'hw/arm/virt.c: RAM from 1 GiB, no hole; flash is left out',
  },
};

/** Device memory begins at a multiple of 1 GiB above all RAM. */
const DIMM_ALIGN_PAGES = 1 << 18;
const ceilTo = (value: number, grain: number): number => Math.ceil(value / grain) * grain;

export const pcLayout = (guestPages: number): RamLayout => machineLayout('pc', guestPages, []);

export function machineLayout(kind: MachineKind, guestPages: number, dimms: readonly Dimm[]): RamLayout {
  invariant(Number.isInteger(guestPages) && guestPages > 0, 'guest memory is a whole number of pages');
  const machine = MACHINES[kind];
  const low = guestPages >= machine.cutFrom ? machine.low : guestPages;
  const sections: RamSection[] = [
    { name: 'ram-below-4g', gpaPage: machine.base, ramPage: 0, pages: low, readonly: false },
  ];
  if (guestPages > low) {
    sections.push({
      name: 'ram-above-4g',
      gpaPage: HIGH_GPA_PAGE,
      ramPage: low,
      pages: guestPages - low,
      readonly: false,
    });
  }
  const blocks: RamBlock[] = [{ id: machine.ram, firstPage: 0, pages: guestPages }];
  let next = guestPages;
  const ramEnd = guestPages > low ? HIGH_GPA_PAGE + guestPages - low : machine.base + low;
  let gpaNext = ceilTo(Math.max(ramEnd, HIGH_GPA_PAGE), DIMM_ALIGN_PAGES);
  const dimmSections = dimms.map(({ name, pages }): RamSection => {
    const section = { name, gpaPage: gpaNext, ramPage: next, pages, readonly: false };
    blocks.push({ id: name, firstPage: next, pages });
    next += pages;
    gpaNext = ceilTo(gpaNext + pages, DIMM_ALIGN_PAGES);
    return section;
  });
  for (const [id, pages, gpaPage] of machine.firmware) {
    blocks.push({ id, firstPage: next, pages });
    if (gpaPage >= HIGH_GPA_PAGE - 64) sections.push({ name: id, gpaPage, ramPage: next, pages, readonly: true });
    next += pages;
  }
  return { guestPages, totalPages: next, blocks, sections, dimms: dimmSections };
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
