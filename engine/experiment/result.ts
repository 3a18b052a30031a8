// What a run is, whoever produced it: the engine, two real QEMU processes, or an imported log.
//
// A run consists of series (columns that share one time axis), events (points and spans on that axis) and a summary.
// Producers push them through a `RunSink` while they work; hosts, the store, charts and reports read nothing else.
// Every number is a double with its unit in the series' description; times are integer simulated nanoseconds counted
// from the beginning of the run (the guest has been running since 0; the migration starts at `summary.startNs`).
//
// The engine knows everything; a measurement knows what its tools report and an import what its file says. What a
// producer cannot know is null in the summary (never 0) and NaN in a sample, and a series nobody measured is left out.

import type { RunEvent } from '../core/events.ts';

export type { EventKind, RunEvent } from '../core/events.ts';

/** A figure, or null where the producer of the run cannot know it. */
export type Known = number | null;

/** What a value means, which decides how it is drawn, down-sampled and compared. */
export type SeriesKind =
  /** The mean of a rate over the sampling interval that ends at the sample's time. */
  | 'rate'
  /** The value at the sample's time. */
  | 'level'
  /** A total since the beginning of the run; never falls. */
  | 'total';

export type SeriesUnit = 'pages/s' | 'pages' | 'bytes' | 'bytes/s' | 'ratio' | '1/s' | 'ns' | 'count';

export interface SeriesInfo {
  /** Stable identifier, for example `dirty.device.nic0`, `left`, `sent`. */
  readonly id: string;
  readonly label: string;
  readonly unit: SeriesUnit;
  readonly kind: SeriesKind;
  /** Name of the vCPU group or device the series belongs to, if it belongs to one. */
  readonly source?: string;
}

/**
 * `count` consecutive samples. `timesNs` and each column hold exactly `count` values; columns follow `RunHead.series`.
 * NaN: not known at this time (measured and imported runs only). Times never fall.
 */
export interface SampleChunk {
  readonly firstIndex: number;
  readonly count: number;
  readonly timesNs: Float64Array;
  readonly columns: readonly Float64Array[];
}

/** `unknown`: an imported record that ends before the migration does. */
export type Outcome = 'completed' | 'timed-out' | 'cancelled' | 'failed' | 'unknown';

/** One step of the blackout, in order; the steps add up to `downtimeNs`. */
export interface DowntimePart {
  readonly name: string;
  readonly durationNs: number;
}

/** A group of lost pages with one cause. Pages are RAM pages (ram_addr >> 12), as runs `[first, count]`. */
export interface Loss {
  readonly cause: string;
  /** Index into the run's events of the step that dropped the dirt, or -1 where no single step did. */
  readonly eventIndex: number;
  readonly writers: readonly string[];
  readonly pages: number;
  /** At most 64 runs, the lowest; `pages` is the true count. */
  readonly runs: readonly (readonly [first: number, count: number])[];
}

export interface Summary {
  readonly outcome: Outcome;
  /** Why it ended as it did, in one sentence. */
  readonly reason: string;
  readonly startNs: number;
  readonly totalNs: Known;
  readonly setupNs: Known;
  /**
   * What QEMU calls downtime: from the source's decision to stop until its last byte is away. A guest that never stopped has
   * none (null), which is not the best there is.
   */
  readonly downtimeNs: Known;
  readonly downtimeParts: readonly DowntimePart[];
  readonly bytes: {
    readonly total: Known;
    readonly normal: Known;
    readonly zero: Known;
    readonly device: Known;
    readonly protocol: Known;
  };
  readonly pages: {
    readonly total: Known;
    readonly normal: Known;
    readonly zero: Known;
    /** Page transmissions beyond the first of each page. */
    readonly resent: Known;
    /** Transmissions of a page whose contents the destination already had (the oracle's judgement). */
    readonly needless: Known;
    /**
     * Pages whose last contents the destination lacks though nothing tracks them any more: the oracle's judgement, or
     * counted by comparing both memories after the stop. null = not checked.
     */
    readonly lost: Known;
  };
  /** Dirty syncs, as QEMU's dirty-sync-count. */
  readonly rounds: Known;
  readonly losses: readonly Loss[];
  /** Time guest vCPUs could not run because of tracking, throttling or the big lock, before the blackout. */
  readonly guestStallNs: Known;
  /** Guest writes performed over writes asked for between start and stop; 1 = not slowed, null = no paced workload. */
  readonly guestSpeed: number | null;
  readonly throttleMaxPercent: Known;
  readonly tracking: {
    readonly harvestNs: Known;
    readonly entriesTouched: Known;
    readonly iotlbFlushes: Known;
    readonly faults: Known;
  };
  /** Simulated nanoseconds and events processed; not part of the comparison of two runs. */
  readonly simulatedNs: number;
}

/** The verdict of one line of the experiment's `expect`. */
export interface ExpectResult {
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
  readonly met: boolean;
}

/** Who produced a run. `text` is for people: 'QEMU 7.2.22, TCG', 'guestperf report scenario.json'. */
export interface RunSource {
  readonly kind: 'sim' | 'qemu' | 'import';
  readonly text: string;
}

/** Known before the first sample. */
export interface RunHead {
  readonly source: RunSource;
  readonly engineVersion: string;
  readonly seed: number;
  readonly samplingNs: number;
  readonly series: readonly SeriesInfo[];
}

/** Progress for people; never part of a result. */
export interface Progress {
  readonly phase: string;
  readonly round: number;
  readonly simulatedNs: number;
  /** The simulated time at which the run ends at the latest. */
  readonly limitNs: number;
  /** Pages still to be sent, and the threshold under which the guest is stopped. */
  readonly pagesLeft: number;
  readonly pagesThreshold: number;
}

/** What a layer of the heat map counts. What each means exactly: heat.ts. */
export type HeatKind = 'written' | 'dirty' | 'sent' | 'sent-again' | 'lost';

export interface HeatLayer {
  /** `written.vcpu`, `written.device.<name>`, `dirty`, `sent`, `sent-again`, `lost`. */
  readonly id: string;
  readonly kind: HeatKind;
  readonly label: string;
  /** Name of the device, of layers that belong to one. */
  readonly source?: string;
  /** Pages in row r during column c: `pages[c * rows + r]`. 2^32 - 1: so many or more. */
  readonly pages: Uint32Array;
}

/**
 * Guest memory by RAM address and time. Row r is RAM pages r * pagesPerRow … (the last row may be shorter: totalPages);
 * column c is the time after edgesNs[c] up to and with edgesNs[c + 1]. Edges are times of samples.
 */
export interface HeatMap {
  readonly rows: number;
  readonly columns: number;
  readonly totalPages: number;
  readonly pagesPerRow: number;
  /** columns + 1 of them; the first is 0. */
  readonly edgesNs: Float64Array;
  readonly layers: readonly HeatLayer[];
}

/** Where a producer puts what it makes, in this order: head, then chunks, events and heat maps as they come, then finished. */
export interface RunSink {
  head(head: RunHead): void;
  samples(chunk: SampleChunk): void;
  event(event: RunEvent): void;
  /**
   * The heat map from the beginning of the run until now; each replaces the one before, the last one comes right before
   * `finished`. Only of producers that see guest memory: measured and imported runs have none.
   */
  heat?(map: HeatMap): void;
  finished(summary: Summary, expect: readonly ExpectResult[], hash: string): void;
}
