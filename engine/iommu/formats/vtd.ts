// Intel VT-d second stage. Source: drivers/iommu/generic_pt/fmt/vtdss.h. Present is R or W; PS marks a block at levels 1
// and 2; tables are written R|W. Hardware sets Accessed together with Dirty; software cleans Dirty only.
import type { PteFormat } from './format.ts';

const R = 1 << 0;
const W = 1 << 1;
const PS = 1 << 7;
const A = 1 << 8;
const D = 1 << 9;

export const VTD_SS: PteFormat = {
  name: 'vtd-ss',
  source: 'drivers/iommu/generic_pt/fmt/vtdss.h',
  granuleShift: 12,
  indexBits: 9,
  levelsAtStart: 4,
  levelsMax: 4,
  iovaBits: 48,
  signExtended: false,
  replicated: false,
  leafShifts: [12, 21, 30],
  addressUnitShift: 12,
  addressHi: 0xfffff,
  presentLo: R | W,
  tableMaskLo: R | W | PS,
  tableLo: R | W,
  tableHi: 0,
  nextLevelShift: -1,
  pageLo: 0,
  blockLo: PS,
  leafHi: 0,
  replicaLo: 0,
  readLo: R,
  readHi: 0,
  writeLo: W,
  writeHi: 0,
  readOnlyLo: 0,
  writableLo: W,
  writableXorLo: 0,
  writableHi: 0,
  trackedHi: 0,
  bornLo: 0,
  bornDirty: false,
  dirtyLo: D,
  dirtyXorLo: 0,
  dirtyHiShift: 0,
  dirtyHiAlways: -1,
  hardwareSetLo: A | D,
  hardwareClearLo: 0,
  cleanClearLo: D,
  cleanSetLo: 0,
  linuxTracks: true,
  noTranslateLo: 0,
  partialUnmap: 'whole-leaf',
  existsErrno: 'EADDRINUSE',
};
