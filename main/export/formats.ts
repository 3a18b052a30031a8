// The formats of exports (the table is main/contract/exports.ts), and what turns runs into bytes of them.
import { EXPORT_FORMATS, EXPORT_TABLES, type FormatName, type TableName } from '../contract/exports.ts';
import type { Store } from '../store/store.ts';
import { csv } from './csv.ts';
import { holdsSeveral, tableOf } from './table.ts';
import { ExportError } from './target.ts';

export interface ExportRequest {
  readonly format: FormatName;
  /** Of the tabular formats; the samples where nothing is said. */
  readonly table?: TableName | undefined;
}

/** The table that is meant: `csv-long` is the long one by its name. Throws an ExportError where the two do not go together. */
export function tableMeant({ format, table }: ExportRequest): TableName | undefined {
  if (!EXPORT_FORMATS[format].tabular) {
    if (table === undefined) return undefined;
    throw new ExportError(
      'unfit',
      `${format} holds whole runs; tables (${EXPORT_TABLES.join(', ')}) are of csv, parquet and arrow`,
    );
  }
  if (format !== 'csv-long') return table ?? 'samples';
  if (table === undefined || table === 'long') return 'long';
  throw new ExportError('unfit', `csv-long is the table "long"; for ${table} take csv`);
}

/** Whether several runs become one file. */
export function inOneFile(request: ExportRequest): boolean {
  const table = tableMeant(request);
  return table !== undefined && holdsSeveral(table);
}

/** What the file's name ends with: `csv`, `events.csv`, `trace.json`. */
export function endingOf(request: ExportRequest): string {
  const { extension } = EXPORT_FORMATS[request.format];
  const table = tableMeant(request);
  return table === undefined || table === 'samples' ? extension : `${table}.${extension}`;
}

/** The bytes, piece by piece; each run is read while it is written. */
export async function exportPieces(
  store: Store,
  ids: readonly number[],
  request: ExportRequest,
): Promise<Iterable<Uint8Array>> {
  const table = tableMeant(request);
  switch (request.format) {
    case 'csv':
    case 'csv-long':
      return csv(tableOf(store, ids, table ?? 'samples'));
    case 'parquet': {
      const { parquet } = await import('./parquet.ts');
      return parquet(tableOf(store, ids, table ?? 'samples'));
    }
    case 'arrow': {
      const { arrow } = await import('./arrow.ts');
      return arrow(tableOf(store, ids, table ?? 'samples'));
    }
    case 'json': {
      const { runJson } = await import('./json.ts');
      return inBytes(runJson(store, onlyOne(ids)));
    }
    case 'perfetto': {
      const { perfetto } = await import('./perfetto.ts');
      return inBytes(perfetto(store, onlyOne(ids)));
    }
    case 'bundle': {
      const { bundle } = await import('../bundle/write.ts');
      return bundle(store, onlyOne(ids));
    }
  }
}

function onlyOne(ids: readonly number[]): number {
  const [id, ...others] = ids;
  if (id === undefined || others.length > 0) throw new Error('this format holds one run');
  return id;
}

function* inBytes(texts: Iterable<string>): Generator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
