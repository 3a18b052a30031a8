// The slow, obvious model of a page table: a Map from granule to its leaf, a leaf being one object with one dirty flag.
// It shares no code with the engine and knows no entries, tables or levels.
import type { PteFormat } from '../../../engine/iommu/formats/format.ts';

export interface ModelLeaf {
  first: number;
  count: number;
  pa: number;
  access: number;
  dirty: boolean;
}

export class ModelTable {
  readonly leaves = new Map<number, ModelLeaf>();
  readonly row: PteFormat;
  readonly sizes: number[];
  readonly tracked: boolean;

  constructor(row: PteFormat, pageSizes: readonly number[], tracked: boolean) {
    this.row = row;
    this.tracked = tracked;
    this.sizes = pageSizes.map((bytes) => bytes / 2 ** row.granuleShift).sort((a, b) => b - a);
  }

  map(first: number, pa: number, count: number, access: number): string | undefined {
    const smallest = Math.min(...this.sizes);
    if (first % smallest !== 0 || pa % smallest !== 0 || count % smallest !== 0) return 'EINVAL';
    const pieces: ModelLeaf[] = [];
    for (let done = 0; done < count;) {
      const at = done;
      const size = this.sizes.find((s) => (first + at) % s === 0 && (pa + at) % s === 0 && s <= count - at);
      if (size === undefined) throw new Error('no size fits');
      const writable = (access & 2) !== 0;
      const dirty = writable && this.row.bornDirty && (this.tracked || this.row.name === 'x86-64');
      pieces.push({ first: first + at, count: size, pa: pa + at, access, dirty });
      done += size;
    }
    for (let g = first; g < first + count; g++) if (this.leaves.has(g)) return this.row.existsErrno;
    for (const leaf of pieces) this.put(leaf);
    return undefined;
  }

  put(leaf: ModelLeaf): void {
    for (let g = leaf.first; g < leaf.first + leaf.count; g++) this.leaves.set(g, leaf);
  }

  drop(leaf: ModelLeaf): void {
    for (let g = leaf.first; g < leaf.first + leaf.count; g++) this.leaves.delete(g);
  }

  unmap(first: number, count: number): number {
    let done = 0;
    while (done < count) {
      const leaf = this.leaves.get(first + done);
      if (leaf === undefined || leaf.first < first) break;
      if (leaf.first + leaf.count > first + count && this.row.partialUnmap === 'refuse') break;
      this.drop(leaf);
      done += leaf.count;
    }
    return done;
  }

  /** Whether the write was permitted. */
  write(granule: number): boolean {
    const leaf = this.leaves.get(granule);
    if (leaf === undefined || (leaf.access & 2) === 0) return false;
    const hasState = !this.row.name.startsWith('arm') || this.tracked;
    if (hasState) leaf.dirty = true;
    return true;
  }

  /** Granules recorded; with the 7.x defect the last item of a repeated leaf is left out. */
  readDirty(first: number, count: number, clear: boolean, drop: boolean): number[] {
    const end = first + count;
    const recorded: number[] = [];
    for (const leaf of this.leavesIn(first, count)) {
      if (!leaf.dirty) continue;
      const start = Math.max(first, leaf.first);
      let stop = start + leaf.count;
      const item = this.itemOf(leaf);
      if (leaf.count !== item) {
        const leafEnd = leaf.first + leaf.count;
        const itemOfStart = Math.floor(start / item) * item;
        const itemsEnd = leafEnd <= end ? leafEnd - (drop ? item : 0) : Math.ceil(end / item) * item;
        stop = start + (itemsEnd - itemOfStart);
      }
      for (let g = start; g < stop; g++) recorded.push(g);
      if (clear) leaf.dirty = false;
    }
    return recorded;
  }

  leavesIn(first: number, count: number): ModelLeaf[] {
    const found = new Set<ModelLeaf>();
    for (let g = first; g < first + count; g++) {
      const leaf = this.leaves.get(g);
      if (leaf !== undefined) found.add(leaf);
    }
    return [...found];
  }

  /** Granules of one entry of the table a leaf is in. */
  private itemOf(leaf: ModelLeaf): number {
    const table = 2 ** this.row.indexBits;
    let item = 1;
    while (item * table <= leaf.count) item *= table;
    return item;
  }
}
