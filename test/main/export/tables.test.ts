// What is written as CSV, Parquet and Arrow comes back from readers that share no code with the writers: csv-parse, hyparquet
// (by the makers of the writer, but another package), flechette.
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exportPieces, type ExportRequest } from '../../../main/export/formats.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { aRun, aChunk, anEvent, aSummary } from '../store/aRun.ts';
import { awkwardRun, bits, keep } from './awkward.ts';

function aStore(): Store {
  const store = new Store(IN_MEMORY);
  onTestFinished(() => {
    store.close();
  });
  return store;
}

async function exported(store: Store, ids: readonly number[], request: ExportRequest): Promise<Buffer> {
  return Buffer.concat([...(await exportPieces(store, ids, request))]);
}

const readCsv = (bytes: Buffer): string[][] =>
  parse(bytes, { bom: false, record_delimiter: '\r\n', relax_column_count: false, skip_empty_lines: false });

/** An empty cell is what is not known. */
const readNumber = (cell: string): number => (cell === '' ? NaN : Number(cell));

interface ParquetFile {
  readonly rows: Record<string, unknown>[];
  /** Of the columns, in their order: keys of an object that look like numbers would come first. */
  readonly names: string[];
  readonly facts: Record<string, string>;
}

async function readParquet(bytes: Buffer): Promise<ParquetFile> {
  const file = new Uint8Array(bytes).buffer;
  const rows = await parquetReadObjects({ file });
  const metadata = parquetMetadata(file);
  const { key_value_metadata: pairs = [] } = metadata;
  return {
    rows,
    names: parquetSchema(metadata).children.map(({ element }) => element.name),
    facts: Object.fromEntries(pairs.map(({ key, value = '' }) => [key, value])),
  };
}

interface ArrowReader {
  tableFromIPC(bytes: Uint8Array): {
    readonly names: string[];
    readonly schema: {
      readonly metadata: Map<string, string> | null;
      readonly fields: readonly { readonly name: string; readonly metadata: Map<string, string> | null }[];
    };
    getChildAt(index: number): { toArray(): ArrayLike<unknown>; readonly length: number };
  };
}

/** Undefined where it is not installed. By a name that the compiler does not follow, since not every checkout has it. */
async function arrowReader(): Promise<ArrowReader | undefined> {
  const name: string = '@uwdata/flechette';
  try {
    return (await import(name)) as ArrowReader;
  } catch {
    return undefined;
  }
}

describe('CSV', () => {
  it('has a head line with units, CRLF, and one row a sample', async () => {
    const store = aStore();
    const writer = store.begin(aRun());
    writer.samples({
      firstIndex: 0,
      count: 2,
      timesNs: Float64Array.of(10, 20),
      columns: [Float64Array.of(1, NaN), Float64Array.of(-0, 0.1)],
    });
    writer.finish(aSummary(), [], 'abc');
    const text = (await exported(store, [writer.id], { format: 'csv' })).toString();
    expect(text).toBe('time_ns,dirty.device.nic0 [pages/s],dirty.device.nic1 [pages/s]\r\n10,1,-0\r\n20,,0.1\r\n');
  });

  it('defuses what a spreadsheet would take for a formula, in names and in texts', async () => {
    const store = aStore();
    const evil = '=HYPERLINK("http://x","y")';
    const run = aRun(evil);
    const writer = store.begin({ ...run, head: { ...run.head, series: [{ ...run.head.series[0]!, id: '@evil' }] } });
    writer.samples(aChunk(0, 1, 1));
    writer.event({ ...anEvent(5), text: '-2+3', source: '+nic' });
    writer.finish(aSummary(), [], 'abc');
    const ids = [writer.id];
    expect(readCsv(await exported(store, ids, { format: 'csv' }))[0]![1]).toBe("'@evil [pages/s]");
    const [, event] = readCsv(await exported(store, ids, { format: 'csv', table: 'events' }));
    expect(event!.slice(5, 7)).toEqual(["'+nic", "'-2+3"]);
    const [, row] = readCsv(await exported(store, ids, { format: 'csv', table: 'runs' }));
    expect(row![2]).toBe(`'${evil}`);
  });

  it('in the long form names run, series and unit in every row, of several runs in one file', async () => {
    const store = aStore();
    const ids = ['one', 'two'].map((name) => {
      const writer = store.begin(aRun(name));
      writer.samples(aChunk(0, 2));
      writer.finish(aSummary(), [], 'abc');
      return writer.id;
    });
    const rows = readCsv(await exported(store, ids, { format: 'csv-long' }));
    expect(rows.slice(0, 4)).toEqual([
      ['run', 'time_ns', 'series', 'unit', 'value'],
      ['1', '10000000', 'dirty.device.nic0', 'pages/s', '1000'],
      ['1', '10000000', 'dirty.device.nic1', 'pages/s', '2000'],
      ['1', '20000000', 'dirty.device.nic0', 'pages/s', '1001'],
    ]);
    expect(rows.slice(1).map(([run]) => run)).toEqual(['1', '1', '1', '1', '2', '2', '2', '2']);
  });
});

