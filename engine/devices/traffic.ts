// What all DMA actors of devices have in common, and what they count.

import type { Actor } from '../core/scheduler.ts';
import type { InFlight } from '../viommu/in-flight.ts';

/** Totals since the beginning of the run; whoever samples takes differences. */
export interface TrafficCounters {
  operations: number;
  /** Operations that found no mapped buffer: packets dropped, or requests that waited. */
  starved: number;
  pagesWritten: number;
  /** Pages written that were not known dirty to the oracle's sink. */
  pagesNewlyWritten: number;
  iotlbHits: number;
  iotlbMisses: number;
  faults: number;
  /** Writes after the driver had begun to unmap, and those of them that reached memory. */
  lateWrites: number;
  lateWritesLanded: number;
  /** Pages written outside the ranges of the device's log. */
  unloggedPages: number;
}

export function noTraffic(): TrafficCounters {
  return {
    operations: 0,
    starved: 0,
    pagesWritten: 0,
    pagesNewlyWritten: 0,
    iotlbHits: 0,
    iotlbMisses: 0,
    faults: 0,
    lateWrites: 0,
    lateWritesLanded: 0,
    unloggedPages: 0,
  };
}

/**
 * A device's DMA as an actor. It may be asked to go ahead of the scheduler (`advanceTo`): device writes depend on nothing
 * above them, so that a harvest can let writes fall between its clear and its flush.
 */
export interface Traffic extends Actor, InFlight {
  readonly counters: TrafficCounters;
  /** Performs everything due at or before `nowNs`; nothing if it has been further already. */
  advanceTo(nowNs: number): void;
  /** As advanceTo, while the guest's driver gets nothing done: its requests wait for a lock. */
  advanceDma(nowNs: number): void;
  setRate(nowNs: number, bytesPerSecond: number): void;
}

/** How long an actor's batch is at most: nothing outside depends on it but the order against page sends. */
export const TRAFFIC_QUANTUM_NS = 200_000;
