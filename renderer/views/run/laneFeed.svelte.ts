// How many events of each kind begin behind each pixel, of what is shown: asked of the host, one question at a time, again when
// the view has moved or the run has grown.
import type { RunEvent } from '../../../main/contract/runs.ts';
import { call } from '../../app/host.svelte.ts';
import type { Span } from '../../chart/span.ts';
import type { TimeAxis } from '../../chart/timeAxis.svelte.ts';

export interface Counts {
  readonly span: Span;
  readonly points: number;
  readonly kinds: ReadonlyMap<RunEvent['kind'], readonly number[]>;
}

const AGAIN_MS = 500;

export class LaneFeed {
  counts = $state.raw<Counts | null>(null);
  /** Of the whole run. */
  totals = $state.raw<ReadonlyMap<RunEvent['kind'], number>>(new Map());
  readonly #id: number;
  readonly #axis: TimeAxis;
  #busy = false;
  #askedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #wanted = '';

  constructor(id: number, axis: TimeAxis) {
    this.#id = id;
    this.#axis = axis;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** `grown`: a figure that changes when there are more events. */
  see(grown: number, live: boolean): void {
    const { view, widthPx } = this.#axis;
    if (widthPx <= 0 || this.#closed) return;
    const wanted = `${view.fromNs}–${view.toNs} ${widthPx} ${grown}`;
    if (wanted === this.#wanted || this.#busy) return;
    clearTimeout(this.#timer);
    const wait = live ? AGAIN_MS - (Date.now() - this.#askedMs) : 0;
    if (wait > 0) {
      this.#timer = setTimeout(() => {
        this.see(grown, live);
      }, wait);
      return;
    }
    this.#wanted = wanted;
    void this.#ask(grown, live);
  }

  async #ask(grown: number, live: boolean): Promise<void> {
    this.#busy = true;
    this.#askedMs = Date.now();
    const { view, extent } = this.#axis;
    const points = Math.max(1, Math.min(16_384, Math.floor(this.#axis.widthPx / 2)));
    try {
      const [found, all] = await Promise.all([
        call('runs.eventCounts', { id: this.#id, fromNs: Math.max(0, view.fromNs), toNs: view.toNs, points }),
        call('runs.eventCounts', { id: this.#id, fromNs: 0, toNs: extent.toNs, points: 1 }),
      ]);
      this.counts = { span: view, points, kinds: new Map(found.map(({ kind, counts }) => [kind, counts])) };
      this.totals = new Map(all.map(({ kind, total }) => [kind, total]));
    } catch {
      // Told by the samples' own question, which goes to the same host.
    } finally {
      this.#busy = false;
    }
    this.see(grown, live);
  }
}
