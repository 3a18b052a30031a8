// The guest program measured in a real QEMU: what it writes, how fast, and what its clock shows.

import { describe, expect, it } from 'vitest';
import { FIRST_FREE_PAGE, type WritePhase } from '../../../main/qemu/program.ts';
import type { GuestReport } from '../../../main/qemu/reports.ts';
import { aProgram, noQemu, uniform, withGuest, type BootedGuest } from './support.ts';

const rateBetween = (a: GuestReport, b: GuestReport): number =>
  ((b.writes - a.writes) * 1000) / (b.guestMs - a.guestMs);
const reported = async (guest: BootedGuest, count: number): Promise<GuestReport[]> => {
  if (!(await guest.reports.until(({ all }) => all.length >= count, 15_000))) throw new Error('the guest is silent');
  return guest.reports.all;
};
/** A page write stores the count at offset 0 and its complement at 0x800; a filled page has odd addresses there. */
const written = (page: Buffer): boolean => page.readUInt32LE(0) === ~page.readUInt32LE(0x800) >>> 0;
const measured = async (phase: Partial<WritePhase>, reports = 20): Promise<number> =>
  // Whatever a busy host takes from the vCPU is caught up with.
  withGuest(aProgram([{ ...uniform, catchUpMs: 5000, ...phase }]), async (guest) => {
    const all = await reported(guest, reports);
    return rateBetween(all[2]!, all.at(-1)!);
  });

