// Where RAM pages lie in guest physical memory: a handful of sections, looked up by linear search with a memory of the
// last hit. What machine/layout.ts calls RamSection fits RamSection here; this row must not know that one.

/** Guest physical pages [gpaPage, gpaPage + pages) backed by RAM pages from `ramPage`. */
export interface RamSection {
  readonly gpaPage: number;
  readonly ramPage: number;
  readonly pages: number;
  readonly readonly: boolean;
}

export class RamMap {
  readonly #sections: RamSection[];
  #last = 0;

  constructor(sections: readonly RamSection[]) {
    this.#sections = [...sections];
  }

  /** Learns of memory that was plugged. What goes stays known: a driver keeps the addresses it has. */
  add(section: RamSection): void {
    if (this.gpaOf(section.ramPage) < 0) this.#sections.push(section);
  }

  /** The guest physical page of a RAM page, or -1 where it is not mapped. */
  gpaOf(ramPage: number): number {
    const at = this.#find(ramPage);
    return at < 0 ? -1 : this.#sections[at]!.gpaPage + (ramPage - this.#sections[at]!.ramPage);
  }

  /** RAM pages from `ramPage` on that follow each other in guest physical memory too. */
  runFrom(ramPage: number): number {
    const at = this.#find(ramPage);
    return at < 0 ? 1 : this.#sections[at]!.ramPage + this.#sections[at]!.pages - ramPage;
  }

  /** The RAM page of a guest physical page, or -1. */
  ramOf(gpaPage: number): number {
    for (const { gpaPage: first, ramPage, pages } of this.#sections)
      if (gpaPage >= first && gpaPage < first + pages) return ramPage + (gpaPage - first);
    return -1;
  }

  #find(ramPage: number): number {
    for (let tries = 0, at = this.#last; tries < this.#sections.length; tries++) {
      const { ramPage: first, pages } = this.#sections[at]!;
      if (ramPage >= first && ramPage < first + pages) {
        this.#last = at;
        return at;
      }
      at = at + 1 === this.#sections.length ? 0 : at + 1;
    }
    return -1;
  }
}
