// A script after it has been checked: a machine to start from, and steps that call its uAPI.
import type { FormatName } from '../iommu/formats/format.ts';
import type { Errno } from '../core/errno.ts';
import type { JsonValue } from './json-text.ts';

export const SCRIPT_FORMAT = 'uapi-script/1';

export interface ByteRange {
  readonly first: bigint;
  readonly last: bigint;
}

export interface IommuSpec {
  readonly name: string;
  readonly format: FormatName;
  /** Bytes. */
  readonly pageSizes: readonly number[];
  readonly dirtyTracking: boolean;
  readonly nesting: boolean;
  readonly apertures: readonly ByteRange[];
  readonly reserved: readonly ByteRange[];
}

export interface DeviceSpec {
  readonly name: string;
  readonly kind: 'pci' | 'mdev';
  readonly iommu: string | undefined;
  readonly reserved: readonly ByteRange[];
  readonly dirtyTracking: boolean | undefined;
  /** MIGRATION_* flags; undefined: no migration support. */
  readonly migrationFlags: number | undefined;
  readonly stopCopyLength: bigint;
  readonly dmaLogging: boolean;
}

export interface FileSpec {
  readonly fd: number;
  readonly gpa: bigint;
  readonly size: bigint;
}

export type ContainerKind = 'iommufd' | 'type1v2' | 'type1';

export interface MachineSpec {
  readonly memorySize: bigint;
  readonly baseVa: bigint;
  readonly basePa: bigint;
  /** Bytes; undefined: none. */
  readonly memlockLimit: bigint | undefined;
  readonly files: readonly FileSpec[];
  readonly iommus: readonly IommuSpec[];
  readonly devices: readonly DeviceSpec[];
  readonly container: ContainerKind;
  readonly dmaEntryLimit: number;
}

/** `$name` or `$name.field`: an output of an earlier step. */
export interface Reference {
  readonly name: string;
  readonly field: string | undefined;
}

/** A number of a step's argument, or the reference that yields it. */
export type Operand = bigint | Reference;

/** An argument as written, checked by the kind its call gives it. */
export type Argument =
  | { readonly kind: 'number'; readonly value: Operand; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'flag'; readonly value: boolean }
  | { readonly kind: 'objects'; readonly value: readonly ReadonlyMap<string, Operand>[] }
  | { readonly kind: 'fields'; readonly value: ReadonlyMap<string, Operand> };

export type Arguments = ReadonlyMap<string, Argument>;

export interface Expectation {
  /** undefined: success is expected. */
  readonly errno: Errno | undefined;
  readonly out: JsonValue | undefined;
}

export interface Step {
  readonly call: string;
  readonly args: Arguments;
  readonly as: string | undefined;
  readonly expect: Expectation | undefined;
}

export interface Script {
  readonly file: string;
  readonly name: string;
  readonly source: string | undefined;
  readonly machine: MachineSpec;
  readonly steps: readonly Step[];
}

const REFERENCE = /^\$([A-Za-z_][A-Za-z0-9_-]*)(?:\.([A-Za-z_][A-Za-z0-9_]*))?$/;

export function readReference(value: JsonValue | undefined): Reference | undefined {
  const found = typeof value === 'string' ? REFERENCE.exec(value) : null;
  return found === null ? undefined : { name: found[1]!, field: found[2] };
}

export const isReference = (operand: Operand): operand is Reference => typeof operand === 'object';
