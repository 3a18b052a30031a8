// Reading and building single entries, by a row of the format table. An entry is the pair (lo, hi).
import { READ, WRITE } from './formats/format.ts';
import type { PteFormat } from './formats/format.ts';
import { TABLE_BASE_HI } from './arena.ts';
import { offsetInLeaf } from './leafchoice.ts';

const UNITS_IN_LO = 0x100000;
/** Bits 51:32 of a word, as far as any format's table address goes, without TABLE_BASE_HI. */
const SLOT_HI = TABLE_BASE_HI - 1;

/** What `lo & tableMaskLo` of a table entry of this level is. */
export function tableTestLo(row: PteFormat, level: number): number {
  const nextLevel = row.nextLevelShift < 0 ? 0 : level << row.nextLevelShift;
  return (row.tableLo & row.tableMaskLo) | nextLevel;
}

export function isReadable(row: PteFormat, lo: number, hi: number): boolean {
  return (row.readLo | row.readHi) === 0 || (lo & row.readLo) !== 0 || (hi & row.readHi) !== 0;
}

export function isWritable(row: PteFormat, lo: number, hi: number): boolean {
  return ((lo ^ row.writableXorLo) & row.writableLo) !== 0 || (hi & row.writableHi) !== 0;
}

export function isDirty(row: PteFormat, lo: number, hi: number): boolean {
  return ((lo ^ row.dirtyXorLo) & ((hi >> row.dirtyHiShift) | row.dirtyHiAlways) & row.dirtyLo) !== 0;
}

/** The leaf has a dirty state at all (ARM: DBM set). */
export function canBeDirty(row: PteFormat, hi: number): boolean {
  return (((hi >> row.dirtyHiShift) | row.dirtyHiAlways) & row.dirtyLo) !== 0;
}

export function dirtied(row: PteFormat, lo: number): number {
  return (lo | row.hardwareSetLo) & ~row.hardwareClearLo;
}

export function cleaned(row: PteFormat, lo: number): number {
  return (lo & ~row.cleanClearLo) | row.cleanSetLo;
}

/** The arena slot a table entry points to. */
export function tableSlot(row: PteFormat, lo: number, hi: number): number {
  return ((lo >>> 12) | ((hi & SLOT_HI) << 20)) >>> (12 - row.addressUnitShift);
}

export function tableLo(row: PteFormat, level: number, slot: number): number {
  const nextLevel = row.nextLevelShift < 0 ? 0 : level << row.nextLevelShift;
  return row.tableLo | nextLevel | (slot << (24 - row.addressUnitShift));
}

export function tableHi(row: PteFormat, slot: number): number {
  return row.tableHi | TABLE_BASE_HI | ((slot << (12 - row.addressUnitShift)) >>> 20);
}

/** log2 granules of a leaf of `level`. */
export function leafSizeLog2(row: PteFormat, level: number, lo: number, hi: number): number {
  if (row.replicaLo === 0 || (lo & row.replicaLo) !== row.replicaLo) return level * row.indexBits;
  // The size is the length of the string of ones at the low end of the address: one more than its zero's place.
  const clearLo = ~(lo >>> 12) & (UNITS_IN_LO - 1);
  if (clearLo !== 0) return 32 - Math.clz32(clearLo & -clearLo);
  const clearHi = ~hi & row.addressHi;
  return 20 + 32 - Math.clz32(clearHi & -clearHi);
}

/** The granule of physical memory at which a leaf of 2^log2 granules starts. Low bits that say something else (size, nT) are cut. */
export function leafAddress(row: PteFormat, log2: number, lo: number, hi: number): number {
  const granule = addressGranule(row, lo, hi);
  return granule - offsetInLeaf(granule, log2);
}

/** The address field in granules; by shifts where it is below 8 TiB. Low bits that are no whole granule are cut. */
function addressGranule(row: PteFormat, lo: number, hi: number): number {
  const unitsHi = hi & row.addressHi;
  if (unitsHi <= 0x7ff) return ((unitsHi << 20) | (lo >>> 12)) >>> (row.granuleShift - row.addressUnitShift);
  return Math.floor((unitsHi * UNITS_IN_LO + (lo >>> 12)) / unitsPerGranule(row));
}

export function unitsPerGranule(row: PteFormat): number {
  return 1 << (row.granuleShift - row.addressUnitShift);
}

/** A leaf's `lo` before its address. */
export function leafLo(row: PteFormat, level: number, access: number): number {
  return (
    (level === 0 ? row.pageLo : row.blockLo) |
    ((access & READ) !== 0 ? row.readLo : 0) |
    ((access & WRITE) !== 0 ? row.writeLo | row.bornLo : row.readOnlyLo)
  );
}

/** A leaf's `hi` before its address. `tracked`: the table was made for dirty tracking. */
export function leafHi(row: PteFormat, access: number, tracked: boolean): number {
  return (
    row.leafHi |
    ((access & READ) !== 0 ? row.readHi : 0) |
    ((access & WRITE) !== 0 ? row.writeHi | (tracked ? row.trackedHi : 0) : 0)
  );
}

/** The 64-bit word, for people and for the uAPI border. */
export function toWord(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}
