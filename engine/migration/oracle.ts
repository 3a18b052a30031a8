// The oracle: ground truth about every RAM page, apart from every tracker.
//
// It checks: whether the destination has the last contents of every page at the end (lost pages, with their writers and
// the step that dropped the dirt), and of every transmission of a page whether it was needed.
// It does not check: contents (two writes of the same value count as a change), the order of a page's transmissions, device
// state, what happens at the destination, or pages the guest does not own any more (see forget()).
//
// How it knows: one bitmap per writer, "written since last sent", which the writer sets and the oracle clears when the page is
// sent; a set bit means that the destination differs. Another bitmap knows which pages were ever sent. One-way: writers
// only set bits, the migration only reports, and no tracker imports this file (a dependency rule says so).
// A first transmission is never needless, not even of a page that was zero all along.

import { DirtyBitmap } from '../core/bitmap.ts';
import { invariant } from '../core/invariant.ts';
import type { DropPlace, DropSink, EmitEvent } from '../core/ports.ts';
import type { Loss } from './oracle-loss.ts';
import { DropLedger, LOSS_RUNS_MAX, NO_DROP } from './oracle-loss.ts';
import { OracleRows, powerOfTwoFrom } from './oracle-rows.ts';

export interface Verdict {
  /** Page transmissions, and of these the ones beyond the first of each page, and the ones that changed nothing. */
  readonly sent: number;
  readonly resent: number;
  readonly needless: number;
  readonly lost: number;
  readonly losses: readonly Loss[];
}

/** Called for each lost page, with the time of the step that dropped its dirt; -1 where no step did. */
export type LostPage = (page: number, timeNs: number) => void;

interface Writer {
  readonly name: string;
  readonly written: DirtyBitmap;
}

export class Oracle implements DropSink {
  readonly #pages: number;
  readonly #writers: Writer[] = [];
  readonly #everSent: DirtyBitmap;
  readonly #gone: DirtyBitmap;
  readonly #ledger: DropLedger;
  readonly rows: OracleRows;
  #sent = 0;
  #resent = 0;
  #needless = 0;

