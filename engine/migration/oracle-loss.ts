// The drop ledger: which step dropped the dirt of a page. Part of the oracle; nothing that tracks reads it.
//
// A step that drops dirt (an unmap without a query, a flush that was left out, a slot removed with bits in hardware buffers)
// says so when it does it. The ledger keeps the last drop of every page until the page is sent again, and turns the
// drops of one sampling interval into one `loss` event per source and cause. A drop is not yet a loss: only if the page
// still differs at the end does the oracle name it.
//
// A step that blinds a tracker for later writes (Dirty cleared without a flush) is kept apart: what it causes happens after the
// page was sent, so sending does not forget it. It names the loss where no drop does; each such cause makes one event.

import { DirtyBitmap } from '../core/bitmap.ts';
import type { DropPlace, EmitEvent } from '../core/ports.ts';

export interface Loss {
  readonly cause: string;
  readonly eventIndex: number;
  readonly writers: readonly string[];
  readonly pages: number;
  readonly runs: readonly (readonly [first: number, count: number])[];
}

export const LOSS_RUNS_MAX = 64;

export interface Drop {
  readonly cause: string;
  /** Of the step's event; -1: no step is known. */
  readonly timeNs: number;
  readonly eventIndex: number;
}

/** A page lost though no step said it dropped anything: a tracker has a hole that the model did not announce. */
export const NO_DROP: Drop = {
  cause: 'written after the last harvest, or unnoticed by every tracker',
  timeNs: -1,
  eventIndex: -1,
};

interface Cause {
  readonly source: string;
  readonly cause: string;
  /** Pages whose last drop this was. */
  readonly pages: DirtyBitmap;
  /** Drops not yet turned into an event: pairs (first, count). */
  pending: number[];
  /** Of the first pending drop. */
  place: DropPlace | undefined;
  /** Runs in `events`. */
  kept: number;
  /** Events made of them, each with its drops as pairs. */
  readonly events: { readonly index: number; readonly timeNs: number; readonly runs: readonly number[] }[];
}

/** A cause for which writes go unnoticed, with the pages it is true of. */
interface Blindness {
  readonly source: string;
  readonly cause: string;
  /** When it began. */
  readonly timeNs: number;
  readonly pages: DirtyBitmap;
  /** Of what was said first. */
  readonly place: DropPlace | undefined;
  eventIndex: number;
}

/** Runs kept per cause to find the event of a page; beyond it the first event stands for all. */
const RUNS_KEPT_MAX = 1 << 20;

export class DropLedger {
  readonly #pages: number;
  readonly #causes: Cause[] = [];
  readonly #blind: Blindness[] = [];

  constructor(pages: number) {
    this.#pages = pages;
  }

  reset(): void {
    this.#causes.length = 0;
    this.#blind.length = 0;
  }

  blinded(nowNs: number, source: string, cause: string, first: number, count: number, place?: DropPlace): void {
    let entry = this.#blind.find((known) => known.source === source && known.cause === cause);
    if (entry === undefined) {
      entry = { source, cause, timeNs: nowNs, pages: new DirtyBitmap(this.#pages), place, eventIndex: -1 };
      this.#blind.push(entry);
    }
    entry.pages.setRange(first, count);
  }

  dropped(_nowNs: number, source: string, cause: string, first: number, count: number, place?: DropPlace): void {
    let entry = this.#causes.find((known) => known.source === source && known.cause === cause);
    if (entry === undefined) {
      entry = { source, cause, pages: new DirtyBitmap(this.#pages), pending: [], place, kept: 0, events: [] };
      this.#causes.push(entry);
    }
    for (const other of this.#causes)
      if (other !== entry && other.pages.count > 0) other.pages.clearRange(first, count);
    entry.pages.setRange(first, count);
    if (entry.pending.length === 0) entry.place = place;
    entry.pending.push(first, count);
  }

  /** The pages were sent: earlier drops of them do not matter any more. */
  resolved(first: number, count: number): void {
    for (const { pages } of this.#causes) if (pages.count > 0) pages.clearRange(first, count);
  }

  emit(nowNs: number, emit: EmitEvent): void {
    for (const entry of this.#blind) {
      if (entry.eventIndex >= 0) continue;
      const { source, cause, timeNs, pages, place } = entry;
      entry.eventIndex = emit({
        timeNs,
        durationNs: 0,
        kind: 'loss',
        source,
        text: `${source}: ${cause}`,
        detail: { cause, pages: pages.count, firstPage: pages.nextSet(0), ...placeDetail(place) },
      });
    }
    for (const entry of this.#causes) {
      if (entry.pending.length === 0) continue;
      let pages = 0;
      for (let i = 1; i < entry.pending.length; i += 2) pages += entry.pending[i]!;
      const index = emit({
        timeNs: nowNs,
        durationNs: 0,
        kind: 'loss',
        source: entry.source,
        text: `${entry.source}: ${entry.cause}`,
        detail: { cause: entry.cause, pages, firstPage: entry.pending[0]!, ...placeDetail(entry.place) },
      });
      const keep = entry.kept < RUNS_KEPT_MAX;
      if (keep) entry.kept += entry.pending.length / 2;
      entry.events.push({ index, timeNs: nowNs, runs: keep ? entry.pending : [] });
      entry.pending = [];
    }
  }

  /** For each page the last drop of it, unless it was sent since. */
  finder(): (page: number) => Drop | undefined {
    const drops = new Map<number, Drop>();
    for (const { cause, pages, events } of this.#causes) {
      const fallback: Drop = { cause, timeNs: events[0]?.timeNs ?? -1, eventIndex: events[0]?.index ?? -1 };
      pages.forEachRun((first, count) => {
        for (let page = first; page < first + count; page++) drops.set(page, fallback);
      });
      for (const { index, timeNs, runs } of events) {
        const drop: Drop = { cause, timeNs, eventIndex: index };
        for (let i = 0; i < runs.length; i += 2) {
          const end = runs[i]! + runs[i + 1]!;
          for (let page = runs[i]!; page < end; page++) if (pages.test(page)) drops.set(page, drop);
        }
      }
    }
    return (page) => drops.get(page) ?? this.#blind.find(({ pages }) => pages.test(page));
  }
}

/** As an event has it: words in hexadecimal, because an event's numbers end at 2^53. */
function placeDetail(place: DropPlace | undefined): Record<string, string> {
  if (place === undefined) return {};
  const { policy, step, iova, format, beforeLo, beforeHi, afterLo, afterHi } = place;
  return {
    policy,
    step,
    iova: `0x${iova.toString(16)}`,
    format,
    pteBefore: word(beforeLo, beforeHi),
    pteAfter: word(afterLo, afterHi),
  };
}

function word(lo: number, hi: number): string {
  const half = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
  return `0x${half(hi)}${half(lo)}`;
}
