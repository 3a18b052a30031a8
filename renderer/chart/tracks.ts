// A line of a chart: whose it is, what it measures, and the samples it is drawn from.
import type { Envelope } from '../../main/contract/block.ts';
import { formatFigure } from '../../main/contract/format.ts';
import type { SeriesInfo } from '../../main/contract/runs.ts';
import { rangeOf, readingAt } from './envelope.ts';
import type { Identity } from './identity.ts';
import type { Span } from './span.ts';

export interface Track {
  /** Unique within a chart. */
  readonly id: string;
  readonly label: string;
  readonly unit: SeriesInfo['unit'];
  readonly kind: SeriesInfo['kind'];
  readonly look: Identity;
  /** Null: not there yet. */
  readonly envelope: Envelope | null;
  /** Its column in the envelope. */
  readonly position: number;
  /** Added to its times, where runs are laid over one another. */
  readonly offsetNs?: number;
}

/** `41,200 pages/s`; `120 … 3,400 pages/s` where several samples stand behind the pixel. */
export function readout(track: Track, timeNs: number): string {
  const { envelope, position, kind, unit, offsetNs = 0 } = track;
  if (envelope === null) return '';
  const reading = readingAt(envelope, position, kind, timeNs - offsetNs);
  if (reading === null || Number.isNaN(reading.greatest)) return '–';
  const high = formatFigure(reading.greatest, unit);
  if (reading.least === reading.greatest) return high;
  const low = formatFigure(reading.least, unit);
  return low === high ? high : `${low} … ${high}`;
}

/** What a person who does not see the chart is told. */
export function spoken(tracks: readonly Track[], view: Span, moment: (timeNs: number) => string): string {
  const parts = tracks.map(({ label, unit, envelope, position, offsetNs = 0 }) => {
    const shifted = { fromNs: view.fromNs - offsetNs, toNs: view.toNs - offsetNs };
    const range = envelope === null ? null : rangeOf(envelope, position, shifted);
    if (range === null) return `${label}: not known`;
    return `${label}: from ${formatFigure(range.least, unit)} to ${formatFigure(range.greatest, unit)}`;
  });
  return `${moment(view.fromNs)} to ${moment(view.toNs)}. ${parts.join('; ')}.`;
}
