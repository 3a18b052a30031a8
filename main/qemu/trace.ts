// QEMU's own trace points, read from its standard error: when each dirty sync ran, what it found, how the blackout went.
//
// With `-msg timestamp=on` the log back end prints "<pid>@<seconds>.<microseconds>:<event> <arguments>" on the host's
// wall clock. A QEMU without the log back end, or with other names, prints nothing we know: the run then has the rounds
// of MIGRATION_PASS without their costs.
//
// What a sync found: the counter in migration_bitmap_sync_end adds up over a period that restarts at the first sync which
// ends more than 1000 ms after the last restart (migration/ram.c, migration_bitmap_sync), which is undone here.

import { LineSplitter } from './qmp.ts';

export const TRACE_POINTS = [
  'migration_bitmap_sync_start',
  'migration_bitmap_sync_end',
  'migrate_transferred',
  'migration_thread_setup_complete',
  'migration_thread_low_pending',
  'migration_completion_vm_stop',
  'migration_thread_after_loop',
] as const;

export interface TracedSync {
  readonly startWallMs: number;
  readonly endWallMs: number;
  /** Pages that this sync found newly dirty. */
  readonly newPages: number;
}

/** QEMU's bookkeeping of one rate window. */
export interface TracedWindow {
  readonly wallMs: number;
  /** What may be left for the guest to be stopped. */
  readonly thresholdBytes: number;
}

export type TraceMark = 'setupComplete' | 'lowPending' | 'vmStop' | 'afterLoop';

const MARKS: Readonly<Record<string, TraceMark>> = {
  migration_thread_setup_complete: 'setupComplete',
  migration_thread_low_pending: 'lowPending',
  migration_completion_vm_stop: 'vmStop',
  migration_thread_after_loop: 'afterLoop',
};
const LINE = /^\d{1,10}@(\d{1,12}\.\d{6}):([a-z_0-9]+) ?(.*)$/;
const LINE_BYTES_MAX = 64 * 1024;
/** Bounds what a run keeps: a VFIO device larger than the threshold makes QEMU sync in every loop step. */
const KEPT_MAX = 100_000;

export class TraceReader {
  readonly #lines = new LineSplitter(LINE_BYTES_MAX);
  #startedWallMs = NaN;
  #periodStartWallMs = NaN;
  #counted = 0;
  /** Found by all syncs so far. */
  newPages = 0;
  readonly syncs: TracedSync[] = [];
  readonly windows: TracedWindow[] = [];
  readonly marks: Partial<Record<TraceMark, number>> = {};

  push(chunk: Buffer): void {
    for (const line of this.#lines.push(chunk)) {
      const match = LINE.exec(line);
      if (match !== null) this.#read(Number(match[1]) * 1000, match[2]!, match[3]!);
    }
  }

  #read(wallMs: number, name: string, text: string): void {
    const mark = MARKS[name];
    if (mark !== undefined) this.marks[mark] ??= wallMs;
    else if (name === 'migration_bitmap_sync_start') {
      this.#startedWallMs = wallMs;
      if (Number.isNaN(this.#periodStartWallMs)) this.#periodStartWallMs = wallMs;
    } else if (name === 'migration_bitmap_sync_end') this.#sync(wallMs, numberAfter(text, 'dirty_pages'));
    else if (name === 'migrate_transferred' && this.windows.length < KEPT_MAX) {
      // 7.2: "max_size"; since 8.0 the same figure is called "threshold_size" in some versions.
      const thresholdBytes = numberAfter(text, 'max_size') ?? numberAfter(text, 'threshold_size');
      if (thresholdBytes !== null) this.windows.push({ wallMs, thresholdBytes });
    }
  }

  #sync(endWallMs: number, counted: number | null): void {
    if (counted === null || Number.isNaN(this.#startedWallMs) || this.syncs.length >= KEPT_MAX) return;
    const newPages = counted >= this.#counted ? counted - this.#counted : counted;
    this.newPages += newPages;
    this.syncs.push({ startWallMs: this.#startedWallMs, endWallMs, newPages });
    if (endWallMs > this.#periodStartWallMs + 1000) {
      this.#periodStartWallMs = endWallMs;
      this.#counted = 0;
    } else this.#counted = counted;
  }
}

function numberAfter(text: string, word: string): number | null {
  const match = new RegExp(`\\b${word} (\\d{1,15})\\b`).exec(text);
  return match === null ? null : Number(match[1]);
}
