import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHUNK_MASK,
  CHUNK_PAGES,
  CHUNK_SHIFT,
  CHUNK_SUMMARY,
  CHUNK_WORDS,
  DirtyBitmap,
  popcount,
  setBitInChunk,
} from '../../../engine/core/bitmap.ts';

const PAGES_MAX = 2 ** 31;

function runsOf(bitmap: DirtyBitmap, from = 0, to = bitmap.pages): [number, number][] {
  const runs: [number, number][] = [];
  bitmap.forEachRun((first, n) => runs.push([first, n]), from, to);
  return runs;
}

/** What writers of words and every operation must keep: summary and counts say exactly what the words hold. */
function expectLayout(bitmap: DirtyBitmap): void {
  let total = 0;
  bitmap.chunks.forEach((chunk, c) => {
    let count = 0;
    const summary = new Int32Array(CHUNK_WORDS / 32);
    for (let w = 0; chunk !== undefined && w < CHUNK_WORDS; w++) {
      for (let bit = 0; bit < 32; bit++) count += (chunk[w]! >>> bit) & 1;
      if (chunk[w] !== 0) summary[w >>> 5]! |= 1 << (w & 31);
    }
    if (chunk !== undefined) expect(chunk.subarray(CHUNK_SUMMARY)).toEqual(summary);
    expect(bitmap.counts[c]).toBe(count);
    total += count;
  });
  expect(bitmap.count).toBe(total);
}

