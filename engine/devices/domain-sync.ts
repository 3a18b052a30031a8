// How one sync reads one IOMMU domain: sections of guest RAM, or a guest's own mappings.
//
// Order of clear and flush: `after-clear` is Linux (an entry that was cleaned is flushed before the caller may send the
// page); `before-clear` and `never` are what it guards against. The devices write on during the walk: `advance` lets them
// go ahead to the flush, so that writes fall between the two as they would. Where the IOTLB holds Dirty bits back, a
// driver must flush before it reads as well, or the last writes would never be in memory: after-clear does both then.
// Range of a query: one for each mapped section, as QEMU asks; or one for the whole space, which Linux ends without a word
// at the first hole, so that nothing behind it is read or cleaned.
// A type1 container passes over holes, answers with a bitmap whose bits cost time too, and may want to be asked mapping by
// mapping (viommu/type1-bitmaps.ts).
// Guest mappings: QEMU asks for each, an ioctl and a flush apiece, under the big lock. The bits are read in one pass, since
// their order does not matter, and are placed by each mapping's translated address; the time is that of the single queries,
// and what lies between clear and flush of each is let pass once, for all. Only devices go on meanwhile: a driver's requests
// wait for the big lock.
// What a defect leaves out is said to the drop sink.
// Left out: the walk is one instant at its beginning (a write before or behind the walker shows next time in both cases).
// Sources: hw/vfio/common.c vfio_sync_dirty_bitmap(), vfio_container_query_dirty_bitmap(); io_pagetable.c
// iopt_read_and_clear_dirty_data().

import type { DirtyBitmap } from '../core/bitmap.ts';
import type { Costs } from '../core/costs.ts';
import type { DropPlace, DropSink, HarvestReport } from '../core/ports.ts';
import type { Domain } from '../iommu/domain.ts';
import { POWER_OF_TWO } from '../iommu/leafchoice.ts';
import { DirtyRuns, runsWithout } from '../iommu/runs.ts';
import type { GuestMappings } from '../viommu/guest-mappings.ts';
import type { RamSection } from '../viommu/ram-map.ts';
import type { Type1Bitmaps } from '../viommu/type1-bitmaps.ts';
import { LAST_OF_REPEATED } from '../viommu/unmap-causes.ts';
import type { BlockGrain } from './block-grain.ts';
import { EntryBefore } from './entry-words.ts';
import { askForMappings, bitmapsNs, readsTogether } from './sync-calls.ts';
import type { QueryRange } from './sync-calls.ts';

export type FlushOrder = 'after-clear' | 'before-clear' | 'never';
export type Report = { -readonly [K in keyof HarvestReport]: HarvestReport[K] };

export const BEHIND_HOLE = 'never read: the query of the whole space ended at a hole';

export const UNFLUSHED =
  'Dirty cleared without an IOTLB flush after it: an entry that holds Dirty does not set it again';

export interface Sync {
  readonly name: string;
  readonly costs: Costs;
  readonly flush: FlushOrder;
  readonly query: QueryRange;
  readonly walkStopsAtHole: boolean;
  readonly dropLastOfReplicated: boolean;
  readonly drop: DropSink;
  readonly grain: BlockGrain;
  readonly type1: Type1Bitmaps | null;
  readonly advance: (untilNs: number) => void;
  readonly advanceDma: (untilNs: number) => void;
  readonly nowNs: number;
  readonly into: DirtyBitmap;
  readonly lastStage: boolean;
  readonly report: Report;
  readonly runs: DirtyRuns;
}

export function syncSections(sync: Sync, domain: Domain, sections: readonly RamSection[]): void {
  const ascending = [...sections].sort((a, b) => a.gpaPage - b.gpaPage);
  if (sync.query === 'section' || (sync.type1 !== null && !readsTogether(sync.type1, sync.nowNs, ascending))) {
    for (const section of sections) if (!section.readonly) readSections(sync, domain, [section]);
    return;
  }
  let reached = ascending.length;
  if (sync.walkStopsAtHole && sync.type1 === null) {
    const gap = ascending.findIndex((section, i) => i > 0 && section.gpaPage !== endOf(ascending[i - 1]!));
    // A walk that starts in a hole reads nothing.
    reached = ascending[0]?.gpaPage !== 0 ? 0 : gap < 0 ? ascending.length : gap;
  }
  readSections(sync, domain, ascending.slice(0, reached));
  if (sync.lastStage) for (const section of ascending.slice(reached)) sayBehindHole(sync, domain, section);
}

