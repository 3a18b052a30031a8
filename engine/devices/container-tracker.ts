// The VMM's dirty tracking of one VFIO container: start, sync, stop, by the tracker chosen (QEMU's choice: choice.ts).
//
//   iommu       one GET_DIRTY_BITMAP per domain and mapped section: clean what is dirty, then flush the IOTLB
//   device      one DMA_LOGGING_REPORT per device and section
//   everything  every page of every section, at every sync
//   pinned      the pages that the devices' drivers have pinned, at every sync (type1 with mediated devices)
//   none        nothing: what the devices write, nobody reports
// Behind a shadowing vIOMMU a section is a guest mapping, and each costs an ioctl: the sync is proportional to mappings.
// How a domain is read, and what falls between clear and flush: domain-sync.ts.
// Invariant: with after-clear, a write is in this sync or in the next.
// Left out: populated parts only (virtio-mem).
// Sources: QEMU hw/vfio/common.c vfio_sync_dirty_bitmap(), vfio_container_query_dirty_bitmap(); iommufd
// io_pagetable.c iopt_read_and_clear_dirty_data(), iopt_clear_dirty_data() (at enable).

import type { DirtyBitmap } from '../core/bitmap.ts';
import type { Costs } from '../core/costs.ts';
import type { Outcome } from '../core/errno.ts';
import { ok, refuse } from '../core/errno.ts';
import { invariant } from '../core/invariant.ts';
import type { DirtyTracker, DropSink, HarvestReport, LockReport } from '../core/ports.ts';
import { PAGE_SIZE } from '../core/units.ts';
import { DirtyRuns } from '../iommu/runs.ts';
import type { DmaLog } from '../vfio/dma-log.ts';
import type { GuestDma } from '../viommu/guest-dma.ts';
import type { GuestMappings } from '../viommu/guest-mappings.ts';
import type { InFlight } from '../viommu/in-flight.ts';
import type { RamSection } from '../viommu/ram-map.ts';
import type { VmmContainer } from '../viommu/vmm-container.ts';
import type { BlockGrain } from './block-grain.ts';
import type { PageRange } from './config.ts';
import type { FlushOrder, Report } from './domain-sync.ts';
import { readAll, syncMappings, syncSections } from './domain-sync.ts';
import { loggedRange, loggingHulls } from './logging-hulls.ts';
import type { IovaRange } from './logging-hulls.ts';
import { askForMappings, bitmapsNs, readsTogether } from './sync-calls.ts';
import type { QueryRange } from './sync-calls.ts';

export interface ContainerTrackerOptions {
  readonly container: VmmContainer;
  readonly costs: Costs;
  readonly flush: FlushOrder;
  readonly query: QueryRange;
  /** Linux: a read ends silently at the first hole of its range. */
  readonly walkStopsAtHole: boolean;
  /** The defect of Linux 7.x with repeated AMD leaves. */
  readonly dropLastOfReplicated: boolean;
  readonly drop: DropSink;
  readonly grain: BlockGrain;
  /** x-pre-copy-dirty-page-tracking: off asks only at the last stage. */
  readonly duringPrecopy: boolean;
  /** Logs of the devices in the container, in the order of the devices. */
  readonly logs: readonly DmaLog[];
  /** Lets the container's devices perform what is due until then. */
  readonly advance: (untilNs: number) => void;
  /** The same without their drivers, which wait for the big lock while a sync holds it. */
  readonly advanceDma: (untilNs: number) => void;
  /** All DMA of the container's devices, for what is unmapped under them. */
  readonly devicesInFlight: InFlight;
  /** Pages that the devices' drivers pin: their buffers. */
  readonly pinned: readonly PageRange[];
  /** The guest's driver where a vIOMMU is shadowed; null where the container holds flat sections now. */
  readonly guest: () => GuestDma | null;
  /** Told how long the big lock is held by a sync of guest mappings. */
  readonly holdBigLock: (fromNs: number, untilNs: number) => void;
}

/** Why writes of a container go unnoticed. */
export const UNTRACKED_HWPT = 'written through an HWPT without dirty tracking, which the sync skips';
export const NO_TRACKER = 'nothing tracks the devices of this container';

export class ContainerTracker implements DirtyTracker {
  readonly name: string;
  readonly #options: ContainerTrackerOptions;
  readonly #container: VmmContainer;
  readonly #sections: RamSection[] = [];
  /** region_del so far. */
  sectionsRemoved = 0;
  readonly #runs = new DirtyRuns();

