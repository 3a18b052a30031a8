// Calls about kept runs.
import { ServiceError } from '../contract/errors.ts';
import { parseFilter } from '../contract/filter/parse.ts';
import { limitsOf } from '../runs/limits.ts';
import type { Condition } from '../store/table.ts';
import { tableColumn, tableColumns, type TableColumn } from '../store/tableColumns.ts';
import type { StoredRun } from '../store/rows.ts';
import { absent } from './errors.ts';
import type { Handlers, Parts } from './handlers.ts';
import { wholeEnvelope } from './live.ts';

type Methods =
  | 'runs.list'
  | 'runs.count'
  | 'runs.columns'
  | 'runs.values'
  | 'runs.groups'
  | 'runs.get'
  | 'runs.sparks'
  | 'runs.events'
  | 'runs.eventBeside'
  | 'runs.eventCounts'
  | 'runs.series'
  | 'runs.heat'
  | 'runs.statistics'
  | 'runs.losses'
  | 'runs.delete'
  | 'runs.undelete'
  | 'runs.tag'
  | 'runs.note'
  | 'runs.rename'
  | 'runs.baseline'
  | 'runs.setBaseline';

/** Columns of texts whose values completion is given, and how many of each. */
const OCCURRING = ['name', 'file', 'tag', 'engine'] as const;
const MAX_VALUES = 200;

export function runHandlers({ store, jobs, changed }: Parts): Handlers<Methods> {
  /** A run that is being made here has samples that only its writer knows. */
  const current = (id: number): StoredRun => {
    jobs.live(id)?.flush();
    return store.run(id);
  };
  return {
    'runs.list': ({ filter, sort, offset, limit, columns, deleted = false }) => {
      const { runs, total } = store.table({
        where: readFilter(filter),
        sort: columnNamed(sort.column),
        descending: sort.descending,
        offset,
        limit,
        columns: columns.map(columnNamed),
        deleted,
      });
      return {
        runs: runs.map(({ row, cells }) => ({ row: { ...row, tags: [...row.tags] }, cells: { ...cells } })),
        total,
      };
    },
    'runs.count': ({ filter }) => ({ count: store.matching(readFilter(filter)), all: store.count() }),
    'runs.columns': () =>
      tableColumns().map(({ name, title, type, help, rowField, sortable, values }) => ({
        ...{ name, title, type, help, rowField, sortable },
        values: [...values],
      })),
    'runs.values': () =>
      Object.fromEntries(OCCURRING.map((name) => [name, store.distinct(columnNamed(name), MAX_VALUES)])),
    'runs.groups': ({ filter, by, offset, limit }) => {
      const groups = store.groups(readFilter(filter), columnNamed(by));
      const page = groups.slice(offset, offset + limit);
      const copy = (spread: readonly [number, number, number] | null): [number, number, number] | null =>
        spread === null ? null : [...spread];
      return {
        total: groups.length,
        groups: page.map(({ downtimeNs, totalNs, bytesTotal, pagesLost, ...group }) => ({
          ...group,
          ...{ downtimeNs: copy(downtimeNs), totalNs: copy(totalNs) },
          ...{ bytesTotal: copy(bytesTotal), pagesLost: copy(pagesLost) },
        })),
      };
    },
    'runs.get': ({ id }) => {
      const { row, experiment, series, summary, expect } = current(id);
      return {
        row: { ...row, tags: [...row.tags] },
        experiment,
        series: [...series],
        // Of the engine's types; the contract's are the same but for `readonly`, which a test holds.
        summary: summary as ReturnType<Handlers['runs.get']>['summary'],
        expect: [...expect],
        limits: { ...limitsOf(experiment) },
        jobId: jobs.jobOf(id),
        baseline: store.baseline() === id,
        heat: (jobs.live(id)?.heat ?? null) !== null || store.hasHeat(id),
      };
    },
    'runs.sparks': ({ ids }) => ids.flatMap((id) => store.spark(id) ?? []),
    'runs.events': ({ id, from, limit, kinds, fromNs, toNs }) => {
      current(id);
      const events = store.eventsWhere(id, { from, limit, kinds, fromNs, toNs });
      return { events, next: events.length < limit ? null : events.at(-1)!.number + 1 };
    },
    'runs.eventBeside': ({ id, timeNs, number, by, kinds }) => {
      current(id);
      // From a moment alone, events at that very moment lie ahead in both directions.
      const from = number ?? (by > 0 ? -1 : Number.MAX_SAFE_INTEGER);
      return { event: store.eventBeside(id, { timeNs, number: from, by, kinds }) ?? null };
    },
    'runs.eventCounts': ({ id, fromNs, toNs, points }) => {
      current(id);
      return store.eventCounts(id, fromNs, toNs, points);
    },
    'runs.series': ({ id, series, fromNs, toNs, points }) => {
      const run = current(id);
      const positions = series.map((wanted) => {
        const position = run.series.findIndex((info) => info.id === wanted);
        if (position < 0) throw absent(`series ${wanted} in run ${id}`);
        return position;
      });
      return wholeEnvelope(store.envelope(id, positions, { fromNs, toNs, columns: points }), run.row.sampleCount);
    },
    'runs.heat': ({ id }) => {
      const map = jobs.live(id)?.heat ?? store.heat(id);
      // So that the error tells a run that is not there from one without a map.
      if (map === undefined) throw absent(`heat map of run ${store.run(id).row.id}`);
      return map;
    },
    'runs.statistics': ({ id, series, fromNs, toNs }) => {
      const run = current(id);
      return series.map((wanted) => {
        const position = run.series.findIndex((info) => info.id === wanted);
        if (position < 0) throw absent(`series ${wanted} in run ${id}`);
        const { kind } = run.series[position]!;
        return { ...store.statistics(id, { position, kind }, { fromNs, toNs }) };
      });
    },
    'runs.losses': ({ id }) => {
      const { summary, row } = store.run(id);
      return {
        pages: row.pagesLost,
        losses: (summary?.losses ?? []).map(({ runs, writers, ...loss }) => ({
          ...loss,
          writers: [...writers],
          runs: runs.map(([first, count]): [number, number] => [first, count]),
          event: loss.eventIndex < 0 ? null : (store.events(id, loss.eventIndex, 1)[0] ?? null),
        })),
      };
    },
    'runs.delete': ({ ids }) => {
      const deleted = store.delete(ids);
      changed(deleted);
      return { ids: deleted };
    },
    'runs.undelete': ({ ids }) => {
      const restored = store.undelete(ids);
      changed(restored);
      return { ids: restored };
    },
    'runs.tag': ({ ids, add, remove }) => {
      store.tag(ids, add, remove);
      changed(ids);
      return null;
    },
    'runs.note': ({ id, note }) => {
      store.note(id, note);
      changed([id]);
      return null;
    },
    'runs.rename': ({ id, name }) => {
      store.rename(id, name);
      changed([id]);
      return null;
    },
    'runs.baseline': () => ({ id: store.baseline() }),
    'runs.setBaseline': ({ id }) => {
      store.setBaseline(id);
      changed(id === null ? null : [id]);
      return null;
    },
  };
}

/** Throws `invalid-filter` with the place of the mistake. */
export function readFilter(text: string): Condition {
  const parsed = parseFilter(text, tableColumns());
  if (parsed.ok) return { node: parsed.node, named: tableColumn };
  const { message, hint, position, length } = parsed.mistake;
  throw new ServiceError({ kind: 'invalid-filter', message, hint, position, length });
}

function columnNamed(name: string): TableColumn {
  const column = tableColumn(name);
  if (column === undefined) throw absent(`column ${name}`);
  return column;
}
