// Watching a run while it is made. The producer's results pass through LiveRun on their way from the pool to the store; each
// watcher gathers what it has not taken yet.
//
// A watcher that comes late gets what was before from the store: the run's writer is flushed first, in the same turn, so that
// between the two nothing is missing and nothing comes twice. Events beyond what is held are read from the store again.
import type { HeatMap, RunEvent, RunSink, SampleChunk } from '../../engine/experiment/result.ts';
import type { Envelope } from '../contract/block.ts';
import { MAX_EVENTS } from '../contract/limits.ts';
import type { TopicParams } from '../contract/topics.ts';
import type { BegunRun } from '../runs/makeRun.ts';
import type { StoredEvent } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { GatheringEnvelope } from './envelopes.ts';
import { absent } from './errors.ts';
import { Bell, type Feed, type FeedItem } from './feed.ts';

/** Events that wait for one watcher in memory at most; more are read from the store when it is their turn. */
const MAX_HELD_EVENTS = 2_000;
/** Events that one watcher is given at most; the rest is counted (runs.eventCounts draws lanes that dense). */
export const MAX_WATCHED_EVENTS = 20_000;
const PAGE = 2_000;
/** A watcher is given a heat map at most so often. */
const HEAT_PACE_MS = 500;

export class LiveRun {
  readonly id: number;
  readonly bell = new Bell();
  readonly #begun: BegunRun;
  readonly #watchers = new Set<Watcher>();
  samples = 0;
  events = 0;
  /** The newest, which replaces those before. */
  heat: HeatMap | null = null;
  ended = false;

  constructor(id: number, begun: BegunRun) {
    this.id = id;
    this.#begun = begun;
  }

  /** Writes what is held; the writer may have given up (disk full), then the store has what it has. */
  flush(): void {
    if (this.ended) return;
    try {
      this.#begun.flush();
    } catch {
      // The job ends with this error at the next sample, where it is told to the user.
    }
  }

