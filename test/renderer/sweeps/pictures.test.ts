// What the pictures of a sweep are made of: scales, cells, ranges, and the section that a form writes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OfferedField, PointFigure, SweepPoint } from '../../../main/contract/sweeps.ts';
import { passing, withBrush } from '../../../renderer/views/sweeps/brushes.ts';
import { cellsOf } from '../../../renderer/views/sweeps/cells.ts';
import { fieldDimensions, figureDimensions, isWithout } from '../../../renderer/views/sweeps/dimensions.ts';
import { niceTicks, scaleOf } from '../../../renderer/views/sweeps/scale.ts';
import { draftOf, sectionOf } from '../../../renderer/views/sweeps/section.ts';
import '../../seed.ts';

const FIELDS = [
  { name: 'migration.bandwidth', title: 'bandwidth', kind: 'rate' },
  { name: 'iommu.flush', title: 'flush', kind: 'choice' },
] as const;

function aPoint(
  number: number,
  written: readonly [string, string],
  bandwidth: number,
  figures: Partial<Record<PointFigure, number>> = {},
): SweepPoint {
  const none = Object.fromEntries(figureDimensions.map(({ id }) => [id, null])) as Record<PointFigure, null>;
  return {
    ...{ number, setting: number - 1, seed: 1, written: [...written], numbers: [bandwidth, null] },
    ...{ status: 'done', runId: number, failure: null, outcome: 'completed', expectMet: true },
    figures: { ...none, ...figures },
  };
}
const POINTS = [
  aPoint(1, ['10Gbit/s', 'never'], 1.25e9, { downtimeNs: 4e6 }),
  aPoint(2, ['1Gbit/s', 'never'], 1.25e8, { downtimeNs: 9e6 }),
  aPoint(3, ['1Gbit/s', 'after-clear'], 1.25e8, { downtimeNs: 5e6 }),
  aPoint(4, ['1Gbit/s', 'after-clear'], 1.25e8, { downtimeNs: 7e6 }),
];
const [bandwidth, flush] = fieldDimensions(FIELDS, POINTS);
const downtime = figureDimensions[0]!;

describe('dimensions', () => {
  it('put few values in order: numbers by size, words as they come', () => {
    expect(bandwidth!.values!.map(({ text }) => text)).toEqual(['1Gbit/s', '10Gbit/s']);
    expect(flush!.values!.map(({ text }) => text)).toEqual(['never', 'after-clear']);
    expect(POINTS.map((point) => bandwidth!.of(point))).toEqual([1, 0, 0, 0]);
  });

  it('of many numbers have a scale instead of places; seeds are a dimension where there are several', () => {
    const many = Array.from({ length: 40 }, (_, i) => ({
      ...aPoint(i + 1, [`${i + 1}Gbit/s`, 'never'], (i + 1) * 1.25e8),
      seed: i % 2,
    }));
    const dimensions = fieldDimensions(FIELDS, many);
    expect(dimensions.map(({ id }) => id)).toEqual(['migration.bandwidth', 'iommu.flush', 'seed']);
    expect(dimensions[0]!.values).toBeNull();
    expect(dimensions[0]!.of(many[3]!)).toBe(5e8);
  });
});

describe('scales', () => {
  it('reach over all values, with ticks inside and a way back', () => {
    const value = fc.double({ min: 1, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
        const points = values.map((downtimeNs, i) => aPoint(i + 1, ['', ''], 1, { downtimeNs }));
        const scale = scaleOf(downtime, points, 300, 10);
        for (const each of values) {
          const pixel = scale.at(each);
          expect(pixel).toBeGreaterThanOrEqual(10 - 1e-6);
          expect(pixel).toBeLessThanOrEqual(300 + 1e-6);
          expect(scale.back(pixel) / each).toBeCloseTo(1, 6);
        }
        for (const tick of scale.ticks) {
          expect(scale.at(tick.value)).toBeGreaterThanOrEqual(10 - 1e-6);
          expect(scale.at(tick.value)).toBeLessThanOrEqual(300 + 1e-6);
        }
      }),
    );
  });

  it('have round ticks, in powers of two for sizes', () => {
    expect(niceTicks(0, 42e6, 1000)).toEqual([0, 1e7, 2e7, 3e7, 4e7, 5e7]);
    expect(niceTicks(0, 4 * 1024 ** 2, 1024)).toEqual([0, 1, 2, 3, 4].map((mib) => mib * 1024 ** 2));
  });
});

