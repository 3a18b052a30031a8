// The guest's image: made from its source, and parameters that make sense only.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIRST_FREE_PAGE, guestImage } from '../../../main/qemu/program.ts';
import { aProgram, uniform } from './support.ts';

const GUEST = new URL('../../../main/qemu/guest/', import.meta.url);
const noAssembler = ((): boolean => {
  try {
    return !execFileSync('as', ['--64', '--version']).toString().includes('x86_64');
  } catch {
    return true;
  }
})();
if (noAssembler) console.warn('skipped: no GNU as for x86 (apt-get install binutils)');

describe('guest image', () => {
  it.skipIf(noAssembler)('is what guest.S assembles to', () => {
    const folder = mkdtempSync(join(tmpdir(), 'brownout-guest-'));
    try {
      const built = join(folder, 'guest.bin');
      execFileSync('sh', [new URL('build.sh', GUEST).pathname, built]);
      expect(readFileSync(built).equals(readFileSync(new URL('guest.bin', GUEST)))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const wordsOf = (image: Uint8Array): ((at: number) => number) => {
    const bytes = Buffer.from(image);
    return (at) => bytes.readUInt32LE(at);
  };
  /** Of the first vCPU's block, from the image's beginning. */
  const blockOf = (word: (at: number) => number): number => word(0x68) - 0x100000;

  it('carries the parameters where guest.S reads them, and says where it ends', () => {
    const image = guestImage(
      aProgram([{ ...uniform, pattern: 'hotcold', writesPerSecond: 20_500, hot: { pages: 64, share: 0.25 } }]),
    );
    const word = wordsOf(image);
    const head = Array.from({ length: 8 }, (_, i) => word(0x48 + 4 * i));
    expect(head).toEqual([512, 4096, 16384, 0x100000 - 16384, 4, 1, 50, 1]);
    const block = blockOf(word);
    expect([word(block), word(block + 4), word(block + 8)]).toEqual([7, 1, 0]);
    const phase = Array.from({ length: 14 }, (_, i) => word(block + 64 + 4 * i));
    expect(phase).toEqual([0, 3, 512, 1024, 20, 2 ** 31, 0, 20, 64, 2 ** 30, 1024, 0, 0, 0]);
    expect([word(20), word(24)]).toEqual([0x100000 + image.length, 0x100000 + image.length]);
  });

  it('takes one page of memory for code and one vCPU', () => {
    expect(guestImage(aProgram([uniform])).length).toBeLessThanOrEqual(4096);
  });

  it('maps memory above the hole, where the machine has it', () => {
    const large = { machine: 'q35', memoryPages: 3 << 18 } as const;
    const word = wordsOf(guestImage(aProgram([uniform], large)));
    // 2 GiB below the hole; the third GiB begins at 4 GiB.
    expect([word(0x50), word(0x54), word(0x58)]).toEqual([2 << 18, 2 << 18, 5]);
  });

  it('gives each vCPU a block, a stream of chance and counts of its own', () => {
    const word = wordsOf(guestImage(aProgram([uniform], { vcpus: [[uniform], [uniform], [uniform]] })));
    const blocks = [0, 1, 2].map((i) => blockOf(word) + i * (64 + 16 * 64));
    expect(new Set(blocks.map((at) => word(at))).size).toBe(3);
    expect(blocks.map((at) => word(at + 8))).toEqual([0, 2 ** 28, 2 ** 29]);
  });

  it('brings the buckets of a zipf law along', () => {
    const image = guestImage(aProgram([{ ...uniform, pattern: 'zipf', pages: 100, zipf: { skew: 1 } }]));
    const word = wordsOf(image);
    const phase = blockOf(word) + 64;
    const table = word(phase + 52) - 0x100000;
    const count = word(phase + 32);
    expect(count).toBe(100);
    expect(table + count * 16).toBe(image.length);
    expect(Array.from({ length: count }, (_, i) => [word(table + 16 * i + 8), word(table + 16 * i + 12)])).toEqual(
      Array.from({ length: count }, (_, i) => [i, 1]),
    );
  });

  it('keeps its generators away from 0, where they would stand still', () => {
    const word = wordsOf(guestImage(aProgram([uniform], { seed: 0 })));
    expect(word(blockOf(word))).toBe(1);
    const last = (2 ** 32 - 0x9e3779b9) >>> 0;
    const second = wordsOf(guestImage(aProgram([uniform], { seed: last, vcpus: [[uniform], [uniform]] })));
    expect(second(blockOf(second) + 64 + 16 * 64)).toBe(1);
  });

  it.each([
    [
      'memory below 2 MiB',
      [{ ...uniform, firstPage: FIRST_FREE_PAGE - 1 }],
      'the guest program itself lies below 2 MiB',
    ],
    ['memory behind the guest’s', [{ ...uniform, firstPage: 16_383, pages: 2 }], 'behind the guest’s 16384'],
    ['an empty working set', [{ ...uniform, pages: 0 }], 'empty'],
    ['half a page', [{ ...uniform, pages: 0.5 }], 'whole numbers'],
    ['a rate that is no number', [{ ...uniform, writesPerSecond: NaN }], 'the rate is'],
    [
      'a hot part as large as the set',
      [{ ...uniform, pattern: 'hotcold', hot: { pages: 1024, share: 0.9 } }],
      'hot part',
    ],
    [
      'a window wider than its region',
      [{ ...uniform, pattern: 'window', window: { pages: 1025, everyMs: 5 } }],
      'must fit',
    ],
    ['a window that moves all the time', [{ ...uniform, pattern: 'window', window: { pages: 5, everyMs: 0 } }], '1 ms'],
    ['a burst of nothing', [{ ...uniform, pattern: 'burst', burst: { onMs: 0, offMs: 5 } }], 'at least 1 ms'],
    ['phases without an end', [uniform, uniform], 'must last'],
    ['no phase', [], '1 … 16'],
    ['more phases than there is room for', Array.from({ length: 17 }, () => ({ ...uniform, durationMs: 1 })), '1 … 16'],
  ] as const)('refuses %s', (_what, phases, why) => {
    expect(() => guestImage(aProgram(phases))).toThrow(why);
  });

  it('refuses more writing vCPUs than it has room for, and more memory than it can map', () => {
    const vcpus = Array.from({ length: 17 }, () => [uniform]);
    expect(() => guestImage(aProgram([], { vcpus }))).toThrow('17 write');
    expect(() => guestImage(aProgram([], { vcpus: [] }))).toThrow('0 write');
    expect(() => guestImage(aProgram([uniform], { memoryPages: 100 << 18 }))).toThrow('more than 92 GiB');
  });
});
