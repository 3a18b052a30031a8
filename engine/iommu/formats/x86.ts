// x86-64: AMD v2 tables and VT-d first stage. Source: drivers/iommu/generic_pt/fmt/x86_64.h. Linux writes A|U always and D
// with every writable leaf (born dirty) and offers no dirty tracking on it; the bits are there all the same, and the lab
// can harvest them.
import type { PteFormat } from './format.ts';

const P = 1 << 0;
const RW = 1 << 1;
const U = 1 << 2;
const A = 1 << 5;
const D = 1 << 6;
const PS = 1 << 7;

export const X86_64: PteFormat = {
  name: 'x86-64',
  source: 'drivers/iommu/generic_pt/fmt/x86_64.h',
  granuleShift: 12,
  indexBits: 9,
  levelsAtStart: 4,
  levelsMax: 4,
  iovaBits: 48,
  signExtended: true,
  replicated: false,
  leafShifts: [12, 21, 30],
  addressUnitShift: 12,
  addressHi: 0xfffff,
  presentLo: P,
  tableMaskLo: P | PS,
  tableLo: P | RW | U | A,
  tableHi: 0,
  nextLevelShift: -1,
  pageLo: P | U | A,
  blockLo: P | U | A | PS,
  leafHi: 0,
  replicaLo: 0,
  readLo: 0,
  readHi: 0,
  writeLo: RW,
  writeHi: 0,
  readOnlyLo: 0,
  writableLo: RW,
  writableXorLo: 0,
  writableHi: 0,
  trackedHi: 0,
  bornLo: D,
  bornDirty: true,
  dirtyLo: D,
  dirtyXorLo: 0,
  dirtyHiShift: 0,
  dirtyHiAlways: -1,
  hardwareSetLo: D,
  hardwareClearLo: 0,
  cleanClearLo: D,
  cleanSetLo: 0,
  linuxTracks: false,
  noTranslateLo: 0,
  partialUnmap: 'whole-leaf',
  existsErrno: 'EADDRINUSE',
};
