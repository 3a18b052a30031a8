// What a finished simulation says in one object: counters of the migration thread, the guest's losses of time, and the
// oracle's verdict. Every figure has one place where it is counted; nothing is estimated here.

import type { MigrationThread } from '../migration/thread.ts';
import type { Verdict } from '../migration/oracle.ts';
import type { Outcome, Summary } from './result.ts';

export interface GuestTally {
  /** vCPU time lost between start and stop. */
  readonly stallNs: number;
  /** Paced page writes asked for and made between start and stop. */
  readonly asked: number;
  readonly made: number;
  /** Faults and exits of tracking. */
  readonly faults: number;
}

export interface EndOfRun {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly nowNs: number;
}

const OUTCOMES = {
  completed: 'completed',
  cancelled: 'cancelled',
  'timed out': 'timed-out',
  failed: 'failed',
} as const satisfies Record<string, Outcome>;

export function endOf(thread: MigrationThread, nowNs: number): EndOfRun {
  const { end, error, ram, syncs, window } = thread;
  if (end === null) {
    return {
      outcome: 'timed-out',
      reason: 'the limit of simulated time was reached before the migration ended',
      nowNs,
    };
  }
  const fits = `${grouped(Math.floor(window.thresholdBytes / 4096))} fit into the downtime limit`;
  // Between two syncs the count of pages left only falls: what decides is what the last sync found.
  const found =
    ram.syncs > 1
      ? `the last sync left ${grouped(syncs.lastLeft)} pages to send, ${fits}`
      : `the first round was not over, with ${grouped(ram.left)} pages left`;
  const reasons = {
    completed: 'the guest runs at the destination',
    cancelled: `${grouped(ram.left)} pages were left to send${window.thresholdBytes > 0 ? `, ${fits}` : ''}`,
    'timed out': `${error}; ${found}`,
    failed: error,
  };
  return { outcome: OUTCOMES[end], reason: reasons[end], nowNs };
}

/** Digits in groups of three. */
function grouped(pages: number): string {
  return String(pages).replace(/\B(?=(?:\d{3})+$)/gu, ',');
}

export function summaryOf(thread: MigrationThread, verdict: Verdict, guest: GuestTally, end: EndOfRun): Summary {
  const { counters, blackout } = thread;
  const completed = thread.end === 'completed';
  const started = thread.status !== 'none';
  const endNs = thread.endNs >= 0 ? thread.endNs : end.nowNs;
  return {
    outcome: end.outcome,
    reason: end.reason,
    startNs: thread.startNs,
    totalNs: started ? endNs - thread.startNs : 0,
    setupNs: thread.setupNs,
    downtimeNs: completed
      ? thread.downtimeEndNs - thread.stopNs
      : thread.stopNs >= 0
        ? thread.resumeNs - thread.stopNs
        : null,
    downtimeParts: completed ? (blackout?.parts ?? []) : [],
    bytes: {
      total: counters.transferred,
      normal: counters.normalBytes,
      zero: counters.zeroBytes,
      device: counters.deviceBytes,
      protocol: counters.protocolBytes,
    },
    pages: {
      total: counters.pages,
      normal: counters.normalPages,
      zero: counters.zeroPages,
      resent: verdict.resent,
      needless: verdict.needless,
      lost: verdict.lost,
    },
    rounds: thread.ram.syncs,
    losses: verdict.losses,
    guestStallNs: Math.round(guest.stallNs),
    guestSpeed: guest.asked > 0 ? Math.min(1, guest.made / guest.asked) : null,
    throttleMaxPercent: thread.convergence.throttleMaxPercent,
    tracking: {
      harvestNs: thread.syncs.harvestNs,
      entriesTouched: thread.syncs.entriesTouched,
      iotlbFlushes: thread.syncs.iotlbFlushes,
      faults: guest.faults,
    },
    simulatedNs: end.nowNs,
  };
}
