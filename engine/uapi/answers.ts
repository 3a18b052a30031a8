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

/** What a script may still ask for. */
export interface Budget {
  spend(pieces: number, path: string): void;
}

/** Bits shown as hexadecimal, at most: as many as the largest memory has pages (4 TiB). Longer ranges show their runs only. */
export const BITS_SHOWN_MAX = 1 << 30;

/** Bits written out at the cost of one piece of work. */
const BITS_PER_WORK = 32;

/** A bitmap as runs, their number, and the bytes that hold the bits (LSB first). */
export function bitmapFields(bitmap: BitmapResult, budget: Budget): Record<string, OutValue> {
  const dirty = bitmap.runs.map(([first, last]) => [first, last]);
  const count = bitmap.runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (bitmap.bits > BITS_SHOWN_MAX) return { dirty, count };
  budget.spend(bitmap.bits / BITS_PER_WORK, 'args');
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

const HEX_DIGITS = '0123456789abcdef';
const PIECE = 4096;
const ZEROES = '00'.repeat(PIECE);

export function hex(bytes: Uint8Array): string {
  // In pieces: a string per byte of a large bitmap would be as many objects. Most pieces of most bitmaps are clean.
  const codes = new Uint16Array(2 * PIECE);
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    const piece = bytes.subarray(at, at + PIECE);
    if (piece.every((byte) => byte === 0)) {
      pieces.push(ZEROES.slice(0, 2 * piece.length));
      continue;
    }
    piece.forEach((byte, i) => {
      codes[2 * i] = HEX_DIGITS.charCodeAt(byte >>> 4);
      codes[2 * i + 1] = HEX_DIGITS.charCodeAt(byte & 0xf);
    });
    pieces.push(String.fromCharCode(...codes.subarray(0, 2 * piece.length)));
  }
  return pieces.join('');
}
