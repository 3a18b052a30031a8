import { describe, expect, it } from 'vitest';
import { READ, WRITE } from '../../../engine/iommu/formats/format.ts';
import { FORMATS, formatNamed } from '../../../engine/iommu/formats/table.ts';
import { setDirty } from '../../../engine/iommu/hardware.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';

const RW = READ | WRITE;
const list = (runs: DirtyRuns): [number, number][] =>
  Array.from({ length: runs.length }, (_, i) => [runs.firsts[i]!, runs.counts[i]!]);

describe.each(FORMATS.map((row) => [row.name, row] as const))('%s', (_, row) => {
  const tableEntries = 2 ** row.indexBits;

  it('translates what was mapped, and nothing else', () => {
    const table = new PageTable(row, { pageSizes: [2 ** row.granuleShift] });
    expect(table.map(5, 1000, 3, RW)).toBeUndefined();
    expect([4, 5, 6, 7, 8].map((g) => table.walk(g)?.pa)).toEqual([undefined, 1000, 1001, 1002, undefined]);
    expect(table.unmap(5, 3)).toBe(3);
    expect(table.walk(6)).toBeUndefined();
  });

  it('takes the largest leaf that divides IOVA and PA and fits', () => {
    const table = new PageTable(row);
    const block = tableEntries;
    table.map(block - 1, 4 * block - 1, 2 * block, READ);
    expect(table.walk(block - 1)).toMatchObject({ count: 1, pa: 4 * block - 1, writable: false });
    expect(table.walk(block + 3)).toMatchObject({ first: block, count: block, pa: 4 * block });
    expect(table.walk(2 * block + 3)?.count).toBeLessThan(block);
  });

  it('maps with small leaves where IOVA and PA lie differently inside a block', () => {
    const table = new PageTable(row);
    table.map(0, 1, 2 * tableEntries, RW);
    expect(table.walk(tableEntries)).toMatchObject({ count: 1, pa: tableEntries + 1 });
  });

  it('refuses to map over a leaf and leaves nothing of the failed call', () => {
    const table = new PageTable(row, { pageSizes: [2 ** row.granuleShift] });
    table.map(10, 100, 1, RW);
    expect(table.map(8, 200, 4, RW)).toBe(row.existsErrno);
    expect([8, 9, 10, 11].map((g) => table.walk(g)?.pa)).toEqual([undefined, undefined, 100, undefined]);
  });

  it('gives ENOMEM when the n-th table cannot be had, for every n, and leaves nothing', () => {
    for (let n = 0; ; n++) {
      const table = new PageTable(row, { pageSizes: [2 ** row.granuleShift] });
      table.arena.failAfter = n;
      const failure = table.map(tableEntries - 2, 7, 4, RW);
      if (failure === undefined) break;
      expect(failure).toBe('ENOMEM');
      expect(table.mapped).toBe(0);
      expect(table.walk(tableEntries - 2)).toBeUndefined();
      expect(n).toBeLessThan(20);
    }
  });

  it('reports the highest granule of the space and refuses the one above', () => {
    const table = new PageTable(row, { pageSizes: [2 ** row.granuleShift] });
    const bits = row.signExtended ? 64 : row.iovaBits;
    const end = 2 ** (bits - row.granuleShift);
    expect(table.map(end - 1, 77, 1, RW)).toBeUndefined();
    expect(table.walk(end - 1)).toMatchObject({ first: end - 1, pa: 77 });
    expect(table.walk(0)).toBeUndefined();
    expect(table.map(end - 1, 77, 2, RW)).toBe('ERANGE');
    expect(table.unmap(end - 1, 1)).toBe(1);
  });

  it('an unmap that starts inside a block fails; one that ends inside it does as the driver does', () => {
    const table = new PageTable(row, { pageSizes: [2 ** (row.granuleShift + row.indexBits)] });
    const block = tableEntries;
    table.map(block, 8 * block, block, RW);
    expect(table.unmap(block + 1, block - 1)).toBe(0);
    expect(table.unmap(block, 1)).toBe(row.partialUnmap === 'whole-leaf' ? block : 0);
  });

  it('an unmap ends at the first hole', () => {
    const table = new PageTable(row, { pageSizes: [2 ** row.granuleShift] });
    table.map(0, 0, 4, RW);
    table.map(6, 6, 2, RW);
    expect(table.unmap(0, 8)).toBe(4);
    expect(table.walk(6)).toBeDefined();
  });

  it('frees the tables that an unmap covers fully, and keeps one emptied page by page until a block needs its place', () => {
    const table = new PageTable(row);
    const before = table.arena.tables;
    table.map(tableEntries, 1, tableEntries, RW); // PA not aligned: small leaves
    table.unmap(tableEntries, tableEntries);
    const spine = table.arena.tables;
    expect(table.cost.tablesFreed).toBeGreaterThan(0);
    table.map(tableEntries, 1, 1, RW);
    table.unmap(tableEntries, 1);
    expect(table.arena.tables).toBe(spine + 1);
    expect(table.map(tableEntries, 0, tableEntries, RW)).toBeUndefined();
    expect(table.cost.flushes).toBe(1);
    expect(table.arena.tables).toBe(spine);
    expect(spine).toBeGreaterThanOrEqual(before);
  });

  it('records a block from where the range enters it and cleans it whole', () => {
    const block = tableEntries;
    const table = new PageTable(row, { pageSizes: [2 ** (row.granuleShift + row.indexBits)], tracked: true });
    table.map(block, block, 2 * block, RW);
    const runs = new DirtyRuns();
    table.readDirty(block, 2 * block, { clear: true }, runs);
    expect(runs.total).toBe(row.bornDirty ? 2 * block : 0);
    setDirty(table, table.walk(block + 5)!.entry);
    runs.reset();
    table.readDirty(block + block / 2, block / 2, { clear: false }, runs);
    table.readDirty(block + block / 2, block / 2, { clear: true }, runs);
    expect(list(runs)).toEqual([
      [block + block / 2, block],
      [block + block / 2, block],
    ]);
    runs.reset();
    table.readDirty(block, block, { clear: true }, runs);
    expect(runs.length).toBe(0);
  });
});

