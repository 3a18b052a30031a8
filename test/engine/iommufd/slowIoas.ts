// An IOAS as slow and plain as it can be: lists of byte ranges, searched from end to end, with the rules as they are
// documented. It shares no code with the engine.
export const MAX = 2n ** 64n - 1n;

interface Range {
  readonly start: bigint;
  readonly last: bigint;
}

interface SlowArea extends Range {
  /** Address of the memory under its start. */
  readonly va: bigint;
  /** As given by the map that brought the memory in. */
  readonly pinnedWritable: boolean;
}

const touches = (a: Range, b: Range): boolean => a.start <= b.last && b.start <= a.last;
const multiple = (value: bigint, of: bigint): boolean => value % of === 0n;
const byStart = (a: Range, b: Range): number => (a.start < b.start ? -1 : 1);

export type Answer = string | { readonly iova: bigint } | { readonly length: bigint };

export class SlowIoas {
  areas: SlowArea[] = [];
  reserved: (Range & { readonly owner: string })[] = [];
  allowed: Range[] = [];
  /** Who demands which alignment. */
  readonly demands = new Map<string, bigint>();

  get alignment(): bigint {
    let alignment = 1n;
    for (const demand of this.demands.values()) if (demand > alignment) alignment = demand;
    return alignment;
  }

  map(iova: bigint | undefined, length: bigint, va: bigint, writable: boolean, pinnedWritable = writable): Answer {
    if (va + length > MAX) return 'EOVERFLOW';
    if (length === 0n) return 'EINVAL';
    const placed = this.place(iova, length, va);
    if (typeof placed === 'string') return placed;
    const start = placed.start;
    if (writable && !pinnedWritable) return 'EPERM';
    if (!multiple(va % 4096n, this.alignment)) return 'EINVAL';
    this.areas.push({ start, last: start + length - 1n, va, pinnedWritable });
    return { iova: start };
  }

  copy(from: bigint, length: bigint, to: bigint | undefined, writable: boolean): Answer {
    if (length === 0n) return 'EINVAL';
    if (from + length - 1n > MAX) return 'EOVERFLOW';
    const pieces: SlowArea[] = [];
    for (let at = from; at < from + length;) {
      const area = this.areaAt(at);
      if (area === undefined) return 'ENOENT';
      const last = area.last < from + length - 1n ? area.last : from + length - 1n;
      pieces.push({ ...area, start: at, last, va: area.va + (at - area.start) });
      at = last + 1n;
    }
    const placed = this.place(to, length, pieces[0]!.va);
    if (typeof placed === 'string') return placed;
    const moved: SlowArea[] = [];
    for (const piece of pieces) {
      if (writable && !piece.pinnedWritable) return 'EPERM';
      if (!multiple(piece.va % 4096n, this.alignment)) return 'EINVAL';
      const by = placed.start - from;
      moved.push({ ...piece, start: piece.start + by, last: piece.last + by });
    }
    this.areas.push(...moved);
    return { iova: placed.start };
  }

  unmap(iova: bigint, length: bigint): Answer {
    const everything = iova === 0n && length === MAX;
    if (!everything) {
      if (iova === MAX || length === MAX) return 'EOVERFLOW';
      if (length === 0n) return 'EINVAL';
      if (iova + length - 1n > MAX) return 'EOVERFLOW';
    }
    const range = { start: iova, last: everything ? MAX : iova + length - 1n };
    let bytes = 0n;
    for (const area of [...this.areas].sort(byStart)) {
      if (!touches(area, range)) continue;
      if (area.start < range.start || area.last > range.last) return 'ENOENT';
      this.areas = this.areas.filter((other) => other !== area);
      bytes += area.last - area.start + 1n;
    }
    return bytes === 0n && !everything ? 'ENOENT' : { length: bytes };
  }

  reserve(start: bigint, length: bigint, owner: string): string {
    if (length === 0n) return 'EINVAL';
    const range = { start, last: start + length - 1n, owner };
    if (range.last > MAX) return 'EOVERFLOW';
    if ([...this.areas, ...this.allowed].some((other) => touches(other, range))) return 'EADDRINUSE';
    this.reserved.push(range);
    return 'ok';
  }

  release(owner: string): void {
    this.reserved = this.reserved.filter((range) => range.owner !== owner);
    this.demands.delete(owner);
  }

  allow(ranges: readonly Range[]): string {
    if (ranges.some(({ start, last }) => start >= last)) return 'EINVAL';
    if (ranges.some((a, i) => ranges.some((b, j) => i !== j && touches(a, b)))) return 'EINVAL';
    if (ranges.some((a) => this.reserved.some((b) => touches(a, b)))) return 'EADDRINUSE';
    this.allowed = [...ranges];
    return 'ok';
  }

