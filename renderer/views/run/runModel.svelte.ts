// One run as its page shows it: what is known of it now, and what comes while it is made.
//
// Theory: `runs.get` says what the run is; while it is made, the topic `live` brings samples, events and the heat map, and the
// list's revision tells when the rest (name, tags, status, summary) has changed. When it has ended, everything is asked for
// once more, and the page is that of a kept run. A paused view goes on gathering and draws nothing of it.
import type { HeatMap } from '../../../engine/experiment/result.ts';
import type { Job } from '../../../main/contract/jobs.ts';
import type { Loss, RunDetail, RunEvent } from '../../../main/contract/runs.ts';
import type { EVENT_KINDS } from '../../../main/contract/runs.ts';
import type { ExperimentFacts } from '../../../main/contract/experiments.ts';
import { call, host, messageOf, subscribe } from '../../app/host.svelte.ts';
import { onFrame } from '../../chart/frame.ts';
import { phasesOf, type PhaseSpan } from '../../chart/phases.ts';
import { lengthOf } from '../../chart/span.ts';
import { TimeAxis } from '../../chart/timeAxis.svelte.ts';
import { SeriesFeed } from './seriesFeed.svelte.ts';

export type LossWithEvent = Loss & { readonly event: RunEvent | null };

/** Kinds that shape a run; there are few of them, and all are held. */
export const SHAPING_KINDS = [
  'phase',
  'round',
  'harvest',
  'stop',
  'resume',
  'throttle',
  'device-state',
  'map-change',
] as const satisfies readonly (typeof EVENT_KINDS)[number][];
/** Of these; a run with more is drawn by counts. */
const MAX_SHAPING = 20_000;
const PAGE = 5_000;
/** A run without samples yet. */
const LEAST_EXTENT_NS = 1e6;
/** How far the axis reaches beyond what is there, so that it need not grow with every piece. */
const ROOM = 1.2;

export class RunModel {
  readonly id: number;
  readonly axis = new TimeAxis();
  detail = $state.raw<RunDetail | null>(null);
  feed = $state.raw<SeriesFeed | null>(null);
  losses = $state.raw<readonly LossWithEvent[]>([]);
  facts = $state.raw<ExperimentFacts | null>(null);
  heat = $state.raw<HeatMap | null>(null);
  shaping = $state.raw<readonly RunEvent[]>([]);
  /** More than are held. */
  shapingSkipped = $state(false);
  /** Time of the last sample or event. */
  endNs = $state(0);
  startNs = $state<number | null>(null);
  trouble = $state('');
  absent = $state(false);
  /** The person stopped the picture, not the run. */
  paused = $state(false);
  /** The view stays at the newest. */
  follow = $state(true);
  /** Grows with every change of events. */
  eventsRevision = $state(0);

  readonly running = $derived(this.detail?.row.status === 'running');
  readonly job = $derived.by((): Job | null => {
    const jobId = this.detail?.jobId ?? null;
    return host.jobs.find((job) => job.id === jobId || job.runId === this.id) ?? null;
  });
  readonly phases = $derived.by((): readonly PhaseSpan[] =>
    phasesOf(this.shaping, this.endNs, {
      startNs: this.detail?.summary?.startNs ?? this.startNs,
      open: this.running,
    }),
  );
  /** How long the guest stood still in the last blackout, which ends when it runs again; null: not known. */
  readonly stoodNs = $derived.by((): number | null => {
    const resume = this.shaping.findLast(({ kind }) => kind === 'resume');
    const stood = resume?.detail['blackoutNs'];
    return typeof stood === 'number' ? stood : null;
  });
  readonly empty = $derived((this.detail?.row.sampleCount ?? 0) === 0 && this.endNs === 0);

