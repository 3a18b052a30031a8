import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IntervalIndex } from '../../../engine/iommufd/interval-index.ts';
import type { Span } from '../../../engine/iommufd/address.ts';

/** Positions are page * 4 + offset / 1024: few enough to meet. */
const span = (start: number, length: number): Span => {
  const last = start + length - 1;
  return {
    startPage: Math.floor(start / 4),
    startOffset: (start % 4) * 1024,
    lastPage: Math.floor(last / 4),
    lastOffset: (last % 4) * 1024 + 1023,
  };
};
const startOf = ({ startPage, startOffset }: Span): number => startPage * 4 + startOffset / 1024;
const lastOf = ({ lastPage, lastOffset }: Span): number => lastPage * 4 + (lastOffset - 1023) / 1024;
const meets = (a: Span, b: Span): boolean => startOf(a) <= lastOf(b) && startOf(b) <= lastOf(a);

const operations = fc.array(
  fc.record({
    start: fc.nat(4000),
    length: fc.integer({ min: 1, max: 9 }),
    remove: fc.boolean(),
    asked: fc.record({ start: fc.nat(4000), length: fc.integer({ min: 1, max: 300 }) }),
  }),
  { maxLength: 1500, size: 'max' },
);

describe('an index of intervals', () => {
  it('finds what a sorted array finds, through splits and joins of its blocks', () => {
    fc.assert(
      fc.property(operations, fc.boolean(), (list, emptyAgain) => {
        const index = new IntervalIndex<Span>();
        let slow: Span[] = [];
        for (const { start, length, remove, asked } of list) {
          const item = span(start, length);
          const inTheWay = slow.filter((other) => meets(other, item));
          expect(index.firstIntersecting(item)).toBe(inTheWay[0]);
          if (inTheWay.length === 0) {
            index.insert(item);
            slow = [...slow, item].sort((a, b) => startOf(a) - startOf(b));
          } else if (remove) {
            for (const other of inTheWay) index.remove(other);
            slow = slow.filter((other) => !inTheWay.includes(other));
          }
          const range = span(asked.start, asked.length);
          expect(index.firstIntersecting(range)).toBe(slow.find((other) => meets(other, range)));
          expect(index.after(range)).toBe(slow.find((other) => startOf(other) > lastOf(range)));
          expect(index.at(range.startPage, range.startOffset)).toBe(
            slow.find((other) => startOf(other) <= asked.start && asked.start <= lastOf(other)),
          );
          expect(index.size).toBe(slow.length);
        }
        const seen: Span[] = [];
        index.forEach((item) => seen.push(item));
        expect(seen).toEqual(slow);
        expect([index.first(), index.last()]).toEqual([slow[0], slow.at(-1)]);
        if (!emptyAgain) return;
        for (const item of slow) index.remove(item);
        expect([index.size, index.first(), index.last()]).toEqual([0, undefined, undefined]);
      }),
      { numRuns: 25 },
    );
  });

  it('keeps its order through many blocks, filled downward, upward and in between', () => {
    const index = new IntervalIndex<Span>();
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      const place = i % 3 === 0 ? i : i % 3 === 1 ? count * 2 - i : (i * 7919) % count;
      const item = span(place * 8, 8);
      if (index.firstIntersecting(item) === undefined) index.insert(item);
    }
    let before = -1;
    let seen = 0;
    index.forEach((item) => {
      expect(startOf(item)).toBeGreaterThan(before);
      before = lastOf(item);
      seen++;
    });
    expect(seen).toBe(index.size);
  });
});