describe('a dirty bitmap', () => {
  it('says whether a page was newly set and whether a cleared one was set', () => {
    const bitmap = new DirtyBitmap(100);
    expect([bitmap.set(31), bitmap.set(31), bitmap.set(32), bitmap.count]).toEqual([true, false, true, 2]);
    expect([bitmap.test(31), bitmap.test(30), bitmap.test(32)]).toEqual([true, false, true]);
    expect([bitmap.clear(31), bitmap.clear(31), bitmap.clear(99), bitmap.count]).toEqual([true, false, false, 1]);
  });

  it('gives set pages as maximal runs across word and chunk boundaries', () => {
    const bitmap = new DirtyBitmap(3 * CHUNK_PAGES);
    bitmap.setRange(30, 4);
    bitmap.set(40);
    bitmap.setRange(CHUNK_PAGES - 100, CHUNK_PAGES + 200);
    expect(runsOf(bitmap)).toEqual([
      [30, 4],
      [40, 1],
      [CHUNK_PAGES - 100, CHUNK_PAGES + 200],
    ]);
  });

  it('cuts runs at the ends of the range asked for', () => {
    const bitmap = new DirtyBitmap(1000);
    bitmap.setRange(0, 1000);
    expect(runsOf(bitmap, 33, 95)).toEqual([[33, 62]]);
    expect(runsOf(bitmap, 33, 33)).toEqual([]);
  });

  it('forgets what was taken and only that', () => {
    const bitmap = new DirtyBitmap(1000);
    bitmap.setRange(10, 500);
    const taken: [number, number][] = [];
    bitmap.takeRuns((first, n) => taken.push([first, n]), 100, 200);
    expect(taken).toEqual([[100, 100]]);
    expect(runsOf(bitmap)).toEqual([
      [10, 90],
      [200, 310],
    ]);
    expect(bitmap.count).toBe(400);
  });

  it('reaches 2^31 pages and allocates 8.25 KiB where one was touched', () => {
    const bitmap = new DirtyBitmap(PAGES_MAX);
    expect(bitmap.set(PAGES_MAX - 1)).toBe(true);
    expect(bitmap.bytesAllocated).toBe(8448);
    expect(bitmap.test(PAGES_MAX - 1)).toBe(true);
    expect(bitmap.nextSet(0)).toBe(PAGES_MAX - 1);
    expect(bitmap.nextClear(PAGES_MAX - 1)).toBe(-1);
    expect(bitmap.setRange(PAGES_MAX - 70_000, 70_000)).toBe(69_999);
    expect(runsOf(bitmap)).toEqual([[PAGES_MAX - 70_000, 70_000]]);
    expect(bitmap.clearRange(PAGES_MAX - 1, 1)).toBe(1);
    expect(bitmap.countRange(PAGES_MAX - 70_000, 70_000)).toBe(69_999);
  });

  it('merges at any distance, up to the last page of 2^31', () => {
    const source = new DirtyBitmap(70_000);
    source.setRange(0, 70_000);
    source.clear(33);
    const bitmap = new DirtyBitmap(PAGES_MAX);
    bitmap.set(PAGES_MAX - 1);
    expect(bitmap.orFrom(source, 0, PAGES_MAX - 70_000, 70_000)).toBe(69_998);
    expect(runsOf(bitmap)).toEqual([
      [PAGES_MAX - 70_000, 33],
      [PAGES_MAX - 70_000 + 34, 69_966],
    ]);
    const back = new DirtyBitmap(64);
    expect(back.orFrom(bitmap, PAGES_MAX - 40, 7, 40)).toBe(40);
    expect(runsOf(back)).toEqual([[7, 40]]);
  });

  it('never sets a page beyond its end', () => {
    const bitmap = new DirtyBitmap(33);
    bitmap.setRange(0, 33);
    expect(bitmap.count).toBe(33);
    expect(bitmap.nextClear(0)).toBe(-1);
    expect(() => bitmap.set(33)).toThrow('within the bitmap');
    expect(() => bitmap.set(-1)).toThrow('within the bitmap');
    expect(() => bitmap.setRange(32, 2)).toThrow('within the bitmap');
    expect(() => bitmap.orFrom(new DirtyBitmap(64), 0, 1, 33)).toThrow('within the bitmap');
    expect(() => new DirtyBitmap(PAGES_MAX + 1)).toThrow('0 to 2^31');
  });

  it('may be empty', () => {
    const bitmap = new DirtyBitmap(0);
    expect([bitmap.setRange(0, 0), bitmap.nextSet(0), bitmap.nextClear(0), runsOf(bitmap)]).toEqual([0, -1, -1, []]);
  });

  it('lets a hot loop write words, if it says what it set', () => {
    const bitmap = new DirtyBitmap(2 * CHUNK_PAGES);
    for (const page of [5, 5, CHUNK_PAGES + 1]) {
      const c = page >>> CHUNK_SHIFT;
      const chunk = bitmap.chunks[c] ?? bitmap.chunkFor(c);
      bitmap.noteSet(c, setBitInChunk(chunk, page & CHUNK_MASK));
    }
    expectLayout(bitmap);
    expect(runsOf(bitmap)).toEqual([
      [5, 1],
      [CHUNK_PAGES + 1, 1],
    ]);
  });

  it('keeps its chunks when reset, so that references to them hold', () => {
    const bitmap = new DirtyBitmap(1000);
    bitmap.setRange(5, 500);
    const chunk = bitmap.chunks[0];
    bitmap.reset();
    expect([bitmap.count, bitmap.nextSet(0), bitmap.chunks[0] === chunk]).toEqual([0, -1, true]);
    expectLayout(bitmap);
  });
});

it('popcount counts the bits of any word', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (word) => {
      const ones = (word >>> 0).toString(2).replaceAll('0', '').length;
      expect(popcount(word)).toBe(ones);
    }),
  );
  expect([popcount(-1), popcount(0), popcount(-(2 ** 31))]).toEqual([32, 0, 1]);
});