describe('Parquet', () => {
  it('tells units, experiment, engine, seed and hash beside the data', async () => {
    const store = aStore();
    const writer = store.begin(aRun());
    writer.samples(aChunk(0, 3));
    writer.finish(aSummary(), [], 'abc');
    const { rows, names, facts } = await readParquet(await exported(store, [writer.id], { format: 'parquet' }));
    expect(rows[1]).toEqual({ time_ns: 20_000_000, 'dirty.device.nic0': 1001, 'dirty.device.nic1': 2001 });
    expect(facts).toMatchObject({
      'brownout.experiment': 'name: a run\n',
      'brownout.engine': '0.1.0',
      'brownout.seed': '7',
      'brownout.hash': 'abc',
    });
    expect(JSON.parse(facts['brownout.columns']!)).toContainEqual(
      expect.objectContaining({ name: 'dirty.device.nic1', unit: 'pages/s', kind: 'rate', source: 'nic1' }),
    );
    expect(names).toEqual(['time_ns', 'dirty.device.nic0', 'dirty.device.nic1']);
  });

  it('holds texts that no column can: any script, quotes, nothing', async () => {
    const store = aStore();
    const writer = store.begin(aRun('ß 你 🚚 "q"'));
    writer.event({ ...anEvent(5), text: '' });
    writer.event({ ...anEvent(6), text: 'ü\u0000', source: 'nic' });
    writer.finish(aSummary(), [], 'abc');
    const { rows } = await readParquet(await exported(store, [writer.id], { format: 'parquet', table: 'events' }));
    expect(rows.map(({ text, source }) => [text, source])).toEqual([
      ['', null],
      ['ü\u0000', 'nic'],
    ]);
  });
});

describe('Arrow', () => {
  it('tells units with the columns and the run with the schema', async (context) => {
    const reader = await arrowReader();
    context.skip(reader === undefined, '@uwdata/flechette is not installed');
    const store = aStore();
    const writer = store.begin(aRun());
    writer.samples(aChunk(0, 3));
    writer.finish(aSummary(), [], 'abc');
    const table = reader!.tableFromIPC(await exported(store, [writer.id], { format: 'arrow' }));
    expect(table.schema.metadata?.get('brownout.hash')).toBe('abc');
    expect(table.schema.fields.map(({ name, metadata }) => [name, metadata?.get('unit')])).toEqual([
      ['time_ns', 'ns'],
      ['dirty.device.nic0', 'pages/s'],
      ['dirty.device.nic1', 'pages/s'],
    ]);
  });
});

describe('every table, in every format', () => {
  it('gives back the samples of any run bit by bit', async () => {
    const arrow = await arrowReader();
    await fc.assert(
      fc.asyncProperty(awkwardRun, fc.integer({ min: 1, max: 9 }), async (run, piece) => {
        const store = new Store(IN_MEMORY);
        try {
          const id = keep(store, run, piece);
          const wanted = [run.times, ...run.columns].map(bits);

          const [head, ...cells] = readCsv(await exported(store, [id], { format: 'csv' }));
          expect(head).toHaveLength(wanted.length);
          expect(wanted.map((_, c) => bits(cells.map((row) => readNumber(row[c]!))))).toEqual(wanted);

          const { rows, names } = await readParquet(await exported(store, [id], { format: 'parquet' }));
          expect(new Set(names).size).toBe(wanted.length);
          expect(names.map((name) => bits(rows.map((row) => row[name] as number | null)))).toEqual(wanted);

          if (arrow !== undefined) {
            const table = arrow.tableFromIPC(await exported(store, [id], { format: 'arrow' }));
            const columns = table.names.map((_, i) =>
              bits(Array.from(table.getChildAt(i).toArray() as ArrayLike<number | null>)),
            );
            expect(columns).toEqual(wanted);
          }
        } finally {
          store.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gives back the texts of events and runs, but for the apostrophes of CSV', async () => {
    const arrow = await arrowReader();
    const bare = (cell: string): string => cell.replace(/^'(?=[=+\-@\t\r\n])/u, '');
    await fc.assert(
      fc.asyncProperty(awkwardRun, async (run) => {
        const store = new Store(IN_MEMORY);
        try {
          const id = keep(store, run);
          const wanted = run.events.map(({ text, source }) => [source ?? null, text]);

          const cells = readCsv(await exported(store, [id], { format: 'csv', table: 'events' })).slice(1);
          expect(cells.map((row) => [bare(row[5]!), bare(row[6]!)])).toEqual(
            wanted.map(([source, text]) => [source ?? '', text]),
          );

          const { rows } = await readParquet(await exported(store, [id], { format: 'parquet', table: 'events' }));
          expect(rows.map(({ source, text }) => [source, text])).toEqual(wanted);

          if (arrow !== undefined && wanted.length > 0) {
            const table = arrow.tableFromIPC(await exported(store, [id], { format: 'arrow', table: 'events' }));
            const column = (i: number): unknown[] => Array.from(table.getChildAt(i).toArray());
            const texts = column(6);
            expect(column(5).map((source, i) => [source, texts[i]])).toEqual(wanted);
          }
        } finally {
          store.close();
        }
      }),
      { numRuns: 40 },
    );
  });
});
