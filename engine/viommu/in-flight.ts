// Device writes that are under way while the VMM works on a mapping. A write is issued, translated (IOTLB, else walk: here
// its Dirty bit is set) and completes; what matters to a harvest or an unmap is when it is translated.
//
// An unmap is a row of steps in time. Before each step its owner lets the device play what is due until then, so that a
// write falls between two steps exactly as in life. Most unmaps have nothing in flight: one comparison decides.

export interface InFlight {
  /** When the next write is translated; Infinity: none is in flight. */
  readonly dueNs: number;
  /** Performs the writes whose translation is due before or at `untilNs`. */
  playUntil(untilNs: number): void;
}

export const NOTHING_IN_FLIGHT: InFlight = { dueNs: Infinity, playUntil: () => undefined };
