// The table of runs: filtered, sorted, a page at a time, with cells of the experiment's fields; and its groups. None of these
// questions reads samples.
import type Database from 'better-sqlite3';
import type { FilterNode } from '../contract/filter/ast.ts';
import { columnSql, filterSql, type ColumnNamed, type Sql } from './filterSql.ts';
import type { RunRow } from './rows.ts';
import { aliveOnce, toRunRow } from './runs.ts';
import type { TableColumn } from './tableColumns.ts';

export type Cell = string | number | null;

/** A filter, and what its names mean. */
export interface Condition {
  readonly node: FilterNode;
  readonly named: ColumnNamed;
}

export interface TableQuery {
  readonly where: Condition;
  readonly sort: TableColumn;
  readonly descending: boolean;
  readonly limit: number;
  readonly offset: number;
  /** Columns to bring along as cells. */
  readonly columns: readonly TableColumn[];
  /** The bin instead. */
  readonly deleted: boolean;
}

export interface TablePage {
  readonly runs: readonly { readonly row: RunRow; readonly cells: Readonly<Record<string, Cell>> }[];
  /** All that match. */
  readonly total: number;
}

export function queryTable(db: Database.Database, file: string, query: TableQuery, nowMs: number): TablePage {
  const where = whereSql(query.where, query.deleted);
  const sort = columnSql(query.sort);
  const cells = query.columns.map(columnSql);
  const direction = query.descending ? 'DESC' : 'ASC';
  // Texts as a reader sorts them; numbers first, what is not known last in either direction.
  const order = query.sort.type === 'text' ? `${sort.sql} COLLATE NOCASE` : sort.sql;
  const ids = db
    .prepare(
      `SELECT run.id FROM run WHERE ${where.sql} ORDER BY ${order} ${direction} NULLS LAST, run.id ${direction} LIMIT ? OFFSET ?`,
    )
    .pluck()
    .all(...where.params, ...sort.params, query.limit, query.offset) as number[];
  const total = countMatching(db, query.where, query.deleted);
  const extra = cells.map(({ sql }, i) => `, ${sql} AS cell${i}`).join('');
  const read = db.prepare(`SELECT run.*${extra} FROM run WHERE run.id = ?`);
  const alive = aliveOnce(nowMs);
  const runs = ids.map((id) => {
    const raw = read.get(...cells.flatMap(({ params }) => params), id) as Record<string, unknown>;
    const named = query.columns.map(({ name }, i) => [name, raw[`cell${i}`] as Cell] as const);
    return { row: toRunRow(file, raw, alive), cells: Object.fromEntries(named) };
  });
  return { runs, total };
}

export function countMatching(db: Database.Database, filter: Condition, deleted: boolean): number {
  const { sql, params } = whereSql(filter, deleted);
  return db
    .prepare(`SELECT count(*) FROM run WHERE ${sql}`)
    .pluck()
    .get(...params) as number;
}

export type Spread = readonly [least: number, median: number, greatest: number];

export interface Group {
  readonly value: Cell;
  readonly count: number;
  readonly newestRunId: number;
  readonly name: string;
  readonly downtimeNs: Spread | null;
  readonly totalNs: Spread | null;
  readonly bytesTotal: Spread | null;
  readonly pagesLost: Spread | null;
}

/** Groups in the order of their newest run, the newest first. */
export function queryGroups(db: Database.Database, filter: Condition, by: TableColumn): Group[] {
  const where = whereSql(filter, false);
  const value = columnSql(by);
  const rows = db
    .prepare(
      `SELECT ${value.sql} AS value, run.id AS id, run.name AS name, run.downtime_ns AS downtimeNs, run.total_ns AS totalNs,
        run.bytes_total AS bytesTotal, run.pages_lost AS pagesLost FROM run WHERE ${where.sql} ORDER BY run.id DESC`,
    )
    .all(...value.params, ...where.params) as ({ value: Cell; id: number; name: string } & Record<
    Figure,
    number | null
  >)[];
  const groups = new Map<Cell, typeof rows>();
  for (const row of rows) {
    const group = groups.get(row.value);
    if (group === undefined) groups.set(row.value, [row]);
    else group.push(row);
  }
  return [...groups].map(([key, members]) => {
    const spread = (figure: Figure): Spread | null => spreadOf(members.map((member) => member[figure]));
    const newest = members[0]!;
    return {
      ...{ value: key, count: members.length, newestRunId: newest.id, name: newest.name },
      ...{ downtimeNs: spread('downtimeNs'), totalNs: spread('totalNs') },
      ...{ bytesTotal: spread('bytesTotal'), pagesLost: spread('pagesLost') },
    };
  });
}

type Figure = 'downtimeNs' | 'totalNs' | 'bytesTotal' | 'pagesLost';

/** The median of an even number of values is the mean of the middle two. */
function spreadOf(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (known.length === 0) return null;
  const middle = (known.length - 1) / 2;
  const median = (known[Math.floor(middle)]! + known[Math.ceil(middle)]!) / 2;
  return [known[0]!, median, known.at(-1)!];
}

/** Values of a column that occur, the most frequent first: for completion. */
export function distinctValues(db: Database.Database, { source }: TableColumn, limit: number): string[] {
  if (source.kind === 'config') return [];
  const from = source.kind === 'list' ? `run, json_each(${source.sql}) AS item` : 'run';
  const value = source.kind === 'list' ? 'item.value' : source.sql;
  return db
    .prepare(
      `SELECT ${value} FROM ${from} WHERE run.deleted_ms IS NULL AND ${value} <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ?`,
    )
    .pluck()
    .all(limit) as string[];
}

function whereSql(filter: Condition, deleted: boolean): Sql {
  const { sql, params } = filterSql(filter.node, filter.named);
  return { sql: `run.deleted_ms IS ${deleted ? 'NOT ' : ''}NULL AND (${sql})`, params };
}
