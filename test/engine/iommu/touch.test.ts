import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import { DmaPort, HOST_BASE_PAGE, resetTouch } from '../../../engine/iommu/dmaport.ts';
import { Domain } from '../../../engine/iommu/domain.ts';
import { FORMATS, formatNamed } from '../../../engine/iommu/formats/table.ts';
import type { PteFormat } from '../../../engine/iommu/formats/format.ts';
import { Iotlb } from '../../../engine/iommu/iotlb.ts';
import { collapse } from '../../../engine/iommu/collapse.ts';
import { split } from '../../../engine/iommu/split.ts';
import { Lab, granulesOf } from './lab.ts';
import { PageTable } from '../../../engine/iommu/pagetable.ts';
import { DirtyRuns } from '../../../engine/iommu/runs.ts';
import { touchOne, touchPages, touchRuns } from '../../../engine/iommu/touch.ts';

const RAM_PAGES = 8192;

interface Setup {
  readonly row: PteFormat;
  readonly held: boolean;
  readonly pageSizes?: readonly number[];
  readonly atc?: boolean;
  readonly tracked?: boolean;
}

function aPort({ row, held, pageSizes, atc, tracked = true }: Setup): DmaPort {
  const dirtyWriteback = held ? 'held' : 'memory';
  const table = new PageTable(row, { tracked, ...(pageSizes === undefined ? {} : { pageSizes }) });
  const domain = new Domain({ id: 3, table, iotlb: new Iotlb({ sets: 8, ways: 2, dirtyWriteback }) });
  domain.setTracking(true);
  const cache = atc === true ? { atc: new Iotlb({ sets: 2, ways: 2, dirtyWriteback: 'memory' as const }) } : {};
  return new DmaPort({ domain, written: new DirtyBitmap(RAM_PAGES), ...cache });
}

/** Everything a later result can depend on. */
function stateOf(port: DmaPort): unknown {
  const { table, iotlb } = port.domain;
  const leaves: unknown[] = [];
  for (let granule = 0; granule < 4096;) {
    const leaf = table.walk(granule);
    if (leaf !== undefined) leaves.push([leaf.first, leaf.pte]);
    granule = leaf === undefined ? granule + 1 : leaf.first + leaf.count;
  }
  const written: [number, number][] = [];
  port.written.forEachRun((first, count) => written.push([first, count]));
  const { owner, keyLo, tag, pa, entry, flags, hand, counters, sizes, presence } = iotlb;
  const ways = Array.from(owner, (id, way) =>
    id < 0 ? null : [id, keyLo[way], tag[way], pa[way], entry[way], flags[way]],
  );
  return {
    leaves,
    written,
    ways,
    hand: [...hand],
    counters: { ...counters },
    sizes,
    presence: presence.filter((n) => n > 0),
  };
}

type Step =
  | { kind: 'map'; first: number; ram: number; count: number; access: number }
  | { kind: 'unmap'; first: number; count: number }
  | { kind: 'harvest'; first: number; count: number }
  | { kind: 'flush'; first: number; count: number }
  | { kind: 'track'; on: boolean }
  | { kind: 'pages'; pages: number[]; write: boolean }
  | { kind: 'runs'; runs: [number, number][]; write: boolean };

// Pages collide on purpose: a hot handful, the edges of tables and blocks, and few others.
const page = fc.oneof(
  { weight: 4, arbitrary: fc.nat(23) },
  { weight: 3, arbitrary: fc.integer({ min: 500, max: 530 }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 512, 1024) },
  { weight: 1, arbitrary: fc.nat(4095) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 35 + 7, 2 ** 36 - 1) },
);
const count = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(64, 512, 512, 700, 1024));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('map' as const), first: page, ram: fc.oneof(fc.nat(40), fc.constantFrom(0, 512, 1024)), count, access: fc.constantFrom(1, 2, 3, 3, 3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unmap' as const), first: page, count }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('harvest' as const), first: fc.constantFrom(0, 3, 512), count: fc.constantFrom(5, 512, 4096) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const), first: fc.constantFrom(0, 3, 512), count: fc.constantFrom(5, 512, 4096) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('track' as const), on: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pages' as const), pages: fc.array(page, { maxLength: 150 }), write: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('runs' as const), runs: fc.array(fc.tuple(page, count), { maxLength: 20 }), write: fc.boolean() }) },
); // prettier-ignore

function perform(port: DmaPort, s: Step, batched: boolean): unknown {
  const { domain } = port;
  const { table } = domain;
  const scale = 2 ** Math.max(0, table.format.granuleShift - 12);
  switch (s.kind) {
    case 'map': {
      const pa = (HOST_BASE_PAGE * 4096) / 2 ** table.format.granuleShift;
      return table.map(s.first, pa + s.ram, s.count, s.access);
    }
    case 'unmap':
      return table.unmap(s.first, s.count);
    case 'harvest': {
      const runs = new DirtyRuns();
      table.readDirty(s.first, s.count, { clear: true }, runs);
      return [[...runs.firsts], [...runs.counts], runs.length];
    }
    case 'flush':
      domain.flushRange(s.first, s.count);
      return undefined;
    case 'track':
      return domain.setTracking(s.on);
    case 'pages': {
      const pages = Float64Array.from(s.pages, (p) => p * scale + (p % scale));
      if (batched) touchPages(port, pages, pages.length, s.write);
      else plainly(port, pages, s.write);
      break;
    }
    case 'runs': {
      const firsts = Float64Array.from(s.runs, ([first]) => first * scale);
      const counts = Float64Array.from(s.runs, ([, n]) => n);
      const pages = s.runs.flatMap(([first, n]) => Array.from({ length: n }, (_, i) => first * scale + i));
      if (batched) touchRuns(port, firsts, counts, s.runs.length, s.write);
      else plainly(port, Float64Array.from(pages), s.write);
      break;
    }
  }
  const { faults, faultPages, ...rest } = port.result;
  return { ...rest, faults, faultPages: [...faultPages.slice(0, Math.min(faults, 16))] };
}