describe('a dirty bitmap does what an array of flags does', () => {
  const PAGES = 3 * CHUNK_PAGES + 4_133;
  /** Pages that collide: few of them, and around the boundaries of words, summary words and chunks. */
  const page = fc.oneof(
    { weight: 4, arbitrary: fc.nat(70) },
    { weight: 2, arbitrary: around(32, PAGES) },
    { weight: 2, arbitrary: around(1024, PAGES) },
    { weight: 3, arbitrary: around(CHUNK_PAGES, PAGES) },
    { weight: 1, arbitrary: fc.nat(PAGES - 1) },
    { weight: 1, arbitrary: fc.constant(PAGES - 1) },
  );
  const length = fc.oneof(
    { weight: 3, arbitrary: fc.nat(70) },
    { weight: 2, arbitrary: around(32, 4_000) },
    { weight: 2, arbitrary: around(CHUNK_PAGES, PAGES) },
    { weight: 1, arbitrary: fc.nat(PAGES) },
  );
  const operation = fc.record({
    kind: fc.constantFrom(
      'set',
      'set',
      'clear',
      'setRange',
      'clearRange',
      'countRange',
      'nextSet',
      'nextClear',
      'forEachRun',
      'takeRuns',
      'setOther',
      'setOtherRange',
      'orFrom',
      'orFrom',
      'orFrom',
    ),
    first: page,
    second: page,
    length,
  });

  function around(step: number, below: number): fc.Arbitrary<number> {
    return fc
      .tuple(fc.nat(Math.floor(below / step)), fc.integer({ min: -2, max: 2 }))
      .map(([multiple, offset]) => Math.min(below - 1, Math.max(0, multiple * step + offset)));
  }

  function flagsAsRuns(flags: Uint8Array, from: number, to: number): [number, number][] {
    const runs: [number, number][] = [];
    for (let p = from; p < to; p++) {
      if (flags[p] !== 1) continue;
      const run = runs.at(-1);
      if (run !== undefined && run[0] + run[1] === p) run[1]++;
      else runs.push([p, 1]);
    }
    return runs;
  }

  it('under any sequence of operations', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25, size: 'max' }), (operations) => {
        const bitmap = new DirtyBitmap(PAGES);
        const other = new DirtyBitmap(PAGES);
        const flags = new Uint8Array(PAGES);
        const otherFlags = new Uint8Array(PAGES);
        /** Sets or clears flags one by one; returns how many changed. */
        const change = (target: Uint8Array, first: number, n: number, value: 0 | 1): number => {
          let changed = 0;
          for (let p = first; p < first + n; p++) {
            if (target[p] !== value) changed++;
            target[p] = value;
          }
          return changed;
        };
        for (const { kind, first, second, length } of operations) {
          const n = Math.min(length, PAGES - first);
          switch (kind) {
            case 'set':
              expect(bitmap.set(first)).toBe(change(flags, first, 1, 1) === 1);
              break;
            case 'clear':
              expect(bitmap.clear(first)).toBe(change(flags, first, 1, 0) === 1);
              break;
            case 'setRange':
              expect(bitmap.setRange(first, n)).toBe(change(flags, first, n, 1));
              break;
            case 'clearRange':
              expect(bitmap.clearRange(first, n)).toBe(change(flags, first, n, 0));
              break;
            case 'countRange':
              expect(bitmap.countRange(first, n)).toBe(flags.subarray(first, first + n).reduce((a, b) => a + b, 0));
              break;
            case 'nextSet':
              expect(bitmap.nextSet(first)).toBe(flags.indexOf(1, first));
              break;
            case 'nextClear':
              expect(bitmap.nextClear(first)).toBe(flags.indexOf(0, first));
              break;
            case 'forEachRun':
              expect(runsOf(bitmap, first, first + n)).toEqual(flagsAsRuns(flags, first, first + n));
              break;
            case 'takeRuns': {
              const taken: [number, number][] = [];
              bitmap.takeRuns((runFirst, runCount) => taken.push([runFirst, runCount]), first, first + n);
              expect(taken).toEqual(flagsAsRuns(flags, first, first + n));
              change(flags, first, n, 0);
              break;
            }
            case 'setOther':
              other.set(first);
              otherFlags[first] = 1;
              break;
            case 'setOtherRange':
              other.setRange(first, n);
              change(otherFlags, first, n, 1);
              break;
            case 'orFrom': {
              const count = Math.min(n, PAGES - second);
              let newly = 0;
              for (let i = 0; i < count; i++) {
                if (otherFlags[first + i] === 1) newly += change(flags, second + i, 1, 1);
              }
              expect(bitmap.orFrom(other, first, second, count)).toBe(newly);
              break;
            }
          }
        }
        expect(runsOf(bitmap)).toEqual(flagsAsRuns(flags, 0, PAGES));
        expectLayout(bitmap);
      }),
      { numRuns: 250 },
    );
  });

  it('when dense words are merged at any offset', () => {
    // Random words with many bits, so that carries between words and runs of non-zero words occur.
    const words = fc.array(fc.constantFrom(0, -1, 1, -(2 ** 31), 0x5555_5555, 0x0f0f_00f0), {
      minLength: 1,
      maxLength: 150,
      size: 'max',
    });
    fc.assert(
      fc.property(words, words, fc.nat(100), page, fc.nat(63), (source, target, gap, at, cut) => {
        const bits = (list: number[]): number[] =>
          list.flatMap((word, w) =>
            [...Array(32).keys()].filter((bit) => ((word >>> bit) & 1) === 1).map((bit) => w * 32 + bit),
          );
        const n = Math.max(0, source.length * 32 - gap - cut);
        const first = Math.min(at, PAGES - n);
        const from = new DirtyBitmap(source.length * 32);
        for (const bit of bits(source)) from.set(bit);
        const bitmap = new DirtyBitmap(PAGES);
        const expected = new Set<number>();
        for (const bit of bits(target)) {
          if (first + bit >= PAGES) continue;
          bitmap.set(first + bit);
          expected.add(first + bit);
        }
        const before = expected.size;
        for (const bit of bits(source)) if (bit >= gap && bit < gap + n) expected.add(first + bit - gap);
        if (gap + n > from.pages) return;
        expect(bitmap.orFrom(from, gap, first, n)).toBe(expected.size - before);
        const actual: number[] = [];
        bitmap.forEachRun((runFirst, count) => {
          for (let p = runFirst; p < runFirst + count; p++) actual.push(p);
        });
        expect(actual).toEqual([...expected].sort((a, b) => a - b));
        expectLayout(bitmap);
      }),
      { numRuns: 150 },
    );
  });
});

