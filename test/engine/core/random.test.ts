import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../../engine/core/random.ts';

const draw = (stream: RandomStream, n: number): number[] => Array.from({ length: n }, () => stream.nextUint32());

describe('a random stream', () => {
  it('depends on its seed and its name alone', () => {
    expect(draw(new RandomStream(1, 'nic0'), 5)).toEqual(draw(new RandomStream(1, 'nic0'), 5));
    const others = [
      [1, 'nic1'],
      [2, 'nic0'],
      [1 + 2 ** 32, 'nic0'],
      [-1, 'nic0'],
      [1, ''],
      [1, '0nic'],
      [1, 'nic0\0'],
    ] as const;
    const first = draw(new RandomStream(1, 'nic0'), 5);
    const seen = new Set([first.join()]);
    for (const [seed, name] of others) seen.add(draw(new RandomStream(seed, name), 5).join());
    expect(seen.size).toBe(others.length + 1);
  });

  it('gives these numbers, for ever: results of stored runs hang on them', () => {
    expect(draw(new RandomStream(1, 'nic0'), 4)).toEqual([840189164, 3225116080, 2685217254, 2638827043]);
  });

  it('refuses a seed that is not a safe integer', () => {
    expect(() => new RandomStream(0.5, 'x')).toThrow('safe integer');
    expect(() => new RandomStream(2 ** 53, 'x')).toThrow('safe integer');
  });

  it('fills arrays with what single draws would give, and goes on after them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.nat(50), fc.nat(1_000_000), (n, count, seed) => {
        const single = new RandomStream(seed, 'a');
        const filled = new RandomStream(seed, 'a');
        const out = new Float64Array(50);
        filled.fillBelow(n, out, count);
        for (let i = 0; i < count; i++) expect(out[i]).toBe(single.nextBelow(n));
        for (let i = count; i < 50; i++) expect(out[i]).toBe(0);
        filled.fillUnit(out, count);
        for (let i = 0; i < count; i++) expect(out[i]).toBe(single.nextUnit());
        const words = new Uint32Array(50);
        filled.fillUint32(words, count);
        for (let i = 0; i < count; i++) expect(words[i]).toBe(single.nextUint32());
        expect(filled.nextUint32()).toBe(single.nextUint32());
      }),
    );
  });

  it('stays below n, for every n up to 2^53', () => {
    const n = fc.oneof(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 2 ** 32 - 2, max: 2 ** 32 + 2 }),
      fc.integer({ min: 1, max: 2 ** 53 - 1 }),
    );
    fc.assert(
      fc.property(n, fc.nat(1_000), (bound, seed) => {
        const stream = new RandomStream(seed, 'below');
        for (let i = 0; i < 50; i++) {
          const value = stream.nextBelow(bound);
          expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
        }
      }),
    );
    expect(() => new RandomStream(1, 'x').nextBelow(0)).toThrow('at least one');
  });

  it('spreads evenly: no value, bit or pair of neighbours is preferred', () => {
    const stream = new RandomStream(7, 'spread');
    const draws = 160_000;
    const buckets = new Uint32Array(16);
    const pairs = new Uint32Array(256);
    const bits = new Uint32Array(32);
    let last = 0;
    let sum = 0;
    for (let i = 0; i < draws; i++) {
      const value = stream.nextBelow(16);
      buckets[value]!++;
      pairs[last * 16 + value]!++;
      last = value;
      const word = stream.nextUint32();
      for (let bit = 0; bit < 32; bit++) bits[bit]! += (word >>> bit) & 1;
      sum += stream.nextUnit();
    }
    const chiSquare = (counts: Uint32Array): number => {
      const expected = draws / counts.length;
      return counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
    };
    expect(chiSquare(buckets)).toBeLessThan(40); // 15 degrees of freedom: 0.1 % lies above 37.7
    expect(chiSquare(pairs)).toBeLessThan(340); // 255: 0.1 % above 330
    for (const count of bits) expect(Math.abs(count / draws - 0.5)).toBeLessThan(0.006);
    expect(Math.abs(sum / draws - 0.5)).toBeLessThan(0.004);
  });

  it('has unlike streams for like names', () => {
    const matches = draw(new RandomStream(1, 'vcpu1'), 10_000).filter(
      (
        (other) => (value: number, i: number) =>
          (value ^ other[i]!) >>> 24 === 0
      )(draw(new RandomStream(1, 'vcpu2'), 10_000)),
    );
    expect(Math.abs(matches.length - 10_000 / 256)).toBeLessThan(25);
  });
});
