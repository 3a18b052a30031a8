// One VFIO container as the VMM sees it: an IO address space that is mapped and unmapped, with dirt taken at unmaps while
// a migration logs. Flat RAM sections (memory listener) and guest mappings (vIOMMU notifier) both come here.
//
// Unmap while logging, by tracker:
//   iommu       the policy's steps in time (unmap-steps.ts)
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
import type { DropSink } from '../core/ports.ts';
import { HOST_BASE_PAGE } from '../iommu/dmaport.ts';
import type { Domain } from '../iommu/domain.ts';
import { READ, WRITE } from '../iommu/formats/format.ts';
import { ContainerTables } from './container-tables.ts';
import type { ContainerCounters, ContainerDomain } from './container-tables.ts';
import type { GuestMappings } from './guest-mappings.ts';
import type { UnmapPolicy, UnmapPolicyName } from '../iommu/unmappolicies.ts';
import { unmapPolicyNamed } from '../iommu/unmappolicies.ts';
import { NOT_TAKEN, TAKEN_DIRTY, mapSingle, takeSingle } from '../iommu/singleleaf.ts';
import type { InFlight } from './in-flight.ts';
import type { Type1Bitmaps } from './type1-bitmaps.ts';
import { NOTHING_IN_FLIGHT } from './in-flight.ts';
import type { ContainerPins } from './pinning.ts';
import { OVER_LIMIT } from './pinning.ts';
import { AT_ZERO, NOT_READ, NO_ENTRY, reads } from './unmap-causes.ts';
import type { UnmapEntry } from './unmap-causes.ts';
import { UnmapSteps } from './unmap-steps.ts';

export type TrackerKind = 'device' | 'iommu' | 'everything' | 'pinned' | 'none';

/** What the container needs of a device's own log. */
export interface LogReader {
  take(firstIovaPage: number, pages: number, visit: (firstIovaPage: number, pages: number) => void): void;
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

const FULL = refuse('ENOSPC', 'the container holds as many mappings as it may');
const OVER_MEMLOCK = refuse('ENOMEM', 'RLIMIT_MEMLOCK forbids to pin more');

export class VmmContainer {
  readonly name: string;
  readonly domains: readonly ContainerDomain[];
  readonly tracker: TrackerKind;
  readonly type1: Type1Bitmaps | null;
  readonly logs: LogReader[] = [];
  /** Dirt found at unmaps, by RAM page; the next harvest takes it. */
  readonly found: DirtyBitmap;
  readonly counters: ContainerCounters;
  /** Between log_global_start and log_global_stop. */
  logging = false;
  /** Mappings it holds, each of an ioctl. */
  mappings = 0;
  /** Pages of guest RAM that its sections pinned and nobody had pinned before, so far. */
  pagesPinned = 0;
  /** The devices' writes between an unmap's steps. */
  inFlight: InFlight = NOTHING_IN_FLIGHT;
  readonly #policy: UnmapPolicy;
  readonly #mappingsMax: number;
  readonly #pins: ContainerPins;
  readonly #costs: Costs;
  readonly #drop: DropSink;
  readonly #tables: ContainerTables;
  readonly #steps: UnmapSteps;
  /** The one domain, where single pages can go the short way: page-sized granules, Dirty in memory. */
  readonly #onlyDomain: Domain | null;
  readonly #mapped: Outcome<number>;
  readonly #mappedPinned: Outcome<number>;
  /** What the policy takes for one page; whether it begins with a query; and the longest that an unmap of a page takes. */
  readonly #singleNs: number;
  readonly #asksFirst: boolean;
  readonly #unmapNsMax: number;

  constructor(options: VmmContainerOptions) {
    this.name = options.name;
    this.domains = options.domains;
    this.tracker = options.tracker;
    this.found = new DirtyBitmap(options.ramPages);
    this.#policy = unmapPolicyNamed(options.defectUnmapWithoutQuery ? 'unmap-only' : options.unmapPolicy);
    this.type1 = options.type1;
    this.#tables = new ContainerTables(options.domains);
    this.counters = this.#tables.counters;
    this.#steps = new UnmapSteps(options, this.#policy, this.#tables);
    this.#mappingsMax = options.mappingsMax;
    this.#pins = options.pins;
    this.#costs = options.costs;
    this.#drop = options.drop;
    const [only] = options.domains;
    const plain =
      options.domains.length === 1 &&
      this.#tables.pagesPerGranule === 1 &&
      only !== undefined &&
      !only.domain.iotlb.held;
    this.#onlyDomain = plain && (only.tracked || options.tracker !== 'iommu') ? only.domain : null;
    const { iommu_map, iommu_unmap, iotlb_flush, pin_page } = options.costs;
    this.#mapped = ok(iommu_map);
    this.#mappedPinned = ok(iommu_map + pin_page);
    this.#singleNs = this.#policy.steps.reduce((sum, op) => sum + this.#steps.costNs(op, 1, 1), 0);
    this.#asksFirst = reads(this.#policy.steps[0]!);
    const askNs = options.type1?.pageNsMax ?? 0;
    this.#unmapNsMax = askNs + Math.max(this.#singleNs, iommu_unmap + iotlb_flush);
  }

  /** Why a guest's mapping, made by several calls, would be refused; undefined where it would not. */
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
    const scale = this.#tables.pagesPerGranule;
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
    if (this.tracker === 'iommu') {
      const range = { iovaPage, ramPage, pages, pieces };
      return this.#steps.unmap(nowNs, this.inFlight, range, entry, this.#found);
    }
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
          const runs = this.#tables.read(domain, iovaPage, pages);
          for (let r = 0; r < runs.length; r++) misplaced(runs.firsts[r]!, runs.counts[r]!);
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
      for (const { domain } of this.domains) this.#tables.remove(domain, iovaPage, pages);
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
        const place = this.#tables.place(domain, 'unmap-only', 'remove', iovaPage, takenLo, takenHi);
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
    for (let i = 0; i < this.domains.length; i++) this.#tables.remove(this.domains[i]!.domain, iovaPage, pages);
    const flushedNs = unmappedNs + this.#costs.iotlb_flush * pieces;
    if (this.inFlight.dueNs <= flushedNs) this.inFlight.playUntil(flushedNs);
    for (let i = 0; i < this.domains.length; i++) this.#tables.flush(this.domains[i]!.domain, iovaPage, pages, pieces);
    return flushedNs - nowNs;
  }

  readonly #found = (ramPage: number, pages: number): void => {
    this.#find(ramPage, pages);
  };

  #find(ramPage: number, pages: number): void {
    this.counters.unmapDirtyPages += pages;
    if (pages === 1) this.found.set(ramPage);
    else this.found.setRange(ramPage, pages);
  }
}
