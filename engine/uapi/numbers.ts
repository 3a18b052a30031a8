// 64-bit numbers in scripts: a JSON integer below 2^53, else a lower-case hexadecimal string. Both forms are read for any
// number; results are written in the form their size asks for.
import { U64_MAX } from '../iommufd/address.ts';
import type { JsonValue } from './json-text.ts';

const HEX = /^0x[0-9a-f]{1,16}$/;

/** undefined: not a 64-bit number in one of the two forms. */
export function readU64(value: JsonValue | undefined): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;
  if (typeof value === 'string' && HEX.test(value)) return BigInt(value);
  return undefined;
}

export function writeU64(value: bigint): number | string {
  const u64 = BigInt.asUintN(64, value);
  return u64 < 1n << 53n ? Number(u64) : `0x${u64.toString(16)}`;
}

export const fitsBits = (value: bigint, bits: number): boolean => value >= 0n && value <= U64_MAX >> BigInt(64 - bits);
