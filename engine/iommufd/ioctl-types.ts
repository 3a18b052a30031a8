// What an ioctl handler gets and answers.
import type { Errno, Refusal } from '../core/errno.ts';
import type { IommufdContext } from './context.ts';
import type { Command } from './framing.ts';

export interface IovaRange {
  readonly start: bigint;
  readonly last: bigint;
}

/** What the pointers of a structure lead to. */
export interface UserPointers {
  /** ALLOW_IOVAS.allowed_iovas. */
  readonly ranges?: readonly IovaRange[];
  /** GET_DIRTY_BITMAP.data: a slice of a user's buffer; absent: a fresh one just large enough. */
  readonly bitmap?: { readonly bytes: Uint8Array; readonly offset: number };
  /** HWPT_INVALIDATE.data_uptr; absent: NULL. */
  readonly entries?: readonly ReadonlyMap<string, bigint>[];
}

/** What a dirty read found, beside the structure. */
export interface BitmapResult {
  /** Bits the range has. */
  readonly bits: number;
  /** Runs [first, last] of set bits within the range, ascending, not touching. */
  readonly runs: readonly (readonly [number, number])[];
}

/** Fields the kernel writes, by name. */
export type OutFields = Readonly<Record<string, number | bigint | readonly IovaRange[]>>;

export type IoctlResult =
  | { readonly ok: true; readonly out: OutFields; readonly bitmap?: BitmapResult }
  | { readonly ok: false; readonly errno: Errno; readonly why: string; readonly out?: OutFields };

export type IoctlHandler = (context: IommufdContext, command: Command, user: UserPointers) => IoctlResult;

export const succeed = (out: OutFields = {}): IoctlResult => ({ ok: true, out });

/** A refusal, with what the kernel writes back in spite of it. */
export const fail = (refusal: Refusal, out?: OutFields): IoctlResult =>
  out === undefined ? refusal : { ...refusal, out };
