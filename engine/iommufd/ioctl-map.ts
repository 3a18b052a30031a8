// MAP, MAP_FILE, COPY, UNMAP, CHANGE_PROCESS.
// Sources: drivers/iommu/iommufd/ioas.c, pages.c iopt_alloc_user_pages(), iopt_alloc_file_pages(). Limit tests on fields
// come before the IOAS is looked up, tests of the memory after, tests of the range last.
import { ok, refuse } from '../core/errno.ts';
import type { Outcome, Refusal } from '../core/errno.ts';
import { U64_MAX, offsetOf, pageOf, spanFromTo, spanOf, startOf } from './address.ts';
import type { Span } from './address.ts';
import { Area } from './area.ts';
import type { IommufdContext } from './context.ts';
import type { Command } from './framing.ts';
import { accessBits } from './hw-domain.ts';
import { unmappedBytes } from './ioas.ts';
import type { Ioas } from './ioas.ts';
import { succeed } from './ioctl-types.ts';
import type { IoctlResult } from './ioctl-types.ts';
import { IoptPages } from './iopt-pages.ts';
import type { PageSource } from './memory.ts';
import { isRefusal } from './objects.ts';

export const MAP_FIXED_IOVA = 1;
export const MAP_WRITEABLE = 2;
export const MAP_READABLE = 4;
const MAP_FLAGS = MAP_FIXED_IOVA | MAP_WRITEABLE | MAP_READABLE;

const accessOf = (flags: number): number => accessBits((flags & MAP_READABLE) !== 0, (flags & MAP_WRITEABLE) !== 0);

/** Memory to be mapped: `length` bytes of `source` from byte `address`. */
export interface MapMemory {
  readonly source: PageSource;
  readonly address: bigint;
  readonly length: bigint;
  readonly access: number;
}

export function map(context: IommufdContext, command: Command): IoctlResult {
  const refused = refuseFlags(command, [command.u64('iova'), command.u64('length')]);
  if (refused !== undefined) return refused;
  const object = context.objects.get(command.u32('ioas_id'), 'ioas');
  if (isRefusal(object)) return object;
  const flags = command.u32('flags');
  const memory = {
    source: context.memory,
    address: command.u64('user_va'),
    length: command.u64('length'),
    access: accessOf(flags),
  };
  return iovaResult('iova', mapUser(context, object.ioas, fixedIova(flags, command.u64('iova')), memory));
}

/** iopt_map_user_pages(): also VFIO's MAP_DMA comes here. */
export function mapUser(
  context: IommufdContext,
  ioas: Ioas,
  iova: bigint | undefined,
  memory: MapMemory,
): Outcome<bigint> {
  if (memory.address + memory.length > U64_MAX) return refuse('EOVERFLOW', 'the user address range wraps');
  return mapMemory(context, ioas, iova, memory);
}

export function mapFile(context: IommufdContext, command: Command): IoctlResult {
  const refused = refuseFlags(command, [command.u64('iova'), command.u64('length')]);
  if (refused !== undefined) return refused;
  const object = context.objects.get(command.u32('ioas_id'), 'ioas');
  if (isRefusal(object)) return object;
  const flags = command.u32('flags');
  const start = command.u64('start');
  const length = command.u64('length');
  if (length === 0n) return refuse('EINVAL', 'the length is 0');
  if (start + length - 1n > U64_MAX) return refuse('EOVERFLOW', 'the file range wraps');
  const source = context.files.get(Number(BigInt.asIntN(32, command.u64('fd'))));
  if (source === undefined) return refuse('EBADF', 'there is no such file');
  const memory = { source, address: start, length, access: accessOf(flags) };
  return iovaResult('iova', mapMemory(context, object.ioas, fixedIova(flags, command.u64('iova')), memory));
}

function mapMemory(context: IommufdContext, ioas: Ioas, iova: bigint | undefined, memory: MapMemory): Outcome<bigint> {
  const { address, length } = memory;
  if (length === 0n || length > U64_MAX - 4096n) return refuse('EINVAL', 'the length is 0 or too large');
  const offset = offsetOf(address);
  const pages = new IoptPages({
    source: memory.source,
    firstPage: pageOf(address),
    pages: pageOf(BigInt(offset) + length + 4095n),
    writable: (memory.access & accessOf(MAP_WRITEABLE)) !== 0,
    account: context.account,
    mode: context.mode,
  });
  const placed = ioas.place(iova, length, address);
  if (!placed.ok) return placed;
  const inserted = ioas.insert([new Area(placed.value, pages, 0, offset, memory.access)]);
  return inserted.ok ? ok(startOf(placed.value)) : inserted;
}

