// The guest's image: made from its source, and parameters that make sense only.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIRST_FREE_PAGE, guestImage, LAST_PAGE_END } from '../../../main/qemu/program.ts';
import { aProgram, uniform } from './support.ts';

const GUEST = new URL('../../../main/qemu/guest/', import.meta.url);
const noAssembler = ((): boolean => {
  try {
    return !execFileSync('as', ['--32', '--version']).toString().includes('x86_64');
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

  it('carries the parameters where guest.S reads them', () => {
    const image = guestImage(
      aProgram([{ ...uniform, pattern: 'hotcold', writesPerSecond: 20_500, hot: { pages: 64, share: 0.25 } }]),
    );
    const word = (at: number): number => Buffer.from(image).readUInt32LE(at);
    expect([word(0x48), word(0x4c), word(0x50), word(0x54), word(0x58), word(0x5c)]).toEqual([512, 4096, 7, 1, 50, 1]);
    const phase = Array.from({ length: 13 }, (_, i) => word(0x80 + 4 * i));
    expect(phase).toEqual([0, 3, 512, 1024, 20, 2 ** 31, 0, 20, 64, 2 ** 30, 1024, 0, 0]);
  });

  it('keeps its generator away from 0, where it would stand still', () => {
    expect(Buffer.from(guestImage(aProgram([uniform], { seed: 0 }))).readUInt32LE(0x50)).toBe(1);
  });

  it.each([
    [
      'memory below 2 MiB',
      [{ ...uniform, firstPage: FIRST_FREE_PAGE - 1 }],
      'the guest program itself lies below 2 MiB',
    ],
    ['memory above 3 GiB', [{ ...uniform, firstPage: LAST_PAGE_END - 1, pages: 2 }], 'above 3 GiB'],
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
});
