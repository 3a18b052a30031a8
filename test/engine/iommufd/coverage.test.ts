import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PageCoverage } from '../../../engine/iommufd/coverage.ts';

const PAGES = 40;
const interval = fc
  .tuple(fc.nat(PAGES - 1), fc.nat(PAGES - 1))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe('page coverage', () => {
  it('is the union of the intervals that are there, with every multiplicity', () => {
    const operation = fc.record({ interval, remove: fc.option(fc.nat(20), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (list) => {
        const coverage = new PageCoverage();
        const held: (readonly [number, number])[] = [];
        for (const { interval, remove } of list) {
          const going = remove === undefined ? undefined : held[remove];
          if (going === undefined) {
            held.push(interval);
            coverage.add(interval[0], interval[1]);
          } else {
            held.splice(held.indexOf(going), 1);
            coverage.remove(going[0], going[1]);
          }
          const depth = Array.from(
            { length: PAGES },
            (_, page) => held.filter(([first, last]) => first <= page && page <= last).length,
          );
          expect(coverage.pages).toBe(depth.filter((n) => n > 0).length);
          const holes: number[] = [];
          coverage.forEachHole(0, PAGES - 1, (first, last) => {
            for (let page = first; page <= last; page++) holes.push(page);
          });
          expect(holes).toEqual(depth.flatMap((n, page) => (n === 0 ? [page] : [])));
          const [first, last] = interval;
          expect(coverage.uncovered(first, last)).toBe(depth.slice(first, last + 1).filter((n) => n === 0).length);
        }
      }),
      { numRuns: 200 },
    );
  });
});
