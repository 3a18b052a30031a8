import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ResultHash } from '../../../engine/core/hash.ts';

describe('the hash of a result', () => {
  it('is SHA-256 over tagged, length-prefixed items', () => {
    const item = (tag: number, length: number, bytes: Buffer): Buffer => {
      const head = Buffer.alloc(12);
      head.writeUInt32LE(tag, 0);
      head.writeDoubleLE(length, 4);
      return Buffer.concat([head, bytes]);
    };
    const double = Buffer.alloc(8);
    double.writeDoubleLE(1.5);
    const expected = createHash('sha256')
      .update(item(1, 3, Buffer.from('né')))
      .update(item(2, 1, double))
      .update(item(3, 2, Buffer.concat([double, double])))
      .digest('hex');
    expect(
      new ResultHash()
        .text('né')
        .number(1.5)
        .float64(new Float64Array([1.5, 1.5]))
        .hex(),
    ).toBe(expected);
  });

  it('differs when the same characters or numbers are divided in another way', () => {
    const hashes = [
      new ResultHash().text('ab').text('c'),
      new ResultHash().text('a').text('bc'),
      new ResultHash().text('abc'),
      new ResultHash().number(1).number(2),
      new ResultHash().float64(new Float64Array([1, 2])),
      new ResultHash().float64(new Float64Array([1])).float64(new Float64Array([2])),
      new ResultHash().number(0),
      new ResultHash().number(-0),
    ].map((hash) => hash.hex());
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('knows one NaN', () => {
    const odd = new Float64Array(1);
    new Uint32Array(odd.buffer).set([1, 0xfff8_0000]);
    expect(new ResultHash().float64(odd).hex()).toBe(new ResultHash().float64(new Float64Array([NaN])).hex());
  });

  it('takes the first values of a column, however long', () => {
    const column = Float64Array.from({ length: 20_000 }, (_, i) => i / 3);
    expect(new ResultHash().float64(column, 9_000).hex()).toBe(new ResultHash().float64(column.slice(0, 9_000)).hex());
    expect(new ResultHash().float64(column).hex()).not.toBe(new ResultHash().float64(column, 19_999).hex());
  });

  it('may be read on the way', () => {
    const hash = new ResultHash().text('a');
    expect(hash.hex()).toBe(hash.hex());
    expect(hash.text('b').hex()).toBe(new ResultHash().text('a').text('b').hex());
  });
});
