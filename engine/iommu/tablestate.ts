// The state of one page table: which format, its arena, its top. The operations are functions over it, a file each:
// walking, mapping, unmapping, harvest, split, collapse. `PageTable` (pagetable.ts) gathers them.
import { TableArena } from './arena.ts';
import { noCost } from './cost.ts';
import type { OperationCost } from './cost.ts';
import * as entry from './entry.ts';
import type { PteFormat } from './formats/format.ts';
import { POWER_OF_TWO } from './leafchoice.ts';
import { StructureCache } from './structurecache.ts';

export interface PageTableOptions {
  /** Leaf sizes allowed in this domain (its pgsize_bitmap), in bytes; a subset of the format's. Default: the format's. */
  readonly pageSizes?: readonly number[];
  /** Made for dirty tracking (ARM writes DBM into writable leaves). Default false. */
  readonly tracked?: boolean;
  /** Tables expected, to size the arena. */
  readonly tablesHint?: number;
}

export class TableState {
  readonly format: PteFormat;
  readonly tracked: boolean;
  readonly arena: TableArena;
  /** Allowed leaf sizes, log2 granules, ascending. */
  readonly leafSizes: readonly number[];
  /** What the last operation cost. */
  readonly cost: OperationCost = noCost();
  /** What `lo & format.tableMaskLo` of a table entry is, by level. */
  readonly tableTestLo: Int32Array;
  /** IOVAs from 0 upwards that the format has; a sign-extended one has as many again at the other end. */
  readonly granulesUp: number;
  /** Slot of the top table, and how many levels there are. */
  root: number;
  levels: number;
  /** Leads from an IOVA to its leaf entry without a walk. */
  readonly cache: StructureCache;
  /** Granules mapped. */
  mapped = 0;
  /** The level at which the last `findEntry` ended. */
  foundLevel = 0;
  /** The dirty word that `takeSingle` took last: what it was is told where its dirt is lost. */
  takenLo = 0;
  takenHi = 0;

  constructor(format: PteFormat, options: PageTableOptions = {}) {
    this.format = format;
    this.tracked = options.tracked ?? false;
    this.leafSizes = allowedSizes(format, options.pageSizes);
    this.arena = new TableArena(1 << (format.indexBits - 9), options.tablesHint ?? 8);
    this.tableTestLo = Int32Array.from({ length: format.levelsMax }, (_, level) => entry.tableTestLo(format, level));
    const { iovaBits, granuleShift, signExtended } = format;
    this.granulesUp = POWER_OF_TWO[iovaBits - granuleShift - (signExtended ? 1 : 0)]!;
    this.cache = new StructureCache(format.indexBits);
    this.root = this.arena.allocate();
    this.levels = format.levelsAtStart;
  }
}

function allowedSizes(format: PteFormat, pageSizes: readonly number[] | undefined): number[] {
  if (pageSizes === undefined) return format.leafShifts.map((shift) => shift - format.granuleShift);
  const sizes = pageSizes.map((bytes) => {
    const shift = format.leafShifts.find((s) => POWER_OF_TWO[s] === bytes);
    if (shift === undefined) throw new RangeError(`${format.name} has no leaves of ${bytes} bytes`);
    return shift - format.granuleShift;
  });
  return sizes.sort((a, b) => a - b);
}
