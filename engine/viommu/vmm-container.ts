// One VFIO container as the VMM sees it: an IO address space that is mapped and unmapped, with dirt taken at unmaps while
// a migration logs. Flat RAM sections (memory listener) and guest mappings (vIOMMU notifier) both come here.
//
// Unmap while logging, by tracker:
//   iommu       the policy's steps (engine/iommu/unmappolicies.ts) in time, with device writes between them; bits go to the RAM pages that the
//               notification names (translated_addr), not to where the entry pointed
//   device      unmap first, then the devices' report of that IOVA range
//   everything  unmap; all pages of it count as dirty (also type1 with a device that pins nothing itself)
//   pinned      the same: what a guest maps for a mediated device, its driver has pinned
//   none        unmap
// Dirt that a step drops is said to the drop sink with its cause; the sink is one-way, nothing here learns from it.
// Invariants: a page found dirty here stays in `found` until the next harvest takes it; while not logging nothing is
// recorded, because logging starts with every page due.
// What a map pins: pinning.ts. Left out: two listeners on one container.
// Sources: QEMU 11.0 hw/vfio/iommufd.c iommufd_cdev_unmap(), hw/vfio/container-legacy.c vfio_legacy_dma_unmap_one(),
// hw/vfio/listener.c.
//
// Cost: a guest mapping of one page is one walk to look at Dirty, one to unmap, one probe of the IOTLB.

import { DirtyBitmap } from '../core/bitmap.ts';
import type { Costs } from '../core/costs.ts';
import type { Errno, Outcome } from '../core/errno.ts';
import { ok, refuse } from '../core/errno.ts';
import { PAGE_SIZE } from '../core/units.ts';
import { invariant } from '../core/invariant.ts';
import type { DropPlace, DropSink } from '../core/ports.ts';
import { HOST_BASE_PAGE } from '../iommu/dmaport.ts';
import type { Domain } from '../iommu/domain.ts';
import { READ, WRITE } from '../iommu/formats/format.ts';
import { DirtyRuns } from '../iommu/runs.ts';
import type { GuestMappings } from './guest-mappings.ts';
import type { MicroOp, UnmapPolicy, UnmapPolicyName } from '../iommu/unmappolicies.ts';
import { unmapPolicyNamed } from '../iommu/unmappolicies.ts';
import { UnmapTask } from '../iommu/unmaptask.ts';
import { findEntry } from '../iommu/walking.ts';
import { NOT_TAKEN, TAKEN_DIRTY, mapSingle, takeSingle } from '../iommu/singleleaf.ts';
import type { InFlight } from './in-flight.ts';
import type { Type1Bitmaps } from './type1-bitmaps.ts';
import { NOTHING_IN_FLIGHT } from './in-flight.ts';
import type { ContainerPins } from './pinning.ts';
import { OVER_LIMIT } from './pinning.ts';

export type TrackerKind = 'device' | 'iommu' | 'everything' | 'pinned' | 'none';

/** What the container needs of a device's own log. */
export interface LogReader {
  take(firstIovaPage: number, pages: number, visit: (firstIovaPage: number, pages: number) => void): void;
}

/** An HWPT of the container; a device whose IOMMU cannot track sits behind an untracked one. */
export interface ContainerDomain {
  readonly domain: Domain;
  readonly tracked: boolean;
}

export interface VmmContainerOptions {
  readonly name: string;
  readonly domains: readonly ContainerDomain[];
  readonly tracker: TrackerKind;
  readonly unmapPolicy: UnmapPolicyName;
  /** QEMU before 11.0: the iommufd backend unmapped without asking for dirt. */
  readonly defectUnmapWithoutQuery: boolean;
  /** Linux 7.x: a query leaves out the last page of a repeated AMD leaf. */
  readonly dropLastOfReplicated: boolean;
  /** Mappings it may hold (type1's dma_entry_limit); Infinity: no limit. */
  readonly mappingsMax: number;
  /** The bitmaps of a type1 container that is asked for dirt; null: another interface, or nobody asks. */
  readonly type1: Type1Bitmaps | null;
  readonly pins: ContainerPins;
  readonly ramPages: number;
  readonly costs: Costs;
  readonly drop: DropSink;
}

/** What a notification says of where the pages were. */
export type UnmapEntry = 'translated' | 'none';

