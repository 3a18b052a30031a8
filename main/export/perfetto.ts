// A run as a trace in Chrome's JSON form, which the Perfetto UI opens: https://ui.perfetto.dev.
//
// Tracks: the migration (phases, rounds, syncs, throttling, what else happened), each device with its states, the guest; and a
// counter for each series. Spans are complete slices (`X`), points are instants (`i`), series are counters (`C`); times are
// microseconds with three decimals, so nanoseconds stay exact.
//
// Two rules of the form decide the rest. Slices of one track must nest: a span that overlaps another only in part goes to a
// further track of the same name. A counter holds its value until the next one: a rate, which is the mean over the interval
// that ends at its sample, stands where that interval begins, and a value that did not change is not written again.
import { printableJson } from '../cli/text.ts';
import type { EventKind, SeriesInfo } from '../../engine/experiment/result.ts';
import type { StoredEvent, StoredRun } from '../store/rows.ts';
import { TIMES } from '../store/samples.ts';
import type { Store } from '../store/store.ts';
import { aboutRun } from './about.ts';
import { samplesOf } from './table.ts';

const MIGRATION = 1;
const GUEST = 2;
const DEVICES = 3;
const COUNTERS = 4;
const PROCESSES: Readonly<Record<number, string>> = {
  [MIGRATION]: 'Migration',
  [GUEST]: 'Guest and memory',
  [DEVICES]: 'Devices',
  [COUNTERS]: 'Series',
};

/** Which track an event stands on, by its kind; those of devices and vCPUs have one for each source. */
const TRACKS: Readonly<Record<EventKind, { readonly process: number; readonly track: string }>> = {
  phase: { process: MIGRATION, track: 'phases' },
  round: { process: MIGRATION, track: 'rounds' },
  harvest: { process: MIGRATION, track: 'dirty syncs' },
  stop: { process: MIGRATION, track: 'stop and resume' },
  resume: { process: MIGRATION, track: 'stop and resume' },
  throttle: { process: MIGRATION, track: 'throttling' },
  loss: { process: MIGRATION, track: 'LOST pages' },
  error: { process: MIGRATION, track: 'errors' },
  note: { process: MIGRATION, track: 'notes' },
  'map-change': { process: GUEST, track: 'memory map' },
  split: { process: DEVICES, track: 'page tables' },
  collapse: { process: DEVICES, track: 'page tables' },
  unmap: { process: DEVICES, track: 'unmaps' },
  fault: { process: DEVICES, track: 'faults' },
  'device-state': { process: DEVICES, track: 'state' },
};

const EVENTS_A_PIECE = 512;
const SAMPLES_AT_ONCE = 65_536;

export function* perfetto(store: Store, id: number): Generator<string> {
  const run = store.run(id);
  yield `{"displayTimeUnit":"ns","otherData":${printableJson(aboutRun(run), 0)},"traceEvents":[\n`;
  yield processNames(run);
  yield* eventSlices(store, id);
  for (const [position, info] of run.series.entries()) yield* counter(store, run, position, info);
  yield '\n]}\n';
}

/** Everything that follows begins with a comma. */
function processNames({ row }: StoredRun): string {
  return Object.entries(PROCESSES)
    .flatMap(([pid, name]) => [
      metadata(Number(pid), 0, 'process_name', { name: `${name}: ${row.name}` }),
      metadata(Number(pid), 0, 'process_sort_index', { sort_index: Number(pid) }),
    ])
    .join(',\n');
}

function metadata(pid: number, tid: number, name: string, args: Readonly<Record<string, string | number>>): string {
  return printableJson({ ph: 'M', pid, tid, name, args }, 0);
}

