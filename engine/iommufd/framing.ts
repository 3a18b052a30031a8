// How an iommufd ioctl's structure comes in: its size field, the bytes the kernel does not know, the bytes the user does
// not send. A row says where each field lies.
//
//   size < end of the last mandatory field     EINVAL
//   size > the structure, a further byte ≠ 0   E2BIG
//   size between                               fields that were not sent are 0
// Source: drivers/iommu/iommufd/main.c iommufd_fops_ioctl(), copy_struct_from_user().
import { ok, refuse } from '../core/errno.ts';
import type { Outcome } from '../core/errno.ts';

export type FieldType = 'u8' | 'u16' | 'u32' | 's32' | 'u64';

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly offset: number;
}

export interface StructRow {
  readonly size: number;
  /** Up to the end of the last field the kernel insists on. */
  readonly minSize: number;
  readonly fields: readonly Field[];
}

const WIDTH = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 } as const satisfies Record<FieldType, number>;

export const widthOf = (type: FieldType): number => WIDTH[type];

/** `'size:u32 flags:u32 iova:u64'`: fields in order, each at the next multiple of its width. */
export function struct(spec: string, lastMandatory?: string): StructRow {
  const fields: Field[] = [];
  let end = 0;
  let minSize = 0;
  for (const part of spec.split(' ')) {
    const [name, type] = part.split(':') as [string, FieldType];
    const width = WIDTH[type];
    const offset = Math.ceil(end / width) * width;
    fields.push({ name, type, offset });
    end = offset + width;
    if (name === lastMandatory) minSize = end;
  }
  const size = Math.ceil(end / 4) * 4;
  return { size, minSize: lastMandatory === undefined ? size : minSize, fields };
}

/** Values of a structure's fields; those absent are 0. */
export type FieldValues = ReadonlyMap<string, bigint>;

/** A structure as the kernel sees it. */
export class Command {
  private readonly values: FieldValues;

  constructor(values: FieldValues) {
    this.values = values;
  }

  /** A field of up to 32 bits. */
  u32(name: string): number {
    return Number(this.values.get(name) ?? 0n);
  }

  u64(name: string): bigint {
    return this.values.get(name) ?? 0n;
  }
}

export interface UserStruct {
  readonly values: FieldValues;
  /** The size field; default: the structure's full size. */
  readonly size: number | undefined;
  /** Value of every byte sent beyond the structure. */
  readonly trailing: number;
}

/** What the dispatcher checks before it calls the handler. */
export function receive(row: StructRow, user: UserStruct): Outcome<Command> {
  const size = user.size ?? row.size;
  if (size < row.minSize) return refuse('EINVAL', 'the structure is shorter than its mandatory fields');
  if (size > row.size && user.trailing !== 0) return refuse('E2BIG', 'a byte beyond the known structure is not 0');
  return ok(new Command(size >= row.size ? user.values : cutOff(row, user.values, size)));
}

/** The values left when only `size` bytes are sent: little endian, so that a field cut in two keeps its low bytes. */
function cutOff(row: StructRow, values: FieldValues, size: number): FieldValues {
  const kept = new Map<string, bigint>();
  for (const { name, type, offset } of row.fields) {
    const value = values.get(name);
    const bytes = Math.min(WIDTH[type], size - offset);
    if (value !== undefined && bytes > 0) kept.set(name, BigInt.asUintN(8 * bytes, value));
  }
  return kept;
}
