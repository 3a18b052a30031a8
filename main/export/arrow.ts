// A table as Arrow IPC: a record batch for each batch, handed on as soon as it is made. Two forms: the file (with a footer, for
// random access; what `.arrow` and Feather version 2 mean) and the stream, which bundles hold.
//
// Numbers are Float64. What is not known is null, and the double under it is still the NaN that was reported.
import {
  AsyncByteQueue,
  Field,
  Float64,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Utf8,
  vectorFromArray,
  type Data,
} from 'apache-arrow';
import type { Column, ColumnValues, Table } from './table.ts';

export function* arrow(table: Table, form: 'file' | 'stream' = 'file'): Generator<Uint8Array> {
  const schema = new Schema(table.columns.map(fieldOf), new Map(Object.entries(table.about)));
  const pieces = new Pieces();
  const writer = form === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter();
  writer.reset(pieces, schema);
  yield* pieces.take();
  for (const { rows, columns } of table.batches()) {
    const children = columns.map(dataOf);
    writer.write(
      new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children })),
    );
    yield* pieces.take();
  }
  writer.finish();
  yield* pieces.take();
}

function fieldOf({ name, type, unit, about }: Column): Field {
  const facts = new Map(Object.entries({ ...(unit === undefined ? {} : { unit }), ...about }));
  return new Field(name, type === 'number' ? new Float64() : new Utf8(), true, facts);
}

function dataOf(values: ColumnValues): Data {
  if (!(values instanceof Float64Array)) {
    const [data] = vectorFromArray([...values], new Utf8()).data;
    return data ?? makeData({ type: new Utf8(), length: 0 });
  }
  const nullBitmap = knownBits(values);
  const length = values.length;
  if (nullBitmap === undefined) return makeData({ type: new Float64(), length, nullCount: 0, data: values });
  return makeData({ type: new Float64(), length, nullCount: -1, nullBitmap, data: values });
}

/** Arrow's validity bitmap: bit i, lowest first, is set where value i is known. Undefined where all are. */
function knownBits(values: Float64Array): Uint8Array | undefined {
  if (!values.includes(NaN)) return undefined;
  // Arrow pads buffers to eight bytes.
  const bits = new Uint8Array(Math.ceil(values.length / 64) * 8);
  for (let i = 0; i < values.length; i++) if (!Number.isNaN(values[i]!)) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

/** What the writer writes, until it is taken. */
class Pieces extends AsyncByteQueue {
  #pieces: Uint8Array[] = [];

  override write(value: Uint8Array): void {
    if (value.byteLength > 0) this.#pieces.push(value);
  }

  take(): Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}
