// The samples of several runs on one axis: of the part that is shown, least and greatest in about two stretches a pixel, so that
// fifty runs of a million samples are a few megabytes here and every extreme is still drawn.
//
// One question a run holds all series of all panels; a few are under way at a time.
import type { Envelope } from '../../../main/contract/block.ts';
import type { Alignment, ComparedRun } from '../../../main/contract/compare.ts';
import { MAX_POINTS, MAX_SERIES } from '../../../main/contract/limits.ts';
import { call, messageOf } from '../../app/host.svelte.ts';
import type { TimeAxis } from '../../chart/timeAxis.svelte.ts';
import { drawnBy, extentOf, timeOf } from './placing.ts';

const AT_ONCE = 4;
const POINTS_PER_PIXEL = 2;
/** Fetched beyond what is shown, at either side, in shares of it. */
const MARGIN = 0.5;
/** What arrived is shown after so long, and from then on after twice as long each time: fifty runs one by one would be drawn 1,275 times. */
const FIRST_SHOWN_MS = 120;

export interface DrawnRun {
  readonly envelope: Envelope;
  readonly series: readonly string[];
}

export class CompareFeed {
  /** By run; replaced, never changed. */
  drawn = $state.raw<ReadonlyMap<number, DrawnRun>>(new Map());
  trouble = $state('');
  /** Whether all that was asked for is here. */
  whole = $state(false);
  #turn = 0;
  #asked = '';
  #arrived: readonly (readonly [number, DrawnRun])[] = [];
  #showing: ReturnType<typeof setTimeout> | undefined;

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
    this.whole = false;
    const turn = ++this.#turn;
    this.#showLater(FIRST_SHOWN_MS);
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
          const shown = drawnBy(alignment, envelope, run);
          this.#arrived = [...this.#arrived, [run.id, { envelope: shown, series: has }]];
          this.trouble = '';
        } catch (error) {
          this.trouble = messageOf(error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    if (turn !== this.#turn) return;
    this.#show();
    this.whole = true;
  }

  #showLater(afterMs: number): void {
    clearTimeout(this.#showing);
    this.#showing = setTimeout(() => {
      this.#show();
      this.#showLater(2 * afterMs);
    }, afterMs);
  }

  #show(): void {
    clearTimeout(this.#showing);
    if (this.#arrived.length === 0) return;
    this.drawn = new Map([...this.drawn, ...this.#arrived]);
    this.#arrived = [];
  }

  /** What was drawn lies on another axis. */
  forget(): void {
    this.#turn++;
    this.#asked = '';
    this.#arrived = [];
    clearTimeout(this.#showing);
    this.whole = false;
    this.drawn = new Map();
  }
}
