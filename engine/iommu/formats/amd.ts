// AMD v1 host page table, and the iommufd selftest's mock, which is the same layout with a granule of 2 KiB.
// Source: drivers/iommu/generic_pt/fmt/amdv1.h. Every power of two from the granule to 2^51 bytes is a leaf size except
// 512 GiB (hardware erratum). Example: 4 KiB RW at 0x100000000 is 0x7000000100000001.
import type { PteFormat } from './format.ts';

const PR = 1 << 0;
const D = 1 << 6;
const NEXT_LEVEL = 7 << 9;
const FC = 1 << (60 - 32);
const IR = 1 << (61 - 32);
const IW = 1 << (62 - 32);

const sizes = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((shift) => shift !== 39);

export const AMD_V1: PteFormat = {
  name: 'amd-v1',
  source: 'drivers/iommu/generic_pt/fmt/amdv1.h',
  granuleShift: 12,
  indexBits: 9,
  levelsAtStart: 3,
  levelsMax: 6,
  iovaBits: 64,
  signExtended: false,
  replicated: true,
  leafShifts: sizes(12, 51),
  addressUnitShift: 12,
  addressHi: 0xfffff,
  presentLo: PR,
  tableMaskLo: PR | NEXT_LEVEL,
  tableLo: PR,
  tableHi: IR | IW,
  nextLevelShift: 9,
  pageLo: PR,
  blockLo: PR,
  leafHi: FC,
  replicaLo: NEXT_LEVEL,
  readLo: 0,
  readHi: IR,
  writeLo: 0,
  writeHi: IW,
  readOnlyLo: 0,
  writableLo: 0,
  writableXorLo: 0,
  writableHi: IW,
  trackedHi: 0,
  bornLo: 0,
  bornDirty: false,
  dirtyLo: D,
  dirtyXorLo: 0,
  dirtyHiShift: 0,
  dirtyHiAlways: -1,
  hardwareSetLo: D,
  hardwareClearLo: 0,
  cleanClearLo: D,
  cleanSetLo: 0,
  linuxTracks: true,
  noTranslateLo: 0,
  partialUnmap: 'whole-leaf',
  existsErrno: 'EADDRINUSE',
};

export const MOCK: PteFormat = {
  ...AMD_V1,
  name: 'mock',
  source: 'drivers/iommu/generic_pt/fmt/amdv1.h (AMDV1_IOMMUFD_SELFTEST), drivers/iommu/iommufd/selftest.c',
  granuleShift: 11,
  levelsMax: 5,
  iovaBits: 56,
  leafShifts: sizes(11, 51),
  addressUnitShift: 11,
};
