// Where the samples of a run lie on the axis that it shares with others. By start and by stop its times are moved by its offset
// when they are drawn; by round they are mapped, one round to ROUND units of the axis.
import type { Envelope } from '../../../main/contract/block.ts';
import { aligned, unaligned, type Alignment, type ComparedRun } from '../../../main/contract/compare.ts';
import { firstAtOrAfter, type Span } from '../../chart/span.ts';

/** A round on the axis is as long as a second. */
export const ROUND = 1e9;

/** Where a moment of the run lies on the axis. */
export function placeOf(alignment: Alignment, run: ComparedRun, timeNs: number): number {
  const at = aligned(alignment, run.anchors, timeNs);
  return alignment === 'round' ? at * ROUND : at;
}

export function timeOf(alignment: Alignment, run: ComparedRun, place: number): number {
  return unaligned(alignment, run.anchors, alignment === 'round' ? place / ROUND : place);
}

/** Added to a run's times; 0 by round, where they are mapped. */
export function offsetOf(alignment: Alignment, { anchors }: ComparedRun): number {
  if (alignment === 'round') return 0;
  return alignment === 'start' ? -anchors.startNs : -(anchors.stopNs ?? 0);
}

/** The axis that holds all of these runs; undefined where none has a place on it. */
export function extentOf(alignment: Alignment, runs: readonly ComparedRun[]): Span | undefined {
  let [fromNs, toNs] = [Infinity, -Infinity];
  for (const run of runs) {
    const { roundNumbers, endNs, stopNs } = run.anchors;
    if (alignment === 'stop' && stopNs === null) continue;
    const [from, to] =
      alignment === 'round'
        ? [(roundNumbers[0] ?? NaN) * ROUND, (roundNumbers.at(-1) ?? NaN) * ROUND]
        : [placeOf(alignment, run, 0), placeOf(alignment, run, endNs)];
    if (Number.isNaN(from) || Number.isNaN(to)) continue;
    fromNs = Math.min(fromNs, from);
    toNs = Math.max(toNs, to);
  }
  return toNs > fromNs ? { fromNs, toNs } : undefined;
}

/** What is drawn of the run: all of it, but by round only what lies in one, at its place. */
export function drawnBy(alignment: Alignment, envelope: Envelope, run: ComparedRun): Envelope {
  if (alignment !== 'round') return envelope;
  const { roundNumbers, roundTimesNs } = run.anchors;
  const begin = roundTimesNs[0] ?? Infinity;
  const first = firstAtOrAfter(envelope.toNs, begin);
  const end = firstAtOrAfter(envelope.fromNs, (roundTimesNs.at(-1) ?? -Infinity) + 1);
  const place = (timeNs: number): number => {
    const at = placeOf('round', run, timeNs);
    // An entry that reaches over the edge ends there.
    return Number.isNaN(at) ? (timeNs < begin ? roundNumbers[0]! : roundNumbers.at(-1)!) * ROUND : at;
  };
  const cut = (values: Float64Array): Float64Array => values.subarray(first, Math.max(first, end));
  const fromNs = cut(envelope.fromNs).map(place);
  return {
    ...envelope,
    firstSample: envelope.firstSample + first * envelope.samplesEach,
    fromNs,
    toNs: envelope.toNs === envelope.fromNs ? fromNs : cut(envelope.toNs).map(place),
    columns: envelope.columns.map(({ least, greatest }) => ({ least: cut(least), greatest: cut(greatest) })),
  };
}