  /** A domain that translates first … last in pages of `page`. */
  addDomain(owner: string, page: bigint, first: bigint, last: bigint): string {
    const alignment = page > this.alignment ? page : this.alignment;
    if (!this.areasFit(alignment)) return 'EADDRINUSE';
    const outside = [
      { start: 0n, last: first - 1n },
      { start: last + 1n, last: MAX },
    ].filter((range) => range.start <= range.last);
    for (const range of outside) {
      if ([...this.areas, ...this.allowed].some((other) => touches(other, range))) return 'EADDRINUSE';
    }
    for (const range of outside) this.reserved.push({ ...range, owner });
    this.demands.set(owner, page);
    return 'ok';
  }

  addPinningAccess(owner: string): string {
    if (!this.areasFit(4096n)) return 'EADDRINUSE';
    this.demands.set(owner, 4096n);
    return 'ok';
  }

  ranges(): Range[] {
    const result: Range[] = [];
    let at = 0n;
    for (const { start, last } of [...this.reserved].sort(byStart)) {
      if (start > at) result.push({ start: at, last: start - 1n });
      if (last + 1n > at) at = last + 1n;
    }
    if (at <= MAX) result.push({ start: at, last: MAX });
    return result;
  }

  /** A CPU copy of one byte. */
  touch(iova: bigint, write: boolean): string {
    const area = this.areaAt(iova);
    if (area === undefined) return 'ENOENT';
    return write && !area.pinnedWritable ? 'EPERM' : 'ok';
  }

  private areaAt(at: bigint): SlowArea | undefined {
    return this.areas.find((area) => area.start <= at && at <= area.last);
  }

  private areasFit(alignment: bigint): boolean {
    return this.areas.every(
      ({ start, last, va }) =>
        multiple(start, alignment) && multiple(last + 1n, alignment) && multiple(va % 4096n, alignment),
    );
  }

  private place(iova: bigint | undefined, length: bigint, va: bigint): { readonly start: bigint } | string {
    if (!multiple(length, this.alignment)) return 'EINVAL';
    if (iova === undefined) return this.choose(length, va);
    if (!multiple(iova, this.alignment)) return 'EINVAL';
    const range = { start: iova, last: iova + length - 1n };
    if (range.last > MAX) return 'EOVERFLOW';
    if (this.reserved.some((other) => touches(other, range))) return 'EINVAL';
    if (this.areas.some((other) => touches(other, range))) return 'EEXIST';
    return range;
  }

  /** Tries every aligned address upward. */
  private choose(length: bigint, va: bigint): { readonly start: bigint } | string {
    let align = 1n;
    while (align < length) align *= 2n;
    for (let bit = 1n; bit <= align; bit *= 2n) {
      if (va % (2n * bit) !== 0n) {
        align = bit;
        break;
      }
    }
    if (align > 2n ** 21n) align = 2n ** 21n;
    if (align < this.alignment) return 'EINVAL';
    if (length >= MAX / 2n) return 'EOVERFLOW';
    const offset = va % 4096n;
    const used = [...this.reserved, ...this.areas];
    for (const range of this.searched()) {
      // The search begins at the range's first aligned address, with the offset in its page.
      const aligned = (at: bigint): bigint => (at + align - 1n) & ~(align - 1n);
      for (let from = aligned(range.start) | offset; from < range.last;) {
        const start = from | offset;
        const last = start + length - 1n;
        // The hole must reach beyond its aligned start.
        const needed = { start: from, last: last === start ? last + 1n : last };
        const blocker = used.find((other) => touches(other, needed));
        if (blocker === undefined && needed.last <= range.last) return { start };
        from = blocker === undefined ? from + align : aligned(blocker.last + 1n);
        if (needed.last > range.last) break;
      }
    }
    return 'ENOSPC';
  }

  /** Where an address may be chosen: neighbouring allowed ranges count as one. */
  private searched(): Range[] {
    if (this.allowed.length === 0) return [{ start: 4096n, last: MAX - 4096n }];
    const result: Range[] = [];
    for (const { start, last } of [...this.allowed].sort(byStart)) {
      const before = result.at(-1);
      if (before !== undefined && before.last + 1n === start) result[result.length - 1] = { start: before.start, last };
      else result.push({ start, last });
    }
    return result.map(({ start, last }) => ({
      start: start < 4096n ? 4096n : start,
      last: last > MAX - 4096n ? MAX - 4096n : last,
    }));
  }
}
