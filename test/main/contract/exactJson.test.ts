import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exactJson, readExactJson } from '../../../main/contract/exactJson.ts';

it('JSON in the store gives back every number, also those that JSON has no word for', () => {
  const number = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 0));
  const word = fc.oneof(fc.string(), fc.constantFrom('NaN', '-0', 'toString', 'constructor'));
  const value = fc.dictionary(
    fc.constantFrom('a', 'b', 'pages', '$number', '$$number', '__proto__'),
    fc.oneof(number, word, fc.boolean()),
  );
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const read = readExactJson(exactJson(values)) as Record<string, unknown>[];
      expect(read.map((one) => Object.keys(one))).toEqual(values.map((one) => Object.keys(one)));
      for (const [i, one] of read.entries()) {
        for (const key of Object.keys(one)) expect(Object.is(one[key], values[i]![key])).toBe(true);
      }
    }),
    { examples: [[[{ $number: 'NaN' }, { $number: 'toString' }, { $$number: '-0' }]]] },
  );
});

it('a mark is read as a number however its text is spelled', () => {
  for (const key of ['$number', '\\u0024number', '$numbe\\u0072', '\\u0024\\u006eumber'])
    expect(readExactJson(`[1, {"${key}": "NaN"}]`)).toEqual([1, NaN]);
});
