// The guest program measured in a real QEMU: what it writes, how fast, and what its clock shows.

import { describe, expect, it } from 'vitest';
import { zipfTable } from '../../../engine/machine/zipf.ts';
import { FIRST_FREE_PAGE, type WritePhase } from '../../../main/qemu/program.ts';
import type { GuestReport } from '../../../main/qemu/reports.ts';
import { aProgram, noQemu, uniform, withGuest, type BootedGuest } from './support.ts';

const rateBetween = (a: GuestReport, b: GuestReport): number =>
  ((b.writes - a.writes) * 1000) / (b.guestMs - a.guestMs);
const reported = async (guest: BootedGuest, count: number): Promise<GuestReport[]> => {
  if (!(await guest.reports.until(({ all }) => all.length >= count, 15_000))) throw new Error('the guest is silent');
  return guest.reports.all;
};
const reportedUntil = async (guest: BootedGuest, guestMs: number): Promise<GuestReport[]> => {
  const there = await guest.reports.until(({ all }) => (all.at(-1)?.guestMs ?? 0) >= guestMs, 30_000);
  if (!there) throw new Error('the guest is silent');
  return guest.reports.all;
};
/** A page write stores the count at offset 0 and its complement at 0x800; a filled page has odd addresses there. */
const written = (page: Buffer): boolean => page.readUInt32LE(0) === ~page.readUInt32LE(0x800) >>> 0;
const measured = async (phase: Partial<WritePhase>, reports = 20): Promise<number> =>
  withGuest(aProgram([{ ...uniform, ...phase }]), async (guest) => {
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

  it('makes as many page writes as asked, fractions of a millisecond included, and never more', () =>
    withGuest(aProgram([{ ...uniform, writesPerSecond: 12_345, catchUpMs: 5000 }]), async (guest) => {
      const asked = ({ guestMs }: GuestReport): number => 12.345 * guestMs;
      // Whatever a busy host took from the vCPU is caught up with sooner or later.
      const caughtUp = ({ all }: { all: readonly GuestReport[] }): boolean =>
        all.some((report) => report.guestMs >= 1000 && report.writes > 0.995 * asked(report));
      expect(await guest.reports.until(caughtUp, 20_000)).toBe(true);
      for (const report of guest.reports.all) expect(report.writes).toBeLessThanOrEqual(asked(report) + 13);
    }));

  it('writes at full speed many times faster than any paced rate here', async () => {
    expect(await measured({ writesPerSecond: 'full' })).toBeGreaterThan(100_000);
  });

  it('writes nothing when idle', async () => {
    expect(await measured({ pattern: 'idle' }, 8)).toBe(0);
  });

  it('sweeps a sequential working set page by page and touches nothing else', () =>
    withGuest(aProgram([{ ...uniform, pattern: 'sequential', pages: 500, writesPerSecond: 1000 }]), async (guest) => {
      await guest.reports.until(({ all }) => (all.at(-1)?.writes ?? 0) > 200, 15_000);
      const pages = await guest.pages(FIRST_FREE_PAGE, 600);
      const marks = pages.map(written);
      const count = marks.lastIndexOf(true) + 1;
      expect(count).toBeGreaterThan(200);
      expect(marks).toEqual(marks.map((_, i) => i < count));
      // Page i was the (i + 1)-th write.
      expect(pages.slice(0, count).map((page) => page.readUInt32LE(0))).toEqual(
        Array.from({ length: count }, (_, i) => i + 1),
      );
      await guest.reports.until(({ all }) => (all.at(-1)?.writes ?? 0) > 600, 15_000);
      expect((await guest.pages(FIRST_FREE_PAGE, 600)).map(written).lastIndexOf(true)).toBe(499);
    }));

  it('spreads uniform writes over the whole working set and no further', () =>
    withGuest(aProgram([{ ...uniform, pages: 1000, writesPerSecond: 20_000 }]), async (guest) => {
      await guest.reports.until(({ all }) => (all.at(-1)?.writes ?? 0) > 8000, 15_000);
      const marks = (await guest.pages(FIRST_FREE_PAGE, 1100)).map(written);
      // 8,000 draws leave 1000 · (1 − 1/1000)^8000 = 0.3 pages untouched on average.
      expect(marks.slice(0, 1000).filter(Boolean).length).toBeGreaterThan(990);
      expect(marks.slice(1000)).not.toContain(true);
    }));

  it('gives the hot part its share of the writes', () =>
    withGuest(
      // The hot part is one page, so that its last count tells of all writes.
      aProgram([{ ...uniform, pattern: 'hotcold', pages: 4001, writesPerSecond: 2000, hot: { pages: 1, share: 0.9 } }]),
      async (guest) => {
        await guest.reports.until(({ all }) => (all.at(-1)?.writes ?? 0) > 2000, 15_000);
        const pages = await guest.pages(FIRST_FREE_PAGE, 4001);
        const most = Math.max(...pages.filter(written).map((page) => page.readUInt32LE(0)));
        const cold = pages.slice(1).filter(written).length;
        // Cold writes seldom hit a page twice (200 of 4000).
        expect(cold / most).toBeGreaterThan(0.07);
        expect(cold / most).toBeLessThan(0.13);
      },
    ));

  it('draws by a zipf law: the first rank most often, and all of the region', () =>
    withGuest(
      aProgram([{ ...uniform, pattern: 'zipf', pages: 64, writesPerSecond: 20_000, zipf: { skew: 1 } }]),
      async (guest) => {
        await guest.reports.until(({ all }) => (all.at(-1)?.writes ?? 0) > 8000, 15_000);
        const marks = (await guest.pages(FIRST_FREE_PAGE, 70)).map(written);
        expect(marks).toEqual(marks.map((_, i) => i < 64));
        // How far back the last write of a page lies is on average 1 / its weight: rank 1 has 0.21 of the writes.
        const table = zipfTable(64, 1);
        const rankOf = new Map(Array.from({ length: 64 }, (_, rank) => [(rank * table.stride) % 64, rank]));
        let [hot, cold] = [0, 0];
        for (let look = 0; look < 12; look++) {
          const pages = await guest.pages(FIRST_FREE_PAGE, 64);
          const counts = pages.map((page) => page.readUInt32LE(0));
          const latest = Math.max(...counts);
          counts.forEach((count, page) => {
            const rank = rankOf.get(page)!;
            if (rank < 4) hot += latest - count;
            else if (rank >= 60) cold += latest - count;
          });
        }
        // Expected ages: 5 … 19 against 290 … 303.
        expect(cold / hot).toBeGreaterThan(5);
      },
    ));

  it('writes with several vCPUs, each its own part, and counts all of them', () =>
    withGuest(
      aProgram([], {
        vcpus: [0, 1, 2].map((i) => [
          { ...uniform, pattern: 'sequential', firstPage: FIRST_FREE_PAGE + 100 * i, pages: 50, writesPerSecond: 2000 },
        ]),
      }),
      async (guest) => {
        await guest.reports.until(({ all }) => (all.at(-1)?.writes ?? 0) > 3000, 30_000);
        const pages = await guest.pages(FIRST_FREE_PAGE, 300);
        expect(pages.map(written)).toEqual(pages.map((_, i) => i % 100 < 50));
        const all = guest.reports.all;
        expect(rateBetween(all[0]!, all.at(-1)!)).toBeGreaterThan(3000);
        // Whose count it is shows in the upper bits.
        expect([0, 100, 200].map((i) => pages[i]!.readUInt32LE(0) >>> 28)).toEqual([0, 1, 2]);
      },
    ));

  it('fills and writes memory above 4 GiB', () => {
    const [high, memoryPages] = [2 << 18, 3 << 18];
    const phase = { ...uniform, pattern: 'sequential', firstPage: high - 20, pages: 40 } as const;
    return withGuest(
      aProgram([phase], { machine: 'q35', memoryPages, fillFirstPage: high - 30, fillPages: 60 }),
      async (guest) => {
        await guest.reports.until(({ all }) => (all.at(-1)?.writes ?? 0) > 100, 15_000);
        const pages = [...(await guest.pages(high - 30, 30)), ...(await guest.pages(0x100000, 32))];
        const kindOf = (page: Buffer): string =>
          written(page) ? 'written' : page.readUInt32LE(64) === 0 ? 'zero' : 'filled';
        expect(pages.map(kindOf)).toEqual(
          pages.map((_, i) => (i >= 60 ? 'zero' : i < 10 || i >= 50 ? 'filled' : 'written')),
        );
      },
    );
  });

  it('moves its window by its own length and wraps in the region', () =>
    withGuest(
      aProgram([
        { ...uniform, pattern: 'window', pages: 250, writesPerSecond: 50_000, window: { pages: 100, everyMs: 1000 } },
      ]),
      async (guest) => {
        await reportedUntil(guest, 150);
        const early = (await guest.pages(FIRST_FREE_PAGE, 260)).map(written);
        expect(early.slice(0, 100).filter(Boolean).length).toBe(100);
        expect(early.slice(100)).not.toContain(true);
        // The third window covers 200 … 299 of a region of 250: 200 … 249 and 0 … 49.
        await reportedUntil(guest, 2300);
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
        expect(rateBetween(all[0]!, all.at(-1)!)).toBeGreaterThan(1000);
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
        const all = await reportedUntil(guest, 1050);
        const between = (from: number, to: number): number[] =>
          all.filter(({ guestMs }) => guestMs > from && guestMs <= to).map(({ writes }) => writes);
        // A busy host gives fewer reports, and writes; but none where there must be none.
        expect(new Set(between(0, 300))).toEqual(new Set([0]));
        expect(between(450, 520).at(-1)).toBeGreaterThan(100);
        expect(new Set(between(510, 800)).size).toBe(1);
        expect(between(950, 2000).at(-1)).toBeGreaterThan(between(510, 800)[0]! + 100);
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
