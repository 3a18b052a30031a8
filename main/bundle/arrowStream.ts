// Reads the Arrow streams of bundles: record batches of doubles, one after the other.
//
// apache-arrow would read them too, but believes every length that a message tells: a forged one makes it fill the memory. Here
// a length is checked against the bytes that are there before it is used, and what is not a column of plain doubles is refused.
// https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format: each message is 0xFFFFFFFF, the length of its head,
// the head (a flatbuffer), the body; a length of 0 ends the stream. Fields of tables by their numbers in Message.fbs.

export interface ArrowLimits {
  /** Of a message's head: the schema's holds the experiment and the summary. */
  readonly headBytes: number;
  readonly bodyBytes: number;
}

/** What is wrong, without the file's name. */
export class ArrowError extends Error {
  override readonly name = 'ArrowError';
}

const CONTINUATION = 0xffff_ffff;
const MESSAGE = { headerType: 1, header: 2, bodyLength: 3 } as const;
const HEADER = { schema: 1, recordBatch: 3 } as const;
const BATCH = { length: 0, nodes: 1, buffers: 2, compression: 3 } as const;
/** FieldNode (length, null count) and Buffer (offset, length) are two 64-bit integers each. */
const PAIR_BYTES = 16;

/** The columns of each record batch, `width` of them; NaN where a value is null. Reads `bytes` to the end. */
export function* arrowStream(
  bytes: Iterator<Uint8Array>,
  width: number,
  limits: ArrowLimits,
): Generator<readonly Float64Array[]> {
  const input = new Input(bytes);
  let isFirst = true;
  for (;;) {
    const mark = input.exactly(8);
    if (uint32(mark, 0) !== CONTINUATION) throw new ArrowError('is not a stream of Arrow messages');
    const headBytes = uint32(mark, 4);
    if (headBytes === 0) break;
    if (headBytes > limits.headBytes) throw new ArrowError(`has a message with a head of ${headBytes} bytes`);
    const message = reading(() => readMessage(input.exactly(headBytes)));
    if (message.bodyLength > limits.bodyBytes) {
      throw new ArrowError(`has a message of ${message.bodyLength} bytes, more than ${limits.bodyBytes}`);
    }
    const body = input.exactly(message.bodyLength);
    if (isFirst !== (message.headerType === HEADER.schema)) throw new ArrowError('must begin with its only schema');
    isFirst = false;
    if (message.headerType === HEADER.schema) continue;
    if (message.headerType !== HEADER.recordBatch) throw new ArrowError('holds what is no record batch');
    yield reading(() => readColumns(message.header, body, width));
  }
  input.toEnd();
}

/** A place outside of the bytes is the file's mistake. */
function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new ArrowError('has a message that is damaged');
    throw error;
  }
}

interface Message {
  readonly headerType: number;
  readonly header: Table;
  readonly bodyLength: number;
}

function readMessage(head: Uint8Array): Message {
  const view = viewOf(head);
  const message = new Table(view, view.getUint32(0, true));
  const typeAt = message.at(MESSAGE.headerType);
  const headerAt = message.at(MESSAGE.header);
  const lengthAt = message.at(MESSAGE.bodyLength);
  if (typeAt === 0 || headerAt === 0) throw new ArrowError('has a message without a head');
  return {
    headerType: view.getUint8(typeAt),
    header: new Table(view, headerAt + view.getUint32(headerAt, true)),
    bodyLength: lengthAt === 0 ? 0 : whole(view, lengthAt),
  };
}