  addSamples(chunk: SampleChunk): void {
    this.samples = chunk.firstIndex + chunk.count;
    for (const watcher of this.#watchers) watcher.samples(chunk);
    this.bell.ring();
  }

  addEvent(event: RunEvent): void {
    const number = this.events++;
    for (const watcher of this.#watchers) watcher.event({ ...event, number });
    this.bell.ring();
  }

  setHeat(map: HeatMap): void {
    this.heat = map;
    this.bell.ring();
  }

  end(): void {
    this.ended = true;
    this.bell.ring();
  }

  join(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }
}

interface Watcher {
  samples(chunk: SampleChunk): void;
  event(event: StoredEvent): void;
}

/** A sink that passes everything on to `sink` first, then to those who watch. */
export function watched(sink: RunSink, live: () => LiveRun | undefined): RunSink {
  return {
    head(head) {
      sink.head(head);
    },
    samples(chunk) {
      sink.samples(chunk);
      live()?.addSamples(chunk);
    },
    event(event) {
      sink.event(event);
      live()?.addEvent(event);
    },
    heat(map) {
      sink.heat?.(map);
      live()?.setHeat(map);
    },
    finished(summary, expect, hash) {
      sink.finished(summary, expect, hash);
    },
  };
}

/** `live` is undefined for a run that is not being made here: then all that the store has, and the end. */
export function liveFeed(
  store: Store,
  live: LiveRun | undefined,
  params: TopicParams<'live'>,
  notify: () => void,
): Feed {
  const { runId, series, points, kinds } = params;
  live?.flush();
  const run = store.run(runId);
  const positions = series.map((wanted) => {
    const position = run.series.findIndex(({ id }) => id === wanted);
    if (position < 0) throw absent(`series ${wanted} in run ${runId}`);
    return position;
  });
  const gathering = new GatheringEnvelope(positions);
  const startSample = run.row.sampleCount;
  let history: Envelope | undefined;
  if (startSample > 0 && positions.length > 0) {
    const all = { fromNs: 0, toNs: Number.MAX_SAFE_INTEGER, columns: points };
    history = wholeEnvelope(store.envelope(runId, positions, all), startSample);
  }
  /** Number of the next event that the watcher has not been given. */
  let cursor = params.fromEvent;
  let held: StoredEvent[] = [];
  /** Events from `cursor` up to here are in the store and not held. */
  let inStore = run.row.eventCount;
  let given = 0;
  let skipped = 0;
  /** The heat map that the watcher has, and when it was given it. */
  let heat: HeatMap | null = null;
  let heatMs = -Infinity;
  const wanted = (event: StoredEvent): boolean => kinds === undefined || kinds.includes(event.kind);

  const leave = live?.join({
    samples(chunk) {
      if (positions.length > 0) gathering.add(chunk, Math.max(0, startSample - chunk.firstIndex));
    },
    event(event) {
      if (event.number < cursor) return;
      if (given + held.length >= MAX_WATCHED_EVENTS) {
        if (wanted(event)) skipped++;
        return;
      }
      // Held events follow what is in the store without a gap, or there are none.
      if (held.length >= MAX_HELD_EVENTS) held = [];
      else if (held.length > 0 || inStore === event.number) {
        held.push(event);
        return;
      }
      inStore = event.number + 1;
    },
  });
  const stop = live?.bell.listen(notify);

  const nextEvents = (): FeedItem | undefined => {
    if (cursor < inStore && given < MAX_WATCHED_EVENTS) {
      live?.flush();
      const limit = Math.min(PAGE, MAX_WATCHED_EVENTS - given, MAX_EVENTS);
      const events = store.eventsWhere(runId, { from: cursor, limit, kinds });
      const page = events.filter(({ number }) => number < inStore);
      const whole = page.length < limit;
      cursor = whole ? inStore : page.at(-1)!.number + 1;
      given += page.length;
      if (page.length > 0) return { item: { events: page, skipped: takeSkipped() } };
    }
    if (cursor < inStore) {
      // The watcher has had its share: what is left in the store is only counted.
      skipped += inStore - cursor;
      cursor = inStore;
    }
    if (held.length === 0 && skipped === 0) return undefined;
    const events = held.filter(wanted);
    if (held.length > 0) inStore = cursor = held.at(-1)!.number + 1;
    held = [];
    given += events.length;
    if (events.length === 0 && skipped === 0) return undefined;
    return { item: { events, skipped: takeSkipped() } };
  };
  const takeSkipped = (): number => {
    const count = skipped;
    skipped = 0;
    return count;
  };

  const nextHeat = (): FeedItem | undefined => {
    if (params.heat !== true) return undefined;
    const ended = live === undefined || live.ended;
    const newest = live === undefined ? (heat === null ? store.heat(runId) : heat) : live.heat;
    if (newest === undefined || newest === null || newest === heat) return undefined;
    // At the end at once: the finished map has the losses.
    if (!ended && performance.now() < heatMs + HEAT_PACE_MS) return undefined;
    heat = newest;
    heatMs = performance.now();
    return { heat: newest };
  };

  return {
    get ended() {
      return live === undefined || live.ended;
    },
    next() {
      if (history !== undefined) {
        const envelope = history;
        history = undefined;
        return { envelope };
      }
      const envelope = gathering.take();
      return envelope === undefined ? (nextEvents() ?? nextHeat()) : { envelope };
    },
    close() {
      leave?.();
      stop?.();
    },
  };
}

/** The store's envelope with what the contract adds. */
export function wholeEnvelope(
  { samplesEach, firstEntry, fromNs, toNs, columns }: ReturnType<Store['envelope']>,
  total: number,
): Envelope {
  const firstSample = firstEntry * samplesEach;
  const sampleCount = Math.max(0, Math.min(total - firstSample, fromNs.length * samplesEach));
  return { samplesEach, firstSample, sampleCount, fromNs, toNs, columns };
}
