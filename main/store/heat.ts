// The heat map of a run: written once, whole, with the run's end; read whole. Compressed and checked as samples are.
import type Database from 'better-sqlite3';
import * as z from 'zod';
import type { HeatLayer, HeatMap } from '../../engine/experiment/result.ts';
import { MAX_HEAT_COLUMNS, MAX_HEAT_LAYERS, MAX_HEAT_ROWS } from '../contract/limits.ts';
import { HEAT_KINDS } from '../contract/heatFrame.ts';
import { decodeColumn, encodeColumn, type EncodedColumn } from './columns.ts';
import { StoreError } from './errors.ts';
import { readRow } from './rows.ts';

const bytes = z.instanceof(Uint8Array);
const encoded = { codec: z.number(), crc: z.number() };
const headRowSchema = z.object({
  row_count: z.int().min(1).max(MAX_HEAT_ROWS),
  column_count: z.int().min(1).max(MAX_HEAT_COLUMNS),
  total_pages: z.number(),
  pages_per_row: z.number(),
  ...encoded,
  edges: bytes,
});
const layerRowSchema = z.object({
  id: z.string(),
  kind: z.enum(HEAT_KINDS),
  label: z.string(),
  source: z.string().nullable(),
  ...encoded,
  pages: bytes,
});

/** In a transaction of the caller's. */
export function writeHeat(db: Database.Database, run: number, map: HeatMap): void {
  const { rows, columns, totalPages, pagesPerRow, edgesNs, layers } = map;
  if (rows > MAX_HEAT_ROWS || columns > MAX_HEAT_COLUMNS || layers.length > MAX_HEAT_LAYERS) {
    throw new Error('a heat map has a bounded size');
  }
  if (edgesNs.length !== columns + 1 || layers.some(({ pages }) => pages.length !== rows * columns)) {
    throw new Error('edges and layers of a heat map fit its rows and columns');
  }
  const edges = encodeColumn(edgesNs);
  db.prepare(
    `INSERT INTO heat (run_id, row_count, column_count, total_pages, pages_per_row, codec, crc, edges)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(run, rows, columns, totalPages, pagesPerRow, edges.codec, edges.crc, edges.data);
  const insert = db.prepare(
    'INSERT INTO heat_layer (run_id, position, id, kind, label, source, codec, crc, pages) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  for (const [i, { id, kind, label, source, pages }] of layers.entries()) {
    const { codec, crc, data } = encodeColumn(Float64Array.from(pages));
    insert.run(run, i, id, kind, label, source ?? null, codec, crc, data);
  }
}

export function hasHeat(db: Database.Database, run: number): boolean {
  return db.prepare('SELECT 1 FROM heat WHERE run_id = ?').pluck().get(run) !== undefined;
}

/** Undefined where the run has none. */
export function readHeat(db: Database.Database, file: string, run: number): HeatMap | undefined {
  const row = db.prepare('SELECT * FROM heat WHERE run_id = ?').get(run);
  if (row === undefined) return undefined;
  const head = readRow(file, headRowSchema, row);
  const { row_count: rows, column_count: columns, total_pages: totalPages, pages_per_row: pagesPerRow } = head;
  const decode = (column: EncodedColumn, count: number): Float64Array => {
    const values = decodeColumn(column, count);
    if (values === undefined) {
      const message = `the heat map of run ${run} in ${file} is damaged: it does not match its checksum`;
      throw new StoreError('damaged', file, message);
    }
    return values;
  };
  const layers = db
    .prepare('SELECT * FROM heat_layer WHERE run_id = ? ORDER BY position')
    .all(run)
    .map((one): HeatLayer => {
      const { id, kind, label, source, pages, ...about } = readRow(file, layerRowSchema, one);
      return {
        ...{ id, kind, label },
        ...(source === null ? {} : { source }),
        pages: Uint32Array.from(decode({ ...about, data: pages }, rows * columns)),
      };
    });
  const edgesNs = decode({ ...head, data: head.edges }, columns + 1);
  return { rows, columns, totalPages, pagesPerRow, edgesNs, layers };
}
