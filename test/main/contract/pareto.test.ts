import fc from 'fast-check';
import { expect, it } from 'vitest';
import { paretoFront, type Better, type FrontPoint } from '../../../main/contract/pareto.ts';
import '../../seed.ts';

/** Few values, so that ties are frequent. */
const figure = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 6 }) }, fc.constant(null), fc.constant(NaN));
const better = fc.constantFrom<Better>('least', 'greatest');

const beats = (a: number, b: number, which: Better): boolean => (which === 'least' ? a < b : a > b);

it('is every known point that no other one beats in one figure without losing in the other', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ x: figure, y: figure }), { maxLength: 30 }), better, better, (points, x, y) => {
      const known = (p: FrontPoint): p is { x: number; y: number } =>
        p.x !== null && p.y !== null && !Number.isNaN(p.x) && !Number.isNaN(p.y);
      const slow = points.flatMap((p, i) => {
        if (!known(p)) return [];
        const beaten = points.some(
          (q) => known(q) && !beats(p.x, q.x, x) && !beats(p.y, q.y, y) && (beats(q.x, p.x, x) || beats(q.y, p.y, y)),
        );
        return beaten ? [] : [i];
      });
      expect(paretoFront(points, x, y).sort((a, b) => a - b)).toEqual(slow);
    }),
  );
});

it('goes from the better end of x', () => {
  const points = [
    { x: 5, y: 1 },
    { x: 1, y: 5 },
    { x: 3, y: 3 },
    { x: 4, y: 4 },
  ];
  expect(paretoFront(points)).toEqual([1, 2, 0]);
  expect(paretoFront(points, 'greatest', 'greatest')).toEqual([0, 3, 1]);
});