function plainly(port: DmaPort, pages: Float64Array, write: boolean): void {
  resetTouch(port.result);
  const { hits, misses } = port.domain.iotlb.counters;
  const { dirtySets } = port.domain;
  for (const p of pages) touchOne(port, p, write);
  port.result.hits = port.domain.iotlb.counters.hits - hits;
  port.result.misses = port.domain.iotlb.counters.misses - misses;
  port.result.dirtySets = port.domain.dirtySets - dirtySets;
}

const SIZES: readonly (readonly [string, (row: PteFormat) => readonly number[] | undefined])[] = [
  ['smallest leaves', (row) => [2 ** row.granuleShift]],
  ['all leaf sizes', () => undefined],
];

describe('touching in batches is touching one by one', () => {
  for (const row of FORMATS) {
    for (const [what, sizes] of SIZES) {
      for (const held of [false, true]) {
        it(`${row.name}, ${what}, dirty ${held ? 'held' : 'in memory at once'}`, () => {
          const pageSizes = sizes(row);
          const setup = { row, held, ...(pageSizes === undefined ? {} : { pageSizes }) };
          fc.assert(
            fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
              const batched = aPort(setup);
              const plain = aPort(setup);
              for (const s of steps) expect(perform(batched, s, true)).toEqual(perform(plain, s, false));
              expect(stateOf(batched)).toEqual(stateOf(plain));
            }),
            { numRuns: 40 },
          );
        });
      }
    }
  }

  it.each(FORMATS.map((row) => [row.name, row] as const))('%s made without tracking', (_, row) => {
    const setup = { row, held: false, tracked: false, pageSizes: [2 ** row.granuleShift] };
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        const batched = aPort(setup);
        const plain = aPort(setup);
        for (const s of steps) expect(perform(batched, s, true)).toEqual(perform(plain, s, false));
        expect(stateOf(batched)).toEqual(stateOf(plain));
      }),
      { numRuns: 20 },
    );
  });

  it('with an ATC too', () => {
    const setup = { row: formatNamed('vtd-ss'), held: false, atc: true };
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        const batched = aPort(setup);
        const plain = aPort(setup);
        for (const s of steps) expect(perform(batched, s, true)).toEqual(perform(plain, s, false));
        expect(stateOf(batched)).toEqual(stateOf(plain));
      }),
      { numRuns: 40 },
    );
  });
});

describe('the structure cache is exact', () => {
  const row = formatNamed('vtd-ss');
  const writtenAt = (lab: Lab, first: number, count: number): number[] => {
    touchRuns(lab.port, Float64Array.of(first), Float64Array.of(count), 1, true);
    return granulesOf(lab.harvest(0, 4096));
  };

  it('after a split, a collapse, an unmap and a map of another kind', () => {
    const lab = new Lab({ row, leaves: [9] });
    lab.map(512, 1024);
    expect(writtenAt(lab, 600, 4).length).toBe(512);
    split(lab.domain, 512, 512, { order: 'recursive', bbm: 2 });
    expect(writtenAt(lab, 600, 4)).toEqual([600, 601, 602, 603]);
    lab.domain.flushDomain();
    collapse(lab.domain, 512, 512, { level: 1, bbm: 2 });
    expect(writtenAt(lab, 600, 4).length).toBe(512);
    lab.domain.table.unmap(512, 1024);
    lab.domain.flushDomain();
    expect(writtenAt(lab, 600, 4)).toEqual([]);
    expect(lab.port.result.faults).toBe(4);
  });
});

describe('a batch', () => {
  it('that reads a run of pages partly dirty leaves each page as dirty in the IOTLB as it is', () => {
    const port = aPort({ row: formatNamed('vtd-ss'), held: false });
    port.domain.table.map(0, HOST_BASE_PAGE, 64, 3);
    touchPages(port, Float64Array.of(40), 1, true);
    touchPages(port, Float64Array.of(60, 52), 2, false);
    port.domain.flushRange(32, 16);
    touchRuns(port, Float64Array.of(32), Float64Array.of(16), 1, false);
    const dirty = (granule: number): boolean =>
      (port.domain.iotlb.flags[port.domain.iotlb.find(3, granule)]! & 4) !== 0;
    expect([39, 40, 41].map(dirty)).toEqual([false, true, false]);
  });

  it('tells the sink which RAM pages were written, counts faults and lists the first', () => {
    const port = aPort({ row: formatNamed('amd-v1'), held: false });
    port.domain.table.map(100, HOST_BASE_PAGE + 7, 3, 3);
    const result = touchPages(port, Float64Array.of(100, 102, 5, 101, 6), 5, true);
    expect(result).toMatchObject({ misses: 5, dirtySets: 3, newlyWritten: 3, faults: 2 });
    expect([...result.faultPages.slice(0, 2)]).toEqual([5, 6]);
    expect([7, 8, 9, 10].map((p) => port.written.test(p))).toEqual([true, true, true, false]);
  });
});
