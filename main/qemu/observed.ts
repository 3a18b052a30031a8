// A run made of observations: snapshots of QEMU's figures on a time axis, and what happened between them.
//
// Used by the QEMU backend and by every importer, so that a measured run, a guestperf report and a libvirt log have the
// same series under the same names as a simulated one, as far as they know them.

import { ResultHash } from '../../engine/core/hash.ts';
import { PAGE_SIZE } from '../../engine/core/units.ts';
import type {
  DowntimePart,
  ExpectResult,
  Known,
  Outcome,
  RunEvent,
  RunHead,
  RunSink,
  SampleChunk,
  SeriesInfo,
  Summary,
} from '../../engine/experiment/result.ts';
import { pagesLeft, type Figures } from './figures.ts';

/** What the wire format spends on a zero page of the main channel: offset word and one byte (migration/ram.c). */
export const ZERO_PAGE_BYTES = 9;

export interface Observation {
  /** On the run's axis. */
  readonly timeNs: number;
  readonly figures: Figures | null;
  /** Guest page writes per second since the observation before. */
  readonly writesPerSecond: Known;
  /** Since the observation before that knew them: see SentRates. */
  readonly sentBytesPerSecond: Known;
  readonly sentPagesPerSecond: Known;
  /** From trace points: what may be left for the guest to be stopped, and all pages that syncs found dirty so far. */
  readonly thresholdPages: Known;
  readonly newlyDirtyPages: Known;
}

export const NO_OBSERVATION: Omit<Observation, 'timeNs'> = {
  figures: null,
  writesPerSecond: null,
  sentBytesPerSecond: null,
  sentPagesPerSecond: null,
  thresholdPages: null,
  newlyDirtyPages: null,
};

interface ObservedSeries {
  readonly info: SeriesInfo;
  readonly value: (observation: Observation) => Known;
}

const ofFigures =
  (read: (figures: Figures) => Known): ObservedSeries['value'] =>
  ({ figures }) =>
    figures === null ? null : read(figures);
const share = (percent: Known): Known => (percent === null ? null : percent / 100);

/** Under the names that a simulated run uses for the same thing (engine/experiment/series.ts). */
export function observedSeries(group: string): readonly ObservedSeries[] {
  return [
    {
      info: {
        id: `writes.vcpu.${group}`,
        label: `${group}: page writes`,
        unit: 'pages/s',
        kind: 'rate',
        source: group,
      },
      value: ({ writesPerSecond }) => writesPerSecond,
    },
    {
      info: { id: 'dirty.qemu', label: 'dirty rate as QEMU reports it', unit: 'pages/s', kind: 'level' },
      value: ofFigures((f) => f.dirtyPagesPerSecond),
    },
    {
      info: { id: 'left', label: 'dirty and not yet sent', unit: 'pages', kind: 'level' },
      value: ofFigures(pagesLeft),
    },
    {
      info: { id: 'threshold', label: 'threshold for the switchover', unit: 'pages', kind: 'level' },
      value: ({ thresholdPages }) => thresholdPages,
    },
    { info: { id: 'sent', label: 'sent', unit: 'bytes', kind: 'total' }, value: ofFigures((f) => f.sentBytes) },
    {
      info: { id: 'throughput', label: 'throughput', unit: 'bytes/s', kind: 'rate' },
      value: ({ sentBytesPerSecond }) => sentBytesPerSecond,
    },
    {
      info: { id: 'pages', label: 'pages sent', unit: 'pages/s', kind: 'rate' },
      value: ({ sentPagesPerSecond }) => sentPagesPerSecond,
    },
    {
      info: { id: 'newly', label: 'pages found dirty by syncs', unit: 'pages', kind: 'total' },
      value: ({ newlyDirtyPages }) => newlyDirtyPages,
    },
    { info: { id: 'rounds', label: 'dirty syncs', unit: 'count', kind: 'total' }, value: ofFigures((f) => f.syncs) },
    {
      info: { id: 'throttle', label: 'vCPU throttle', unit: 'ratio', kind: 'level' },
      value: ofFigures((f) => share(f.throttlePercent)),
    },
    {
      info: { id: 'expected-downtime', label: 'expected downtime', unit: 'ns', kind: 'level' },
      value: ofFigures((f) => f.expectedDowntimeNs),
    },
  ];
}

/** The series that at least one observation knows. */
export function knownSeries(group: string, observations: readonly Observation[]): readonly ObservedSeries[] {
  return observedSeries(group).filter(({ value }) => observations.some((observation) => value(observation) !== null));
}

export function chunkOf(
  series: readonly ObservedSeries[],
  observations: readonly Observation[],
  firstIndex: number,
): SampleChunk {
  return {
    firstIndex,
    count: observations.length,
    timesNs: Float64Array.from(observations, ({ timeNs }) => timeNs),
    columns: series.map(({ value }) => Float64Array.from(observations, (observation) => value(observation) ?? NaN)),
  };
}

/** Rates of sending from totals: QEMU's own `mbps` is the last window's while it runs and the whole mean afterwards. */
export class SentRates {
  #timeNs = NaN;
  #bytes = 0;
  #pages: Known = null;

