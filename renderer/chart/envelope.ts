// What a chart draws of an envelope: at most one entry for each column of pixels, and never less than what was there.
//
// Theory: an entry of an envelope stands for samples from `fromNs` to `toNs`, of which the least and the greatest are known. A
// rate is the mean over the interval that ends at its sample, so its entry reaches back to the end of the one before; a level
// or a total holds from its sample on. Entries that begin in the same column of pixels become one, with the lesser of the least
// and the greater of the greatest: no extreme is lost, however much is behind a pixel. NaN counts only where there is
// nothing else, and is drawn as a gap. Everything is columns of doubles: no object for a sample.
import type { Envelope } from '../../main/contract/block.ts';
import type { SeriesInfo } from '../../main/contract/runs.ts';
import { firstAtOrAfter, type Span } from './span.ts';

export type SeriesKind = SeriesInfo['kind'];

/** Entries of one series, each at least a pixel apart in where it begins. */
export interface Columns {
  readonly count: number;
  readonly fromNs: Float64Array;
  readonly toNs: Float64Array;
  readonly least: Float64Array;
  readonly greatest: Float64Array;
}

export const NO_COLUMNS: Columns = {
  count: 0,
  fromNs: new Float64Array(0),
  toNs: new Float64Array(0),
  least: new Float64Array(0),
  greatest: new Float64Array(0),
};

/** Entries that are in sight, with the one before and the one after, so that lines run on to the edges. */
export function entriesIn({ fromNs, toNs }: Envelope, view: Span): { readonly first: number; readonly end: number } {
  const first = Math.max(0, firstAtOrAfter(toNs, view.fromNs) - 1);
  const end = Math.min(fromNs.length, firstAtOrAfter(fromNs, view.toNs) + 2);
  return { first, end };
}

/** The entries of series `position` in `view`, merged into columns of pixels of a chart `widthPx` wide. */
export function columnsOf(
  envelope: Envelope,
  position: number,
  kind: SeriesKind,
  view: Span,
  widthPx: number,
): Columns {
  const values = envelope.columns[position];
  if (values === undefined || envelope.fromNs.length === 0 || widthPx <= 0) return NO_COLUMNS;
  const { first, end } = entriesIn(envelope, view);
  const room = Math.min(end - first, Math.ceil(widthPx) + 4);
  const fromNs = new Float64Array(room);
  const toNs = new Float64Array(room);
  const least = new Float64Array(room);
  const greatest = new Float64Array(room);
  const perNs = widthPx / Math.max(1e-9, view.toNs - view.fromNs);
  let count = 0;
  let column = -Infinity;
  for (let i = first; i < end; i++) {
    const begins = kind === 'rate' ? rateFrom(envelope, i) : envelope.fromNs[i]!;
    const at = clamped(Math.floor((begins - view.fromNs) * perNs), widthPx);
    const low = values.least[i]!;
    const high = values.greatest[i]!;
    if (at === column && count > 0) {
      const last = count - 1;
      toNs[last] = envelope.toNs[i]!;
      least[last] = lesser(least[last]!, low);
      greatest[last] = greater(greatest[last]!, high);
      continue;
    }
    column = at;
    fromNs[count] = begins;
    toNs[count] = envelope.toNs[i]!;
    least[count] = low;
    greatest[count] = high;
    count++;
  }
  return { count, fromNs, toNs, least, greatest };
}

/** Where the interval of a rate begins: with the end of the entry before; the first is taken to be as long as the second. */
function rateFrom({ fromNs, toNs }: Envelope, i: number): number {
  if (i > 0) return toNs[i - 1]!;
  const length = fromNs.length > 1 ? fromNs[1]! - toNs[0]! : 0;
  return Math.max(0, fromNs[0]! - length);
}

/** What lies before the first pixel is one column, what lies behind the last another. */
function clamped(column: number, widthPx: number): number {
  return Math.max(-1, Math.min(Math.ceil(widthPx) + 1, column));
}

function lesser(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return b < a ? b : a;
}
function greater(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return b > a ? b : a;
}

/** Least and greatest in sight; null where nothing is known. */
export function rangeOf(envelope: Envelope, position: number, view: Span): { least: number; greatest: number } | null {
  const values = envelope.columns[position];
  if (values === undefined) return null;
  const { first, end } = entriesIn(envelope, view);
  let least = NaN;
  let greatest = NaN;
  for (let i = first; i < end; i++) {
    least = lesser(least, values.least[i]!);
    greatest = greater(greatest, values.greatest[i]!);
  }
  return Number.isNaN(least) || Number.isNaN(greatest) ? null : { least, greatest };
}

export interface Reading {
  readonly least: number;
  readonly greatest: number;
  /** Stretch of the entry that was read. */
  readonly fromNs: number;
  readonly toNs: number;
}

/** What a series was at a moment: of a rate the interval it lies in, of a level the last sample before it. */
export function readingAt(envelope: Envelope, position: number, kind: SeriesKind, timeNs: number): Reading | null {
  const values = envelope.columns[position];
  const { fromNs, toNs } = envelope;
  const count = fromNs.length;
  if (values === undefined || count === 0) return null;
  let i: number;
  if (kind === 'rate') i = firstAtOrAfter(toNs, timeNs);
  else {
    i = firstAtOrAfter(fromNs, timeNs);
    if (i === count || fromNs[i]! > timeNs) i--;
  }
  if (i < 0 || i >= count) return null;
  const begins = kind === 'rate' ? rateFrom(envelope, i) : fromNs[i]!;
  return { least: values.least[i]!, greatest: values.greatest[i]!, fromNs: begins, toNs: toNs[i]! };
}

/** About how many samples stand behind one pixel. */
export function samplesPerPixel(envelope: Envelope, view: Span, widthPx: number): number {
  const { first, end } = entriesIn(envelope, view);
  return widthPx <= 0 ? 0 : ((end - first) * envelope.samplesEach) / widthPx;
}

/** Several envelopes that follow one another in time, as one; entries are kept as they are. */
export function joined(parts: readonly Envelope[]): Envelope | null {
  const [only] = parts;
  if (only === undefined) return null;
  if (parts.length === 1) return only;
  const gather = (pick: (part: Envelope) => Float64Array): Float64Array => {
    const all = new Float64Array(parts.reduce((sum, part) => sum + pick(part).length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(pick(part), at);
      at += pick(part).length;
    }
    return all;
  };
  return {
    samplesEach: Math.max(...parts.map(({ samplesEach }) => samplesEach)),
    firstSample: only.firstSample,
    sampleCount: parts.reduce((sum, { sampleCount }) => sum + sampleCount, 0),
    fromNs: gather(({ fromNs }) => fromNs),
    toNs: gather(({ toNs }) => toNs),
    columns: only.columns.map((_, c) => ({
      least: gather(({ columns }) => columns[c]!.least),
      greatest: gather(({ columns }) => columns[c]!.greatest),
    })),
  };
}
