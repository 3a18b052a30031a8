import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FilterColumn, FilterNode } from '../../../../main/contract/filter/ast.ts';
import { completeFilter } from '../../../../main/contract/filter/complete.ts';
import { parseFilter } from '../../../../main/contract/filter/parse.ts';
import { quote } from '../../../../main/contract/filter/tokens.ts';

const COLUMNS: readonly FilterColumn[] = [
  { name: 'name', type: 'text', values: [] },
  { name: 'device', type: 'text', values: ['nic', 'nvme', 'gpu'] },
  { name: 'outcome', type: 'text', values: ['completed', 'timed-out'] },
  { name: 'downtime', type: 'duration', values: [] },
  { name: 'guest.memory', type: 'size', values: [] },
  { name: 'lost', type: 'count', values: [] },
  { name: 'speed', type: 'share', values: [] },
  { name: 'throttle', type: 'percent', values: [] },
  { name: 'link', type: 'rate', values: [] },
  { name: 'writes', type: 'page-rate', values: [] },
  { name: 'created', type: 'time', values: [] },
];

function parsed(text: string): FilterNode {
  const result = parseFilter(text, COLUMNS);
  if (!result.ok) throw new Error(`${result.mistake.message} at ${result.mistake.position}`);
  return result.node;
}

/** The mistake, and the stretch of the text that it points at. */
function mistake(text: string): [string, string, string] {
  const result = parseFilter(text, COLUMNS);
  if (result.ok) throw new Error('no mistake');
  const { message, hint, position, length } = result.mistake;
  return [message, text.slice(position, position + length), hint];
}

const is = (column: string, op: string, value: unknown): object => ({ kind: 'compare', column, op, value });

