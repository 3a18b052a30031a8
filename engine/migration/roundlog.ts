// Events of rounds and syncs. A round is what lies between two dirty syncs.
//
// A device whose state is too large for the threshold makes every step of the loop a sync: thousands a second, each of which
// would be an event. From the 200th on at most one per 10 ms is told; counters and series miss none.

import type { EmitEvent } from '../core/ports.ts';

const TOLD_ALWAYS = 200;
const QUIET_NS = 10_000_000;

export interface SyncTold {
  readonly round: number;
  readonly durationNs: number;
  readonly newlyDirty: number;
  readonly reported: number;
  readonly left: number;
  readonly thresholdBytes: number;
  readonly transferred: number;
  readonly lastStage: boolean;
}

export class RoundLog {
  readonly #emit: EmitEvent;
  #roundStartNs: number;
  #toldNs = 0;

  constructor(emit: EmitEvent, startNs: number) {
    this.#emit = emit;
    this.#roundStartNs = startNs;
  }

  begin(nowNs: number): void {
    this.#roundStartNs = nowNs;
  }

  sync(nowNs: number, sync: SyncTold): void {
    const { round, durationNs, newlyDirty, reported, left, transferred } = sync;
    const quiet = round > TOLD_ALWAYS && !sync.lastStage && nowNs - this.#toldNs < QUIET_NS;
    if (!quiet) {
      this.#toldNs = nowNs;
      if (round > 1) {
        this.#emit({
          timeNs: this.#roundStartNs,
          durationNs: nowNs - this.#roundStartNs,
          kind: 'round',
          text: `round ${round - 1}`,
          detail: { round: round - 1, transferred },
        });
      }
      this.#emit({
        timeNs: nowNs,
        durationNs,
        kind: 'harvest',
        text: `sync ${round}: ${newlyDirty} pages newly dirty`,
        detail: { round, newly: newlyDirty, reported, left, thresholdBytes: Math.round(sync.thresholdBytes) },
      });
    }
    this.#roundStartNs = nowNs + durationNs;
  }
}
