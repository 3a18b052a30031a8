import { describe, expect, it } from 'vitest';
import { difference } from '../../../engine/uapi/compare.ts';
import { readJson } from '../../../engine/uapi/json-text.ts';

const json = (value: unknown): ReturnType<typeof readJson> => readJson(JSON.stringify(value));
const met = (expected: unknown, actual: unknown): boolean =>
  difference(json(expected), json(actual), (name) => (name === '$ioas' ? 7 : null), 'out') === undefined;

describe('a comparison', () => {
  it.each([
    ['objects by the keys expected', { a: 1 }, { a: 1, b: 2 }, true],
    ['a key that is not there', { a: 1 }, { b: 2 }, false],
    ['objects in objects', { a: { b: 1 } }, { a: { b: 1, c: 2 } }, true],
    ['arrays exactly', [1, 2], [1, 2], true],
    ['a longer array', [1, 2], [1, 2, 3], false],
    ['a shorter array', [1, 2], [1], false],
    ['no array', [1], { 0: 1 }, false],
    ['objects in arrays by their keys', [{ a: 1 }], [{ a: 1, b: 2 }], true],
    ['numbers in either form', 16, '0x10', true],
    ['numbers in either form, the other way', '0x10', 16, true],
    ['large numbers', '0xffffffffffffffff', '0xffffffffffffffff', true],
    ['other numbers', '0x11', 16, false],
    ['truth is no number', true, 1, false],
    ['text', 'ff', 'ff', true],
    ['text that is no number', 'ff', 255, false],
    ['null', null, 0, false],
    ['a reference', '$ioas', 7, true],
    ['a reference to another', '$ioas', 8, false],
    ['an enumerator by name', { device_state: 'VFIO_DEVICE_STATE_STOP' }, { device_state: 1 }, true],
    ['another enumerator', { device_state: 'VFIO_DEVICE_STATE_STOP' }, { device_state: 2 }, false],
    ['$ne of a name', { $ne: 'VFIO_DEVICE_STATE_STOP' }, 1, false],
    ['flags by name', { flags: ['VFIO_MIGRATION_STOP_COPY', 'VFIO_MIGRATION_P2P', 4] }, { flags: 7 }, true],
    ['other flags', { flags: ['VFIO_MIGRATION_STOP_COPY'] }, { flags: 3 }, false],
    ['no flags', { flags: [] }, { flags: 0 }, true],
    ['$any', { $any: true }, [], true],
    ['$ne', { $ne: 1 }, 2, true],
    ['$ne of the same', { $ne: 16 }, '0x10', false],
    ['$ne of a reference', { $ne: '$ioas' }, 7, false],
    ['$multiple_of', { $multiple_of: 4096 }, '0x2000', true],
    ['$multiple_of another', { $multiple_of: 4096 }, 4097, false],
    ['$multiple_of text', { $multiple_of: 2 }, 'x', false],
    ['$between', { $between: [1, 3] }, 3, true],
    ['$between, below', { $between: [1, 3] }, 0, false],
    ['$between, above', { $between: [1, '0x3'] }, 4, false],
    ['$bits', { $bits: { mask: 0x6, value: 0x4 } }, 0xc, true],
    ['$bits that differ', { $bits: { mask: 0x6, value: 0x4 } }, 0xe, false],
    [
      '$bits of large words',
      { $bits: { mask: '0x8000000000000000', value: '0x8000000000000000' } },
      '0xf000000000000001',
      true,
    ],
    ['a matcher where nothing is', { a: { $any: true } }, {}, false],
  ])('%s', (_what, expected, actual, result) => {
    expect(met(expected, actual)).toBe(result);
  });

  it('tells where the first difference is, and both values', () => {
    const found = difference(json({ a: [{ b: 1 }, { b: 2 }] }), json({ a: [{ b: 1 }, { b: 3 }] }), () => null, 'out');
    expect(found).toEqual({ path: 'out.a[1].b', expected: '2', actual: '3' });
  });

  it('cuts what would fill a screen', () => {
    const { actual } = difference(1, 'f'.repeat(10_000), () => null, 'out')!;
    expect(actual.length).toBeLessThan(400);
  });
});