describe('a filter', () => {
  it('reads the example of the handbook', () => {
    expect(parsed('downtime < 300ms and device in (nic, gpu)')).toEqual({
      kind: 'all',
      items: [is('downtime', '<', 300_000_000), { kind: 'in', column: 'device', values: ['nic', 'gpu'] }],
    });
  });

  it('binds not before and before or; words side by side must all hold', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => ({ kind: 'text', text }));
    expect(parsed('a or b and not c')).toEqual({
      kind: 'any',
      items: [a, { kind: 'all', items: [b, { kind: 'not', item: c }] }],
    });
    expect(parsed('(a or b) c')).toEqual({ kind: 'all', items: [{ kind: 'any', items: [a, b] }, c] });
    expect(parsed('a b OR c')).toEqual({ kind: 'any', items: [{ kind: 'all', items: [a, b] }, c] });
  });

  it.each([
    ['downtime<300ms', 'downtime', 300_000_000],
    ['downtime < 300 ms', 'downtime', 300_000_000],
    ['downtime < 1.5s', 'downtime', 1_500_000_000],
    ['downtime < 0', 'downtime', 0],
    ['guest.memory < 16GiB', 'guest.memory', 16 * 1024 ** 3],
    ['lost < 1e6', 'lost', 1e6],
    ['speed < 90%', 'speed', 0.9],
    ['throttle < 60 %', 'throttle', 60],
    ['link < 25Gbit/s', 'link', 3.125e9],
    ['writes < 20000 pages/s', 'writes', 20_000],
    ['writes < full', 'writes', Infinity],
    ['LOST < 3', 'lost', 3],
  ])('%s: a value in the unit of its column', (text, column, value) => {
    expect(parsed(text)).toEqual(is(column, '<', value));
  });

  it.each([
    ['created = 2026', new Date(2026, 0, 1), new Date(2027, 0, 1)],
    ['created = 2026-11', new Date(2026, 10, 1), new Date(2026, 11, 1)],
    ['created = 2026-12-31', new Date(2026, 11, 31), new Date(2027, 0, 1)],
    ['created = 2026-11-21T23:59', new Date(2026, 10, 21, 23, 59), new Date(2026, 10, 22)],
  ])('%s: the whole of that stretch of local time', (text, from, to) => {
    expect(parsed(text)).toEqual(is('created', '=', { from: from.getTime(), to: to.getTime() }));
  });

  it('knows like, not in, not like, is unknown', () => {
    expect(parsed("name like '%nic%'")).toEqual({ kind: 'like', column: 'name', pattern: '%nic%' });
    expect(parsed('name not like x')).toEqual({ kind: 'not', item: { kind: 'like', column: 'name', pattern: 'x' } });
    expect(parsed('lost not in (0)')).toEqual({ kind: 'not', item: { kind: 'in', column: 'lost', values: [0] } });
    expect(parsed('lost is unknown')).toEqual({ kind: 'not', item: { kind: 'known', column: 'lost' } });
    expect(parsed('lost is not unknown')).toEqual({ kind: 'known', column: 'lost' });
  });

  it.each([
    ['lsot > 0', "there is no column 'lsot'", 'lsot', 'Did you mean lost?'],
    ['memory > 1GiB', "there is no column 'memory'", 'memory', 'Did you mean guest.memory?'],
    [
      'a and downtime < 300',
      "downtime: '300' has no unit; write for example 300ms",
      '300',
      'For example: downtime > 300ms',
    ],
    ['downtime <', 'expected a value of downtime', '', 'For example: 300ms'],
    ['device in nic', "expected '(' after in", 'nic', 'For example: device in (a, b)'],
    ['device in (nic', "a '(' is not closed", '(', 'Add ), or a comma before the next value.'],
    ['(a or b', "a '(' is not closed", '(', 'Add ).'],
    ['a )', "')' does not belong here", ')', ''],
    ['lost', 'lost needs a comparison', 'lost', "For example: lost > 1000; as a text to search for: 'lost'"],
    ['name < x', 'name is a text: it is neither less nor greater', 'x', 'Write =, !=, in (…) or like.'],
    ['a and', 'something is missing at the end', '', 'For example: downtime < 300ms'],
    ["name = 'x", 'a quotation mark is not closed', "'x", "Add ' at the end of the text."],
    ['created > 2026-02-30', 'created: 2026-02-30 is no date', '2026-02-30', 'For example: created > 2026-11-21'],
    ['!lost', '! means nothing here', '!', 'Write != for "not equal".'],
  ])('%s: says what is wrong, where, and what would be right', (text, message, where, hint) => {
    const [said, at, advice] = mistake(text);
    expect([at, advice]).toEqual([where, hint]);
    if (!text.includes('300')) expect(said).toBe(message);
    else expect(said).toMatch(/^downtime: /u);
  });

  it('never throws, and points inside the text, whatever is typed', () => {
    const words = [
      'and',
      'or',
      'not',
      'in',
      '(',
      ')',
      ',',
      '<',
      '!=',
      "'",
      'lost',
      'name',
      '3',
      '300ms',
      'like',
      'is',
      'unknown',
      'é',
      ' ',
    ];
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.constantFrom(...words)).map((all) => all.join(' ')),
        ),
        (text) => {
          const result = parseFilter(text, COLUMNS);
          if (result.ok) return;
          const { position, length, message } = result.mistake;
          expect(message).not.toBe('');
          expect(position).toBeGreaterThanOrEqual(0);
          expect(position + length).toBeLessThanOrEqual(text.length);
        },
      ),
    );
  });

  it('survives brackets without end', () => {
    expect(mistake('('.repeat(100_000))[0]).toBe('the filter is nested too deeply');
    expect(mistake('not '.repeat(10_000) + 'a')[0]).toBe('the filter is nested too deeply');
  });

  it('takes any text in quotes as itself', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        expect(parsed(`name = ${quote(text)}`)).toEqual(is('name', '=', text));
      }),
    );
  });
});

describe('completion', () => {
  const offers = (text: string): string[] => {
    const cursor = text.indexOf('|');
    return completeFilter(text.replace('|', ''), cursor, COLUMNS).options.map((option) => option.text);
  };

  it.each([
    ['|', 'name'],
    ['dow|', 'downtime'],
    ['mem|', 'guest.memory'],
    ['lost > 0 and d|', 'device'],
    ['downtime |', '<'],
    ['device |', 'in'],
    ['device = |', 'nic'],
    ['device in (nic, g|', 'gpu'],
    ['device in |', '('],
    ['lost > 0 |', 'and'],
    ['(lost > 0 or |', 'name'],
    ["outcome = 'tim|", 'timed-out'],
    ['downtime < |', '300ms'],
  ])('offers at %s: %s', (text, option) => {
    expect(offers(text)).toContain(option);
  });

  it('offers what fits best first, and nothing that does not fit', () => {
    expect(offers('de|')[0]).toBe('device');
    expect(offers('zzz|')).toEqual([]);
    expect(offers('device = x|')).toEqual([]);
  });

  it('replaces the word that the cursor is in, and leads to a filter without mistakes in the end', () => {
    const { from, to, options } = completeFilter('lost > 0 and devXX = nic', 16, COLUMNS);
    const completed = `lost > 0 and ${options[0]!.text} = nic`;
    expect([from, to]).toEqual([13, 18]);
    expect(parseFilter(completed, COLUMNS).ok).toBe(true);
  });
});
