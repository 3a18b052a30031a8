// Domains of an IOAS as lists of leaves, and what a read of their dirty state must show. Plain and slow; no code of the
// engine.
export interface Leaf {
  readonly start: number;
  readonly size: number;
  readonly writable: boolean;
  dirty: boolean;
}

interface SlowArea {
  readonly start: number;
  readonly length: number;
}

export interface SlowFormat {
  readonly pageSizes: readonly number[];
  /** New writable leaves are dirty, and hardware records whether or not tracking is on. */
  readonly bornDirty: boolean;
  /** Of the sizes those that are several entries of a level: a read records such a leaf to its end, any other by its size. */
  readonly repeated: readonly number[];
}

export class SlowDomain {
  readonly format: SlowFormat;
  leaves: Leaf[] = [];
  tracking = false;

  constructor(format: SlowFormat) {
    this.format = format;
  }

  /** Largest leaf that divides both addresses and fits what is left. */
  map(iova: number, pa: number, length: number, writable: boolean): void {
    for (let done = 0; done < length;) {
      const fits = this.format.pageSizes.filter(
        (size) => (iova + done) % size === 0 && (pa + done) % size === 0 && size <= length - done,
      );
      const size = Math.max(...fits);
      this.leaves.push({ start: iova + done, size, writable, dirty: writable && this.format.bornDirty });
      done += size;
    }
  }

  unmap(iova: number, length: number): void {
    this.leaves = this.leaves.filter((leaf) => leaf.start < iova || leaf.start >= iova + length);
  }

  /** Answers the bytes done before a fault. */
  write(iova: number, length: number): number {
    for (let at = iova; at < iova + length;) {
      const leaf = this.leaves.find(({ start, size }) => start <= at && at < start + size);
      if (leaf?.writable !== true) return at - iova;
      if (this.tracking || this.format.bornDirty) leaf.dirty = true;
      at = leaf.start + leaf.size;
    }
    return length;
  }

  cleanAll(): void {
    for (const leaf of this.leaves) leaf.dirty = false;
  }
}

/** Numbers of the bits a read sets. */
export function readBits(
  domain: SlowDomain,
  areas: readonly SlowArea[],
  iova: number,
  length: number,
  pageSize: number,
  clear: boolean,
): Set<number> {
  const bits = new Set<number>();
  let at = iova;
  while (at < iova + length) {
    const here = at;
    const area = areas.find(({ start, length: size }) => start <= here && here < start + size);
    if (area === undefined) break;
    const end = Math.min(area.start + area.length, iova + length);
    for (const leaf of domain.leaves) {
      if (!leaf.dirty || leaf.start >= end || leaf.start + leaf.size <= at) continue;
      const from = Math.max(at, leaf.start);
      const to = domain.format.repeated.includes(leaf.size) ? leaf.start + leaf.size : from + leaf.size;
      for (let byte = from; byte < to; byte += 2048) {
        const bit = Math.floor((byte - iova) / pageSize);
        if (bit < length / pageSize) bits.add(bit);
      }
      if (clear) leaf.dirty = false;
    }
    at = end;
  }
  return bits;
}
