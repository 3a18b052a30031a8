// The samples of several runs on one axis: of the part that is shown, least and greatest in about two stretches a pixel, so that
// fifty runs of a million samples are a few megabytes here and every extreme is still drawn.
//
// One question a run holds all series of all panels; a few are under way at a time. By start and by stop a run's times are moved
// by its offset when they are drawn; by round they are mapped, one round to SECOND units of the axis.
import type { Envelope } from '../../../main/contract/block.ts';
import { aligned, unaligned, type Alignment, type ComparedRun } from '../../../main/contract/compare.ts';
import { MAX_POINTS, MAX_SERIES } from '../../../main/contract/limits.ts';
import { call, messageOf } from '../../app/host.svelte.ts';
import type { Span } from '../../chart/span.ts';
import type { TimeAxis } from '../../chart/timeAxis.svelte.ts';

/** A round on the axis is as long as a second. */
export const ROUND = 1e9;
const AT_ONCE = 4;
const POINTS_PER_PIXEL = 2;
/** Fetched beyond what is shown, at either side, in shares of it. */
const MARGIN = 0.5;

export interface DrawnRun {
  readonly envelope: Envelope;
  readonly series: readonly string[];
}

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

export class CompareFeed {
  /** By run; replaced, never changed. */
  drawn = $state.raw<ReadonlyMap<number, DrawnRun>>(new Map());
  trouble = $state('');
  #turn = 0;
  #asked = '';

  /** Asks for what `axis` shows of these runs, unless that was asked already. */
  async see(
    runs: readonly ComparedRun[],
    series: readonly string[],
    alignment: Alignment,
    axis: Pick<TimeAxis, 'view' | 'widthPx'>,
  ): Promise<void> {
    const { view, widthPx } = axis;
    if (widthPx <= 0) return;
    const asked = JSON.stringify([runs.map(({ id }) => id), series, alignment, view, widthPx]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    const turn = ++this.#turn;
    const margin = (view.toNs - view.fromNs) * MARGIN;
    const points = Math.min(MAX_POINTS, Math.ceil(widthPx * POINTS_PER_PIXEL * (1 + 2 * MARGIN)));
    const waiting = [...runs];
    const next = async (): Promise<void> => {
      for (let run = waiting.shift(); run !== undefined && turn === this.#turn; run = waiting.shift()) {
        const has = series.filter((id) => run.series.some((info) => info.id === id)).slice(0, MAX_SERIES);
        if (run.id === null || has.length === 0) continue;
        const whole = extentOf(alignment, [run]);
        if (whole === undefined) continue;
        const from = timeOf(alignment, run, Math.max(whole.fromNs, view.fromNs - margin));
        const to = timeOf(alignment, run, Math.min(whole.toNs, view.toNs + margin));
        if (Number.isNaN(from) || Number.isNaN(to) || to < from) continue;
        try {
          const envelope = await call('runs.series', {
            id: run.id,
            series: has,
            fromNs: Math.max(0, from),
            toNs: Math.max(0, to),
            points,
          });
          if (turn !== this.#turn) return;
          const shown = alignment === 'round' ? mapped(envelope, run) : envelope;
          this.drawn = new Map([...this.drawn, [run.id, { envelope: shown, series: has }]]);
          this.trouble = '';
        } catch (error) {
          this.trouble = messageOf(error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }

  /** What was drawn lies on another axis. */
  forget(): void {
    this.#turn++;
    this.#asked = '';
    this.drawn = new Map();
  }
}

/** Times as places on the axis of rounds; what lies outside all rounds is held at its edge, where it is not seen. */
function mapped(envelope: Envelope, run: ComparedRun): Envelope {
  const { roundNumbers } = run.anchors;
  const [first, last] = [(roundNumbers[0] ?? 0) * ROUND, (roundNumbers.at(-1) ?? 0) * ROUND];
  const begin = run.anchors.roundTimesNs[0] ?? 0;
  const place = (timeNs: number): number => {
    const at = placeOf('round', run, timeNs);
    return Number.isNaN(at) ? (timeNs < begin ? first : last) : at;
  };
  const fromNs = envelope.fromNs.map(place);
  return { ...envelope, fromNs, toNs: envelope.toNs === envelope.fromNs ? fromNs : envelope.toNs.map(place) };
}
