import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../../engine/core/random.ts';
import { collapse } from '../../../engine/iommu/collapse.ts';
import { READ } from '../../../engine/iommu/formats/format.ts';
import type { PteFormat } from '../../../engine/iommu/formats/format.ts';
import { FORMATS, formatNamed } from '../../../engine/iommu/formats/table.ts';
import { split } from '../../../engine/iommu/split.ts';
import type { SplitOrder } from '../../../engine/iommu/split.ts';
import type { BbmLevel } from '../../../engine/iommu/splitblock.ts';
import { Lab, granulesOf } from './lab.ts';

const ORDERS: readonly SplitOrder[] = ['recursive', 'sub-table-first'];
const LEVELS: readonly BbmLevel[] = [0, 1, 2];
const SEEDS = 40;

/** Held bits survive a split where the block is out of the IOTLB's reach while it is exchanged. */
const splitIsSafe = (row: PteFormat, held: boolean, bbm: BbmLevel): boolean =>
  !held || bbm === 0 || (bbm === 1 && row.noTranslateLo !== 0);

describe.each(FORMATS.map((row) => [row.name, row] as const))('splitting %s', (_, row) => {
  const block = 2 ** row.indexBits;

  for (const order of ORDERS) {
    for (const bbm of LEVELS) {
      it(`${order}, BBM level ${bbm}: every page translates as before, and a dirty block makes all its pages dirty`, () => {
        const lab = new Lab({ row, leaves: [row.indexBits] });
        lab.map(block, 2 * block);
        lab.startTracking(3 * block);
        lab.write(block + 3);
        const result = split(lab.domain, block, 2 * block, { order, bbm });
        expect(result).toMatchObject({ granules: 2 * block, swaps: 2, tables: 2, kept: [], retries: 0 });
        expect(result.faultWindows).toBe(bbm === 0 ? 2 : 0);
        for (const g of [block, block + 3, 2 * block - 1, 2 * block, 3 * block - 1]) {
          expect(lab.domain.table.walk(g)).toMatchObject({
            first: g,
            count: 1,
            pa: lab.base + g,
            writable: true,
            dirty: g < 2 * block,
          });
        }
        expect(lab.harvest(0, 4 * block).total).toBe(block);
        lab.domain.flushDomain();
        lab.write(2 * block + 7);
        expect(granulesOf(lab.harvest(0, 4 * block))).toEqual([2 * block + 7]);
      });
    }
  }

  it('leaves are word for word those that a map of single pages makes', () => {
    const whole = new Lab({ row, leaves: [row.indexBits] });
    const fine = new Lab({ row, leaves: [0] });
    for (const lab of [whole, fine]) {
      lab.map(0, 3 * block);
      lab.startTracking(3 * block);
    }
    split(whole.domain, block, 2 * block, { order: 'sub-table-first', bbm: 2 });
    for (let g = block; g < 3 * block; g++) {
      const pte = whole.domain.table.walk(g)?.pte;
      if (pte !== fine.domain.table.walk(g)?.pte) expect([g, pte]).toEqual([g, fine.domain.table.walk(g)?.pte]);
    }
  });

  it('BBM level 0 leaves a window in which DMA faults; 1 and 2 do not', () => {
    for (const bbm of LEVELS) {
      const lab = new Lab({ row, leaves: [row.indexBits] });
      lab.map(0, block);
      let faults = 0;
      split(lab.domain, 0, block, { order: 'recursive', bbm, between: () => (faults += lab.read(5) ? 0 : 1) });
      expect(faults > 0).toBe(bbm === 0);
    }
  });

  it('a write between reading the block and the exchange makes the exchange fail, and is not lost', () => {
    const lab = new Lab({ row, leaves: [row.indexBits] });
    lab.map(0, block);
    lab.startTracking(block);
    let wrote = false;
    const between = (): void => {
      if (!wrote) wrote = lab.write(9);
    };
    const result = split(lab.domain, 0, block, { order: 'sub-table-first', bbm: 2, between });
    expect(result.retries).toBe(1);
    lab.reported(lab.harvest(0, block));
    expect([...lab.pending]).toEqual([]);
  });

  it('without memory for the n-th table a block keeps its grain and is reported, and nothing else changes', () => {
    for (let n = 0; n < 3; n++) {
      const lab = new Lab({ row, leaves: [row.indexBits] });
      lab.map(0, 3 * block);
      lab.domain.table.arena.failAfter = n;
      const before = lab.domain.table.arena.tables;
      const result = split(lab.domain, 0, 3 * block, { order: 'recursive', bbm: 2 });
      expect(result.kept).toEqual([{ first: n * block, count: block, why: 'no-memory' }]);
      expect(result.granules).toBe(2 * block);
      expect(lab.domain.table.arena.tables).toBe(before + 2);
      expect(lab.domain.table.walk(n * block)?.count).toBe(block);
    }
  });

  it('read-only blocks stay whole', () => {
    const lab = new Lab({ row, leaves: [row.indexBits] });
    lab.map(0, block, READ);
    expect(split(lab.domain, 0, block, { order: 'recursive', bbm: 2 }).kept).toEqual([
      { first: 0, count: block, why: 'read-only' },
    ]);
    expect(lab.domain.table.walk(1)?.count).toBe(block);
  });

  it('collapse gives back the block that was split, with the OR of its pages, and frees the tables', () => {
    for (const bbm of LEVELS) {
      for (const dirty of [false, true]) {
        const lab = new Lab({ row, leaves: [row.indexBits] });
        lab.map(0, block);
        const before = lab.domain.table.arena.tables;
        lab.startTracking(block);
        const word = lab.domain.table.walk(0)?.pte;
        split(lab.domain, 0, block, { order: 'recursive', bbm });
        if (dirty) lab.write(block - 1);
        expect(collapse(lab.domain, 0, block, { level: 1, bbm })).toMatchObject({ blocks: 1, tablesFreed: 1 });
        expect(lab.domain.table.walk(7)).toMatchObject({ first: 0, count: block, pa: lab.base, dirty });
        if (!dirty) expect(lab.domain.table.walk(0)?.pte).toBe(word);
        expect(lab.domain.table.arena.tables).toBe(before);
        expect(lab.harvest(0, block).total).toBe(dirty ? block : 0);
      }
    }
  });

  it('leaves that differ, have a gap or lie apart are not collapsed', () => {
    const lab = new Lab({ row });
    lab.map(0, block);
    lab.domain.table.unmap(3, 1);
    expect(collapse(lab.domain, 0, block, { level: 1, bbm: 2 })).toMatchObject({ blocks: 0, unlike: 1 });
    lab.map(3, 1, READ);
    expect(collapse(lab.domain, 0, block, { level: 1, bbm: 2 })).toMatchObject({ blocks: 0, unlike: 1 });
    lab.domain.table.unmap(3, 1);
    lab.domain.table.map(3, lab.base + 4, 1, 3);
    expect(collapse(lab.domain, 0, block, { level: 1, bbm: 2 })).toMatchObject({ blocks: 0, unlike: 1 });
    lab.domain.table.unmap(3, 1);
    lab.map(3, 1);
    expect(collapse(lab.domain, 0, block, { level: 1, bbm: 2 })).toMatchObject({ blocks: 1 });
  });
});

