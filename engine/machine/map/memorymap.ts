// The guest's memory map: what lies behind each RAM page, transactions that change it, and the listeners told of the result.
//
// Sources of the map: the machine's RAM (below and above the hole), memory modules plugged into it, and special ranges that the
// guest sees as read-only memory, as nothing (MMIO), or as RAM in a region of its own.
// A transaction changes any of them; at the end of the outermost one the flat view is rendered anew and compared with the old
// one, in two passes over all listeners: first every deletion, in reverse order of priority, then every addition, in order
// (QEMU, system/memory.c memory_region_transaction_commit(), address_space_update_topology_pass()). KVM's listener collects
// and applies everything in its commit hook; VFIO's applies each deletion and addition at once. So when a change makes A and
// B mergeable, VFIO sees A go, B go, and A' come: for that while the device has no mapping for memory that never went away.
// Three treatments: `as-is`, `compared` in user space, `unmergeable` regions.
//
// Each call takes time, and a listener is called at the time the one before it ended: what devices do in between is theirs.

import { invariant } from '../../core/invariant.ts';
import type { RamSection } from '../layout.ts';
import { changeOf, comparedChange, simplify, type FlatRange, type FlatView } from './flatview.ts';

export type MapTreatment = 'as-is' | 'compared' | 'unmergeable';
/** How the guest sees a range of RAM. */
export type Appearance = 'ram' | 'rom' | 'mmio' | 'separate';

export interface MapListener {
  readonly name: string;
  /** Lower is added first and deleted last. */
  readonly priority: number;
  regionAdd(nowNs: number, range: FlatRange): number;
  regionDel(nowNs: number, range: FlatRange): number;
  commit?(nowNs: number): number;
}

interface Special {
  readonly first: number;
  readonly pages: number;
  readonly as: Appearance;
}

export interface CommitResult {
  readonly durationNs: number;
  readonly deleted: number;
  readonly added: number;
}

export class MemoryMap {
  readonly #treatment: MapTreatment;
  readonly #listeners: MapListener[] = [];
  #sections: readonly RamSection[];
  /** Disjoint, ascending; what is not covered is plain RAM. */
  #specials: readonly Special[] = [];
  #view: FlatView = [];
  /** Ranges that the listeners were told of and still have; the view, but for the compared treatment. */
  #units: FlatView = [];
  #depth = 0;

  constructor(sections: readonly RamSection[], treatment: MapTreatment) {
    this.#sections = sections;
    this.#treatment = treatment;
  }

  get view(): FlatView {
    return this.#view;
  }

  get units(): FlatView {
    return this.#units;
  }

  listen(listener: MapListener): void {
    this.#listeners.push(listener);
    this.#listeners.sort((a, b) => a.priority - b.priority);
  }

  begin(): void {
    this.#depth++;
  }

  /** Ends a transaction; the outermost tells the listeners. */
  commit(nowNs: number): CommitResult {
    invariant(this.#depth > 0, 'a transaction that ends has begun');
    if (--this.#depth > 0) return { durationNs: 0, deleted: 0, added: 0 };
    const before = this.#view;
    const after = this.render();
    this.#view = after;
    const change = this.#treatment === 'compared' ? comparedChange(this.#units, after) : changeOf(before, after);
    this.#units = [...change.kept, ...change.added].sort((a, b) => a.gpaPage - b.gpaPage);
    let atNs = nowNs;
    for (const listener of [...this.#listeners].reverse()) {
      for (const range of change.deleted) atNs += Math.round(listener.regionDel(atNs, range));
    }
    for (const listener of this.#listeners) {
      for (const range of change.added) atNs += Math.round(listener.regionAdd(atNs, range));
    }
    for (const listener of this.#listeners) atNs += Math.round(listener.commit?.(atNs) ?? 0);
    return { durationNs: atNs - nowNs, deleted: change.deleted.length, added: change.added.length };
  }

  plug(section: RamSection): void {
    this.#sections = [...this.#sections, section].sort((a, b) => a.gpaPage - b.gpaPage);
  }

  unplug(name: string): void {
    this.#sections = this.#sections.filter((section) => section.name !== name);
  }

  /** Makes RAM pages appear as something else. */
  show(first: number, pages: number, as: Appearance): void {
    const end = first + pages;
    const others = this.#specials.flatMap((special) => {
      const specialEnd = special.first + special.pages;
      if (specialEnd <= first || special.first >= end) return [special];
      return [
        ...(special.first < first ? [{ ...special, pages: first - special.first }] : []),
        ...(specialEnd > end ? [{ ...special, first: end, pages: specialEnd - end }] : []),
      ];
    });
    // Plain RAM among unmergeable regions is still a region of its own.
    const keep = as !== 'ram' || this.#treatment === 'unmergeable';
    this.#specials = [...others, ...(keep ? [{ first, pages, as }] : [])].sort((a, b) => a.first - b.first);
  }

  /** The flat view as it would be now. */
  render(): FlatView {
    const ranges: FlatRange[] = [];
    for (const section of this.#sections) {
      let at = section.ramPage;
      const end = section.ramPage + section.pages;
      const put = (to: number, as: Appearance): void => {
        if (to > at && as !== 'mmio') {
          ranges.push({
            name: section.name,
            gpaPage: section.gpaPage + (at - section.ramPage),
            ramPage: at,
            pages: to - at,
            readonly: section.readonly || as === 'rom',
            region: as === 'separate' ? `${section.name} at ${at}` : section.name,
            unmergeable: this.#treatment === 'unmergeable',
          });
        }
        at = Math.max(at, to);
      };
      for (const special of this.#specials) {
        const from = Math.max(special.first, section.ramPage);
        const to = Math.min(special.first + special.pages, end);
        if (from >= to) continue;
        put(from, 'ram');
        put(to, special.as);
      }
      put(end, 'ram');
    }
    ranges.sort((a, b) => a.gpaPage - b.gpaPage);
    return simplify(ranges);
  }
}