  /** Times must rise. */
  next(timeNs: number, figures: Figures | null): Pick<Observation, 'sentBytesPerSecond' | 'sentPagesPerSecond'> {
    if (figures === null || figures.sentBytes === null) return { sentBytesPerSecond: null, sentPagesPerSecond: null };
    const bytes = figures.sentBytes;
    const pages = pagesSent(figures);
    const seconds = (timeNs - this.#timeNs) / 1e9;
    const known = seconds > 0 && bytes >= this.#bytes;
    const rates = {
      sentBytesPerSecond: known ? (bytes - this.#bytes) / seconds : null,
      sentPagesPerSecond: known && pages !== null && this.#pages !== null ? (pages - this.#pages) / seconds : null,
    };
    [this.#timeNs, this.#bytes, this.#pages] = [timeNs, bytes, pages];
    return rates;
  }
}

/** Page transmissions so far, zero pages included. */
export const pagesSent = ({ normalPages, zeroPages }: Figures): Known => sum(normalPages, zeroPages);

/** Passes everything on and keeps the hash of head, samples, events and summary. */
export class HashingSink {
  readonly #to: RunSink;
  readonly #hash = new ResultHash();

  constructor(to: RunSink) {
    this.#to = to;
  }

  head(head: RunHead): void {
    this.#hash.text(JSON.stringify(head));
    this.#to.head(head);
  }

  samples(chunk: SampleChunk): void {
    this.#hash.float64(chunk.timesNs);
    for (const column of chunk.columns) this.#hash.float64(column);
    this.#to.samples(chunk);
  }

  event(event: RunEvent): void {
    this.#hash.text(JSON.stringify(event));
    this.#to.event(event);
  }

  finished(summary: Summary, expect: readonly ExpectResult[]): void {
    this.#hash.text(JSON.stringify(summary));
    this.#to.finished(summary, expect, this.#hash.hex());
  }
}

export interface Ending {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly startNs: number;
  readonly endNs: number;
  /** The last answer, and the last one that still had counters: QEMU drops them when a migration is cancelled. */
  readonly last: Figures;
  readonly lastCounting: Figures;
  readonly throttleMaxPercent: Known;
  /** Byte figures were printed rounded: differences of them mean nothing. */
  readonly roundedBytes?: boolean;
  readonly downtimeParts?: readonly DowntimePart[];
  readonly lostPages?: Known;
  readonly losses?: Summary['losses'];
  readonly guestSpeed?: Known;
  readonly harvestNs?: Known;
}

export function summaryOf(ending: Ending): Summary {
  const { last, lastCounting: counted, outcome } = ending;
  const downtimeNs = outcome === 'completed' ? last.downtimeNs : null;
  const pages = pagesSent(counted);
  const exact = ending.roundedBytes !== true;
  const everSent = counted.ramBytes === null || !exact ? null : counted.ramBytes / (counted.pageBytes ?? PAGE_SIZE);
  // QEMU does not count what was sent again; a finished pre-copy has sent every page once.
  const resent = outcome === 'completed' && pages !== null && everSent !== null ? pages - everSent : null;
  const mainChannelOnly = (counted.multifdBytes ?? 0) === 0;
  const zeroBytes = counted.zeroPages !== null && mainChannelOnly ? counted.zeroPages * ZERO_PAGE_BYTES : null;
  const payload = sum(counted.normalBytes, zeroBytes);
  const protocol = exact && counted.sentBytes !== null && payload !== null ? counted.sentBytes - payload : null;
  return {
    outcome,
    reason: ending.reason,
    startNs: ending.startNs,
    totalNs: last.elapsedNs ?? counted.elapsedNs,
    setupNs: last.setupNs ?? counted.setupNs,
    downtimeNs,
    downtimeParts: ending.downtimeParts ?? [],
    bytes: {
      total: counted.sentBytes,
      normal: counted.normalBytes,
      zero: zeroBytes,
      device: counted.deviceBytes,
      // XBZRLE's differences are neither pages nor protocol.
      protocol: protocol !== null && protocol >= 0 && (counted.xbzrleBytes ?? 0) === 0 ? protocol : null,
    },
    pages: {
      total: pages,
      normal: counted.normalPages,
      zero: counted.zeroPages,
      resent: resent !== null && resent >= 0 ? resent : null,
      needless: null,
      lost: ending.lostPages ?? null,
    },
    rounds: counted.syncs,
    losses: ending.losses ?? [],
    guestStallNs: null,
    guestSpeed: ending.guestSpeed ?? null,
    throttleMaxPercent: ending.throttleMaxPercent,
    tracking: { harvestNs: ending.harvestNs ?? null, entriesTouched: null, iotlbFlushes: null, faults: null },
    simulatedNs: ending.endNs,
  };
}

const sum = (a: Known, b: Known): Known => (a === null || b === null ? null : a + b);

/** The largest of the figures that are known. */
export const mostOf = (values: Iterable<Known>): Known => {
  let most: Known = null;
  for (const value of values) if (value !== null && (most === null || value > most)) most = value;
  return most;
};