/** Splits, or splits and collapses, with the device at work between all steps; answers the granules lost. */
function race(
  row: PteFormat,
  held: boolean,
  bbm: BbmLevel,
  order: SplitOrder,
  seed: number,
  recheck?: boolean,
): number[] {
  const random = new RandomStream(seed, 'race');
  const block = 2 ** row.indexBits;
  const lab = new Lab({ row, held, leaves: recheck === undefined ? [row.indexBits] : [0] });
  lab.map(0, 2 * block);
  lab.startTracking(2 * block);
  // Few acts where a single earlier write would hide the loss (any dirty page makes the block dirty).
  const acts = (): number => (recheck === undefined ? random.nextBelow(4) : random.nextBelow(4) === 0 ? 1 : 0);
  const between = (): void => {
    for (let n = acts(); n > 0; n--) lab.deviceActs(random, random.nextBelow(2 * block));
  };
  between();
  if (recheck === undefined) split(lab.domain, 0, 2 * block, { order, bbm, between });
  else collapse(lab.domain, 0, 2 * block, { level: 1, bbm, recheck, between });
  between();
  lab.settle();
  lab.domain.flushDomain();
  lab.reported(lab.harvest(0, 2 * block));
  return [...lab.pending];
}

describe('a concurrent device write', () => {
  for (const row of FORMATS.filter(({ indexBits }) => indexBits === 9)) {
    for (const held of [false, true]) {
      for (const bbm of LEVELS) {
        const safe = splitIsSafe(row, held, bbm);
        it(`${safe ? 'survives' : 'can be lost in'} a split: ${row.name}, ${held ? 'held' : 'memory'}, BBM level ${bbm}`, () => {
          let losing = 0;
          for (let seed = 0; seed < SEEDS; seed++) {
            for (const order of ORDERS) {
              const lost = race(row, held, bbm, order, seed);
              if (safe) expect({ seed, order, lost }).toEqual({ seed, order, lost: [] });
              else losing += lost.length;
            }
          }
          expect(losing > 0).toBe(!safe);
        });

        it(`survives a collapse: ${row.name}, ${held ? 'held' : 'memory'}, BBM level ${bbm}; without the second look it is lost`, () => {
          let losing = 0;
          for (let seed = 0; seed < SEEDS; seed++) {
            expect({ seed, lost: race(row, held, bbm, 'recursive', seed, true) }).toEqual({ seed, lost: [] });
            losing += race(row, held, bbm, 'recursive', seed, false).length;
          }
          expect(losing).toBeGreaterThan(0);
        });
      }
    }
  }
});

