// A column of doubles to bytes and back, bit for bit (NaN payloads and -0 included).
//
// Codec 1: the first value as a double, then the differences as 32-bit integers, deflated: for times, pages, bytes; taken when
//          every value is a safe integer (and not -0) and every difference fits, never by wrapping.
// Codec 2: the eight bytes of the doubles sorted by significance (all first bytes, all second bytes, …), deflated: bytes of
//          equal significance resemble each other.
// Raw deflate, level 1: browsers inflate it with DecompressionStream('deflate-raw'). The checksum is over the values
// themselves, so that a fault of the codec is seen as well as one of the disk. All words are little-endian.
// Measured (docs: lab measurements of 1M points): 1.5 bytes a point for integers; see test/main/store for the bound.
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

export const CODEC_DELTA = 1;
export const CODEC_PLANES = 2;

export interface EncodedColumn {
  readonly codec: number;
  readonly crc: number;
  readonly data: Uint8Array;
}

const INT32_MIN = -0x8000_0000;
const INT32_MAX = 0x7fff_ffff;
const COMPRESSION = { level: 1 } as const;

export function encodeColumn(values: Float64Array): EncodedColumn {
  const bytes = littleEndianBytes(values);
  const crc = crc32(bytes);
  const deltas = deltasOf(values);
  if (deltas !== undefined) return { codec: CODEC_DELTA, crc, data: deflateRawSync(deltas, COMPRESSION) };
  return { codec: CODEC_PLANES, crc, data: deflateRawSync(toPlanes(bytes), COMPRESSION) };
}

/** Undefined where the bytes are not what was written. */
export function decodeColumn(encoded: EncodedColumn, count: number): Float64Array | undefined {
  const { codec, crc, data } = encoded;
  const size = codec === CODEC_DELTA ? 8 + 4 * Math.max(0, count - 1) : 8 * count;
  let raw: Uint8Array;
  try {
    raw = inflateRawSync(data, { maxOutputLength: Math.max(1, size) });
  } catch {
    return undefined;
  }
  if (raw.length !== size) return undefined;
  const values = codec === CODEC_DELTA ? fromDeltas(raw, count) : codec === CODEC_PLANES ? fromPlanes(raw) : undefined;
  return values !== undefined && crc32(littleEndianBytes(values)) === crc ? values : undefined;
}

function deltasOf(values: Float64Array): Uint8Array | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const raw = new Uint8Array(8 + 4 * (count - 1));
  const view = new DataView(raw.buffer);
  let previous = values[0]!;
  if (!Number.isSafeInteger(previous) || Object.is(previous, -0)) return undefined;
  view.setFloat64(0, previous, true);
  for (let i = 1; i < count; i++) {
    const value = values[i]!;
    const delta = value - previous;
    if (!Number.isSafeInteger(value) || Object.is(value, -0) || delta < INT32_MIN || delta > INT32_MAX)
      return undefined;
    view.setInt32(4 + 4 * i, delta, true);
    previous = value;
  }
  return raw;
}

function fromDeltas(raw: Uint8Array, count: number): Float64Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const values = new Float64Array(count);
  let value = view.getFloat64(0, true);
  values[0] = value;
  for (let i = 1; i < count; i++) {
    value += view.getInt32(4 + 4 * i, true);
    values[i] = value;
  }
  return values;
}

function toPlanes(bytes: Uint8Array): Uint8Array {
  const count = bytes.length / 8;
  const planes = new Uint8Array(bytes.length);
  for (let plane = 0; plane < 8; plane++) {
    for (let i = 0, from = plane, to = plane * count; i < count; i++, from += 8) planes[to++] = bytes[from]!;
  }
  return planes;
}

function fromPlanes(planes: Uint8Array): Float64Array {
  const count = planes.length / 8;
  const values = new Float64Array(count);
  const bytes = new Uint8Array(values.buffer);
  for (let plane = 0; plane < 8; plane++) {
    for (let i = 0, from = plane * count, to = plane; i < count; i++, to += 8) bytes[to] = planes[from++]!;
  }
  return LITTLE_ENDIAN ? values : swapped(values);
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndianBytes(values: Float64Array): Uint8Array {
  const source = LITTLE_ENDIAN ? values : swapped(values);
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}

function swapped(values: Float64Array): Float64Array {
  const copy = values.slice();
  const bytes = new Uint8Array(copy.buffer);
  for (let i = 0; i < bytes.length; i += 8) bytes.subarray(i, i + 8).reverse();
  return copy;
}
