// A table as Parquet: one row group a batch, handed on as soon as it is encoded, so that memory holds one row group whatever
// the length of the run. Numbers are DOUBLE, plain: a dictionary would take -0 for 0. Not known is null.
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet';
import type { Column, ColumnValues, Table } from './table.ts';
import { version } from '../setup/version.ts';

export function* parquet(table: Table): Generator<Uint8Array> {
  const target = new Pieces();
  const { columns } = table;
  const units = columns.map(({ name, unit, about }) => ({ name, ...(unit === undefined ? {} : { unit }), ...about }));
  const writer = new ParquetWriter({
    writer: target,
    schema: [{ name: 'root', num_children: columns.length }, ...columns.map(schemaElement)],
    codec: 'SNAPPY',
    kvMetadata: [
      ...Object.entries(table.about).map(([key, value]) => ({ key, value })),
      { key: 'brownout.columns', value: JSON.stringify(units) },
    ],
    createdBy: `Brownout ${version()}`,
  });
  for (const { rows, columns: values } of table.batches()) {
    // Without a promise to wait for: the writer flushes only into `target`.
    void writer.write({
      columnData: columns.map(({ name, type }, i) => ({
        name,
        data: withNulls(values[i]!),
        ...(type === 'number' ? { encoding: 'PLAIN' as const } : {}),
      })),
      rowGroupSize: rows,
    });
    yield target.take();
  }
  void writer.finish();
  yield target.take();
}

function schemaElement({ name, type }: Column): SchemaElement {
  const repetition_type = 'OPTIONAL';
  return type === 'number'
    ? { name, type: 'DOUBLE', repetition_type }
    : { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type };
}

/** Doubles stay as they are where all are known, which is the common case. */
function withNulls(values: ColumnValues): Float64Array | (number | string | null)[] {
  if (!(values instanceof Float64Array)) return [...values];
  if (!values.includes(NaN)) return values;
  return Array.from(values, (value) => (Number.isNaN(value) ? null : value));
}

/** A writer whose bytes are taken away while it goes on: `offset` counts all of them, `index` those that are left. */
class Pieces extends ByteWriter {
  take(): Uint8Array {
    const bytes = new Uint8Array(this.buffer.slice(0, this.index));
    this.index = 0;
    return bytes;
  }
}