describe('a 1 GiB block', () => {
  const row = formatNamed('vtd-ss');
  const gib = 2 ** 18;

  it('takes 513 exchanges recursively and one with sub-tables first; the tables are the same', () => {
    for (const [order, swaps] of [
      ['recursive', 513],
      ['sub-table-first', 1],
    ] as const) {
      const lab = new Lab({ row, leaves: [18] });
      lab.map(gib, gib);
      expect(split(lab.domain, gib, gib, { order, bbm: 1 })).toMatchObject({
        granules: gib,
        swaps,
        tables: 513,
        flushes: swaps + 1,
      });
      expect(lab.domain.table.walk(2 * gib - 1)).toMatchObject({ count: 1, pa: lab.base + 2 * gib - 1 });
      expect(lab.domain.table.walk(2 * gib)).toBeUndefined();
      lab.startTracking(2 * gib);
      lab.write(gib + 77_777);
      expect(granulesOf(lab.harvest(0, 4 * gib))).toEqual([gib + 77_777]);
      expect(collapse(lab.domain, gib, gib, { level: 2, bbm: 2 })).toMatchObject({ blocks: 1, tablesFreed: 513 });
      expect(lab.domain.table.walk(gib + 1)).toMatchObject({ count: gib, pa: lab.base + gib });
    }
  });

  it('runs out of memory half way: recursively at mixed grain, with sub-tables first unchanged', () => {
    for (const [order, grain] of [
      ['recursive', [1, 512]],
      ['sub-table-first', [gib, gib]],
    ] as const) {
      const lab = new Lab({ row, leaves: [18] });
      lab.map(gib, gib);
      lab.domain.table.arena.failAfter = 100;
      const before = lab.domain.table.arena.tables;
      const result = split(lab.domain, gib, gib, { order, bbm: 2 });
      expect(result.kept.length).toBe(1);
      expect([gib, result.kept[0]!.first].map((g) => lab.domain.table.walk(g)?.count)).toEqual(grain);
      if (order === 'sub-table-first') expect(lab.domain.table.arena.tables).toBe(before);
    }
  });

  it('can stop at 2 MiB', () => {
    const lab = new Lab({ row, leaves: [18] });
    lab.map(gib, gib);
    expect(split(lab.domain, gib, gib, { order: 'recursive', bbm: 2, leafLevel: 1 })).toMatchObject({
      granules: gib,
      swaps: 1,
    });
    expect(lab.domain.table.walk(gib)?.count).toBe(512);
  });
});

describe('a repeated AMD leaf', () => {
  it('becomes single leaves in place, all dirty if a replica was', () => {
    for (const log2 of [4, 10]) {
      const lab = new Lab({ row: formatNamed('amd-v1'), leaves: [log2] });
      const size = 2 ** log2;
      lab.map(size, 2 * size);
      lab.startTracking(3 * size);
      lab.write(size + 3);
      expect(split(lab.domain, size, 2 * size, { order: 'recursive', bbm: 2 }).granules).toBe(2 * size);
      expect(lab.domain.table.walk(size + 5)).toMatchObject({ count: 1, pa: lab.base + size + 5, dirty: true });
      expect(lab.domain.table.walk(2 * size + 5)).toMatchObject({
        count: 1,
        pa: lab.base + 2 * size + 5,
        dirty: false,
      });
      expect(lab.harvest(0, 3 * size).total).toBe(size);
    }
  });
});