export const NO_ENTRY = 'unmap without an IOTLB entry: no place for its dirt';
export const NOT_READ = 'unmapped without reading the Dirty bit';
export const WRITTEN_BETWEEN = 'written between the read of the Dirty bit and the unmap';
export const AT_ZERO = 'whole-space unmap with translated address 0: dirt placed elsewhere';
export const LAST_OF_REPEATED = 'last page of a repeated leaf: cleaned, not reported';
export const HELD_TOO_LATE = 'Dirty held in the IOTLB came back after its entry was gone';

const FULL = refuse('ENOSPC', 'the container holds as many mappings as it may');
const OVER_MEMLOCK = refuse('ENOMEM', 'RLIMIT_MEMLOCK forbids to pin more');

export interface ContainerCounters {
  maps: number;
  unmaps: number;
  /** Pages found dirty at unmaps while logging. */
  unmapDirtyPages: number;
  queries: number;
  flushes: number;
  entries: number;
}

export class VmmContainer {
  readonly name: string;
  readonly domains: readonly ContainerDomain[];
  readonly tracker: TrackerKind;
  readonly type1: Type1Bitmaps | null;
  readonly logs: LogReader[] = [];
  /** Dirt found at unmaps, by RAM page; the next harvest takes it. */
  readonly found: DirtyBitmap;
  readonly counters: ContainerCounters = { maps: 0, unmaps: 0, unmapDirtyPages: 0, queries: 0, flushes: 0, entries: 0 };
  /** Between log_global_start and log_global_stop. */
  logging = false;
  /** Mappings it holds, each of an ioctl. */
  mappings = 0;
  /** Pages of guest RAM that its sections pinned and nobody had pinned before, so far. */
  pagesPinned = 0;
  /** The devices' writes between an unmap's steps. */
  inFlight: InFlight = NOTHING_IN_FLIGHT;
  readonly #policy: UnmapPolicy;
  readonly #dropLastOfReplicated: boolean;
  readonly #mappingsMax: number;
  readonly #pins: ContainerPins;
  readonly #costs: Costs;
  readonly #drop: DropSink;
  readonly #pagesPerGranule: number;
  /** The one domain, where single pages can go the short way: page-sized granules, Dirty in memory. */
  readonly #onlyDomain: Domain | null;
  readonly #mapped: Outcome<number>;
  readonly #mappedPinned: Outcome<number>;
  /** What the policy takes for one page; whether it begins with a query; and the longest that an unmap of a page takes. */
  readonly #singleNs: number;
  readonly #asksFirst: boolean;
  readonly #unmapNsMax: number;
  readonly #runs = new DirtyRuns();

  constructor(options: VmmContainerOptions) {
    this.name = options.name;
    this.domains = options.domains;
    this.tracker = options.tracker;
    this.found = new DirtyBitmap(options.ramPages);
    this.#policy = unmapPolicyNamed(options.defectUnmapWithoutQuery ? 'unmap-only' : options.unmapPolicy);
    this.type1 = options.type1;
    this.#dropLastOfReplicated = options.dropLastOfReplicated;
    this.#mappingsMax = options.mappingsMax;
    this.#pins = options.pins;
    this.#costs = options.costs;
    this.#drop = options.drop;
    const shift = options.domains[0]?.domain.table.format.granuleShift ?? 12;
    const [only] = options.domains;
    const plain = options.domains.length === 1 && shift === 12 && only !== undefined && !only.domain.iotlb.held;
    this.#onlyDomain = plain && (only.tracked || options.tracker !== 'iommu') ? only.domain : null;
    const { iommu_map, iommu_unmap, iotlb_flush, pin_page } = options.costs;
    this.#mapped = ok(iommu_map);
    this.#mappedPinned = ok(iommu_map + pin_page);
    this.#singleNs = this.#policy.steps.reduce((sum, op) => sum + this.#stepNs(op, 1, 1), 0);
    this.#asksFirst = READS.has(this.#policy.steps[0]!);
    const askNs = options.type1?.pageNsMax ?? 0;
    this.#unmapNsMax = askNs + Math.max(this.#singleNs, iommu_unmap + iotlb_flush);
    invariant(shift >= 12, 'guest memory is mapped in granules of at least a page');
    this.#pagesPerGranule = 1 << (shift - 12);
  }