function readColumns(batch: Table, body: Uint8Array, width: number): Float64Array[] {
  const { view } = batch;
  if (batch.at(BATCH.compression) !== 0) throw new ArrowError('is compressed within, which no bundle is');
  const lengthAt = batch.at(BATCH.length);
  const rows = lengthAt === 0 ? 0 : whole(view, lengthAt);
  const nodes = pairs(batch, BATCH.nodes);
  const buffers = pairs(batch, BATCH.buffers);
  if (nodes.length !== width) throw new ArrowError(`has ${nodes.length} columns instead of ${width}`);
  if (buffers.length !== 2 * width) throw new ArrowError('has a column that is not of doubles');
  return nodes.map(([length, nulls], i) => {
    const [validityFrom, validityBytes] = buffers[2 * i]!;
    const [dataFrom, dataBytes] = buffers[2 * i + 1]!;
    const isInside = validityFrom + validityBytes <= body.length && dataFrom + dataBytes <= body.length;
    if (!isInside || length !== rows || dataBytes < 8 * rows)
      throw new ArrowError('has a column that is not of doubles');
    // A copy, aligned as doubles must be.
    const column = new Float64Array(body.slice(dataFrom, dataFrom + 8 * rows).buffer);
    if (nulls > 0 && validityBytes > 0) {
      if (validityBytes * 8 < rows) throw new ArrowError('has a column that is not of doubles');
      for (let row = 0; row < rows; row++) {
        const isKnown = (body[validityFrom + (row >> 3)]! & (1 << (row & 7))) !== 0;
        if (!isKnown && !Number.isNaN(column[row]!)) column[row] = NaN;
      }
    }
    return column;
  });
}

/** A vector of structs of two 64-bit integers. */
function pairs(table: Table, field: number): (readonly [number, number])[] {
  const { view } = table;
  const at = table.at(field);
  if (at === 0) return [];
  const vector = at + view.getUint32(at, true);
  const count = view.getUint32(vector, true);
  if (vector + 4 + count * PAIR_BYTES > view.byteLength) throw new RangeError();
  return Array.from({ length: count }, (_, i) => {
    const from = vector + 4 + i * PAIR_BYTES;
    return [whole(view, from), whole(view, from + 8)] as const;
  });
}

/** A 64-bit integer that counts something: not negative, and exact as a double. */
function whole(view: DataView, at: number): number {
  const value = view.getBigInt64(at, true);
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError();
  return Number(value);
}

/** A table of a flatbuffer: its fields are found through a list of offsets that stands elsewhere. */
class Table {
  readonly view: DataView;
  readonly #at: number;
  readonly #list: number;
  readonly #listBytes: number;

  constructor(view: DataView, at: number) {
    this.view = view;
    this.#at = at;
    this.#list = at - view.getInt32(at, true);
    this.#listBytes = view.getUint16(this.#list, true);
  }

  /** Where the field stands; 0: it has its default. */
  at(field: number): number {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#listBytes) return 0;
    const offset = this.view.getUint16(this.#list + entry, true);
    return offset === 0 ? 0 : this.#at + offset;
  }
}

/** Bytes that come in pieces, taken in the lengths that are needed. */
class Input {
  readonly #bytes: Iterator<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #held = 0;

  constructor(bytes: Iterator<Uint8Array>) {
    this.#bytes = bytes;
  }

  /** In memory of their own: never more than is really there is held, whatever `count` says. */
  exactly(count: number): Uint8Array {
    while (this.#held < count) {
      const next = this.#bytes.next();
      if (next.done === true) throw new ArrowError('ends too early');
      this.#pieces.push(next.value);
      this.#held += next.value.length;
    }
    const taken = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const piece = this.#pieces.shift()!;
      const part = piece.subarray(0, count - at);
      taken.set(part, at);
      at += part.length;
      if (part.length < piece.length) this.#pieces.unshift(piece.subarray(part.length));
    }
    this.#held -= count;
    return taken;
  }

  toEnd(): void {
    if (this.#held > 0) throw new ArrowError('goes on behind its end');
    for (let next = this.#bytes.next(); next.done !== true; next = this.#bytes.next()) {
      if (next.value.length > 0) throw new ArrowError('goes on behind its end');
    }
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const uint32 = (bytes: Uint8Array, at: number): number => viewOf(bytes).getUint32(at, true);
