// A filter's tree as SQL. Every value is bound, never written into the text; names of columns come from tableColumns.ts
// (which is handed in: it knows the experiment file's schema, and a store that is only written to need not).
import { invariant } from '../../engine/core/invariant.ts';
import type { FilterNode, FilterValue, TimeSpan } from '../contract/filter/ast.ts';
import type { TableColumn } from './tableColumns.ts';

/** A list on the way of a ColumnSource's path. */
const EACH = '[]';

export type ColumnNamed = (name: string) => TableColumn | undefined;

export interface Sql {
  readonly sql: string;
  readonly params: readonly (string | number)[];
}

/** A condition over the table `run`, which is 0 or 1, never NULL. */
export function filterSql(node: FilterNode, named: ColumnNamed): Sql {
  switch (node.kind) {
    case 'all':
    case 'any': {
      if (node.items.length === 0) return { sql: node.kind === 'all' ? '1' : '0', params: [] };
      const parts = node.items.map((item) => filterSql(item, named));
      return join(parts, node.kind === 'all' ? ' AND ' : ' OR ');
    }
    case 'not': {
      const { sql, params } = filterSql(node.item, named);
      return { sql: `NOT (${sql})`, params };
    }
    case 'compare': {
      const column = columnOf(named, node.column);
      if (node.op === '!=' && isMany(column))
        return negated(holds(column, (value) => comparison(value, '=', column, node.value)));
      return holds(column, (value) => comparison(value, node.op, column, node.value));
    }
    case 'in': {
      const column = columnOf(named, node.column);
      return holds(column, (value) =>
        join(
          node.values.map((one) => comparison(value, '=', column, one)),
          ' OR ',
        ),
      );
    }
    case 'like': {
      const column = columnOf(named, node.column);
      return holds(column, (value) => ({ sql: `${value} LIKE ?`, params: [node.pattern] }));
    }
    case 'known':
      return holds(columnOf(named, node.column), (value) => ({ sql: `${value} IS NOT NULL`, params: [] }));
    case 'text': {
      // Not LIKE: it ends at a NUL, and these are not patterns.
      const places = ['run.name', 'run.note', 'run.file_name'].map((place) => `instr(lower(${place}), lower(?)) > 0`);
      places.push('EXISTS (SELECT 1 FROM json_each(run.tags) AS tag WHERE instr(lower(tag.value), lower(?)) > 0)');
      return { sql: `(${places.join(' OR ')})`, params: [node.text, node.text, node.text, node.text] };
    }
  }
}

/** The value of a column as an expression, for sorting and for cells; several values are joined. */
export function columnSql(column: TableColumn): Sql {
  const { source } = column;
  if (source.kind === 'sql') return { sql: source.sql, params: [] };
  const values = valuesSql(column);
  if (!isMany(column)) return { sql: `(${values.sql})`, params: values.params };
  return { sql: `(SELECT group_concat(v, ', ') FROM (${values.sql}) WHERE v IS NOT NULL)`, params: values.params };
}

export function isMany({ source }: TableColumn): boolean {
  return source.kind === 'list' || (source.kind === 'config' && source.path.includes(EACH));
}

function holds(column: TableColumn, condition: (value: string) => Sql): Sql {
  const { source } = column;
  if (source.kind === 'sql') {
    const { sql, params } = condition(`(${source.sql})`);
    return { sql: `coalesce((${sql}), 0)`, params };
  }
  const values = valuesSql(column);
  const { sql, params } = condition('v');
  return { sql: `EXISTS (SELECT 1 FROM (${values.sql}) WHERE ${sql})`, params: [...values.params, ...params] };
}

/** A query whose one column `v` has the values. */
function valuesSql({ source }: TableColumn): Sql {
  if (source.kind === 'sql') return { sql: `SELECT ${source.sql} AS v`, params: [] };
  if (source.kind === 'list') return { sql: `SELECT value AS v FROM json_each(${source.sql})`, params: [] };
  const params: string[] = [];
  const lists: string[] = [];
  let from = 'config.json';
  let keys: string[] = [];
  for (const step of source.path) {
    if (step !== EACH) {
      keys.push(step);
      continue;
    }
    lists.push(`json_each(${from}, ?) AS l${lists.length}`);
    params.push(jsonPath(keys));
    from = `l${lists.length - 1}.value`;
    keys = [];
  }
  const tables = ['config', ...lists].join(', ');
  const value = keys.length === 0 ? from : `json_extract(${from}, ?)`;
  // The value's parameter stands first in the text.
  const ordered = keys.length === 0 ? params : [jsonPath(keys), ...params];
  return { sql: `SELECT ${value} AS v FROM ${tables} WHERE config.id = run.config_id`, params: ordered };
}

function jsonPath(keys: readonly string[]): string {
  return `$${keys.map((key) => `."${key}"`).join('')}`;
}

function comparison(value: string, op: string, column: TableColumn, wanted: FilterValue): Sql {
  if (typeof wanted === 'string') return { sql: `${value} ${op} ? COLLATE NOCASE`, params: [wanted] };
  if (typeof wanted === 'number') {
    // SQLite binds infinities, but JSON cannot say them: the experiment's fields hold the word.
    if (!Number.isFinite(wanted) && column.source.kind === 'config')
      return { sql: `${value} ${op} ?`, params: ['full'] };
    // Numbers are less than texts in SQLite: 'full' is beyond every rate, which is right.
    return { sql: `${value} ${op} ?`, params: [wanted] };
  }
  return spanComparison(value, op, wanted);
}

function spanComparison(value: string, op: string, { from, to }: TimeSpan): Sql {
  switch (op) {
    case '=':
      return { sql: `(${value} >= ? AND ${value} < ?)`, params: [from, to] };
    case '!=':
      return { sql: `(${value} < ? OR ${value} >= ?)`, params: [from, to] };
    case '<':
      return { sql: `${value} < ?`, params: [from] };
    case '<=':
      return { sql: `${value} < ?`, params: [to] };
    case '>':
      return { sql: `${value} >= ?`, params: [to] };
    default:
      return { sql: `${value} >= ?`, params: [from] };
  }
}

function join(parts: readonly Sql[], between: string): Sql {
  return { sql: `(${parts.map(({ sql }) => sql).join(between)})`, params: parts.flatMap(({ params }) => params) };
}

function negated({ sql, params }: Sql): Sql {
  return { sql: `NOT (${sql})`, params };
}

function columnOf(named: ColumnNamed, name: string): TableColumn {
  const column = named(name);
  invariant(column !== undefined, `a parsed filter names columns that there are, not ${name}`);
  return column;
}
