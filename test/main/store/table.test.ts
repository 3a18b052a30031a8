import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FilterNode, FilterValue } from '../../../main/contract/filter/ast.ts';
import { parseFilter } from '../../../main/contract/filter/parse.ts';
import { fieldsOf } from '../../../main/runs/fields.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { tableColumn, tableColumns } from '../../../main/store/tableColumns.ts';
import { aRun, aSummary } from './aRun.ts';

interface Made {
  readonly name: string;
  readonly tags: readonly string[];
  readonly lost: number | null;
  readonly downtimeNs: number | null;
  readonly memoryMiB: number;
  readonly devices: readonly string[];
  readonly note: string;
  readonly finished: boolean;
}

const experimentOf = ({ memoryMiB, devices }: Made): string =>
  `name: x\nguest: {memory: ${memoryMiB}MiB}\ndevices: [${devices
    .map((type, i) => `{name: d${i}, type: ${type}, ring: {offset: 2MiB, size: 32MiB}}`)
    .join(', ')}]\n`;

function aStoreWith(made: readonly Made[]): Store {
  const store = new Store(IN_MEMORY, { clock: () => 1_000_000 });
  onTestFinished(() => {
    store.close();
  });
  for (const one of made) {
    const experiment = experimentOf(one);
    const writer = store.begin({ ...aRun(one.name), tags: one.tags, experiment, fields: fieldsOf(experiment) });
    const pages = { ...aSummary().pages, lost: one.lost };
    if (one.finished) writer.finish(aSummary({ pages, downtimeNs: one.downtimeNs }), [], 'hash');
    if (one.note !== '') store.note(writer.id, one.note);
  }
  return store;
}

function namesWhere(store: Store, filter: string): number[] {
  const parsed = parseFilter(filter, tableColumns());
  if (!parsed.ok) throw new Error(`${filter}: ${parsed.mistake.message}`);
  const page = store.table({
    where: { node: parsed.node, named: tableColumn },
    sort: tableColumn('id')!,
    ...{ descending: false, limit: 1000, offset: 0, columns: [], deleted: false },
  });
  expect(page.total).toBe(page.runs.length);
  expect(store.matching({ node: parsed.node, named: tableColumn })).toBe(page.total);
  return page.runs.map(({ row }) => row.id - 1);
}

const a = (change: Partial<Made> = {}): Made => ({
  ...{ name: 'a', tags: [], lost: 0, downtimeNs: 1e8, memoryMiB: 64, devices: [], note: '', finished: true },
  ...change,
});

/** What a filter means, said slowly: values of a column as a list, unknown ones left out. */
function valuesOf(run: Made, column: string): FilterValue[] {
  const some = (value: number | string | null): FilterValue[] => (value === null ? [] : [value]);
  switch (column) {
    case 'name':
      return [run.name];
    case 'lost':
      return some(run.finished ? run.lost : null);
    case 'downtime':
      return some(run.finished ? run.downtimeNs : null);
    case 'tag':
      return [...run.tags];
    case 'guest.memory':
      return [run.memoryMiB * 1024 * 1024];
    case 'device':
      return [...run.devices];
    case 'status':
      return [run.finished ? 'finished' : 'running'];
    default:
      throw new Error(column);
  }
}

function holds(run: Made, node: FilterNode): boolean {
  const same = (x: FilterValue, y: FilterValue): boolean =>
    typeof x === 'string' && typeof y === 'string' ? x.toLowerCase() === y.toLowerCase() : x === y;
  switch (node.kind) {
    case 'all':
      return node.items.every((item) => holds(run, item));
    case 'any':
      return node.items.some((item) => holds(run, item));
    case 'not':
      return !holds(run, node.item);
    case 'in':
      return valuesOf(run, node.column).some((value) => node.values.some((wanted) => same(value, wanted)));
    case 'known':
      return valuesOf(run, node.column).length > 0;
    case 'like':
      throw new Error('by example below');
    case 'text':
      return [run.name, run.note, 'file.yaml', ...run.tags].some((text) =>
        text.toLowerCase().includes(node.text.toLowerCase()),
      );
    case 'compare': {
      const values = valuesOf(run, node.column);
      const many = node.column === 'tag' || node.column === 'device';
      const { op, value: wanted } = node;
      if (op === '=') return values.some((value) => same(value, wanted));
      if (op === '!=') return many ? !values.some((v) => same(v, wanted)) : values.some((v) => !same(v, wanted));
      return values.some((value) =>
        op === '<' ? value < wanted : op === '<=' ? value <= wanted : op === '>' ? value > wanted : value >= wanted,
      );
    }
  }
}