describe('AMD v1', () => {
  const row = formatNamed('amd-v1');

  it('starts with three levels and grows the top when an IOVA needs it', () => {
    const table = new PageTable(row);
    expect(table.levels).toBe(3);
    table.map(2 ** 27 - 1, 5, 1, RW);
    expect(table.levels).toBe(3);
    table.map(2 ** 27, 9, 1, RW);
    expect(table.levels).toBe(4);
    table.map(2 ** 52 - 1, 10, 1, RW);
    expect(table.levels).toBe(6);
    expect([2 ** 27 - 1, 2 ** 27, 2 ** 52 - 1].map((g) => table.walk(g)?.pa)).toEqual([5, 9, 10]);
  });

  it('in Linux 7.x drops the last page of a repeated leaf that lies wholly in the range, and cleans it all the same', () => {
    const table = new PageTable(row, { pageSizes: [65536] });
    table.map(16, 16, 16, RW);
    setDirty(table, table.walk(31)!.entry);
    const runs = new DirtyRuns();
    table.readDirty(16, 16, { clear: true, dropLastOfReplicated: true }, runs);
    expect(list(runs)).toEqual([[16, 15]]);
    runs.reset();
    table.readDirty(16, 16, { clear: true }, runs);
    expect(runs.length).toBe(0);
  });

  it('records a repeated leaf once, however many replicas lead to it', () => {
    const table = new PageTable(row, { pageSizes: [65536] });
    table.map(16, 16, 16, RW);
    for (const granule of [20, 22]) setDirty(table, table.walk(16)!.entry + granule - 16);
    const runs = new DirtyRuns();
    table.readDirty(0, 18, { clear: false }, runs); // ends inside: the replica at 17 now leads there, though it is clean
    expect(list(runs)).toEqual([[16, 2]]);
    runs.reset();
    table.readDirty(0, 64, { clear: false }, runs);
    expect(list(runs)).toEqual([[16, 16]]);
    expect(runs.total).toBe(16);
  });

  it('has no 512 GiB leaf', () => {
    const table = new PageTable(row);
    table.map(0, 0, 2 ** 27, RW);
    expect(table.walk(0)?.count).toBe(2 ** 26);
  });
});