export function copy(context: IommufdContext, command: Command): IoctlResult {
  const length = command.u64('length');
  const srcIova = command.u64('src_iova');
  const refused = refuseFlags(command, [length, srcIova, command.u64('dst_iova')]);
  if (refused !== undefined) return refused;
  const source = context.objects.get(command.u32('src_ioas_id'), 'ioas');
  if (isRefusal(source)) return source;
  if (length === 0n) return refuse('EINVAL', 'the length is 0');
  const span = spanOf(srcIova, length);
  if (span === undefined) return refuse('EOVERFLOW', 'the source range wraps');
  const pieces = source.ioas.pieces(span);
  if (pieces === undefined) return refuse('ENOENT', 'areas do not cover the source range');
  const target = context.objects.get(command.u32('dst_ioas_id'), 'ioas');
  if (isRefusal(target)) return target;
  const flags = command.u32('flags');
  const first = pieces[0]!;
  const address = memoryAddress(first.area, first.span);
  const placed = target.ioas.place(fixedIova(flags, command.u64('dst_iova')), length, address);
  if (!placed.ok) return placed;
  const shift = startOf(placed.value) - srcIova;
  const areas = pieces.map((piece) => piece.area.copyTo(piece.span, shifted(piece.span, shift), accessOf(flags)));
  const inserted = target.ioas.insert(areas);
  return iovaResult('dst_iova', inserted.ok ? ok(startOf(placed.value)) : inserted);
}

/** Where the memory under the start of a piece lies: its user address, or its place in the file. */
function memoryAddress(area: Area, span: Span): bigint {
  const page = area.pages.firstPage + area.indexAt(span.startPage, span.startOffset);
  return (BigInt(page) << 12n) | BigInt(area.offsetAt(span.startOffset));
}

function shifted(span: Span, by: bigint): Span {
  const start = startOf(span) + by;
  return spanFromTo(
    start,
    start + (startOf({ ...span, startPage: span.lastPage, startOffset: span.lastOffset }) - startOf(span)),
  );
}

export function unmap(context: IommufdContext, command: Command): IoctlResult {
  const object = context.objects.get(command.u32('ioas_id'), 'ioas');
  if (isRefusal(object)) return object;
  const iova = command.u64('iova');
  const length = command.u64('length');
  if (iova === 0n && length === U64_MAX) {
    const all = object.ioas.unmapAll();
    if (all.errno !== undefined) return refuse(all.errno, 'an area cannot be unmapped');
    return succeed({ length: unmappedBytes(all) });
  }
  if (iova >= U64_MAX || length >= U64_MAX) return refuse('EOVERFLOW', 'iova or length is the last 64-bit number');
  if (length === 0n) return refuse('EINVAL', 'the length is 0');
  const span = spanOf(iova, length);
  if (span === undefined) return refuse('EOVERFLOW', 'the range wraps');
  const result = object.ioas.unmap(span);
  if (result.errno !== undefined) return refuse(result.errno, 'an area is not wholly inside the range');
  const bytes = unmappedBytes(result);
  return bytes === 0n ? refuse('ENOENT', 'nothing is mapped there') : succeed({ length: bytes });
}

/** Moves the charge of file maps to the caller; there is one process here, so nothing moves. */
export function changeProcess(context: IommufdContext, command: Command): IoctlResult {
  if (command.u32('__reserved') !== 0) return refuse('EOPNOTSUPP', 'a reserved field is not 0');
  for (const { ioas } of context.objects.ofType('ioas')) {
    for (let area = ioas.areas.first(); area !== undefined; area = ioas.areas.after(area)) {
      if (area.pages.source.kind !== 'file') return refuse('EINVAL', 'an area maps memory of the process');
    }
  }
  return succeed();
}

function refuseFlags(command: Command, addresses: readonly bigint[]): Refusal | undefined {
  const flags = command.u32('flags');
  if ((flags & ~MAP_FLAGS) !== 0 || command.u32('__reserved') !== 0) {
    return refuse('EOPNOTSUPP', 'a flag is unknown or a reserved field is not 0');
  }
  if (addresses.some((address) => address >= U64_MAX)) {
    return refuse('EOVERFLOW', 'an address or length is the last 64-bit number');
  }
  if ((flags & (MAP_READABLE | MAP_WRITEABLE)) === 0) return refuse('EINVAL', 'neither readable nor writable');
  return undefined;
}

const fixedIova = (flags: number, iova: bigint): bigint | undefined =>
  (flags & MAP_FIXED_IOVA) === 0 ? undefined : iova;

const iovaResult = (field: string, result: Outcome<bigint>): IoctlResult =>
  result.ok ? succeed({ [field]: result.value }) : result;