  #subscriptions: { close(): void }[] = [];
  #closed = false;
  #arrivedNs = 0;
  #arrivedEvents: RunEvent[] = [];
  readonly #frame = onFrame(() => {
    this.#take();
  });

  constructor(id: number) {
    this.id = id;
  }

  async open(): Promise<void> {
    try {
      const detail = await call('runs.get', { id: this.id });
      const running = detail.row.status === 'running';
      const feed = new SeriesFeed(this.id, detail.series, this.axis);
      feed.live = running;
      const [spark] = await call('runs.sparks', { ids: [this.id] });
      if (this.#isClosed()) return;
      this.#extend(Math.max(spark?.endNs ?? 0, this.#summaryEnd(detail)), running);
      this.startNs = spark?.startNs ?? null;
      this.axis.fit();
      this.detail = detail;
      this.feed = feed;
      void this.#readRest(detail);
    } catch (error) {
      if (this.#isClosed()) return;
      this.absent = error instanceof Error && 'kind' in error && error.kind === 'absent';
      this.trouble = messageOf(error);
    }
  }

  /** Asked anew after every wait. */
  #isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#frame.cancel();
    this.feed?.close();
    this.#unsubscribe();
  }

  /** Something in the list of runs has changed; it may be this one. */
  async refresh(): Promise<void> {
    const before = this.detail;
    if (before === null || this.#isClosed()) return;
    try {
      const detail = await call('runs.get', { id: this.id });
      if (this.#isClosed()) return;
      this.detail = detail;
      if (before.row.status === 'running' && detail.row.status !== 'running') await this.#ended(detail);
    } catch (error) {
      this.absent = error instanceof Error && 'kind' in error && error.kind === 'absent';
      if (!this.absent) this.trouble = messageOf(error);
    }
  }

  async #ended(detail: RunDetail): Promise<void> {
    const [spark] = await call('runs.sparks', { ids: [this.id] });
    this.#unsubscribe();
    this.paused = false;
    if (this.feed !== null) this.feed.live = false;
    this.#extend(Math.max(spark?.endNs ?? 0, this.#summaryEnd(detail), this.#eventsEnd()), false);
    await this.#readRest(detail);
    this.feed?.forget();
  }

  #summaryEnd({ summary }: RunDetail): number {
    return summary === null ? 0 : summary.startNs + (summary.totalNs ?? 0);
  }
  #eventsEnd(): number {
    return this.shaping.reduce((end, { timeNs, durationNs }) => Math.max(end, timeNs + durationNs), 0);
  }

  async #readRest(detail: RunDetail): Promise<void> {
    const rest: Promise<unknown>[] = [];
    if (detail.row.status !== 'running') rest.push(this.#readEvents());
    if (detail.heat && detail.row.status !== 'running') {
      rest.push(call('runs.heat', { id: this.id }).then((map) => (this.heat = map)));
    }
    if ((detail.row.pagesLost ?? 0) > 0) {
      rest.push(call('runs.losses', { id: this.id }).then(({ losses }) => (this.losses = losses)));
    }
    if (detail.row.sourceKind !== 'import') {
      rest.push(call('experiments.check', { text: detail.experiment }).then(({ facts }) => (this.facts = facts)));
    }
    for (const result of await Promise.allSettled(rest)) {
      if (result.status === 'rejected') this.trouble = messageOf(result.reason);
    }
  }

  async #readEvents(): Promise<void> {
    const events: RunEvent[] = [];
    let from = 0;
    while (!this.#isClosed()) {
      const page = await call('runs.events', { id: this.id, from, limit: PAGE, kinds: [...SHAPING_KINDS] });
      events.push(...page.events);
      if (page.next === null) break;
      if (events.length >= MAX_SHAPING) {
        this.shapingSkipped = true;
        break;
      }
      from = page.next;
    }
    this.shaping = events;
    this.eventsRevision++;
    this.#extend(Math.max(this.endNs, this.#eventsEnd()), this.running);
  }

  /** While the run is made. Again when other series are wanted: the topic begins with all that was before. */
  watch(): void {
    this.#unsubscribe();
    const { feed } = this;
    if (feed === null || !this.running || this.#isClosed()) return;
    feed.restart();
    this.shaping = [];
    this.#arrivedEvents = [];
    const groups = feed.groups.length === 0 ? [[]] : feed.groups;
    this.#subscriptions = groups.map((series, g) =>
      subscribe(
        'live',
        {
          runId: this.id,
          series: [...series],
          points: 4096,
          fromEvent: g === 0 ? 0 : 2 ** 40,
          kinds: [...SHAPING_KINDS],
          heat: g === 0,
        },
        {
          item: ({ events, skipped }) => {
            if (g !== 0) return;
            this.#arrivedEvents.push(...events);
            if (skipped > 0) this.shapingSkipped = true;
            this.#arrive(events.reduce((end, { timeNs, durationNs }) => Math.max(end, timeNs + durationNs), 0));
          },
          envelope: (piece) => {
            feed.add(g, piece);
            this.#arrive(piece.toNs.at(-1) ?? 0);
          },
          heat: (map) => {
            if (!this.paused) this.heat = map;
          },
          again: () => {
            if (g !== 0) return;
            feed.restart();
            this.shaping = [];
            this.#arrivedEvents = [];
          },
          end: () => {
            if (g === 0) void this.refresh();
          },
        },
      ),
    );
  }

  #unsubscribe(): void {
    for (const one of this.#subscriptions) one.close();
    this.#subscriptions = [];
  }

  #arrive(endNs: number): void {
    this.#arrivedNs = Math.max(this.#arrivedNs, endNs);
    if (!this.paused) this.#frame.ask();
  }

  /** What has arrived since the last frame. */
  #take(): void {
    if (this.#isClosed() || this.paused) return;
    if (this.#arrivedEvents.length > 0) {
      const room = MAX_SHAPING - this.shaping.length;
      this.shaping = [...this.shaping, ...this.#arrivedEvents.slice(0, Math.max(0, room))];
      this.#arrivedEvents = [];
      this.eventsRevision++;
    }
    this.#extend(this.#arrivedNs, true);
    if (this.feed !== null) {
      this.feed.revision++;
      this.feed.see();
    }
  }

  resume(): void {
    this.paused = false;
    this.#take();
  }

  /** The newest at the right edge, from now on. */
  toLive(): void {
    this.follow = true;
    this.resume();
    this.#atEnd();
  }

  #atEnd(): void {
    const { axis } = this;
    const length = lengthOf(axis.view);
    axis.show({ fromNs: this.endNs - length, toNs: this.endNs });
  }

  #extend(endNs: number, growing: boolean): void {
    this.endNs = Math.max(this.endNs, endNs);
    const { axis } = this;
    const end = Math.max(this.endNs, LEAST_EXTENT_NS);
    if (!growing) {
      axis.grow({ fromNs: 0, toNs: this.endNs > 0 ? this.endNs : LEAST_EXTENT_NS });
      return;
    }
    if (end > axis.extent.toNs || axis.extent.toNs > end * 3) axis.grow({ fromNs: 0, toNs: end * ROOM });
    if (this.follow && !axis.whole) this.#atEnd();
  }
}