describe.skipIf(noQemu !== '')('guest program in QEMU', () => {
  it('fills its memory with one non-zero word in each 64 bytes and leaves the rest zero', () =>
    withGuest(aProgram([{ ...uniform, pattern: 'idle' }], { fillPages: 300 }), async (guest) => {
      const pages = await guest.pages(FIRST_FREE_PAGE, 310);
      for (const [i, page] of pages.entries()) {
        const words = Array.from({ length: 1024 }, (_, j) => page.readUInt32LE(4 * j) !== 0);
        const expected = words.map((_, j) => i < 300 && j % 16 === 0);
        expect(words).toEqual(expected);
      }
    }));

  it('makes as many page writes as asked, fractions of a millisecond included', async () => {
    expect(await measured({ writesPerSecond: 12_345 })).toBeCloseTo(12_345, -2);
  });

  it('writes at full speed many times faster than any paced rate here', async () => {
    expect(await measured({ writesPerSecond: 'full' })).toBeGreaterThan(200_000);
  });

  it('writes nothing when idle', async () => {
    expect(await measured({ pattern: 'idle' }, 8)).toBe(0);
  });

  it('sweeps a sequential working set page by page and touches nothing else', () =>
    withGuest(aProgram([{ ...uniform, pattern: 'sequential', pages: 500, writesPerSecond: 1000 }]), async (guest) => {
      await reported(guest, 6);
      const pages = await guest.pages(FIRST_FREE_PAGE, 600);
      const marks = pages.map(written);
      const count = marks.lastIndexOf(true) + 1;
      expect(count).toBeGreaterThan(200);
      expect(marks).toEqual(marks.map((_, i) => i < count));
      // Page i was the (i + 1)-th write.
      expect(pages.slice(0, count).map((page) => page.readUInt32LE(0))).toEqual(
        Array.from({ length: count }, (_, i) => i + 1),
      );
      await reported(guest, 15);
      expect((await guest.pages(FIRST_FREE_PAGE, 600)).map(written).lastIndexOf(true)).toBe(499);
    }));

  it('spreads uniform writes over the whole working set and no further', () =>
    withGuest(aProgram([{ ...uniform, pages: 1000, writesPerSecond: 20_000 }]), async (guest) => {
      const all = await reported(guest, 12);
      const writes = all.at(-1)!.writes;
      const marks = (await guest.pages(FIRST_FREE_PAGE, 1100)).map(written);
      expect(writes).toBeGreaterThan(8000);
      // 8,000 draws leave 1000 · (1 − 1/1000)^8000 = 0.3 pages untouched on average.
      expect(marks.slice(0, 1000).filter(Boolean).length).toBeGreaterThan(990);
      expect(marks.slice(1000)).not.toContain(true);
    }));

  it('gives the hot part its share of the writes', () =>
    withGuest(
      // The hot half is one page, so that its count shows in the other half: 1000 pages, 10 % of 2,000 writes.
      aProgram([{ ...uniform, pattern: 'hotcold', pages: 4001, writesPerSecond: 2000, hot: { pages: 1, share: 0.9 } }]),
      async (guest) => {
        await reported(guest, 21);
        const pages = await guest.pages(FIRST_FREE_PAGE, 4001);
        const most = Math.max(...pages.filter(written).map((page) => page.readUInt32LE(0)));
        const cold = pages.slice(1).filter(written).length;
        // Cold writes seldom hit a page twice (200 of 4000).
        expect(cold / most).toBeGreaterThan(0.07);
        expect(cold / most).toBeLessThan(0.13);
      },
    ));

  it('moves its window by its own length and wraps in the region', () =>
    withGuest(
      aProgram([
        { ...uniform, pattern: 'window', pages: 250, writesPerSecond: 50_000, window: { pages: 100, everyMs: 200 } },
      ]),
      async (guest) => {
        await reported(guest, 3);
        const early = (await guest.pages(FIRST_FREE_PAGE, 260)).map(written);
        expect(early.slice(0, 100).filter(Boolean).length).toBe(100);
        expect(early.slice(100)).not.toContain(true);
        // The third window covers 200 … 299 of a region of 250: 200 … 249 and 0 … 49.
        await reported(guest, 16);
        const late = (await guest.pages(FIRST_FREE_PAGE, 260)).map(written);
        expect(late.slice(0, 250)).not.toContain(false);
        expect(late.slice(250)).not.toContain(true);
      },
    ));

  it('is silent between bursts', () =>
    withGuest(
      aProgram([{ ...uniform, pattern: 'burst', burst: { onMs: 200, offMs: 300 } }], { reportMs: 20 }),
      async (guest) => {
        const all = await reported(guest, 60);
        for (const [i, report] of all.entries()) {
          const before = all[i - 1];
          const phaseOf = (ms: number): number => ms % 500;
          if (
            before !== undefined &&
            phaseOf(before.guestMs) > 230 &&
            phaseOf(report.guestMs) > phaseOf(before.guestMs)
          )
            expect(report.writes).toBe(before.writes);
        }
        expect(rateBetween(all[0]!, all.at(-1)!)).toBeGreaterThan(6000);
      },
    ));

  it('runs its phases in order and begins again after the last', () =>
    withGuest(
      aProgram(
        [
          { ...uniform, durationMs: 300, pattern: 'idle' },
          { ...uniform, durationMs: 200, writesPerSecond: 10_000 },
        ],
        { reportMs: 20 },
      ),
      async (guest) => {
        const all = await reported(guest, 55);
        const at = (ms: number): number => all.findLast(({ guestMs }) => guestMs <= ms)!.writes;
        expect(at(300)).toBe(0);
        expect(at(500)).toBeGreaterThan(1500);
        expect(at(790)).toBe(at(540));
        expect(at(1000)).toBeGreaterThan(at(790) + 1500);
      },
    ));

  it('has a clock that stands still while the machine is stopped, and forgoes what it could not catch up', () =>
    withGuest(aProgram([{ ...uniform, catchUpMs: 2 }]), async (guest) => {
      const before = (await reported(guest, 5)).at(-1)!;
      await guest.qmp.execute('stop');
      await new Promise((resolve) => setTimeout(resolve, 600));
      await guest.qmp.execute('cont');
      const count = guest.reports.all.length;
      const after = (await reported(guest, count + 4)).at(-1)!;
      expect(after.atMs - before.atMs).toBeGreaterThan(700);
      expect(after.guestMs - before.guestMs).toBeLessThan(500);
      expect(rateBetween(before, after)).toBeCloseTo(20_000, -4);
    }));
});