  constructor(options: ContainerTrackerOptions) {
    this.name = options.container.name;
    this.#options = options;
    this.#container = options.container;
  }

  /** Flat sections mapped now. */
  get sections(): readonly RamSection[] {
    return this.#sections;
  }

  /** The memory listener's region_add: maps the section, and syncs it from now on. */
  regionAdd(section: RamSection): Outcome<number> {
    const mapped = this.#container.mapSection(section.gpaPage, section.ramPage, section.pages, section.readonly);
    if (mapped.ok) this.#sections.push(section);
    return mapped;
  }

  /**
   * region_del. `entry` 'none': QEMU before 11.0 gave no IOTLB entry, so that dirt read at the unmap had no place.
   */
  regionDel(nowNs: number, section: RamSection, entry: 'translated' | 'none'): Outcome<number> {
    const at = this.#sections.findIndex((s) => s.gpaPage === section.gpaPage && s.pages === section.pages);
    if (at < 0) return refuse('ENOENT', `no section at gpa page ${section.gpaPage}`);
    this.#options.advance(nowNs);
    this.#sections.splice(at, 1);
    this.sectionsRemoved++;
    const container = this.#container;
    const { inFlight } = container;
    container.inFlight = this.#options.devicesInFlight;
    const durationNs = container.unmap(nowNs, section.gpaPage, section.ramPage, section.pages, 1, entry);
    container.inFlight = inFlight;
    return ok(durationNs);
  }