describe('chunks of all ones', () => {
  it('are shared until a page of them is cleared, and clearing one changes no other bitmap', () => {
    const a = new DirtyBitmap(4 * 65536);
    const b = new DirtyBitmap(4 * 65536);
    a.setRange(0, a.pages);
    b.setRange(0, b.pages);
    expect(a.bytesAllocated + b.bytesAllocated).toBe(0);
    a.clear(65536 + 7);
    expect(a.clearRange(2 * 65536 + 3, 10)).toBe(10);
    a.takeRuns(() => undefined, 3 * 65536, 3 * 65536 + 5);
    expect(a.count).toBe(4 * 65536 - 16);
    expect(b.count).toBe(4 * 65536);
    expect(b.nextClear(0)).toBe(-1);
    expect(a.nextClear(0)).toBe(65536 + 7);
  });

  it('take writers of words that set what is set', () => {
    const a = new DirtyBitmap(65536);
    a.setRange(0, 65536);
    expect(setBitInChunk(a.chunkFor(0), 5)).toBe(0);
    expect(a.set(9)).toBe(false);
    expect(new DirtyBitmap(65536).setRange(0, 65536)).toBe(65536);
  });

  it('are given back when a range clears the last page of one', () => {
    const a = new DirtyBitmap(65536);
    a.setRange(0, 65536);
    a.clearRange(0, 100);
    expect(a.bytesAllocated).toBeGreaterThan(0);
    a.clearRange(100, 65436);
    expect(a.bytesAllocated).toBe(0);
    a.set(3);
    expect(a.count).toBe(1);
    expect(a.nextSet(4)).toBe(-1);
  });
});
