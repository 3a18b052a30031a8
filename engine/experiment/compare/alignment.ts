// One time axis for several runs: by the start of the migration, by the stop of the guest, or by round.
//
// Start and stop move a run's clock; by round stretches it: round k lies between k and k + 1 on the axis, whatever it took, so
// that the third round of a fast migration lies above the third of a slow one. A round begins when the dirty sync before it is
// over. Rounds that a run does not report one by one (they come too fast) are spread evenly between those that it does.
import type { RunEvent, Summary } from '../result.ts';

export type Alignment = 'start' | 'stop' | 'round';
export const ALIGNMENTS: readonly Alignment[] = ['start', 'stop', 'round'];

/** What places a run on a common axis. */
export interface Anchors {
  readonly startNs: number;
  /** null: the guest was not stopped, or nobody saw it. */
  readonly stopNs: number | null;
  readonly endNs: number;
  /** Beginnings of rounds, both ascending; the last is the end of the last round. Empty where no round is known. */
  readonly roundTimesNs: readonly number[];
  readonly roundNumbers: readonly number[];
}

/** Beginnings of rounds kept for one run. */
export const MAX_ANCHORS = 1024;

export function anchorsOf(summary: Summary | null, events: Iterable<RunEvent>, lastSampleNs: number): Anchors {
  const startNs = summary?.startNs ?? 0;
  const totalNs = summary?.totalNs ?? null;
  const endNs = totalNs === null ? lastSampleNs : startNs + totalNs;
  let stopNs: number | null = null;
  const rounds = new Map<number, number>();
  const note = (round: number, timeNs: number): void => {
    if (!rounds.has(round)) rounds.set(round, timeNs);
  };
  for (const { kind, timeNs, durationNs, detail, source } of events) {
    if (kind === 'stop' && source === undefined && timeNs >= startNs) stopNs = timeNs;
    if (kind !== 'round' && kind !== 'harvest') continue;
    const { round } = detail;
    if (typeof round !== 'number' || !Number.isInteger(round) || round < 1) continue;
    if (kind === 'harvest') note(round, timeNs + durationNs);
    else if (durationNs > 0) {
      note(round, timeNs);
      note(round + 1, timeNs + durationNs);
    } else note(round, timeNs);
  }
  if (rounds.size === 0) return { startNs, stopNs, endNs, roundTimesNs: [], roundNumbers: [] };
  note(0, startNs);
  // What follows the last round that is known, the blackout for the most part, counts as one more.
  const known = Math.max(...rounds.keys());
  if (endNs > rounds.get(known)!) rounds.set(known + 1, endNs);
  return { startNs, stopNs, endNs, ...ascending(rounds) };
}

/** Rounds in order, without those whose times contradict it (a second migration of one run begins again at 1). */
function ascending(rounds: ReadonlyMap<number, number>): Pick<Anchors, 'roundTimesNs' | 'roundNumbers'> {
  const roundNumbers: number[] = [];
  const roundTimesNs: number[] = [];
  for (const [round, timeNs] of [...rounds].sort(([a], [b]) => a - b)) {
    if (timeNs < (roundTimesNs.at(-1) ?? -Infinity)) continue;
    roundNumbers.push(round);
    roundTimesNs.push(timeNs);
  }
  const each = Math.ceil(roundNumbers.length / MAX_ANCHORS);
  const kept = (_: unknown, i: number): boolean => i % each === 0 || i === roundNumbers.length - 1;
  return { roundNumbers: roundNumbers.filter(kept), roundTimesNs: roundTimesNs.filter(kept) };
}

/** A run's time on the common axis: seconds' nanoseconds for start and stop, rounds for round. NaN where it has no place. */
export function aligned(alignment: Alignment, anchors: Anchors, timeNs: number): number {
  switch (alignment) {
    case 'start':
      return timeNs - anchors.startNs;
    case 'stop':
      return anchors.stopNs === null ? NaN : timeNs - anchors.stopNs;
    case 'round':
      return interpolated(anchors.roundTimesNs, anchors.roundNumbers, timeNs);
  }
}

/** Where a place on the common axis lies in the run's own time. */
export function unaligned(alignment: Alignment, anchors: Anchors, at: number): number {
  switch (alignment) {
    case 'start':
      return at + anchors.startNs;
    case 'stop':
      return anchors.stopNs === null ? NaN : at + anchors.stopNs;
    case 'round':
      return interpolated(anchors.roundNumbers, anchors.roundTimesNs, at);
  }
}

/** Linear between the points, NaN outside them. */
function interpolated(from: readonly number[], to: readonly number[], at: number): number {
  const last = from.length - 1;
  if (last < 1 || !(at >= from[0]!) || at > from[last]!) return NaN;
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (from[middle]! <= at) low = middle;
    else high = middle;
  }
  const width = from[high]! - from[low]!;
  const share = width === 0 ? 1 : (at - from[low]!) / width;
  return to[low]! + share * (to[high]! - to[low]!);
}
