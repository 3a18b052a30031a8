import { describe, expect, it } from 'vitest';
import { READ, WRITE } from '../../../engine/iommu/formats/format.ts';
import type { FormatName } from '../../../engine/iommu/formats/format.ts';
import { FORMATS, formatNamed } from '../../../engine/iommu/formats/table.ts';
import { setDirty } from '../../../engine/iommu/hardware.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';

const RW = READ | WRITE;
/** Physical granule 4 GiB, where the guest's memory begins. */
const PA = 0x100000000n;

interface Word {
  readonly format: FormatName;
  readonly tracked?: boolean;
  readonly pa?: bigint;
  readonly bytes?: number;
  readonly access: number;
  readonly born: bigint;
  readonly clean?: bigint;
  readonly dirty?: bigint;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const DBM = 1n << 51n;

// kernel-side sources: generic_pt/fmt/{amdv1,vtdss,x86_64}.h, io-pgtable-arm.c
const WORDS: readonly Word[] = [
  { format: 'amd-v1', access: RW, born: 0x7000000100000001n, dirty: 0x7000000100000041n },
  { format: 'amd-v1', access: READ, born: 0x3000000100000001n },
  { format: 'amd-v1', access: WRITE, born: 0x5000000100000001n },
  { format: 'amd-v1', access: RW, bytes: 2 * MIB, born: 0x7000000100000001n, dirty: 0x7000000100000041n },
  { format: 'amd-v1', access: RW, bytes: 8 * KIB, born: 0x7000000100000e01n, dirty: 0x7000000100000e41n },
  { format: 'amd-v1', access: RW, bytes: 16 * KIB, born: 0x7000000100001e01n },
  { format: 'amd-v1', access: RW, bytes: 1 * MIB, born: 0x700000010007fe01n },
  { format: 'amd-v1', access: RW, bytes: 4 * MIB, born: 0x70000001001ffe01n },
  { format: 'vtd-ss', access: RW, born: PA | 3n, dirty: PA | 0x303n },
  { format: 'vtd-ss', access: READ, born: PA | 1n },
  { format: 'vtd-ss', access: RW, bytes: 2 * MIB, born: PA | 0x83n, dirty: PA | 0x383n },
  { format: 'x86-64', access: RW, born: PA | 0x67n, clean: PA | 0x27n, dirty: PA | 0x67n },
  { format: 'x86-64', access: READ, born: PA | 0x25n },
  { format: 'arm-lpae-s1', access: RW, born: PA | 0xf47n },
  { format: 'arm-lpae-s1', access: READ, born: PA | 0xfc7n },
  { format: 'arm-lpae-s1', access: RW, bytes: 2 * MIB, born: PA | 0xf45n },
  {
    format: 'arm-lpae-s1',
    tracked: true,
    access: RW,
    born: PA | 0xf47n | DBM,
    clean: PA | 0xfc7n | DBM,
    dirty: PA | 0xf47n | DBM,
  },
  { format: 'arm-lpae-s1', tracked: true, access: READ, born: PA | 0xfc7n },
  { format: 'arm-lpae-s2', access: RW, born: PA | 0x7ffn },
  { format: 'arm-lpae-s2', access: READ, born: PA | 0x77fn },
  { format: 'arm-lpae-s2', access: RW, bytes: 2 * MIB, born: PA | 0x7fdn },
  {
    format: 'arm-lpae-s2',
    tracked: true,
    access: RW,
    born: PA | 0x7ffn | DBM,
    clean: PA | 0x77fn | DBM,
    dirty: PA | 0x7ffn | DBM,
  },
  { format: 'arm-lpae-s1-16k', access: RW, born: PA | 0xf47n },
  { format: 'arm-lpae-s1-16k', access: RW, bytes: 32 * MIB, born: PA | 0xf45n },
  { format: 'arm-lpae-s1-64k', access: RW, born: PA | 0xf47n },
  { format: 'arm-lpae-s1-64k', access: RW, bytes: 512 * MIB, born: PA | 0xf45n },
];

const hex = (word: bigint | undefined): string => `0x${(word ?? 0n).toString(16)}`;

describe('an entry of each format', () => {
  for (const { format, tracked = false, bytes, access, born, clean, dirty } of WORDS) {
    const row = formatNamed(format);
    const size = bytes ?? 2 ** row.granuleShift;
    const granules = size / 2 ** row.granuleShift;
    const kind = { [READ]: 'RO', [WRITE]: 'WO', [RW]: 'RW' }[access] ?? '';
    it(`${format}${tracked ? ' tracked' : ''} ${size} bytes ${kind} at 4 GiB is ${hex(born)}`, () => {
      const table = new PageTable(row, { pageSizes: [size], tracked });
      const first = 0x400000000 / 2 ** row.granuleShift;
      const pa = Number(PA >> BigInt(row.granuleShift));
      expect(table.map(first, pa, granules, access)).toBeUndefined();
      const leaf = table.walk(first + granules - 1);
      expect(hex(leaf?.pte)).toBe(hex(born));
      expect(leaf).toMatchObject({ first, count: granules, pa });
      expect(leaf).toMatchObject({ writable: (access & WRITE) !== 0 });

      if (clean !== undefined) {
        expect(leaf?.dirty).toBe(true);
        table.readDirty(first, granules, { clear: true }, new DirtyRuns());
        expect(hex(table.walk(first)?.pte)).toBe(hex(clean));
        expect(table.walk(first)?.dirty).toBe(false);
      }
      if (dirty !== undefined) {
        expect(setDirty(table, table.walk(first)!.entry)).toBe(true);
        expect(hex(table.walk(first)?.pte)).toBe(hex(dirty));
        expect(table.walk(first)?.dirty).toBe(true);
        expect(setDirty(table, table.walk(first)!.entry)).toBe(false);
      }
    });
  }

  it('of every row: a replica of a repeated leaf that is dirty makes the leaf dirty, and cleaning reaches all replicas', () => {
    for (const row of FORMATS.filter((format) => format.replicated)) {
      const granule = 2 ** row.granuleShift;
      const table = new PageTable(row, { pageSizes: [8 * granule] });
      table.map(16, 64, 8, RW);
      expect(setDirty(table, table.walk(21)!.entry)).toBe(true);
      expect(table.walk(16)?.dirty).toBe(true);
      const runs = new DirtyRuns();
      table.readDirty(16, 8, { clear: true }, runs);
      expect([runs.length, runs.firsts[0], runs.counts[0]]).toEqual([1, 16, 8]);
      expect(table.walk(21)?.dirty).toBe(false);
    }
  });
});
