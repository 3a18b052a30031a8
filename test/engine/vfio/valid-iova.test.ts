import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isValid, refreshed, widened, withAperture, without } from '../../../engine/vfio/valid-iova.ts';
import type { ValidRange } from '../../../engine/vfio/valid-iova.ts';

const U64_MAX = 2n ** 64n - 1n;
const SPACE = 24;
const range = fc
  .tuple(fc.nat(SPACE - 1), fc.nat(SPACE - 1))
  .map(([a, b]): ValidRange => ({ start: BigInt(Math.min(a, b)), end: BigInt(Math.max(a, b)) }));
const regions = fc.array(range, { maxLength: 5 });
const members = (list: readonly ValidRange[]): number[] =>
  Array.from({ length: SPACE }, (_, i) => i).filter((i) =>
    list.some(({ start, end }) => start <= i && BigInt(i) <= end),
  );
const ascending = (list: readonly ValidRange[]): boolean =>
  list.every(({ start, end }, i) => start <= end && (i === 0 || start > list[i - 1]!.end));

describe('valid IOVA ranges', () => {
  it('without regions hold what is in the list and in no region', () => {
    fc.assert(
      fc.property(range, regions, regions, (whole, before, cut) => {
        const list = without([whole], before);
        const result = list && without(list, cut);
        const expected = members([whole]).filter((i) => !members([...before, ...cut]).includes(i));
        expect(members(result ?? [])).toEqual(expected);
        expect(ascending(result ?? [])).toBe(true);
        expect(result === undefined).toBe(expected.length === 0);
      }),
    );
  });

  it('refreshed are one range from end to end without the regions that are left', () => {
    fc.assert(
      fc.property(range, regions, regions, (whole, before, left) => {
        const list = without([whole], before);
        if (list === undefined) return;
        const ends = { start: list[0]!.start, end: list.at(-1)!.end };
        expect(members(refreshed(list, left) ?? [])).toEqual(members([ends]).filter((i) => !members(left).includes(i)));
      }),
    );
    expect(refreshed([], [])).toBeUndefined();
  });

  it('within an aperture: an end that only touches a range’s last address drops the range, as in Linux', () => {
    const list = [
      { start: 0n, end: 9n },
      { start: 20n, end: 29n },
    ];
    expect(withAperture(list, { start: 5n, end: 24n })).toEqual([
      { start: 5n, end: 9n },
      { start: 20n, end: 24n },
    ]);
    expect(withAperture(list, { start: 9n, end: 29n })).toEqual([{ start: 20n, end: 29n }]);
    expect(withAperture(list, { start: 0n, end: 20n })).toEqual([{ start: 0n, end: 9n }]);
    expect(withAperture(list, { start: 12n, end: 40n })).toEqual([{ start: 20n, end: 29n }]);
    expect(withAperture([], { start: 5n, end: 6n })).toEqual([{ start: 5n, end: 6n }]);
  });

  it('widened reach the apertures that are left, or all 64 bits', () => {
    const list = [
      { start: 4n, end: 9n },
      { start: 20n, end: 29n },
    ];
    expect(widened(list, [])).toEqual([
      { start: 0n, end: 9n },
      { start: 20n, end: U64_MAX },
    ]);
    expect(
      widened(list, [
        { start: 1n, end: 99n },
        { start: 2n, end: 98n },
      ]),
    ).toEqual([
      { start: 2n, end: 9n },
      { start: 20n, end: 98n },
    ]);
    expect(widened([], [])).toEqual([]);
  });

  it('a range is valid inside one of them, or where there is none', () => {
    const list = [
      { start: 4n, end: 9n },
      { start: 10n, end: 29n },
    ];
    expect([isValid(list, 4n, 9n), isValid(list, 9n, 10n), isValid(list, 3n, 4n), isValid([], 0n, U64_MAX)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });
});
