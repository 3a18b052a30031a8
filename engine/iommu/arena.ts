// The memory that page tables live in: one flat array of 32-bit words, two to an entry, cut into slots of 4 KiB (512
// entries). A table takes 1, 4 or 16 adjacent slots (4, 16 or 64 KiB). Tables are allocated when first needed; the array
// starts at the size the caller expects and doubles. A large array of zeroes costs address space, not memory, until it
// is touched.
//
// Tables have physical addresses too, since a real entry must hold one: slot s lies at TABLE_BASE_UNITS + s, far above
// guest memory.
//
// Beside the words lies the *shadow*: one bit per entry that only leads to dirt. The truth is the Dirty bit in the word.
// Invariants:
// 1. A leaf whose word is dirty has its shadow bit set.
// 2. A slot with any shadow bit set has a bit in `summary` for each non-zero shadow word.
// 3. If a table's slots have a summary other than 0, the entry that points to it has its shadow bit set.
// Shadow bits may be set where nothing is dirty any more; a harvest looks at the word and drops them.

export const ENTRIES_PER_SLOT = 512;
const SLOT_SHIFT = 9;

/** 2^32 units of 4 KiB: 16 TiB, above 4 TiB of guest memory and inside the 48 address bits of every format. */
export const TABLE_BASE_HI = 1 << 12;

/** Entry numbers stay below 2^31, so that they are 32-bit integers: 2^22 slots are 16 GiB of tables. */
const MAX_SLOTS = 0x400000;

export class TableArena {
  readonly slotsPerTable: number;
  readonly entriesPerTable: number;
  words: Int32Array;
  /** The same memory, an entry an element: who writes many alike entries stores each at once. */
  pairs: Float64Array;
  shadow: Int32Array;
  summary: Uint16Array;
  /** The entry that points to the table the slot belongs to; -1 for a root or a table not yet installed. */
  parent: Int32Array;
  /** Of a table's first slot: entries in it and in all tables below it, which is what a walk over all of it looks at. */
  walked: Uint32Array;
  /** Tables in use, and their greatest number so far. */
  tables = 0;
  tablesPeak = 0;
  /** Counts down with each allocation; the one that finds 0 fails (the kernel's fail-nth). -1: never. */
  failAfter = -1;

  private capacity: number;
  private used = 0;
  private readonly freed: number[] = [];

  constructor(slotsPerTable: number, tablesHint: number) {
    this.slotsPerTable = slotsPerTable;
    this.entriesPerTable = slotsPerTable * ENTRIES_PER_SLOT;
    this.capacity = Math.min(MAX_SLOTS, Math.max(8, Math.ceil(tablesHint)) * slotsPerTable);
    this.words = new Int32Array(this.capacity * ENTRIES_PER_SLOT * 2);
    this.pairs = new Float64Array(this.words.buffer);
    this.shadow = new Int32Array(this.capacity * (ENTRIES_PER_SLOT / 32));
    this.summary = new Uint16Array(this.capacity);
    this.parent = new Int32Array(this.capacity).fill(-1);
    this.walked = new Uint32Array(this.capacity);
  }

  /** Bytes of tables in use. */
  get bytes(): number {
    return this.tables * this.slotsPerTable * 4096;
  }

  /** The first slot of an empty table, or -1 if there is no memory. */
  allocate(): number {
    const used = this.used;
    const slot = this.allocateUncleared();
    // A slot never used before is zero.
    if (slot >= 0 && slot < used) {
      this.words.fill(0, slot * ENTRIES_PER_SLOT * 2, (slot + this.slotsPerTable) * ENTRIES_PER_SLOT * 2);
    }
    return slot;
  }

  /** The same for a caller that writes every entry before anyone looks: old entries may still be there. */
  allocateUncleared(): number {
    if (this.failAfter === 0) {
      this.failAfter = -1;
      return -1;
    }
    if (this.failAfter > 0) this.failAfter--;
    let slot = this.freed.pop();
    if (slot === undefined) {
      if (this.used + this.slotsPerTable > this.capacity && !this.grow()) return -1;
      slot = this.used;
      this.used += this.slotsPerTable;
    } else {
      // A bit that the IOTLB held can have been written back since the table was freed.
      this.clearShadow(slot);
    }
    this.walked[slot] = this.entriesPerTable;
    this.tables++;
    if (this.tables > this.tablesPeak) this.tablesPeak = this.tables;
    return slot;
  }

  /** Gives a table back; the tables below it have been given back before. */
  free(slot: number): void {
    this.countBelow(this.parent[slot]!, -this.walked[slot]!);
    this.clearShadow(slot);
    this.parent.fill(-1, slot, slot + this.slotsPerTable);
    this.freed.push(slot);
    this.tables--;
  }

  /** Leads to every entry of a table; for a table whose leaves are all dirty. */
  fillShadow(slot: number): void {
    const last = slot + this.slotsPerTable;
    this.shadow.fill(-1, slot * 16, last * 16);
    this.summary.fill(0xffff, slot, last);
  }

  private clearShadow(slot: number): void {
    const last = slot + this.slotsPerTable;
    this.shadow.fill(0, slot * 16, last * 16);
    this.summary.fill(0, slot, last);
  }

  /** Says which entry points to a table not pointed to before, and carries dirt that it already holds upwards (invariant 3). */
  link(slot: number, parentEntry: number): void {
    let dirty = 0;
    for (let s = slot; s < slot + this.slotsPerTable; s++) {
      this.parent[s] = parentEntry;
      dirty |= this.summary[s]!;
    }
    if (dirty !== 0 && parentEntry >= 0) markDirty(this, parentEntry);
    this.countBelow(parentEntry, this.walked[slot]!);
  }

  /** The first slot of the table that an entry is in. */
  tableOf(entry: number): number {
    const slot = entry >>> SLOT_SHIFT;
    return slot - (slot % this.slotsPerTable);
  }

  private countBelow(parentEntry: number, entries: number): void {
    for (let e = parentEntry; e >= 0; e = this.parent[this.tableOf(e)]!) this.walked[this.tableOf(e)]! += entries;
  }

  private grow(): boolean {
    if (this.capacity >= MAX_SLOTS) return false;
    this.capacity = Math.min(MAX_SLOTS, this.capacity * 2);
    this.words = copied(this.words, new Int32Array(this.capacity * ENTRIES_PER_SLOT * 2));
    this.pairs = new Float64Array(this.words.buffer);
    this.shadow = copied(this.shadow, new Int32Array(this.capacity * 16));
    this.summary = copied(this.summary, new Uint16Array(this.capacity));
    this.parent = copied(this.parent, new Int32Array(this.capacity).fill(-1));
    this.walked = copied(this.walked, new Uint32Array(this.capacity));
    return true;
  }
}

function copied<T extends Int32Array | Uint16Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Sets an entry's shadow bit and what leads to it. */
export function markDirty(arena: TableArena, entry: number): void {
  const { shadow, summary, parent } = arena;
  let e = entry;
  while (e >= 0) {
    const w = e >>> 5;
    const word = shadow[w]!;
    const bit = 1 << (e & 31);
    if ((word & bit) !== 0) return;
    shadow[w] = word | bit;
    if (word !== 0) return;
    const slot = e >>> SLOT_SHIFT;
    const lines = summary[slot]!;
    summary[slot] = lines | (1 << (w & 15));
    if (lines !== 0) return;
    e = parent[slot]!;
  }
}
