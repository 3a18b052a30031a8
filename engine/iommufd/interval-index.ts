// Disjoint ranges in ascending order: the kernel's interval tree where ranges never overlap (areas of an IOAS, mappings of
// a type1 container, segments of pin coverage).
//
// Items lie in blocks of at most BLOCK, the blocks in an array; each block keeps its items' starts in typed columns, so
// that a search is two binary searches over numbers. Insert and remove move at most one block's items; a block splits
// when full and joins its neighbour when both are small. Cost: O(log n) to find, O(BLOCK) + amortised O(n / BLOCK²) to
// change; a million items are about 20,000 blocks.
// Invariants: items are sorted by start and do not overlap; no block is empty unless it is the only one.
import { invariant } from '../core/invariant.ts';
import type { Span } from './address.ts';

const BLOCK = 128;

interface Block<T> {
  count: number;
  readonly pages: Float64Array;
  readonly offsets: Uint16Array;
  readonly items: (T | undefined)[];
}

const emptyBlock = <T>(): Block<T> => ({
  count: 0,
  pages: new Float64Array(BLOCK),
  offsets: new Uint16Array(BLOCK),
  items: [],
});

export class IntervalIndex<T extends Span> {
  private readonly blocks: Block<T>[] = [emptyBlock<T>()];
  private entries = 0;
  /** Where `floor` ended: block number and place in it; place -1 means before everything. */
  private atBlock = 0;
  private atPlace = -1;

  get size(): number {
    return this.entries;
  }

  /** The lowest item that shares an address with `span`. */
  firstIntersecting(span: Span): T | undefined {
    return this.firstIn(span.startPage, span.startOffset, span.lastPage, span.lastOffset);
  }

  /** As firstIntersecting, for addresses at hand. */
  firstIn(startPage: number, startOffset: number, lastPage: number, lastOffset: number): T | undefined {
    this.floor(startPage, startOffset);
    let item = this.itemAtCursor();
    if (item === undefined || isBelow(item.lastPage, item.lastOffset, startPage, startOffset)) item = this.step();
    if (item === undefined || isBelow(lastPage, lastOffset, item.startPage, item.startOffset)) return undefined;
    return item;
  }

  /** The item that holds this address. */
  at(page: number, offset: number): T | undefined {
    return this.firstIn(page, offset, page, offset);
  }

  /** The next item above one that is (or was) in the index. */
  after(item: Span): T | undefined {
    this.floor(item.lastPage, item.lastOffset);
    return this.step();
  }

  first(): T | undefined {
    return this.blocks[0]!.items[0];
  }

  last(): T | undefined {
    const block = this.blocks.at(-1)!;
    return block.items[block.count - 1];
  }

  insert(item: T): void {
    this.floor(item.startPage, item.startOffset);
    let block = this.blocks[this.atBlock]!;
    let place = this.atPlace + 1;
    if (block.count === BLOCK) {
      this.split(this.atBlock);
      const half = block.count;
      if (place > half) {
        block = this.blocks[this.atBlock + 1]!;
        place -= half;
      }
    }
    for (let i = block.count; i > place; i--) move(block, i - 1, i);
    block.pages[place] = item.startPage;
    block.offsets[place] = item.startOffset;
    block.items[place] = item;
    block.count++;
    this.entries++;
  }

  remove(item: T): void {
    this.floor(item.startPage, item.startOffset);
    const block = this.blocks[this.atBlock]!;
    invariant(this.atPlace >= 0 && block.items[this.atPlace] === item, 'an item to be removed is in the index');
    for (let i = this.atPlace + 1; i < block.count; i++) move(block, i, i - 1);
    block.count--;
    block.items[block.count] = undefined;
    this.entries--;
    if (block.count < BLOCK / 4) this.join(this.atBlock);
  }

  /** Visits all items in ascending order. The visitor must not change the index. */
  forEach(visit: (item: T) => void): void {
    for (const block of this.blocks) {
      for (let i = 0; i < block.count; i++) visit(block.items[i]!);
    }
  }

  /** Puts the cursor on the last item that starts at or below the address. */
  private floor(page: number, offset: number): void {
    const { blocks } = this;
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const block = blocks[middle]!;
      if (isBelow(page, offset, block.pages[0]!, block.offsets[0]!)) high = middle - 1;
      else low = middle;
    }
    const { pages, offsets, count } = blocks[low]!;
    let from = 0;
    let to = count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const at = pages[middle]!;
      if (at < page || (at === page && offsets[middle]! <= offset)) from = middle + 1;
      else to = middle;
    }
    this.atBlock = low;
    this.atPlace = from - 1;
  }

  private itemAtCursor(): T | undefined {
    return this.atPlace < 0 ? undefined : this.blocks[this.atBlock]!.items[this.atPlace];
  }

  /** The item above the cursor. */
  private step(): T | undefined {
    const block = this.blocks[this.atBlock]!;
    if (this.atPlace + 1 < block.count) return block.items[this.atPlace + 1];
    return this.blocks[this.atBlock + 1]?.items[0];
  }

  private split(at: number): void {
    const block = this.blocks[at]!;
    const upper = emptyBlock<T>();
    // Ascending inserts (the common case) leave full blocks behind rather than half-full ones.
    const half = at === this.blocks.length - 1 && this.atPlace === block.count - 1 ? BLOCK - 1 : BLOCK / 2;
    for (let i = half; i < BLOCK; i++) {
      upper.pages[i - half] = block.pages[i]!;
      upper.offsets[i - half] = block.offsets[i]!;
      upper.items[i - half] = block.items[i];
    }
    upper.count = BLOCK - half;
    block.count = half;
    block.items.length = half;
    this.blocks.splice(at + 1, 0, upper);
  }

  private join(at: number): void {
    const { blocks } = this;
    if (blocks.length === 1) return;
    const block = blocks[at]!;
    if (block.count === 0) {
      blocks.splice(at, 1);
      return;
    }
    const lower = at > 0 ? at - 1 : at;
    const into = blocks[lower]!;
    const from = blocks[lower + 1]!;
    if (into.count + from.count > BLOCK / 2) return;
    for (let i = 0; i < from.count; i++) {
      into.pages[into.count + i] = from.pages[i]!;
      into.offsets[into.count + i] = from.offsets[i]!;
      into.items[into.count + i] = from.items[i];
    }
    into.count += from.count;
    blocks.splice(lower + 1, 1);
  }
}

function isBelow(aPage: number, aOffset: number, bPage: number, bOffset: number): boolean {
  return aPage < bPage || (aPage === bPage && aOffset < bOffset);
}

function move<T>(block: Block<T>, from: number, to: number): void {
  block.pages[to] = block.pages[from]!;
  block.offsets[to] = block.offsets[from]!;
  block.items[to] = block.items[from];
}
