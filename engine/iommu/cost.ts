// What one operation on a page table cost, in things a cost model can price. The same object is reused: an operation
// overwrites it, the caller adds up.

export interface OperationCost {
  /** Entries read or written. */
  entries: number;
  tablesAllocated: number;
  tablesFreed: number;
  /** IOTLB invalidations the operation asks for; the caller performs them. */
  flushes: number;
}

export function noCost(): OperationCost {
  return { entries: 0, tablesAllocated: 0, tablesFreed: 0, flushes: 0 };
}

export function resetCost(cost: OperationCost): void {
  cost.entries = 0;
  cost.tablesAllocated = 0;
  cost.tablesFreed = 0;
  cost.flushes = 0;
}
