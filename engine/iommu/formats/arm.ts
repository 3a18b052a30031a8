// ARM LPAE, stage 1 and stage 2, granules of 4, 16 and 64 KiB. Source: drivers/iommu/io-pgtable-arm.c.
//
// Dirty state with HTTU: DBM = 1 makes a leaf writable; the write permission bit itself is the dirty bit. Stage 1: AP[2] = 0
// is dirty (hardware clears AP[2]), stage 2: S2AP[1] = 1 is dirty (hardware sets it). DBM = 0 is an ordinary leaf without a
// dirty state. Linux uses DBM in stage 1 only; stage 2 with DBM is the architecture's, offered by the lab.
import type { FormatName, PteFormat } from './format.ts';

const VALID = 1;
const TABLE_OR_PAGE = 3;
const BLOCK = 1;
const SH_INNER = 3 << 8;
const AF = 1 << 10;
const NT = 1 << 16;
const DBM = 1 << (51 - 32);
/** Address bits 47:12. */
const ADDRESS_HI = 0xffff;

/** Leaf sizes by granule: a page, and the blocks that Linux maps (no 1 GiB-and-more blocks above 4 KiB granules). */
const GRANULES = [
  { suffix: '', granuleShift: 12, leafShifts: [12, 21, 30], levels: 4 },
  { suffix: '-16k', granuleShift: 14, leafShifts: [14, 25], levels: 4 },
  { suffix: '-64k', granuleShift: 16, leafShifts: [16, 29], levels: 3 },
] as const;

const common = {
  source: 'drivers/iommu/io-pgtable-arm.c',
  iovaBits: 48,
  signExtended: false,
  replicated: false,
  addressUnitShift: 12,
  addressHi: ADDRESS_HI,
  presentLo: VALID,
  tableMaskLo: TABLE_OR_PAGE,
  tableLo: TABLE_OR_PAGE,
  tableHi: 0,
  nextLevelShift: -1,
  leafHi: 0,
  replicaLo: 0,
  readHi: 0,
  writeHi: 0,
  writableHi: DBM,
  trackedHi: DBM,
  bornLo: 0,
  bornDirty: true,
  dirtyHiAlways: 0,
  noTranslateLo: NT,
  partialUnmap: 'refuse',
  existsErrno: 'EEXIST',
} as const satisfies Partial<PteFormat>;

/** AttrIndx 1 (cacheable), AP[1] unprivileged, nG. Example: 4 KiB RW pa|0xf47, RO pa|0xfc7, tracked clean pa|0xfc7|1<<51. */
const S1_ATTRIBUTES = (1 << 2) | (1 << 6) | SH_INNER | AF | (1 << 11);
const AP_READ_ONLY = 1 << 7;

const stage1 = {
  pageLo: S1_ATTRIBUTES | TABLE_OR_PAGE,
  blockLo: S1_ATTRIBUTES | BLOCK,
  readLo: 0,
  writeLo: 0,
  readOnlyLo: AP_READ_ONLY,
  writableLo: AP_READ_ONLY,
  writableXorLo: AP_READ_ONLY,
  dirtyLo: AP_READ_ONLY,
  dirtyXorLo: AP_READ_ONLY,
  hardwareSetLo: 0,
  hardwareClearLo: AP_READ_ONLY,
  cleanClearLo: 0,
  cleanSetLo: AP_READ_ONLY,
  linuxTracks: true,
} as const satisfies Partial<PteFormat>;

/** MemAttr 0xf (write-back). Example: RW page pa|0x7ff, RO pa|0x77f, RW block pa|0x7fd. */
const S2_ATTRIBUTES = (0xf << 2) | SH_INNER | AF;
const S2_READ = 1 << 6;
const S2_WRITE = 1 << 7;

const stage2 = {
  pageLo: S2_ATTRIBUTES | TABLE_OR_PAGE,
  blockLo: S2_ATTRIBUTES | BLOCK,
  readLo: S2_READ,
  writeLo: S2_WRITE,
  readOnlyLo: 0,
  writableLo: S2_WRITE,
  writableXorLo: 0,
  dirtyLo: S2_WRITE,
  dirtyXorLo: 0,
  hardwareSetLo: S2_WRITE,
  hardwareClearLo: 0,
  cleanClearLo: S2_WRITE,
  cleanSetLo: 0,
  linuxTracks: false,
} as const satisfies Partial<PteFormat>;

const stages = [
  { prefix: 'arm-lpae-s1', row: stage1 },
  { prefix: 'arm-lpae-s2', row: stage2 },
] as const;

export const ARM_LPAE: readonly PteFormat[] = stages.flatMap(({ prefix, row }) =>
  GRANULES.map(({ suffix, granuleShift, leafShifts, levels }): PteFormat => ({
    ...common,
    ...row,
    name: `${prefix}${suffix}` satisfies FormatName,
    granuleShift,
    leafShifts,
    indexBits: granuleShift - 3,
    levelsAtStart: levels,
    levelsMax: levels,
    // DBM is bit 51 = bit 19 of hi; 12 places to the right it lies over bit 7.
    dirtyHiShift: 12,
  })),
);