  /** Why a guest's mapping, made by so many calls, would be refused; undefined where it would not. */
  refusal(ramPage: number, pages: number, mappings: number): Errno | undefined {
    if (this.mappings + mappings > this.#mappingsMax) return 'ENOSPC';
    return this.#pins.fits(ramPage, pages) ? undefined : 'ENOMEM';
  }

  /** Maps a section of guest RAM at [iovaPage, iovaPage + pages), which other containers may copy; returns the time it took. */
  mapSection(iovaPage: number, ramPage: number, pages: number, readonly: boolean): Outcome<number> {
    if (this.mappings >= this.#mappingsMax) return FULL;
    const pinned = this.#pins.addSection(iovaPage, ramPage, pages, !readonly);
    if (pinned === OVER_LIMIT) return OVER_MEMLOCK;
    this.pagesPinned += pinned;
    return this.#mapPinned(iovaPage, ramPage, pages, readonly ? READ : READ | WRITE, pinned);
  }

  /** Maps what a guest has mapped at [iovaPage, iovaPage + pages); returns the time it took. */
  map(iovaPage: number, ramPage: number, pages: number): Outcome<number> {
    if (this.mappings >= this.#mappingsMax) return FULL;
    const pinned = this.#pins.add(iovaPage, ramPage, pages);
    if (pinned === OVER_LIMIT) return OVER_MEMLOCK;
    return this.#mapPinned(iovaPage, ramPage, pages, READ | WRITE, pinned);
  }

  #mapPinned(iovaPage: number, ramPage: number, pages: number, access: number, pinned: number): Outcome<number> {
    const scale = this.#pagesPerGranule;
    this.mappings++;
    if (pages === 1 && this.#onlyDomain !== null) {
      const { table } = this.#onlyDomain;
      if (mapSingle(table, iovaPage, HOST_BASE_PAGE + ramPage, access)) {
        this.counters.maps++;
        this.counters.entries += table.cost.entries;
        return pinned === 0 ? this.#mapped : this.#mappedPinned;
      }
    }
    let entries = 0;
    for (let i = 0; i < this.domains.length; i++) {
      const { table } = this.domains[i]!.domain;
      const failure = table.map(iovaPage / scale, (HOST_BASE_PAGE + ramPage) / scale, pages / scale, access);
      entries += table.cost.entries;
      if (failure === undefined) continue;
      this.mappings--;
      this.#pins.remove(iovaPage, pages, 1);
      return refuse(failure, `map of iova page ${iovaPage}`);
    }
    this.counters.maps++;
    this.counters.entries += entries;
    return ok(this.#costs.iommu_map * this.domains.length + this.#costs.pin_page * pinned);
  }

  /**
   * Unmaps what leads to the RAM pages from `ramPage`. `entry`: whether an IOTLB entry comes with the notification and
   * says so (translated_addr); without one no dirt can be placed, and none is asked for. `pieces`: mappings that the range
   * was made of, an ioctl each. Returns the time it took.
   */
  unmap(
    nowNs: number,
    iovaPage: number,
    ramPage: number,
    pages: number,
    pieces: number,
    entry: UnmapEntry = 'translated',
  ): number {
    this.counters.unmaps += pieces;
    this.mappings -= pieces;
    this.#pins.remove(iovaPage, pages, pieces);
    if (
      pages === 1 &&
      this.#onlyDomain !== null &&
      entry === 'translated' &&
      this.inFlight.dueNs > nowNs + this.#unmapNsMax
    ) {
      const durationNs = this.#unmapSingle(nowNs, this.#onlyDomain, iovaPage, ramPage);
      if (durationNs >= 0) return durationNs;
    }
    if (!this.logging || this.tracker === 'none') return this.#plainUnmap(nowNs, iovaPage, pages, pieces);
    if (this.type1 !== null && entry === 'translated') {
      const askNs = this.#askType1(nowNs, this.type1, iovaPage, ramPage, pages, pieces);
      return askNs + this.#unmapLogged(nowNs + askNs, iovaPage, ramPage, pages, pieces, entry);
    }
    return this.#unmapLogged(nowNs, iovaPage, ramPage, pages, pieces, entry);
  }

  /** The bitmaps of an unmap: one for all its mappings, or one each. */
  #askType1(
    nowNs: number,
    type1: Type1Bitmaps,
    iovaPage: number,
    ramPage: number,
    pages: number,
    pieces: number,
  ): number {
    const together = type1.unmapsTogether(nowNs, iovaPage, pages, pieces);
    let askNs = together ? type1.call(iovaPage, pages, this.#costs.dirty_ioctl) : 0;
    const pagesEach = pages / pieces;
    for (let at = 0; at < pages; at += pagesEach) {
      const first = iovaPage + at;
      askNs += together
        ? type1.bits(iovaPage, first, pagesEach, ramPage + at)
        : type1.unmapped(first, pagesEach, ramPage + at);
    }
    return askNs;
  }

  #unmapLogged(
    nowNs: number,
    iovaPage: number,
    ramPage: number,
    pages: number,
    pieces: number,
    entry: UnmapEntry,
  ): number {
    if (this.tracker === 'iommu') return this.#unmapTaking(nowNs, iovaPage, ramPage, pages, pieces, entry);
    let durationNs = this.#plainUnmap(nowNs, iovaPage, pages, pieces);
    if (this.tracker === 'everything' || this.tracker === 'pinned') {
      if (entry === 'translated') this.#find(ramPage, pages);
      return durationNs;
    }
    for (const log of this.logs) {
      log.take(iovaPage, pages, (first, count) => {
        if (entry === 'translated') this.#find(ramPage + (first - iovaPage), count);
        else this.#drop.dropped(nowNs + durationNs, this.name, NO_ENTRY, ramPage + (first - iovaPage), count);
      });
      this.counters.queries += pieces;
      durationNs += this.#costs.dirty_ioctl * pieces;
    }
    return durationNs;
  }

  /**
   * One unmap of everything, with translated_addr 0: bits are set at the IOVA's own number as RAM page, the pages that were
   * written stay unknown. type1 refuses a bitmap of that size (E2BIG), or more than one mapping: nothing is set at all then.
   */
  unmapAllAtZero(nowNs: number, mappings: GuestMappings): number {
    const taking = this.logging && (this.tracker === 'iommu' || this.tracker === 'device');
    const { type1 } = this;
    const space = mappings.space.limitPage + 1;
    const refused = this.logging && type1 !== null && !type1.unmapsTogether(nowNs, 0, space, mappings.count + 1);
    let queries = 0;
    const misplaced = (iovaPage: number, pages: number): void => {
      for (let i = 0; i < pages; i++) {
        const ramPage = mappings.translate(iovaPage + i);
        if (ramPage >= 0) this.#drop.dropped(nowNs, this.name, AT_ZERO, ramPage, 1);
        if (!refused && iovaPage + i < this.found.pages) this.#find(iovaPage + i, 1);
      }
    };
    if (taking && this.tracker === 'iommu') {
      for (const { domain, tracked } of this.domains) {
        if (!tracked) continue;
        queries++;
        mappings.forEach((iovaPage, _ramPage, pages) => {
          this.#read(domain, iovaPage, pages);
          for (let r = 0; r < this.#runs.length; r++) misplaced(this.#runs.firsts[r]!, this.#runs.counts[r]!);
        });
      }
    } else if (taking) {
      for (const log of this.logs) {
        queries++;
        mappings.forEach((iovaPage, _ramPage, pages) => {
          log.take(iovaPage, pages, misplaced);
        });
      }
    }
    if (this.logging && type1 !== null && !taking) {
      queries++;
      mappings.forEach((iovaPage, _ramPage, pages) => {
        misplaced(iovaPage, pages);
      });
    } else if (this.logging && this.tracker === 'everything') this.#find(0, this.found.pages);
    mappings.forEach((iovaPage, _ramPage, pages) => {
      for (const { domain } of this.domains) this.#removeEntries(domain, iovaPage, pages);
    });
    for (const { domain } of this.domains) domain.flushDomain();
    this.mappings = 0;
    this.#pins.removeAll();
    this.counters.unmaps++;
    this.counters.flushes++;
    this.counters.queries += queries;
    const { dirty_ioctl, iommu_unmap, iotlb_flush } = this.#costs;
    return queries * dirty_ioctl + mappings.count * iommu_unmap + iotlb_flush;
  }

  /**
   * Unmap of one page with nothing in flight: its steps in one. Same outcome as the general way, to which it leaves what it
   * cannot do (-1).
   */
  #unmapSingle(nowNs: number, domain: Domain, iovaPage: number, ramPage: number): number {
    const logging = this.logging && this.tracker !== 'none';
    if (logging && this.tracker === 'device') return -1;
    const taken = takeSingle(domain.table, iovaPage);
    if (taken === NOT_TAKEN) return -1;
    this.counters.entries += domain.table.cost.entries;
    this.counters.flushes++;
    if (domain.atcs.length === 0) domain.iotlb.invalidatePage(domain.id, iovaPage);
    else domain.flushRange(iovaPage, 1);
    const { iommu_unmap, iotlb_flush } = this.#costs;
    if (!logging) return iommu_unmap + iotlb_flush;
    const askNs = this.type1 === null ? 0 : this.type1.unmapped(iovaPage, 1, ramPage);
    if (this.tracker !== 'iommu') {
      this.#find(ramPage, 1);
      return askNs + iommu_unmap + iotlb_flush;
    }
    if (taken === TAKEN_DIRTY) {
      if (this.#policy.steps[0] !== 'remove') this.#find(ramPage, 1);
      else {
        const { takenLo, takenHi } = domain.table;
        const place = this.#place(domain, 'unmap-only', 'remove', iovaPage, takenLo, takenHi);
        this.#drop.dropped(nowNs + iommu_unmap, this.name, NOT_READ, ramPage, 1, place);
      }
    }
    if (this.#asksFirst) this.counters.queries++;
    return askNs + this.#singleNs;
  }

  /** Nobody asks for dirt. */
  #plainUnmap(nowNs: number, iovaPage: number, pages: number, pieces: number): number {
    const unmappedNs = nowNs + this.#costs.iommu_unmap * pieces;
    if (this.inFlight.dueNs <= unmappedNs) this.inFlight.playUntil(unmappedNs);
    for (let i = 0; i < this.domains.length; i++) this.#removeEntries(this.domains[i]!.domain, iovaPage, pages);
    const flushedNs = unmappedNs + this.#costs.iotlb_flush * pieces;
    if (this.inFlight.dueNs <= flushedNs) this.inFlight.playUntil(flushedNs);
    for (let i = 0; i < this.domains.length; i++) this.#flush(this.domains[i]!.domain, iovaPage, pages, pieces);
    return flushedNs - nowNs;
  }

  /** The policy's steps, one after another in time, on every domain; device writes fall between them. */
  #unmapTaking(
    nowNs: number,
    iovaPage: number,
    ramPage: number,
    pages: number,
    pieces: number,
    entry: UnmapEntry,
  ): number {
    const policy = entry === 'translated' ? this.#policy : unmapPolicyNamed('unmap-only');
    const scale = this.#pagesPerGranule;
    const tasks = this.domains.map(({ domain, tracked }) =>
      tracked ? new UnmapTask(domain, policy, iovaPage / scale, pages / scale, this.#dropLastOfReplicated) : null,
    );
    let timeNs = nowNs;
    for (const op of policy.steps) {
      const costNs = this.#stepNs(op, pieces, pages);
      // A read happens at the beginning of its ioctl; what takes a translation away has happened at the end of its time.
      const reads = READS.has(op);
      const atNs = reads ? timeNs : timeNs + costNs;
      timeNs += costNs;
      if (this.inFlight.dueNs <= atNs) this.inFlight.playUntil(atNs);
      for (let i = 0; i < this.domains.length; i++) {
        const { domain } = this.domains[i]!;
        const task = tasks[i] ?? null;
        if (task === null) {
          // Nobody asks an untracked domain: its entries go with the first step that takes the others'.
          if (op === 'flush') this.#flush(domain, iovaPage, pages, pieces);
          else if (TAKES.has(op)) this.#removeEntries(domain, iovaPage, pages);
          continue;
        }
        const step = task.step();
        this.counters.entries += step.entries;
        if (reads) this.counters.queries += pieces;
        if (op === 'flush') this.counters.flushes += pieces;
        if (step.dropped > 0) {
          const { droppedLo, droppedHi, dropped } = task;
          const first = dropped.firsts[0]! * scale;
          const place = this.#place(domain, policy.name, op, first, droppedLo, droppedHi);
          this.#say(atNs, dropped, causeOf(op, policy, entry), iovaPage, ramPage, place);
        }
      }
    }
    for (const task of tasks) {
      if (task !== null && entry === 'translated') this.#findRuns(task.found, iovaPage, ramPage, pages);
    }
    return timeNs - nowNs;
  }

  /**
   * What a step of an unmap takes: an ioctl and a flush for each mapping, a look for each page. What a type1 container is
   * asked has been counted with its bitmaps.
   */
  #stepNs(op: MicroOp, pieces: number, pages: number): number {
    const { dirty_ioctl, iotlb_flush, iommu_unmap, pte_walk } = this.#costs;
    switch (op) {
      case 'read':
      case 'read-and-clear':
        return (this.type1 === null ? dirty_ioctl * pieces : 0) + pte_walk * pages;
      case 'flush':
        return iotlb_flush * pieces;
      case 'non-present':
      case 'exchange':
        return iommu_unmap * pieces;
      case 'read-back':
      case 'look':
        return pte_walk * pages;
      case 'remove':
        return iommu_unmap * pieces;
    }
  }

  /** Says what a step dropped, and forgets it. */
  #say(nowNs: number, dropped: DirtyRuns, cause: string, iovaPage: number, ramPage: number, place?: DropPlace): void {
    const scale = this.#pagesPerGranule;
    for (let r = 0; r < dropped.length; r++) {
      const first = ramPage + (dropped.firsts[r]! * scale - iovaPage);
      this.#drop.dropped(nowNs, this.name, cause, first, dropped.counts[r]! * scale, place);
    }
    dropped.reset();
  }

  /** Only where dirt is lost: what took it, and the entry's word before and after that. */
  #place(
    domain: Domain,
    policy: UnmapPolicyName,
    step: MicroOp,
    iovaPage: number,
    beforeLo: number,
    beforeHi: number,
  ): DropPlace {
    const { table } = domain;
    const e = findEntry(table, iovaPage / this.#pagesPerGranule);
    const [afterLo, afterHi] = e < 0 ? [0, 0] : [table.arena.words[2 * e]!, table.arena.words[2 * e + 1]!];
    const iova = iovaPage * PAGE_SIZE;
    return { policy, step, iova, format: table.format.name, beforeLo, beforeHi, afterLo, afterHi };
  }

  #read(domain: Domain, iovaPage: number, pages: number): void {
    const scale = this.#pagesPerGranule;
    this.#runs.reset();
    domain.table.readDirty(iovaPage / scale, pages / scale, { clear: false }, this.#runs);
    this.counters.entries += domain.table.cost.entries;
  }

  #removeEntries(domain: Domain, iovaPage: number, pages: number): void {
    const scale = this.#pagesPerGranule;
    domain.table.unmap(iovaPage / scale, pages / scale);
    this.counters.entries += domain.table.cost.entries;
  }

