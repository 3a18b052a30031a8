// HWPT_SET_DIRTY_TRACKING and HWPT_GET_DIRTY_BITMAP.
// Sources: drivers/iommu/iommufd/hw_pagetable.c, io_pagetable.c iommufd_check_iova_range(), iova_bitmap.c.
import { refuse } from '../core/errno.ts';
import type { Refusal } from '../core/errno.ts';
import { U64_MAX, spanFromTo } from './address.ts';
import type { IommufdContext } from './context.ts';
import { readDirty, setDirtyTracking } from './dirty.ts';
import type { Command } from './framing.ts';
import type { HwDomain } from './hw-domain.ts';
import { succeed } from './ioctl-types.ts';
import type { BitmapResult, IoctlResult, UserPointers } from './ioctl-types.ts';
import { isRefusal } from './objects.ts';
import { BitRuns, BufferBits } from './user-bitmap.ts';
import type { BitSink } from './user-bitmap.ts';

const TRACKING_ENABLE = 1;
const NO_CLEAR = 1;

/** `__reserved` is not checked here. */
export function setDirtyTrackingCommand(context: IommufdContext, command: Command): IoctlResult {
  const flags = command.u32('flags');
  if ((flags & ~TRACKING_ENABLE) !== 0) return refuse('EOPNOTSUPP', 'unknown flag');
  const hwpt = context.objects.get(command.u32('hwpt_id'), 'hwpt');
  if (isRefusal(hwpt)) return hwpt;
  const set = setDirtyTracking(hwpt.ioas.ioas, hwpt.domain, (flags & TRACKING_ENABLE) !== 0);
  return set.ok ? succeed() : set;
}

export function getDirtyBitmap(context: IommufdContext, command: Command, user: UserPointers): IoctlResult {
  const flags = command.u32('flags');
  if ((flags & ~NO_CLEAR) !== 0 || command.u32('__reserved') !== 0) {
    return refuse('EOPNOTSUPP', 'a flag is unknown or a reserved field is not 0');
  }
  const hwpt = context.objects.get(command.u32('hwpt_id'), 'hwpt');
  if (isRefusal(hwpt)) return hwpt;
  const iova = command.u64('iova');
  const length = command.u64('length');
  const pageSize = command.u64('page_size');
  const { ioas } = hwpt.ioas;
  const last = iova + BigInt.asUintN(64, length - 1n);
  const refused = refuseRange(iova, last, BigInt(ioas.alignment), pageSize);
  if (refused !== undefined) return refused;
  if (!hwpt.domain.canTrack) return refuse('EOPNOTSUPP', 'the HWPT was made without dirty tracking');
  const bits = Number(length / pageSize);
  const fresh = user.bitmap === undefined ? new BitRuns(bits) : undefined;
  const buffer = user.bitmap && new BufferBits(user.bitmap.bytes, user.bitmap.offset, bits);
  const span = spanFromTo(iova, last);
  const toBits = granulesToBits(hwpt.domain, iova, pageSize, (fresh ?? buffer)!);
  readDirty(ioas, hwpt.domain, span, { clear: (flags & NO_CLEAR) === 0 }, toBits);
  const bitmap: BitmapResult = { bits, runs: fresh?.list ?? runsOf(buffer!, bits) };
  return { ok: true, out: {}, bitmap };
}

/** `last`: may be beyond 64 bits, as when length is 0 and iova is not. */
function refuseRange(iova: bigint, last: bigint, alignment: bigint, pageSize: bigint): Refusal | undefined {
  if (last > U64_MAX) return refuse('EOVERFLOW', 'the range wraps');
  const misaligned = (mask: bigint): boolean => (iova & mask) !== 0n || ((last + 1n) & mask) !== 0n;
  if (misaligned(alignment - 1n)) return refuse('EINVAL', 'the range is not aligned to the IOVA alignment');
  if (pageSize === 0n) return refuse('EINVAL', 'page_size is 0');
  if (misaligned((pageSize - 1n) & U64_MAX)) return refuse('EINVAL', 'the range is not aligned to page_size');
  return undefined;
}

/** Sets, for a run of granules, the bits whose pages it touches. A page is the lowest power of two in `pageSize`. */
function granulesToBits(
  domain: HwDomain,
  iova: bigint,
  pageSize: bigint,
  sink: BitSink,
): (first: number, count: number) => void {
  const base = Number(iova / BigInt(domain.granuleSize));
  // Granules per bit; below 1 where a bit is finer than a granule. Both are powers of two, so that division is exact.
  const perBit = Number(pageSize & -pageSize) / domain.granuleSize;
  return (first, count) => {
    const firstBit = Math.floor((first - base) / perBit);
    const endBit = Math.ceil((first + count - base) / perBit);
    sink.setBits(firstBit, endBit - firstBit);
  };
}

function runsOf(buffer: BufferBits, bits: number): readonly (readonly [number, number])[] {
  const runs = new BitRuns(bits);
  buffer.forEachSet(Math.min(bits, buffer.bits), (bit) => {
    runs.setBits(bit, 1);
  });
  return runs.list;
}
