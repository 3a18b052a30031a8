// The samples behind a run's charts: of the part that is shown, as fine as the screen can tell, and no more.
//
// Theory: the panels say which series they draw (`want`). Of these the host is asked for the least and greatest in about two
// stretches a pixel, of what is shown and half as much at either side, so that a pan has something to draw at once. One question
// is under way at a time; when it is answered and the view has moved on, the next is asked. Series beyond MAX_SERIES are asked
// in groups. While a run goes on, its pieces gather in LiveEnvelopes that hold all of it; a view much shorter than the run
// is asked for besides, because a live entry stands for more and more samples. Envelopes are never changed once they are handed
// out, except the live ones, which come with a new `revision`.
import type { Envelope } from '../../../main/contract/block.ts';
import { MAX_SERIES } from '../../../main/contract/limits.ts';
import type { SeriesInfo } from '../../../main/contract/runs.ts';
import { call, messageOf } from '../../app/host.svelte.ts';
import { samplesPerPixel } from '../../chart/envelope.ts';
import { LiveEnvelope } from '../../chart/liveEnvelope.ts';
import { lengthOf, overlap, type Span } from '../../chart/span.ts';
import type { TimeAxis } from '../../chart/timeAxis.svelte.ts';

export interface Drawn {
  readonly envelope: Envelope | null;
  readonly position: number;
  /** Of the envelope: a live one grows in place. */
  readonly revision: number;
}

interface Fetched {
  readonly envelope: Envelope;
  readonly span: Span;
  readonly points: number;
  readonly wanted: string;
}

/** How much more than what is shown is asked for, at either side. */
const MARGIN = 0.5;
const POINTS_PER_PIXEL = 2;
/** Between two questions for the same stretch of a run that goes on. */
const AGAIN_MS = 700;

export class SeriesFeed {
  /** Grows when something else is to be drawn. */
  revision = $state(0);
  trouble = $state('');
  readonly #axis: TimeAxis;
  readonly #id: number;
  readonly #all: readonly SeriesInfo[];
  #wanted: readonly string[] = [];
  #groups: readonly (readonly string[])[] = [];
  #fetched: (Fetched | undefined)[] = [];
  #live: LiveEnvelope[] = [];
  #busy = false;
  #askedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** The run is being made, and the window takes part. */
  live = false;

  constructor(id: number, series: readonly SeriesInfo[], axis: TimeAxis) {
    this.#id = id;
    this.#all = series;
    this.#axis = axis;
  }

  get groups(): readonly (readonly string[])[] {
    return this.#groups;
  }

  /** Returns whether it is something else than before. */
  want(ids: readonly string[]): boolean {
    const known = new Set(ids);
    const next = this.#all.flatMap(({ id }) => (known.has(id) ? [id] : []));
    if (next.join('\n') === this.#wanted.join('\n')) return false;
    this.#wanted = next;
    this.#groups = Array.from({ length: Math.ceil(next.length / MAX_SERIES) }, (_, i) =>
      next.slice(i * MAX_SERIES, (i + 1) * MAX_SERIES),
    );
    this.#live = this.#groups.map(({ length }) => new LiveEnvelope(length));
    this.see();
    return true;
  }

  /** A piece of what is being made, of group `group`. */
  add(group: number, piece: Envelope): void {
    this.#live[group]?.add(piece);
  }

  /** All that was gathered comes once more. */
  restart(): void {
    for (const one of this.#live) one.clear();
  }

  get liveEndNs(): number {
    return Math.max(0, ...this.#live.map(({ endNs }) => endNs));
  }

  of(id: string): Drawn {
    const { revision } = this;
    for (const [g, group] of this.#groups.entries()) {
      const position = group.indexOf(id);
      if (position < 0) continue;
      const fetched = this.#fetched[g];
      const fits = fetched !== undefined && fetched.wanted === group.join('\n');
      const live = this.#live[g];
      if (this.live && live !== undefined && live.samples > 0 && !(fits && this.#covers(fetched))) {
        return { envelope: live.now(), position, revision };
      }
      if (fits) return { envelope: fetched.envelope, position, revision };
      // Of another choice of series, until the answer is there.
      const old = fetched?.wanted.split('\n').indexOf(id) ?? -1;
      return old < 0
        ? { envelope: null, position: 0, revision }
        : { envelope: fetched!.envelope, position: old, revision };
    }
    return { envelope: null, position: 0, revision };
  }

  get samplesPerPixel(): number {
    const envelope = this.revision === 0 ? undefined : this.#fetched[0]?.envelope;
    return envelope === undefined ? 0 : samplesPerPixel(envelope, this.#axis.view, this.#axis.widthPx);
  }

  /** To be called when the view, the width or the run has changed. */
  see(): void {
    if (this.#busy || this.#closed || this.#groups.length === 0 || this.#axis.widthPx <= 0) return;
    clearTimeout(this.#timer);
    const stale = this.#groups.some((_, g) => !this.#isGood(g));
    if (!stale) return;
    const wait = this.live ? AGAIN_MS - (Date.now() - this.#askedMs) : 0;
    if (wait > 0) {
      this.#timer = setTimeout(() => {
        this.see();
      }, wait);
      return;
    }
    void this.#ask();
  }

  /** What was asked for is not what is there any more. */
  forget(): void {
    this.#fetched = this.#fetched.map((one) => (one === undefined ? one : { ...one, points: 0 }));
    this.see();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #covers({ span }: Fetched): boolean {
    const seen = overlap(this.#axis.view, span);
    return seen !== null && lengthOf(seen) >= lengthOf(this.#axis.view) * 0.999;
  }

  #isGood(group: number): boolean {
    const fetched = this.#fetched[group];
    if (fetched === undefined || fetched.wanted !== this.#groups[group]!.join('\n')) {
      // A view of (nearly) all of a run that goes on is drawn from what is gathered.
      return this.live && this.#mostOf();
    }
    if (this.live && this.#mostOf()) return true;
    if (!this.#covers(fetched)) return false;
    if (fetched.points === 0) return false;
    if (fetched.envelope.samplesEach === 1) return true;
    const pixelNs = this.#axis.nsPerPixel;
    return lengthOf(fetched.span) / fetched.points <= pixelNs * 0.76;
  }

  #mostOf(): boolean {
    return lengthOf(this.#axis.view) * 3 >= lengthOf(this.#axis.extent);
  }

  async #ask(): Promise<void> {
    this.#busy = true;
    this.#askedMs = Date.now();
    const { view, extent, widthPx } = this.#axis;
    const margin = lengthOf(view) * MARGIN;
    const span: Span = {
      fromNs: Math.max(0, view.fromNs - margin, extent.fromNs),
      toNs: Math.max(1, Math.min(view.toNs + margin, extent.toNs)),
    };
    const share = lengthOf(view) > 0 ? lengthOf(span) / lengthOf(view) : 1;
    const points = Math.min(16_384, Math.max(16, Math.ceil(widthPx * POINTS_PER_PIXEL * share)));
    const groups = this.#groups;
    try {
      const found = await Promise.all(
        groups.map((series) => call('runs.series', { id: this.#id, series: [...series], ...span, points })),
      );
      this.#fetched = found.map((envelope, g) => ({ envelope, span, points, wanted: groups[g]!.join('\n') }));
      this.trouble = '';
      this.revision++;
    } catch (error) {
      this.trouble = messageOf(error);
      this.#busy = false;
      return;
    }
    this.#busy = false;
    this.see();
  }
}
