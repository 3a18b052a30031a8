// Choosing an IOVA for a map without FIXED_IOVA: first fit upward inside the allowed ranges, around what is used.
// Source: drivers/iommu/iommufd/io_pagetable.c iopt_alloc_iova(), __alloc_iova_check_range().
//
// The alignment of the memory's address is kept, since that makes huge leaves possible; it is capped at a transparent huge
// page. IOVA 0 is never chosen. A hole whose aligned start is its last byte is not taken (the kernel compares with >=).
// Rare and short, so bigint; what lies below an earlier find of the same kind need not be looked at (ioas.ts).
import { PAGE_SIZE } from '../core/units.ts';
import { U64_MAX, lastOf, startOf } from './address.ts';
import type { Span } from './address.ts';
import { joined } from './reserved.ts';

/** HPAGE_SIZE of x86-64 with transparent huge pages. */
const MAX_ALIGNMENT = 2n << 20n;
const PAGE = BigInt(PAGE_SIZE);
const LOWEST = PAGE;
const HIGHEST = U64_MAX - PAGE;

/** Requests of one kind look for the same room: as long, aligned alike, at the same place in a page. */
export const requestKind = (address: bigint, length: bigint): string =>
  `${length}/${wantedAlignment(address, length)}/${address % PAGE}`;

export interface AllocIovaRequest {
  /** Where the memory lies (user address, or offset in the file). */
  readonly address: bigint;
  readonly length: bigint;
  /** iova_alignment of the IOAS. */
  readonly alignment: number;
  readonly allowed: readonly Span[];
  /** Reserved intervals and areas that reach `from` or lie above it, ascending; they do not overlap. */
  readonly usedFrom: (from: bigint) => Iterable<Span>;
  /** Below it there is no room for this request, as an earlier search has found. */
  readonly noRoomBelow: bigint;
}

export function allocIova(request: AllocIovaRequest): bigint | 'EOVERFLOW' | 'EINVAL' | 'ENOSPC' {
  const { address, length } = request;
  if (length === 0n || length >= U64_MAX / 2n) return 'EOVERFLOW';
  const alignment = wantedAlignment(address, length);
  if (alignment < BigInt(request.alignment)) return 'EINVAL';
  const pageOffset = address % PAGE;
  for (const range of allowedRanges(request.allowed)) {
    const from = bigger(range.first, request.noRoomBelow);
    if (from > range.last) continue;
    const first = alignedStart(from, range.last, length, alignment, pageOffset);
    if (first === undefined) continue;
    for (const hole of holesIn(first, range.last, request.usedFrom(first))) {
      const start = alignedStart(hole.first, hole.last, length, alignment, pageOffset);
      if (start !== undefined) return start;
    }
  }
  return 'ENOSPC';
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

function wantedAlignment(address: bigint, length: bigint): bigint {
  let alignment = 1n;
  while (alignment < length) alignment <<= 1n;
  if (address !== 0n) {
    const lowestBit = address & -address;
    if (lowestBit < alignment) alignment = lowestBit;
  }
  return alignment < MAX_ALIGNMENT ? alignment : MAX_ALIGNMENT;
}

function alignedStart(
  from: bigint,
  last: bigint,
  length: bigint,
  alignment: bigint,
  pageOffset: bigint,
): bigint | undefined {
  const up = from + alignment - 1n;
  if (up > U64_MAX) return undefined;
  const start = (up & ~(alignment - 1n)) | pageOffset;
  return start >= last || last - start < length - 1n ? undefined : start;
}

function allowedRanges(allowed: readonly Span[]): Range[] {
  if (allowed.length === 0) return [{ first: LOWEST, last: HIGHEST }];
  return joined(allowed)
    .map((span) => ({ first: bigger(startOf(span), LOWEST), last: smaller(lastOf(span), HIGHEST) }))
    .filter((range) => range.first <= range.last);
}

/** The holes that `used` (ascending) leaves in first … last. */
function* holesIn(first: bigint, last: bigint, used: Iterable<Span>): Generator<Range> {
  let from = first;
  for (const span of used) {
    const start = startOf(span);
    if (start > last) break;
    if (lastOf(span) < from) continue;
    if (start > from) yield { first: from, last: start - 1n };
    from = lastOf(span) + 1n;
  }
  if (from <= last) yield { first: from, last };
}

const bigger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
