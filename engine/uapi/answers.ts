// What a step answers, in the form scripts compare and people read.
import type { Errno, Refusal } from '../core/errno.ts';
import type { BitmapResult } from '../iommufd/ioctl-types.ts';
import type { BitRuns } from '../iommufd/user-bitmap.ts';
import { isArray } from './json-text.ts';
import type { JsonValue } from './json-text.ts';
import { writeU64 } from './numbers.ts';

export type Out = ReadonlyMap<string, JsonValue>;

/** `errno` undefined: success. `out` is present with an errno where the call writes it. */
export interface Answer {
  readonly errno: Errno | undefined;
  readonly out: Out;
}

export type OutValue = bigint | JsonValue | readonly Readonly<Record<string, bigint>>[];

export function answered(fields: Readonly<Record<string, OutValue | undefined>> = {}): Answer {
  return { errno: undefined, out: outputs(fields) };
}

export function refused(refusal: Refusal, fields: Readonly<Record<string, OutValue | undefined>> = {}): Answer {
  return { errno: refusal.errno, out: outputs(fields) };
}

function outputs(fields: Readonly<Record<string, OutValue | undefined>>): Out {
  const out = new Map<string, JsonValue>();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) out.set(name, toJson(value));
  return out;
}

function toJson(value: OutValue | Readonly<Record<string, bigint>>): JsonValue {
  if (typeof value === 'bigint') return writeU64(value);
  if (value === null || typeof value !== 'object' || value instanceof Map) return value as JsonValue;
  if (isArray(value as JsonValue)) return (value as readonly OutValue[]).map(toJson);
  return new Map(Object.entries(value).map(([key, item]) => [key, writeU64(item as bigint)]));
}

/** Bits shown as hexadecimal, at most. Longer bitmaps (an IOVA range of terabytes) show their runs only. */
export const BITS_SHOWN_MAX = 1 << 27;

/** A bitmap as runs, their number, and the bytes that hold the bits (LSB first). */
export function bitmapFields(bitmap: BitmapResult): Record<string, OutValue> {
  const dirty = bitmap.runs.map(([first, last]) => [first, last]);
  const count = bitmap.runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (bitmap.bits > BITS_SHOWN_MAX) return { dirty, count };
  return { dirty, count, bits: bitsHex(bitmap) };
}

/** The bits of runs that come as a BitRuns. */
export const bitmapOf = (runs: BitRuns, bits: number): BitmapResult => ({ bits, runs: runs.list });

function bitsHex(bitmap: BitmapResult): string {
  const bytes = new Uint8Array(Math.ceil(bitmap.bits / 8));
  for (const [first, last] of bitmap.runs) setBits(bytes, first, last);
  return hex(bytes);
}

function setBits(bytes: Uint8Array, first: number, last: number): void {
  const firstByte = first >>> 3;
  const lastByte = last >>> 3;
  const head = 0xff << (first & 7);
  const tail = 0xff >>> (7 - (last & 7));
  if (firstByte === lastByte) {
    bytes[firstByte]! |= head & tail;
    return;
  }
  bytes[firstByte]! |= head;
  bytes.fill(0xff, firstByte + 1, lastByte);
  bytes[lastByte]! |= tail;
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hex(bytes: Uint8Array): string {
  // In pieces: one string per byte of a large bitmap would be as many objects.
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    let piece = '';
    for (const byte of bytes.subarray(at, at + 4096)) piece += DIGITS[byte]!;
    pieces.push(piece);
  }
  return pieces.join('');
}
