// What a page-table format is: one row of data that the generic walker reads. Adding a format adds a row, no code.
//
// An entry is 64 bits, held as two signed 32-bit words `lo` (bits 31:0) and `hi` (bits 63:32). Every mask below belongs
// to one of the two halves. The address field is bits 51:12 (ARM 47:12): `u` = field value, in units of
// `2^addressUnitShift` bytes (4 KiB; the selftest's mock shifts by its 2 KiB granule).
//
// Levels count from the leaf table: level 0 holds granule-sized leaves. All sizes are powers of two, in granules unless
// a name says bytes.
//
// Left out: Accessed bits on reads, PASID and stage-1 concatenation details, encryption bits (SME), MMIO and cache
// attributes other than write-back, the contiguous hint of ARM (Linux does not use it).

/** What a DMA may do; bits that can be combined. */
export const READ = 1;
export const WRITE = 2;

export type FormatName =
  | 'amd-v1'
  | 'vtd-ss'
  | 'arm-lpae-s1'
  | 'arm-lpae-s1-16k'
  | 'arm-lpae-s1-64k'
  | 'arm-lpae-s2'
  | 'arm-lpae-s2-16k'
  | 'arm-lpae-s2-64k'
  | 'x86-64'
  | 'mock';

export interface PteFormat {
  readonly name: FormatName;
  /** The kernel file the row was read from. */
  readonly source: string;

  /** log2 bytes of the smallest leaf. */
  readonly granuleShift: number;
  /** Index bits of one level; a table has `2^indexBits` entries. */
  readonly indexBits: number;
  readonly levelsAtStart: number;
  /** Larger than `levelsAtStart`: the top grows when an IOVA needs it. */
  readonly levelsMax: number;
  /** Bits of an IOVA, in bytes. */
  readonly iovaBits: number;
  /** IOVAs are sign extended from their top bit. */
  readonly signExtended: boolean;
  /** Every power of two is a leaf size, by repeating the entry; else only one size per level. */
  readonly replicated: boolean;
  /** Leaf sizes the format has, log2 bytes, ascending. */
  readonly leafShifts: readonly number[];
  /** log2 bytes of one unit of the address field. */
  readonly addressUnitShift: number;
  /** Bits of `hi` that belong to the address. */
  readonly addressHi: number;

  /** Any of these bits of `lo`: the entry is present (VT-d has no present bit but R and W). */
  readonly presentLo: number;
  /** An entry above level 0 is a table if `lo & tableMaskLo` equals `tableLo`, plus `level << nextLevelShift` if there is one. */
  readonly tableMaskLo: number;
  readonly tableLo: number;
  readonly tableHi: number;
  /** AMD: where the entry holds the level of the table it points to; -1 if it does not. */
  readonly nextLevelShift: number;

  /** A granule-sized leaf, and a larger one, before permissions. */
  readonly pageLo: number;
  readonly blockLo: number;
  readonly leafHi: number;
  /** AMD: next level 7 marks a leaf of non-default size. */
  readonly replicaLo: number;

  /** Set in a leaf that may be read; with both 0 every leaf can be read. */
  readonly readLo: number;
  readonly readHi: number;
  /** Set in a leaf that may be written. */
  readonly writeLo: number;
  readonly writeHi: number;
  /** Set in a leaf that may not be written (ARM stage 1: AP[2]). */
  readonly readOnlyLo: number;
  /** Writable if `(lo ^ writableXorLo) & writableLo` or `hi & writableHi` is not 0. */
  readonly writableLo: number;
  readonly writableXorLo: number;
  readonly writableHi: number;

  /** Set in writable leaves of a table made for tracking (ARM: DBM). */
  readonly trackedHi: number;
  /** Set in every writable leaf at birth (x86-64: D). */
  readonly bornLo: number;
  /** A writable leaf of a tracked table starts dirty. */
  readonly bornDirty: boolean;
  /** Dirty if `(lo ^ dirtyXorLo) & ((hi >> dirtyHiShift) | dirtyHiAlways) & dirtyLo` is not 0. */
  readonly dirtyLo: number;
  readonly dirtyXorLo: number;
  readonly dirtyHiShift: number;
  readonly dirtyHiAlways: number;
  /** What hardware does on the first write: `lo = (lo | hardwareSetLo) & ~hardwareClearLo`. */
  readonly hardwareSetLo: number;
  readonly hardwareClearLo: number;
  /** What software does to clean: `lo = (lo & ~cleanClearLo) | cleanSetLo`. */
  readonly cleanClearLo: number;
  readonly cleanSetLo: number;
  /** Linux offers dirty tracking on this format (domain flag DIRTY_TRACKING). */
  readonly linuxTracks: boolean;

  /** ARM BBM level 1: the nT bit of a block; 0 where there is none. */
  readonly noTranslateLo: number;
  /** Unmap from the start of a leaf that reaches beyond the range: the whole leaf goes, or nothing does (io-pgtable-arm warns). */
  readonly partialUnmap: 'whole-leaf' | 'refuse';
  /** What map answers over an existing leaf. */
  readonly existsErrno: 'EADDRINUSE' | 'EEXIST';
}