  #flush(domain: Domain, iovaPage: number, pages: number, pieces: number): void {
    this.counters.flushes += pieces;
    domain.flushRange(iovaPage / this.#pagesPerGranule, pages / this.#pagesPerGranule);
  }

  /** Bits of the runs, placed by the notification's address and cut to the range. */
  #findRuns(runs: DirtyRuns, iovaPage: number, ramPage: number, pages: number): void {
    const scale = this.#pagesPerGranule;
    for (let r = 0; r < runs.length; r++) {
      const from = Math.max(runs.firsts[r]! * scale, iovaPage);
      const to = Math.min((runs.firsts[r]! + runs.counts[r]!) * scale, iovaPage + pages);
      if (to > from) this.#find(ramPage + (from - iovaPage), to - from);
    }
  }

  #find(ramPage: number, pages: number): void {
    this.counters.unmapDirtyPages += pages;
    if (pages === 1) this.found.set(ramPage);
    else this.found.setRange(ramPage, pages);
  }
}

const READS: ReadonlySet<MicroOp> = new Set<MicroOp>(['read', 'read-and-clear']);

const TAKES: ReadonlySet<MicroOp> = new Set<MicroOp>(['remove', 'exchange', 'non-present']);

function causeOf(op: MicroOp, policy: UnmapPolicy, entry: UnmapEntry): string {
  if (op === 'flush') return HELD_TOO_LATE;
  if (READS.has(op)) return LAST_OF_REPEATED;
  if (entry !== 'translated') return NO_ENTRY;
  return policy.steps[0] === 'remove' ? NOT_READ : WRITTEN_BETWEEN;
}
