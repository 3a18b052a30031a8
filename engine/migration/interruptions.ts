// What comes from outside and interrupts a migration: migrate_cancel, the lab's time limit, a destination that fails, a link that
// carries nothing for a while or for good.
//
// All take effect between two pieces of the migration thread's work. A link that is down holds the thread up in its write: TCP
// sends again what was in flight, and gives up after link_timeout. Post-copy cannot be cancelled; there a lost link pauses.

import { canCancel, type MigrationStatus } from './status.ts';

export type Interruption =
  | { readonly kind: 'none' }
  | { readonly kind: 'wait'; readonly untilNs: number }
  | { readonly kind: 'end'; readonly end: 'cancelled' | 'timed out' | 'failed'; readonly why: string };

const NONE: Interruption = { kind: 'none' };

export class Interruptions {
  readonly #timeoutNs: number;
  readonly #linkTimeoutNs: number;
  #cancelled = false;
  #failure = '';
  #linkFailsNs = Infinity;
  /** The link carries nothing before this time. */
  linkUpNs = -1;

  constructor(timeoutNs: number, linkTimeoutNs: number) {
    this.#timeoutNs = timeoutNs;
    this.#linkTimeoutNs = linkTimeoutNs;
  }

  cancel(): void {
    this.#cancelled = true;
  }

  fail(why: string): void {
    this.#failure = why;
  }

  /** `untilNs` Infinity: until TCP gives up. */
  loseLink(nowNs: number, untilNs: number): void {
    const upNs = untilNs === Infinity ? nowNs + this.#linkTimeoutNs : untilNs;
    this.linkUpNs = Math.max(this.linkUpNs, upNs);
    if (untilNs === Infinity) this.#linkFailsNs = this.linkUpNs;
  }

  /** The time limit as a time. */
  deadlineNs(startNs: number): number {
    return startNs + this.#timeoutNs;
  }

  /** What must happen now instead of the next piece, in a migration under way. */
  at(nowNs: number, status: MigrationStatus, startNs: number): Interruption {
    if (this.#failure !== '') return { kind: 'end', end: 'failed', why: this.#failure };
    if (canCancel(status)) {
      if (this.#cancelled) return { kind: 'end', end: 'cancelled', why: '' };
      if (nowNs >= this.deadlineNs(startNs)) {
        return { kind: 'end', end: 'timed out', why: `the time limit of ${this.#timeoutNs / 1e9} s is over` };
      }
    }
    if (nowNs < this.linkUpNs) {
      const untilNs = canCancel(status) ? Math.min(this.linkUpNs, this.deadlineNs(startNs)) : this.linkUpNs;
      return { kind: 'wait', untilNs };
    }
    if (nowNs >= this.#linkFailsNs) {
      return { kind: 'end', end: 'failed', why: 'the link is down: connection timed out' };
    }
    return NONE;
  }
}