  get #mappings(): GuestMappings | null {
    return this.#options.guest()?.mappings ?? null;
  }

  start(nowNs: number): Outcome<LockReport> {
    this.#options.advance(nowNs);
    const container = this.#container;
    const { costs } = this.#options;
    let durationNs = 0;
    if (container.tracker === 'device') {
      const ranges = loggingHulls(this.#mapped()).map(loggedRange);
      for (const log of this.#options.logs) {
        const started = log.start(ranges, ranges.length, BigInt(PAGE_SIZE));
        if (!started.ok) return started;
        durationNs += costs.dirty_ioctl;
      }
    }
    if (container.tracker === 'iommu') {
      for (const { domain, tracked } of container.domains) {
        if (!tracked) continue;
        const { grain } = this.#options;
        if (grain.config.split === 'at-start') {
          durationNs += grain.splitSections(nowNs + durationNs, domain, this.#sections);
        }
        // Enabling clears the bits of every area, then flushes once, then switches the hardware on.
        this.#runs.reset();
        readAll(domain, this.#runs);
        domain.flushDomain();
        domain.setTracking(true);
        durationNs += costs.dirty_ioctl + costs.iotlb_flush + costs.pte_walk * domain.table.cost.entries;
      }
    }
    this.#sayBlind(nowNs);
    container.found.reset();
    container.logging = true;
    return ok({ durationNs: Math.round(durationNs), lockHeldNs: 0 });
  }

  /** What this container's trackers will never see. */
  #sayBlind(nowNs: number): void {
    const { tracker, domains } = this.#container;
    const skipped = tracker === 'iommu' && domains.some(({ tracked }) => !tracked);
    if (tracker !== 'none' && !skipped) return;
    const cause = skipped ? UNTRACKED_HWPT : NO_TRACKER;
    const { drop } = this.#options;
    for (const { ramPage, pages } of this.#sections) drop.blinded(nowNs, this.name, cause, ramPage, pages);
    this.#mappings?.forEach((_iova, ramPage, pages) => {
      drop.blinded(nowNs, this.name, cause, ramPage, pages);
    });
  }

  stop(nowNs: number): number {
    this.#options.advance(nowNs);
    const container = this.#container;
    let durationNs = 0;
    for (const log of container.tracker === 'device' ? this.#options.logs : []) {
      log.stop();
      durationNs += this.#options.costs.dirty_ioctl;
    }
    for (const { domain, tracked } of container.tracker === 'iommu' ? container.domains : []) {
      if (!tracked) continue;
      domain.setTracking(false);
      const { grain } = this.#options;
      if (grain.config.collapse) durationNs += grain.collapseSections(nowNs + durationNs, domain, this.#sections);
      durationNs += this.#options.costs.dirty_ioctl + this.#options.costs.iotlb_flush;
    }
    if (container.logging) container.type1?.tell(nowNs);
    container.logging = false;
    return Math.round(durationNs);
  }

  harvest(nowNs: number, into: DirtyBitmap, lastStage: boolean): HarvestReport {
    this.#options.advance(nowNs);
    const container = this.#container;
    invariant(container.logging, 'a sync follows the start of logging');
    const report = { pages: 0, durationNs: 0, lockHeldNs: 0, entriesTouched: 0, iotlbFlushes: 0 };
    const { found } = container;
    report.pages += found.count;
    into.orFrom(found, 0, 0, found.pages);
    found.reset();
    if (!this.#options.duringPrecopy && !lastStage) return report;
    if (container.tracker === 'iommu') this.#harvestDomains(nowNs, into, lastStage, report);
    else if (container.tracker === 'device') this.#harvestLogs(into, report);
    else if (container.tracker === 'everything') this.#everything(nowNs, into, report);
    else if (container.tracker === 'pinned') this.#pinned(nowNs, into, report);
    const guest = this.#options.guest();
    if (guest !== null && container.tracker !== 'pinned')
      report.durationNs += guest.replay() * this.#options.costs.viommu_walk;
    report.durationNs = Math.round(report.durationNs);
    if (guest !== null) this.#options.holdBigLock(nowNs, nowNs + report.durationNs);
    return report;
  }

  #harvestDomains(nowNs: number, into: DirtyBitmap, lastStage: boolean, report: Report): void {
    const mappings = this.#mappings;
    const { domains, name, type1 } = this.#container;
    const sync = { ...this.#options, type1, name, nowNs, into, lastStage, report, runs: this.#runs };
    for (const { domain, tracked } of domains) {
      if (!tracked) continue;
      if (mappings === null) syncSections(sync, domain, this.#sections);
      else syncMappings(sync, domain, mappings);
    }
  }

  #harvestLogs(into: DirtyBitmap, report: Report): void {
    const { costs, logs } = this.#options;
    const mappings = this.#mappings;
    for (const log of logs) {
      if (mappings === null) {
        for (const section of this.#sections) {
          if (section.readonly) continue;
          log.take(section.gpaPage, section.pages, (first, count) => {
            into.setRange(section.ramPage + (first - section.gpaPage), count);
            report.pages += count;
          });
          report.durationNs += costs.dirty_ioctl;
        }
        continue;
      }
      log.take(0, mappings.space.limitPage + 1, (first, count) => {
        for (let i = 0; i < count; i++) {
          const ramPage = mappings.translate(first + i);
          if (ramPage < 0) continue;
          into.set(ramPage);
          report.pages++;
        }
      });
      report.durationNs += mappings.count * costs.viommu_sync_mapping;
    }
  }

  #everything(nowNs: number, into: DirtyBitmap, report: Report): void {
    const mappings = this.#mappings;
    for (const section of this.#sections) {
      if (section.readonly) continue;
      into.setRange(section.ramPage, section.pages);
      report.pages += section.pages;
    }
    mappings?.forEach((_iova, ramPage, pages) => {
      into.setRange(ramPage, pages);
      report.pages += pages;
    });
    report.durationNs += this.#askNs(nowNs);
  }

  #pinned(nowNs: number, into: DirtyBitmap, report: Report): void {
    for (const { firstPage, pages } of this.#options.pinned) {
      into.setRange(firstPage, pages);
      report.pages += pages;
    }
    report.durationNs += this.#askNs(nowNs);
  }

  /** The calls of a sync whose answer is known: for each section or guest mapping, or for all of them together. */
  #askNs(nowNs: number): number {
    const { costs, query } = this.#options;
    const { type1 } = this.#container;
    const mappings = this.#mappings;
    if (mappings !== null) return askForMappings({ costs, query, type1, nowNs }, mappings).ns;
    const asked = this.#sections.filter((section) => !section.readonly).sort((a, b) => a.gpaPage - b.gpaPage);
    if (type1 === null) return costs.dirty_ioctl * asked.length;
    if (query === 'space' && readsTogether(type1, nowNs, asked)) return bitmapsNs(type1, costs, asked);
    return asked.reduce((ns, section) => ns + bitmapsNs(type1, costs, [section]), 0);
  }

  /** What DMA can reach now, for the ranges of a device's log. */
  #mapped(): IovaRange[] {
    const ranges: IovaRange[] = this.#sections
      .filter((section) => !section.readonly)
      .map((section) => ({ first: section.gpaPage, pages: section.pages }));
    this.#mappings?.forEach((iova, _ramPage, pages) => ranges.push({ first: iova, pages }));
    return ranges;
  }
}
