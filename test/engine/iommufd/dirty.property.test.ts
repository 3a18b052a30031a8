// Random maps, DMA, tracking and reads on two HWPTs of one IOAS, against lists of leaves.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALLOC, BASE_VA, answers } from '../uapi/aScript.ts';
import type { StepWords } from '../uapi/aScript.ts';
import { SlowDomain, readBits } from './slowDomain.ts';

const MIB = 1 << 20;
const BASE_PA = 2 ** 32;

interface Setup {
  readonly format: string;
  readonly pageSizes: readonly number[];
  readonly bornDirty: boolean;
  readonly repeated: readonly number[];
  /** Lowest address a domain translates. */
  readonly first: number;
  /** What addresses and lengths are multiples of. */
  readonly units: readonly number[];
}

const SETUPS: readonly Setup[] = [
  { format: 'amd-v1', pageSizes: [4096, 16384], repeated: [16384], bornDirty: false, first: 0, units: [4096, 16384] },
  { format: 'amd-v1', pageSizes: [4096, 2 * MIB], repeated: [], bornDirty: false, first: 0, units: [4096, MIB] },
  {
    format: 'vtd-ss',
    pageSizes: [4096, 2 * MIB],
    repeated: [],
    bornDirty: false,
    first: 0,
    units: [4096, MIB, 2 * MIB],
  },
  {
    format: 'arm-lpae-s1',
    pageSizes: [4096, 2 * MIB],
    repeated: [],
    bornDirty: true,
    first: 0,
    units: [4096, 2 * MIB],
  },
  {
    format: 'mock',
    pageSizes: [2048, 4096],
    repeated: [4096],
    bornDirty: false,
    first: 0x1000000,
    units: [2048, 4096],
  },
];

type Words =
  | {
      readonly kind: 'map';
      readonly iova: number;
      readonly shift: number;
      readonly length: number;
      readonly writable: boolean;
    }
  | { readonly kind: 'unmap'; readonly area: number }
  | { readonly kind: 'write'; readonly domain: number; readonly iova: number; readonly length: number }
  | { readonly kind: 'track'; readonly domain: number; readonly on: boolean }
  | {
      readonly kind: 'read';
      readonly domain: number;
      readonly iova: number;
      readonly length: number;
      readonly grain: number;
      readonly clear: boolean;
    };

function wordsOf(setup: Setup): fc.Arbitrary<Words> {
  const unit = fc.constantFrom(...setup.units);
  const address = fc.tuple(unit, fc.integer({ min: 0, max: 8 })).map(([size, n]) => setup.first + size * n);
  const length = fc.tuple(unit, fc.integer({ min: 1, max: 5 })).map(([size, n]) => size * n);
  const domain = fc.integer({ min: 0, max: 1 });
  const grain = fc.constantFrom(2048, 4096, 8192, 65536);
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('map' as const),
        iova: address,
        shift: fc.constantFrom(0, 0, 4096),
        length,
        writable: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('unmap' as const), area: fc.nat(9) }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        domain,
        iova: address.map((a) => a + 17),
        length: fc.oneof(length, fc.constant(1)),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('track' as const), domain, on: fc.boolean() }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('read' as const),
        domain,
        iova: address,
        length,
        grain,
        clear: fc.boolean(),
      }),
    },
  );
}

/** Steps and what each must answer: the outcome, and bits or bytes. */
class Expected {
  readonly steps: StepWords[] = [];
  readonly results: { readonly outcome: string; readonly value?: unknown }[] = [];
  private readonly setup: Setup;
  private readonly domains: readonly SlowDomain[];
  private areas: { readonly start: number; readonly length: number }[] = [];

  constructor(setup: Setup) {
    this.setup = setup;
    this.domains = [new SlowDomain(setup), new SlowDomain(setup)];
  }