  /** `rowPages`: what is counted by row (see OracleRows) is counted for so many pages each; all of RAM, if not given. */
  constructor(pages: number, rowPages: number = powerOfTwoFrom(pages)) {
    this.#pages = pages;
    this.#everSent = new DirtyBitmap(pages);
    this.#gone = new DirtyBitmap(pages);
    this.#ledger = new DropLedger(pages);
    this.rows = new OracleRows(pages, rowPages, this.#everSent, this.#gone);
  }

  /** In the order in which they were made. */
  get writerNames(): string[] {
    return this.#writers.map(({ name }) => name);
  }

  /** The bitmap in which a source of writes sets the bit of every page it writes. */
  writer(name: string): DirtyBitmap {
    invariant(
      this.#writers.every((writer) => writer.name !== name),
      'each writer has a bitmap of its own',
    );
    const written = new DirtyBitmap(this.#pages);
    this.#writers.push({ name, written });
    this.rows.addWriter(written);
    return written;
  }

  /** A migration begins: the destination has nothing. */
  begin(): void {
    this.forgetWrites();
    this.#everSent.reset();
    this.rows.begin();
    this.#ledger.reset();
    this.#sent = 0;
    this.#resent = 0;
    this.#needless = 0;
  }

  /** Before a migration: forgets what was written, so that writers' counts of new pages begin again. */
  forgetWrites(): void {
    for (const [i, { written }] of this.#writers.entries()) {
      this.rows.takenAll(i);
      written.reset();
    }
  }

  /** The pages are no longer the guest's: whatever is in them may get lost. */
  forget(first: number, count: number): void {
    this.#gone.setRange(first, count);
    this.rows.touch(first, count);
  }

  /** The pages belong to the guest (again); the destination has nothing of them. */
  remember(first: number, count: number): void {
    this.#gone.clearRange(first, count);
    this.#everSent.clearRange(first, count);
    this.rows.touch(first, count);
  }

  /** The destination gets the present contents of these pages. */
  sent(first: number, count: number): void {
    this.#sent += count;
    this.#ledger.resolved(first, count);
    const { rowPages } = this.rows;
    const end = first + count;
    for (let at = first; at < end;) {
      const row = Math.floor(at / rowPages);
      const n = Math.min(end, (row + 1) * rowPages) - at;
      const again = this.#sentInRow(row, at, n);
      this.#resent += again;
      this.rows.sent(row, at, n, again);
      at += n;
    }
  }

  /** Returns how many pages went out before. */
  #sentInRow(row: number, first: number, count: number): number {
    if (this.#everSent.count === 0) {
      this.#everSent.setRange(first, count);
      this.#takeChanged(row, first, count);
      return 0;
    }
    let again = 0;
    // Parts of the run that go out for the first time alternate with parts that went out before.
    const end = first + count;
    for (let at = first; at < end;) {
      const before = this.#everSent.test(at);
      const change = before ? this.#everSent.nextClear(at, end) : this.#everSent.nextSet(at, end);
      const n = (change < 0 ? end : change) - at;
      const changed = this.#takeChanged(row, at, n);
      if (before) {
        again += n;
        this.#needless += n - changed;
      }
      at += n;
    }
    if (again < count) this.#everSent.setRange(first, count);
    return again;
  }

  dropped(nowNs: number, source: string, cause: string, first: number, count: number, place?: DropPlace): void {
    this.#ledger.dropped(nowNs, source, cause, first, count, place);
  }

  blinded(nowNs: number, source: string, cause: string, first: number, count: number, place?: DropPlace): void {
    this.#ledger.blinded(nowNs, source, cause, first, count, place);
  }

  /** Turns the drops since the last call into one event per source and cause. */
  emitDrops(nowNs: number, emit: EmitEvent): void {
    this.#ledger.emit(nowNs, emit);
  }

  /** Pages that differ at the destination now. */
  differing(): DirtyBitmap {
    const differing = new DirtyBitmap(this.#pages);
    for (const { written } of this.#writers) differing.orFrom(written, 0, 0, this.#pages);
    for (let page = this.#everSent.nextClear(0); page >= 0;) {
      const next = this.#everSent.nextSet(page);
      const end = next < 0 ? this.#pages : next;
      differing.setRange(page, end - page);
      page = end < this.#pages ? this.#everSent.nextClear(end) : -1;
    }
    this.#gone.forEachRun((first, count) => differing.clearRange(first, count));
    return differing;
  }

  /** Every differing page counts as lost: call it when nothing will be sent any more. */
  judge(lost?: LostPage): Verdict {
    const differing = this.differing();
    return {
      sent: this.#sent,
      resent: this.#resent,
      needless: this.#needless,
      lost: differing.count,
      losses: this.#losses(differing, lost),
    };
  }

  /** What is known without the end: for a run that did not complete. */
  tally(): Verdict {
    return { sent: this.#sent, resent: this.#resent, needless: this.#needless, lost: 0, losses: [] };
  }

  /** Pages of the run with a writer; clears the writers' bits. */
  #takeChanged(row: number, first: number, count: number): number {
    let withWrites = 0;
    let changed = 0;
    for (const { written } of this.#writers) {
      if (written.count === 0) continue;
      const n = written.countRange(first, count);
      if (n === 0) continue;
      withWrites++;
      changed = n;
    }
    if (withWrites === 0) return 0;
    if (withWrites > 1) {
      changed = 0;
      for (let page = first; page < first + count; page++) {
        if (this.#writers.some(({ written }) => written.test(page))) changed++;
      }
    }
    for (const [i, { written }] of this.#writers.entries()) {
      if (written.count > 0) this.rows.taken(i, row, written.clearRange(first, count));
    }
    return changed;
  }

  #losses(differing: DirtyBitmap, lost?: LostPage): Loss[] {
    interface Group {
      readonly cause: string;
      readonly eventIndex: number;
      readonly writers: string[];
      pages: number;
      readonly runs: [number, number][];
    }
    const groups = new Map<string, Group>();
    const dropOf = this.#ledger.finder();
    differing.forEachRun((first, count) => {
      for (let page = first; page < first + count; page++) {
        const writers = this.#writers.filter(({ written }) => written.test(page)).map(({ name }) => name);
        const drop = dropOf(page) ?? NO_DROP;
        lost?.(page, drop.timeNs);
        const cause = this.#everSent.test(page) ? drop.cause : 'never sent';
        const key = `${cause}|${drop.eventIndex}|${writers.join('|')}`;
        let group = groups.get(key);
        if (group === undefined) {
          group = { cause, eventIndex: drop.eventIndex, writers, pages: 0, runs: [] };
          groups.set(key, group);
        }
        group.pages++;
        const last = group.runs[group.runs.length - 1];
        if (last !== undefined && last[0] + last[1] === page) last[1]++;
        else if (group.runs.length < LOSS_RUNS_MAX) group.runs.push([page, 1]);
      }
    });
    return [...groups.values()];
  }
}