const texts = fc.constantFrom('a', 'A', 'nic', "o'clock", '100%', 'a_b', '\\', '');
const runs = fc.record({
  name: texts,
  tags: fc.uniqueArray(texts, { maxLength: 2 }),
  lost: fc.constantFrom(null, 0, 1, 5),
  downtimeNs: fc.constantFrom(null, 0, 1e8, 3e8),
  memoryMiB: fc.constantFrom(64, 128),
  devices: fc.array(fc.constantFrom('nic', 'gpu'), { maxLength: 2 }),
  note: texts,
  finished: fc.boolean(),
});
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const op = fc.constantFrom('<', '<=', '>', '>=', '=', '!=');
const equality = fc.constantFrom('=', '!=');
const conditions = fc.oneof(
  fc.tuple(fc.constant('lost'), op, fc.constantFrom('0', '1', '5')),
  fc.tuple(fc.constant('downtime'), op, fc.constantFrom('0', '100ms', '300ms')),
  fc.tuple(fc.constant('guest.memory'), op, fc.constantFrom('64MiB', '128MiB')),
  fc.tuple(fc.constantFrom('name', 'tag'), equality, texts.map(literal)),
  fc.tuple(fc.constant('device'), equality, fc.constantFrom('nic', 'GPU')),
  fc.tuple(fc.constant('status'), equality, fc.constantFrom('finished', 'running')),
  fc.tuple(fc.constantFrom('device', 'tag'), fc.constantFrom('in', 'not in'), fc.constant("(nic, a, '')")),
  fc.tuple(
    fc.constantFrom('lost', 'downtime', 'device'),
    fc.constantFrom('is unknown', 'is not unknown'),
    fc.constant(''),
  ),
  fc.tuple(texts.filter((text) => text !== '').map(literal), fc.constant(''), fc.constant('')),
);
const filters = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    conditions.map((parts) => parts.join(' ')),
    fc.tuple(tie('filter'), fc.constantFrom('and', 'or'), tie('filter')).map(([x, word, y]) => `(${x}) ${word} (${y})`),
    tie('filter').map((inner) => `not (${inner})`),
  ),
})).filter;

