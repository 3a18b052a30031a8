// A cell's menu writes conditions: each must be read by the language as exactly the value of the cell.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../../main/contract/filter/parse.ts';
import { COLUMN_TYPES, type ColumnType } from '../../../main/contract/runs.ts';
import { cellExact, cellText, conditionFor, excluded, narrowed } from '../../../renderer/views/runs/cells.ts';

const columnOf = (type: ColumnType): { name: string; type: ColumnType; values: string[] } => ({
  name: 'x',
  type,
  values: [],
});
const condition = (type: ColumnType, value: string | number | null): unknown => {
  const text = conditionFor('x', value, type);
  const parsed = parseFilter(text, [columnOf(type)]);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.mistake.message}`);
  return parsed.node;
};
const numbers: Partial<Record<ColumnType, fc.Arbitrary<number>>> = {
  count: fc.integer({ min: 0, max: 2 ** 40 }),
  duration: fc.integer({ min: 0, max: 3_600_000_000_000 }),
  size: fc.integer({ min: 0, max: 2 ** 45 }),
  rate: fc.integer({ min: 0, max: 2 ** 36 }),
  'page-rate': fc.integer({ min: 0, max: 1e9 }),
  percent: fc.integer({ min: 0, max: 100 }),
};

describe('conditions of a cell', () => {
  it.each(Object.entries(numbers))('%s: the number itself', (type, some) => {
    fc.assert(
      fc.property(some, (value) => {
        expect(condition(type as ColumnType, value)).toMatchObject({ kind: 'compare', column: 'x', op: '=', value });
      }),
    );
  });
  it('text: any text, whatever signs and words of the language it has', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.constantFrom('and', "it's", 'a or b', '<b>', 'not (', '"'),
    );
    fc.assert(
      fc.property(
        text.filter((value) => !value.includes(', ') && value.isWellFormed()),
        (value) => {
          expect(condition('text', value)).toMatchObject({ kind: 'compare', column: 'x', op: '=', value });
        },
      ),
    );
  });
  it.each(COLUMN_TYPES)('%s: what is not known', (type) => {
    expect(condition(type, null)).toMatchObject({ kind: 'not', item: { kind: 'known', column: 'x' } });
  });
  it('several values: all of them', () => {
    expect(condition('text', 'nic, rdma')).toMatchObject({ kind: 'all', items: [{ value: 'nic' }, { value: 'rdma' }] });
  });
  it('the day of a moment', () => {
    expect(conditionFor('x', new Date(2026, 10, 21, 14, 5).getTime(), 'time')).toBe("x = '2026-11-21'");
  });
  it('is added to what is there, without changing its meaning', () => {
    expect(narrowed('', 'x = 1')).toBe('x = 1');
    expect(narrowed('a = 1', excluded('x = 1'))).toBe('a = 1 and not (x = 1)');
    expect(narrowed('a = 1 or b = 2', 'x = 1')).toBe('(a = 1 or b = 2) and x = 1');
  });
});

describe('texts of a cell', () => {
  it.each([
    [33_245_678, 'duration', '33.2 ms', '33245678 ns'],
    [0, 'count', '0', '0'],
    [null, 'duration', '–', 'not known'],
    ['', 'text', '–', ''],
    ['<b>x</b>', 'text', '<b>x</b>', '<b>x</b>'],
  ] as const)('%s as %s', (value, type, text, exact) => {
    expect(cellText(value, type)).toBe(text);
    expect(cellExact(value, type)).toBe(exact);
  });
});
