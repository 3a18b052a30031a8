// A paging-structure cache: from the number of a leaf table's span (granule / 512) straight to the leaf table, or to the
// entry of a larger leaf. It only saves time: it is kept exact by every change of the structure, so no result depends on
// it. (A real one can be stale until flushed; the lab models that staleness in the IOTLB, not here.)
//
// Direct mapped, tagged with the span number; only granules below 2^31 are looked up (walking.ts `leadTo`).

const LINES_MIN = 1 << 12;
const LINES_MAX = 1 << 20;

export class StructureCache {
  readonly indexBits: number;
  /** Per line: the span, and what it leads to: 0 nothing; > 0 first entry of a leaf table; < 0 the complement of an entry. */
  spans = new Int32Array(LINES_MIN);
  leads = new Int32Array(LINES_MIN);
  /** Per line that leads to one entry: the level it is at. */
  levels = new Uint8Array(LINES_MIN);
  mask = LINES_MIN - 1;

  constructor(indexBits: number) {
    this.indexBits = indexBits;
  }

  /** Makes room for `tables` leaf tables, up to a bound. */
  reserve(tables: number): void {
    if (tables <= this.mask || this.mask + 1 === LINES_MAX) return;
    let lines = this.mask + 1;
    while (lines <= tables && lines < LINES_MAX) lines *= 2;
    this.spans = new Int32Array(lines);
    this.leads = new Int32Array(lines);
    this.levels = new Uint8Array(lines);
    this.mask = lines - 1;
  }

  /** The structure above [first, first + count) changed. */
  forget(first: number, count: number): void {
    const entries = 1 << this.indexBits;
    const from = Math.floor(first / entries);
    const to = Math.floor((first + count - 1) / entries);
    if (to - from >= this.mask) {
      this.leads.fill(0);
      return;
    }
    for (let span = from; span <= to; span++) this.leads[span & this.mask] = 0;
  }
}