describe('the table of runs', () => {
  it('finds what a filter means, said slowly', () => {
    fc.assert(
      fc.property(fc.array(runs, { maxLength: 8 }), filters, (made, filter) => {
        const parsed = parseFilter(filter, tableColumns());
        if (!parsed.ok) throw new Error(parsed.mistake.message);
        const { node } = parsed;
        const expected = made.flatMap((run, i) => (holds(run, node) ? [i] : []));
        expect(namesWhere(aStoreWith(made), filter)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('takes hostile texts for texts', () => {
    const hostile = ["'; DROP TABLE run; --", '" OR 1=1', '\u0000', "x' UNION SELECT 1"];
    const store = aStoreWith(hostile.map((name) => a({ name })));
    for (const [i, name] of hostile.entries()) {
      expect(namesWhere(store, `name = ${literal(name)}`)).toEqual([i]);
      expect(namesWhere(store, literal(name))).toEqual([i]);
    }
    expect(store.count()).toBe(4);
  });

  it('like: % is any text, _ one character, case is the same', () => {
    const store = aStoreWith([a({ name: 'NIC behind' }), a({ name: 'nvme' }), a({ name: 'a nic' })]);
    expect(namesWhere(store, "name like 'nic%'")).toEqual([0]);
    expect(namesWhere(store, "name like '%NIC%'")).toEqual([0, 2]);
    expect(namesWhere(store, 'name like nv_e')).toEqual([1]);
    expect(namesWhere(store, 'name not like %nic%')).toEqual([1]);
  });

  it('sorts by any column, what is not known last in either direction, and pages without gap or repeat', () => {
    const made = [5, null, 1, 5, 0].map((lost, i) => a({ lost, name: `n${i}`, memoryMiB: 64 * (i + 1) }));
    const store = aStoreWith(made);
    const page = (column: string, descending: boolean, offset: number, limit: number): string[] =>
      store
        .table({
          where: { node: { kind: 'all', items: [] }, named: tableColumn },
          sort: tableColumn(column)!,
          ...{ descending, offset, limit, columns: [], deleted: false },
        })
        .runs.map(({ row }) => row.name);
    expect(page('lost', false, 0, 9)).toEqual(['n4', 'n2', 'n0', 'n3', 'n1']);
    expect(page('lost', true, 0, 9)).toEqual(['n3', 'n0', 'n2', 'n4', 'n1']);
    expect([...page('lost', true, 0, 2), ...page('lost', true, 2, 2), ...page('lost', true, 4, 2)]).toEqual(
      page('lost', true, 0, 9),
    );
    expect(page('guest.memory', true, 0, 2)).toEqual(['n4', 'n3']);
  });

  it('brings fields of the experiment along, several values joined', () => {
    const store = aStoreWith([a({ devices: ['nic', 'gpu'], memoryMiB: 128 })]);
    const columns = ['device', 'guest.memory', 'viommu.mode', 'tracking.precopy'].map((name) => tableColumn(name)!);
    const { runs: found } = store.table({
      where: { node: { kind: 'all', items: [] }, named: tableColumn },
      sort: tableColumn('id')!,
      ...{ descending: false, offset: 0, limit: 1, columns, deleted: false },
    });
    expect(found[0]!.cells).toEqual({
      device: 'nic, gpu',
      'guest.memory': 128 * 1024 * 1024,
      'viommu.mode': 'none',
      'tracking.precopy': 'true',
    });
  });

  it('folds runs of one configuration, with the median of what is known', () => {
    const store = aStoreWith([a({ lost: 1 }), a({ lost: null }), a({ lost: 4 }), a({ memoryMiB: 128 })]);
    const groups = store.groups({ node: { kind: 'all', items: [] }, named: tableColumn }, tableColumn('config')!);
    expect(groups).toMatchObject([
      { count: 1, newestRunId: 4 },
      { count: 3, newestRunId: 3, pagesLost: [1, 2.5, 4] },
    ]);
  });

  it('leaves out what lies in the bin, until it is taken back', () => {
    const store = aStoreWith([a(), a({ finished: false }), a()]);
    expect(store.delete([1, 2, 9])).toEqual([1]);
    expect(namesWhere(store, '')).toEqual([1, 2]);
    expect(store.count()).toBe(2);
    expect(store.undelete([1, 3])).toEqual([1]);
    expect(namesWhere(store, '')).toEqual([0, 1, 2]);
  });

  it('has a name for every field that an experiment of any kind has', () => {
    const known = new Set(tableColumns().map(({ name }) => name));
    const config = JSON.parse(fieldsOf(experimentOf(a({ devices: ['nic', 'nvme', 'gpu'] }))).config!) as object;
    const leaves = (value: unknown, path: string): string[] =>
      Array.isArray(value)
        ? value.flatMap((item) => leaves(item, path))
        : typeof value === 'object' && value !== null
          ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`))
          : [path];
    const unnamed = leaves(config, '').filter((path) => !known.has(path));
    expect([...new Set(unnamed)]).toEqual([]);
  });
});