  add(words: Words): void {
    switch (words.kind) {
      case 'map': {
        const { iova, length, shift, writable } = words;
        const offset = iova - this.setup.first + shift;
        this.steps.push([
          'IOMMU_IOAS_MAP',
          { ioas_id: '$ioas', flags: writable ? 7 : 5, user_va: BASE_VA + offset, length, iova },
        ]);
        const smallest = Math.min(...this.setup.pageSizes);
        if (iova % smallest !== 0 || length % smallest !== 0) this.results.push({ outcome: 'EINVAL' });
        else if (this.areas.some(({ start, length: size }) => start < iova + length && iova < start + size)) {
          this.results.push({ outcome: 'EEXIST' });
        } else {
          this.results.push({ outcome: 'ok' });
          this.areas.push({ start: iova, length });
          for (const domain of this.domains) domain.map(iova, BASE_PA + offset, length, writable);
        }
        return;
      }
      case 'unmap': {
        const area = this.areas[words.area];
        if (area === undefined) return;
        this.areas = this.areas.filter((other) => other !== area);
        for (const domain of this.domains) domain.unmap(area.start, area.length);
        this.steps.push(['IOMMU_IOAS_UNMAP', { ioas_id: '$ioas', iova: area.start, length: area.length }]);
        this.results.push({ outcome: 'ok' });
        return;
      }
      case 'write': {
        const { domain, iova, length } = words;
        this.steps.push(['device.dma', { device: `dev${domain}`, op: 'write', iova, length }]);
        const bytes = this.domains[domain]!.write(iova, length);
        this.results.push({ outcome: bytes === length ? 'ok' : 'EFAULT', value: bytes });
        return;
      }
      case 'track': {
        const domain = this.domains[words.domain]!;
        if (words.on) domain.cleanAll();
        domain.tracking = words.on;
        this.steps.push([
          'IOMMU_HWPT_SET_DIRTY_TRACKING',
          { hwpt_id: `$hwpt${words.domain}`, flags: words.on ? 1 : 0 },
        ]);
        this.results.push({ outcome: 'ok' });
        return;
      }
      case 'read': {
        const { domain, iova, length, grain, clear } = words;
        this.steps.push([
          'IOMMU_HWPT_GET_DIRTY_BITMAP',
          { hwpt_id: `$hwpt${domain}`, flags: clear ? 0 : 1, iova, length, page_size: grain },
        ]);
        const alignment = Math.max(grain, Math.min(...this.setup.pageSizes));
        if (iova % alignment !== 0 || length % alignment !== 0) this.results.push({ outcome: 'EINVAL' });
        else {
          const bits = readBits(this.domains[domain]!, this.areas, iova, length, grain, clear);
          this.results.push({ outcome: 'ok', value: runsOf(bits) });
        }
      }
    }
  }
}

function runsOf(bits: ReadonlySet<number>): [number, number][] {
  const runs: [number, number][] = [];
  for (const bit of [...bits].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] + 1 === bit) last[1] = bit;
    else runs.push([bit, bit]);
  }
  return runs;
}

describe.each(SETUPS)('dirty tracking of $format with leaves of $pageSizes', (setup) => {
  it('reads what lists of leaves say, on each HWPT apart', () => {
    const machine = {
      iommu: { format: setup.format, page_sizes: setup.pageSizes },
      devices: [{ name: 'dev0' }, { name: 'dev1' }],
    };
    const before: StepWords[] = [ALLOC];
    for (const n of [0, 1]) {
      before.push(['IOMMU_HWPT_ALLOC', { dev_id: `$dev${n}`, pt_id: '$ioas', flags: 2 }, `hwpt${n}`]);
      before.push(['device.attach', { device: `dev${n}`, to: `$hwpt${n}` }]);
    }
    fc.assert(
      fc.property(fc.array(wordsOf(setup), { maxLength: 50, size: 'max' }), (list) => {
        const expected = new Expected(setup);
        for (const words of list) expected.add(words);
        const results = answers(machine, [...before, ...expected.steps]).slice(before.length);
        results.forEach(({ errno, out }, i) => {
          const { outcome, value } = expected.results[i]!;
          const got = {
            outcome: errno ?? 'ok',
            value: value === undefined ? undefined : (out['dirty'] ?? out['bytes']),
          };
          expect(got, `step ${i}: ${JSON.stringify(expected.steps[i])}`).toEqual({ outcome, value });
        });
      }),
      { numRuns: 100 },
    );
  });
});
