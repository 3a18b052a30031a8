// What an export writes, apart from the format it is written in: a table of columns, read from the store in batches of bounded
// size. CSV, Parquet and Arrow write any of them.
//
//   samples  one row a sample: the time, then each series (the wide form)
//   long     one row a value: run, time, series, unit, value; several runs in one table
//   events   one row an event; several runs in one table
//   runs     one row a run: its figures; several runs in one table
//
// Numbers are doubles, exactly as they were reported; NaN stands for a value that is not known and becomes an empty cell or null.
import { exactJson } from '../contract/exactJson.ts';
import type { TableName } from '../contract/exports.ts';
import type { RunRow, StoredRun } from '../store/rows.ts';
import { TIMES } from '../store/samples.ts';
import { StoreError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import { aboutRun } from './about.ts';

export interface Column {
  /** Unique in its table. */
  readonly name: string;
  readonly type: 'number' | 'text';
  readonly unit?: string;
  /** Further facts, for formats that can hold them with a column. */
  readonly about?: Readonly<Record<string, string>>;
}

export type ColumnValues = Float64Array | readonly (string | null)[];

export interface Batch {
  readonly rows: number;
  /** In the order of the table's columns: Float64Array for numbers, strings for text. */
  readonly columns: readonly ColumnValues[];
}

export interface Table {
  readonly columns: readonly Column[];
  /** Facts about the whole, for formats that can hold them. */
  readonly about: Readonly<Record<string, string>>;
  batches(): Iterable<Batch>;
}

/** Tables that hold several runs. */
export const holdsSeveral = (table: TableName): boolean => table !== 'samples';

/** Rows of a batch at most: a row group of Parquet, a record batch of Arrow. */
const BATCH_ROWS = 131_072;
/** Values of a batch at most, all columns together: 32 MiB of doubles. */
const BATCH_VALUES = 4 * 1024 * 1024;
const BATCH_EVENTS = 4096;

export function tableOf(store: Store, ids: readonly number[], name: TableName): Table {
  const [first, ...others] = ids;
  switch (name) {
    case 'samples':
      if (first === undefined || others.length > 0) throw new Error('one run for a table of samples');
      return samplesTable(store, store.run(first));
    case 'long':
      return longTable(store, ids);
    case 'events':
      return eventsTable(store, ids);
    case 'runs':
      return runsTable(ids.map((id) => store.run(id)));
  }
}

function samplesTable(store: Store, run: StoredRun): Table {
  const { series, row } = run;
  const taken = new Set<string>();
  const columns: Column[] = [{ name: unique('time_ns', taken), type: 'number', unit: 'ns' }];
  for (const { id, label, unit, kind, source } of series) {
    const about = { id, label, kind, ...(source === undefined ? {} : { source }) };
    columns.push({ name: unique(id, taken), type: 'number', unit, about });
  }
  return {
    columns,
    about: aboutRun(run),
    *batches() {
      const rows = Math.max(1, Math.min(BATCH_ROWS, Math.floor(BATCH_VALUES / columns.length)));
      for (const { first, count } of store.stretches(row.id, rows)) {
        yield { rows: count, columns: columns.map((_, i) => samplesOf(store, row.id, i + TIMES, first, count)) };
      }
    },
  };
}

/** Exactly `count` samples, or an error: a run that was removed meanwhile must not end as a shorter file. */
export function samplesOf(store: Store, id: number, position: number, first: number, count: number): Float64Array {
  const values = store.samples(id, position, first, count);
  if (values.length === count) return values;
  throw new StoreError('absent', store.file, `run ${id} was removed from ${store.file} while it was read`);
}

function longTable(store: Store, ids: readonly number[]): Table {
  const runs = ids.map((id) => store.run(id));
  return {
    columns: [
      { name: 'run', type: 'number' },
      { name: 'time_ns', type: 'number', unit: 'ns' },
      { name: 'series', type: 'text' },
      { name: 'unit', type: 'text' },
      { name: 'value', type: 'number' },
    ],
    about: aboutRuns(runs),
    *batches() {
      for (const { row, series } of runs) {
        if (series.length === 0) continue;
        const samplesAtOnce = Math.max(1, Math.floor(BATCH_ROWS / series.length));
        const rows = Math.max(1, Math.min(BATCH_ROWS, Math.floor(BATCH_VALUES / (series.length + 1))));
        for (const { first, count } of store.stretches(row.id, rows)) {
          const read = [{ id: '' }, ...series].map((_, i) => samplesOf(store, row.id, i + TIMES, first, count));
          for (let from = 0; from < count; from += samplesAtOnce) {
            yield longBatch(row.id, series, read, from, Math.min(samplesAtOnce, count - from));
          }
        }
      }
    },
  };
}

/** Sample by sample, so that what belongs to one time stands together. `read`: times, then each series. */
function longBatch(
  run: number,
  series: StoredRun['series'],
  read: readonly Float64Array[],
  from: number,
  samples: number,
): Batch {
  const width = series.length;
  const rows = samples * width;
  const times = new Float64Array(rows);
  const values = new Float64Array(rows);
  const ids = new Array<string>(rows);
  const units = new Array<string>(rows);
  for (let s = 0; s < width; s++) {
    const { id, unit } = series[s]!;
    const column = read[s + 1]!;
    for (let i = 0, at = s; i < samples; i++, at += width) {
      times[at] = read[0]![from + i]!;
      values[at] = column[from + i]!;
      ids[at] = id;
      units[at] = unit;
    }
  }
  return { rows, columns: [new Float64Array(rows).fill(run), times, ids, units, values] };
}

function eventsTable(store: Store, ids: readonly number[]): Table {
  const runs = ids.map((id) => store.run(id));
  return {
    columns: [
      { name: 'run', type: 'number' },
      { name: 'number', type: 'number' },
      { name: 'time_ns', type: 'number', unit: 'ns' },
      { name: 'duration_ns', type: 'number', unit: 'ns' },
      { name: 'kind', type: 'text' },
      { name: 'source', type: 'text' },
      { name: 'text', type: 'text' },
      { name: 'detail', type: 'text' },
    ],
    about: aboutRuns(runs),
    *batches() {
      for (const { row } of runs) {
        for (let from = 0; from < row.eventCount; from += BATCH_EVENTS) {
          const events = store.events(row.id, from, Math.min(BATCH_EVENTS, row.eventCount - from));
          yield {
            rows: events.length,
            columns: [
              new Float64Array(events.length).fill(row.id),
              Float64Array.from(events, ({ number }) => number),
              Float64Array.from(events, ({ timeNs }) => timeNs),
              Float64Array.from(events, ({ durationNs }) => durationNs),
              events.map(({ kind }) => kind),
              events.map(({ source }) => source ?? null),
              events.map(({ text }) => text),
              events.map(({ detail }) => exactJson(detail)),
            ],
          };
        }
      }
    },
  };
}

interface RunField {
  readonly name: string;
  readonly unit?: string;
  readonly value: (row: RunRow) => number | string | null;
}

const RUN_FIELDS: readonly RunField[] = [
  { name: 'run', value: (row) => row.id },
  { name: 'uid', value: (row) => row.uid },
  { name: 'name', value: (row) => row.name },
  { name: 'tags', value: (row) => row.tags.join(', ') },
  { name: 'file', value: (row) => row.fileName },
  { name: 'source', value: (row) => row.sourceKind },
  { name: 'source_text', value: (row) => row.sourceText },
  { name: 'engine', value: (row) => row.engineVersion },
  { name: 'seed', value: (row) => row.seed },
  { name: 'status', value: (row) => row.status },
  { name: 'created', value: (row) => new Date(row.createdMs).toISOString() },
  { name: 'outcome', value: (row) => row.outcome },
  { name: 'total_ns', unit: 'ns', value: (row) => row.totalNs },
  { name: 'setup_ns', unit: 'ns', value: (row) => row.setupNs },
  { name: 'downtime_ns', unit: 'ns', value: (row) => row.downtimeNs },
  { name: 'bytes_total', unit: 'bytes', value: (row) => row.bytesTotal },
  { name: 'pages_total', unit: 'pages', value: (row) => row.pagesTotal },
  { name: 'pages_resent', unit: 'pages', value: (row) => row.pagesResent },
  { name: 'pages_needless', unit: 'pages', value: (row) => row.pagesNeedless },
  { name: 'pages_lost', unit: 'pages', value: (row) => row.pagesLost },
  { name: 'rounds', value: (row) => row.rounds },
  { name: 'guest_stall_ns', unit: 'ns', value: (row) => row.guestStallNs },
  { name: 'guest_speed', unit: 'ratio', value: (row) => row.guestSpeed },
  { name: 'throttle_max_percent', unit: 'percent', value: (row) => row.throttleMaxPercent },
  { name: 'expect_total', value: (row) => row.expectTotal },
  { name: 'expect_met', value: (row) => row.expectMet },
  { name: 'sampling_ns', unit: 'ns', value: (row) => row.samplingNs },
  { name: 'samples', value: (row) => row.sampleCount },
  { name: 'events', value: (row) => row.eventCount },
  { name: 'hash', value: (row) => row.hash },
];
const TEXT_FIELDS = new Set('uid name tags file source source_text engine status created outcome hash'.split(' '));

function runsTable(runs: readonly StoredRun[]): Table {
  const typed = RUN_FIELDS.map((field) => ({ ...field, isText: TEXT_FIELDS.has(field.name) }));
  return {
    columns: typed.map(({ name, unit, isText }) => ({
      ...{ name, type: isText ? 'text' : 'number' },
      ...(unit === undefined ? {} : { unit }),
    })),
    about: aboutRuns(runs),
    *batches() {
      if (runs.length === 0) return;
      yield {
        rows: runs.length,
        columns: typed.map(({ value, isText }) => {
          const cells = runs.map(({ row }) => value(row));
          return isText
            ? cells.map((cell) => (cell === null ? null : String(cell)))
            : Float64Array.from(cells, (cell) => (typeof cell === 'number' ? cell : NaN));
        }),
      };
    },
  };
}

function aboutRuns(runs: readonly StoredRun[]): Record<string, string> {
  const [run, ...others] = runs;
  return run !== undefined && others.length === 0 ? aboutRun(run) : {};
}

/** Series of one run may share an identifier where the run was imported; columns of a file must not share a name. */
function unique(name: string, taken: Set<string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name} (${n})`;
  taken.add(free);
  return free;
}