describe('cells', () => {
  it('hold the median of the points that share two values', () => {
    const { columns, rows, cells, least, greatest } = cellsOf(POINTS, bandwidth!, flush!, downtime);
    expect([columns, rows]).toEqual([
      ['1Gbit/s', '10Gbit/s'],
      ['never', 'after-clear'],
    ]);
    expect(cells.map(({ column, row, value }) => [column, row, value])).toEqual([
      [1, 0, 4e6],
      [0, 0, 9e6],
      [0, 1, 6e6],
    ]);
    expect([least, greatest]).toEqual([4e6, 9e6]);
  });
});

describe('a point that ended without the figure', () => {
  const endless = aPoint(5, ['10Gbit/s', 'after-clear'], 1.25e9, { bytesTotal: 1e12 });
  const waiting: SweepPoint = { ...aPoint(6, ['10Gbit/s', 'never'], 1.25e9), status: 'waiting', outcome: null };

  it('is told from one that has not run', () => {
    expect([endless, waiting, POINTS[0]!].map((point) => isWithout(point, downtime))).toEqual([true, false, false]);
  });

  it('has a cell that says so, beside the median of those that have it', () => {
    const { cells, least, greatest } = cellsOf([...POINTS, endless, waiting], bandwidth!, flush!, downtime);
    expect(cells.find(({ column, row }) => column === 1 && row === 1)?.value).toBeNull();
    expect(cells.find(({ column, row }) => column === 1 && row === 0)?.value).toBe(4e6);
    expect([least, greatest]).toEqual([4e6, 9e6]);
    const only = cellsOf([endless], bandwidth!, flush!, downtime);
    expect([only.cells.length, only.least]).toEqual([1, NaN]);
  });
});

describe('ranges on axes', () => {
  it('keep the points that lie inside all of them', () => {
    const dimensions = [bandwidth!, downtime];
    const one = withBrush(new Map(), 'downtimeNs', [8e6, 4.5e6]);
    expect(passing(POINTS, dimensions, one).map(({ number }) => number)).toEqual([3, 4]);
    const two = withBrush(one, 'migration.bandwidth', [0.5, 1.5]);
    expect(passing(POINTS, dimensions, two)).toEqual([]);
    expect(
      passing(POINTS, dimensions, withBrush(withBrush(two, 'downtimeNs', null), 'migration.bandwidth', null)),
    ).toEqual(POINTS);
  });
});

describe('the form of a new sweep', () => {
  const offered = (name: string, kind: OfferedField['kind'], value: string, choices: string[] = []): OfferedField => ({
    ...{ name, kind, value, choices, title: name, description: '', given: true },
  });

  it('writes the section that a person would write', () => {
    const range = {
      ...draftOf(offered('migration.bandwidth', 'rate', '1Gbit/s')),
      to: '10Gbit/s',
      scale: 'log' as const,
    };
    const switches = draftOf(offered('migration.xbzrle', 'switch', 'false', ['true', 'false']));
    const counts = { ...draftOf(offered('guest.vcpus', 'integer', '2')), mode: 'list' as const, list: '2, 4,,8 ' };
    expect(sectionOf({ method: 'grid', points: 40, seeds: 3, fields: [range, switches, counts] })).toEqual({
      fields: {
        'migration.bandwidth': { from: '1Gbit/s', to: '10Gbit/s', steps: 5, scale: 'log' },
        'migration.xbzrle': [true, false],
        'guest.vcpus': [2, 4, 8],
      },
      seeds: 3,
    });
    expect(sectionOf({ method: 'latin-hypercube', points: 40, seeds: 1, fields: [range] })).toEqual({
      method: 'latin-hypercube',
      points: 40,
      fields: { 'migration.bandwidth': { from: '1Gbit/s', to: '10Gbit/s', scale: 'log' } },
    });
  });
});