/** One ioctl over sections that follow each other. */
function readSections(sync: Sync, domain: Domain, sections: readonly RamSection[]): void {
  const { flush, costs, advance, nowNs, report, into, runs } = sync;
  const scale = pagesPerGranule(domain);
  report.durationNs += sync.type1 === null ? costs.dirty_ioctl : bitmapsNs(sync.type1, costs, sections);
  if (flushesFirst(sync, domain)) {
    flushSections(domain, sections);
    report.iotlbFlushes++;
    report.durationNs += costs.iotlb_flush;
    advance(nowNs + report.durationNs);
  }
  for (const section of sections) {
    const { gpaPage, ramPage, pages } = section;
    const first = gpaPage / scale;
    const count = pages / scale;
    const omitted = sync.dropLastOfReplicated ? lastOfRepeated(domain, gpaPage, pages) : null;
    const entry = flush === 'after-clear' ? null : firstDirty(domain, first, count, runs);
    runs.reset();
    domain.table.readDirty(first, count, { clear: true, dropLastOfReplicated: sync.dropLastOfReplicated }, runs);
    if (omitted !== null) sayLastOfRepeated(sync, omitted, ramPage - gpaPage, scale);
    const unflushed = entry?.place(`flush ${flush}`, 'read-and-clear');
    const { entries } = domain.table.cost;
    report.entriesTouched += entries;
    report.durationNs += entries * costs.pte_walk;
    for (let r = 0; r < runs.length; r++) {
      // A leaf is recorded whole, beyond the section too: the VMM's bitmap ends with the section.
      const from = Math.max(runs.firsts[r]! * scale, gpaPage);
      const to = Math.min((runs.firsts[r]! + runs.counts[r]!) * scale, gpaPage + pages);
      if (to <= from) continue;
      into.setRange(ramPage + (from - gpaPage), to - from);
      report.pages += to - from;
      if (flush !== 'after-clear')
        sync.drop.blinded(nowNs, sync.name, UNFLUSHED, ramPage + (from - gpaPage), to - from, unflushed);
    }
    report.durationNs += sync.grain.splitFound(nowNs + report.durationNs, domain, runs, section);
  }
  if (flush === 'after-clear') {
    report.durationNs += costs.iotlb_flush;
    advance(nowNs + report.durationNs);
    flushSections(domain, sections);
    report.iotlbFlushes++;
  }
}

export function syncMappings(sync: Sync, domain: Domain, mappings: GuestMappings): void {
  const { flush, costs, report, into, runs } = sync;
  if (sync.query === 'space' && sync.walkStopsAtHole && sync.type1 === null) {
    // Page 0 is never mapped: the walk starts in a hole.
    report.durationNs += costs.dirty_ioctl;
    if (!sync.lastStage) return;
    mappings.forEach((iovaPage, ramPage, pages) => {
      runs.reset();
      domain.table.readDirty(iovaPage, pages, { clear: false }, runs);
      for (let r = 0; r < runs.length; r++) {
        const at = ramPage + (runs.firsts[r]! - iovaPage);
        sync.drop.dropped(sync.nowNs, sync.name, BEHIND_HOLE, at, runs.counts[r]!, unread(domain, runs.firsts[r]!));
      }
    });
    return;
  }
  let elapsedNs = costs.dirty_ioctl;
  const flushedFirst = flushesFirst(sync, domain);
  if (flushedFirst) {
    domain.flushDomain();
    elapsedNs += costs.iotlb_flush;
    sync.advanceDma(sync.nowNs + elapsedNs);
  }
  const omissions: { readonly omitted: Omitted; readonly offset: number }[] = [];
  if (sync.dropLastOfReplicated) {
    mappings.forEach((iovaPage, ramPage, pages) => {
      const omitted = lastOfRepeated(domain, iovaPage, pages);
      if (omitted !== null) omissions.push({ omitted, offset: ramPage - iovaPage });
    });
  }
  const entry = flush === 'after-clear' ? null : firstDirty(domain, 0, granulesOf(domain), runs);
  runs.reset();
  readAll(domain, runs, sync.dropLastOfReplicated);
  for (const { omitted, offset } of omissions) sayLastOfRepeated(sync, omitted, offset, 1);
  const unflushed = entry?.place(`flush ${flush}`, 'read-and-clear');
  for (let r = 0; r < runs.length; r++) {
    const page = runs.firsts[r]!;
    for (let i = 0; i < runs.counts[r]!; i++) {
      const ramPage = mappings.translate(page + i);
      if (ramPage < 0) continue;
      into.set(ramPage);
      report.pages++;
      if (flush !== 'after-clear') sync.drop.blinded(sync.nowNs, sync.name, UNFLUSHED, ramPage, 1, unflushed);
    }
  }
  if (flush === 'after-clear') {
    sync.advanceDma(sync.nowNs + elapsedNs + costs.pte_walk + costs.iotlb_flush);
    domain.flushDomain();
  }
  const flushes = (flushedFirst ? 1 : 0) + (flush === 'after-clear' ? 1 : 0);
  const asked = askForMappings(sync, mappings);
  const ioctls = asked.ioctls;
  report.entriesTouched += mappings.pagesMapped;
  report.iotlbFlushes += ioctls * flushes;
  report.durationNs += asked.ns;
  report.durationNs += ioctls * flushes * costs.iotlb_flush + mappings.pagesMapped * costs.pte_walk;
}