function* eventSlices(store: Store, id: number): Generator<string> {
  const lanes = new Lanes();
  let lines: string[] = [];
  for (const event of store.eventsByTime(id)) {
    const { process, track } = TRACKS[event.kind];
    const { tid, isNew, name } = lanes.place(process, trackName(track, event), event);
    if (isNew) {
      lines.push(metadata(process, tid, 'thread_name', { name }));
      lines.push(metadata(process, tid, 'thread_sort_index', { sort_index: tid }));
    }
    lines.push(slice(event, process, tid));
    if (lines.length >= EVENTS_A_PIECE) {
      yield `,\n${lines.join(',\n')}`;
      lines = [];
    }
  }
  if (lines.length > 0) yield `,\n${lines.join(',\n')}`;
}

const trackName = (track: string, { source }: StoredEvent): string =>
  source === undefined ? track : `${source}: ${track}`;

function slice({ number, kind, text, timeNs, durationNs, detail }: StoredEvent, pid: number, tid: number): string {
  const rest = printableJson({ pid, tid, name: text, cat: kind, args: { ...detail, event: number } }, 0).slice(1);
  if (durationNs > 0) return `{"ph":"X","ts":${micros(timeNs)},"dur":${micros(durationNs)},${rest}`;
  return `{"ph":"i","s":"t","ts":${micros(timeNs)},${rest}`;
}

function* counter(store: Store, { row }: StoredRun, position: number, info: SeriesInfo): Generator<string> {
  const head = `,\n{"ph":"C","pid":${COUNTERS},"name":${printableJson(`${info.id} [${info.unit}]`, 0)},"ts":`;
  const early = info.kind === 'rate';
  let before = NaN;
  let previousNs = 0;
  for (const { first, count } of store.stretches(row.id, SAMPLES_AT_ONCE)) {
    const times = samplesOf(store, row.id, TIMES, first, count);
    const values = samplesOf(store, row.id, position, first, count);
    let text = '';
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      const isLast = first + i === row.sampleCount - 1;
      // The form has no way to say "not known": the counter goes on with what was known last.
      if (Number.isFinite(value) && (value !== before || isLast)) {
        text += `${head}${micros(early ? previousNs : times[i]!)},"args":{"value":${value}}}`;
        before = value;
      }
      previousNs = times[i]!;
    }
    // A rate holds to the end of the last interval.
    if (early && first + count === row.sampleCount && Number.isFinite(before)) {
      text += `${head}${micros(previousNs)},"args":{"value":${before}}}`;
    }
    if (text !== '') yield text;
  }
}

/** Nanoseconds as microseconds, in decimal: 1234567 is 1234.567. */
export function micros(ns: number): string {
  const whole = Math.round(ns);
  const rest = whole % 1000;
  const text = String((whole - rest) / 1000);
  return rest === 0 ? text : `${text}.${String(rest).padStart(3, '0')}`;
}

interface Lane {
  readonly tid: number;
  /** Ends of the spans that are open, the innermost last. */
  open: number[];
}

/** Tracks on which slices nest. Events must come by time, a span before what lies within it. */
class Lanes {
  readonly #lanes = new Map<string, Lane[]>();
  #tids = 0;

  place(
    process: number,
    name: string,
    { timeNs, durationNs }: StoredEvent,
  ): { readonly tid: number; readonly isNew: boolean; readonly name: string } {
    const key = `${process} ${name}`;
    const lanes = this.#lanes.get(key) ?? [];
    this.#lanes.set(key, lanes);
    const endNs = timeNs + durationNs;
    for (const [i, lane] of lanes.entries()) {
      lane.open = lane.open.filter((end) => end > timeNs);
      if (lane.open.some((end) => end < endNs)) continue;
      if (durationNs > 0) lane.open.push(endNs);
      return { tid: lane.tid, isNew: false, name: laneName(name, i) };
    }
    const lane = { tid: ++this.#tids, open: durationNs > 0 ? [endNs] : [] };
    lanes.push(lane);
    return { tid: lane.tid, isNew: true, name: laneName(name, lanes.length - 1) };
  }
}

const laneName = (name: string, lane: number): string => (lane === 0 ? name : `${name} (${lane + 1})`);