/** Reads and clears every leaf of a domain. */
export function readAll(domain: Domain, runs: DirtyRuns, dropLastOfReplicated = false): void {
  domain.table.readDirty(0, granulesOf(domain), { clear: true, dropLastOfReplicated }, runs);
}

/** All that the format can map from 0. */
function granulesOf({ table }: Domain): number {
  const { iovaBits, granuleShift, signExtended } = table.format;
  return POWER_OF_TWO[iovaBits - granuleShift - (signExtended ? 1 : 0)]!;
}

/** The first dirty entry of a range, before a step cleans it. */
function firstDirty(domain: Domain, first: number, count: number, runs: DirtyRuns): EntryBefore | null {
  runs.reset();
  domain.table.readDirty(first, count, { clear: false }, runs);
  return runs.length === 0 ? null : new EntryBefore(domain, runs.firsts[0]!);
}

/** An entry that holds dirt which nobody asks for. */
const unread = (domain: Domain, granule: number): DropPlace =>
  new EntryBefore(domain, granule).place('query space', 'none');

function flushesFirst({ flush }: Sync, domain: Domain): boolean {
  return flush === 'before-clear' || (flush === 'after-clear' && domain.iotlb.held);
}

function flushSections(domain: Domain, sections: readonly RamSection[]): void {
  const scale = pagesPerGranule(domain);
  for (const { gpaPage, pages } of sections) domain.flushRange(gpaPage / scale, pages / scale);
}

function sayBehindHole(sync: Sync, domain: Domain, section: RamSection): void {
  const scale = pagesPerGranule(domain);
  sync.runs.reset();
  domain.table.readDirty(section.gpaPage / scale, section.pages / scale, { clear: false }, sync.runs);
  for (let r = 0; r < sync.runs.length; r++) {
    const first = section.ramPage + (sync.runs.firsts[r]! * scale - section.gpaPage);
    const place = unread(domain, sync.runs.firsts[r]!);
    sync.drop.dropped(sync.nowNs, sync.name, BEHIND_HOLE, first, sync.runs.counts[r]! * scale, place);
  }
}

/** Pages that a faulty read leaves out though it cleans them, and the entry of the first. */
interface Omitted {
  readonly runs: DirtyRuns;
  readonly entry: EntryBefore;
}

/** What the defect is about to leave out: dirty by a right read, and not by the faulty one. */
function lastOfRepeated(domain: Domain, gpaPage: number, pages: number): Omitted | null {
  const scale = pagesPerGranule(domain);
  const right = new DirtyRuns();
  domain.table.readDirty(gpaPage / scale, pages / scale, { clear: false }, right);
  if (right.length === 0) return null;
  const faulty = new DirtyRuns();
  domain.table.readDirty(gpaPage / scale, pages / scale, { clear: false, dropLastOfReplicated: true }, faulty);
  const runs = new DirtyRuns();
  runsWithout(right, faulty, runs);
  return runs.length === 0 ? null : { runs, entry: new EntryBefore(domain, runs.firsts[0]!) };
}

/** Names them when the faulty read has cleaned them; `offset`: from a page of the domain to the page of RAM. */
function sayLastOfRepeated(sync: Sync, { runs, entry }: Omitted, offset: number, scale: number): void {
  const place = entry.place('read and clear', 'read-and-clear');
  for (let r = 0; r < runs.length; r++) {
    const first = offset + runs.firsts[r]! * scale;
    sync.drop.dropped(sync.nowNs, sync.name, LAST_OF_REPEATED, first, runs.counts[r]! * scale, place);
  }
}

function endOf({ gpaPage, pages }: RamSection): number {
  return gpaPage + pages;
}

function pagesPerGranule(domain: Domain): number {
  return 1 << (domain.table.format.granuleShift - 12);
}
