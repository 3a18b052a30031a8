import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitRuns } from '../../../engine/iommufd/user-bitmap.ts';
import { DmaLog, LOGGED_RANGES_MAX } from '../../../engine/vfio/dma-log.ts';
import type { LoggedRange } from '../../../engine/vfio/dma-log.ts';

const PAGE = 4096n;
const U64_MAX = 2n ** 64n - 1n;
const FAR = 2n ** 52n;

const outcome = (result: { readonly ok: boolean; readonly errno?: string }): string => result.errno ?? 'ok';

function report(logger: DmaLog, iova: bigint, length: bigint, pageSize = PAGE): number[] {
  const runs = new BitRuns(Number(length / pageSize));
  expect(outcome(logger.report(iova, length, pageSize, runs))).toBe('ok');
  return runs.list.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

describe('DMA logging', () => {
  it('reports writes inside its ranges, once, as a set of pages does', () => {
    const page = fc.integer({ min: 0, max: 30 });
    const pages = fc.integer({ min: 1, max: 12 });
    const operation = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), page }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('report' as const), page, pages, grain: fc.constantFrom(1, 2, 4) }),
      },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(page, pages), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(1, 2, 4),
        fc.constantFrom(0n, FAR),
        fc.array(operation, { maxLength: 40, size: 'max' }),
        (ranges, loggedGrain, base, operations) => {
          const at = (n: number): bigint => base + BigInt(n) * PAGE;
          const logger = new DmaLog();
          const aligned = ranges.map(([first, count]): LoggedRange => ({
            iova: at(first * loggedGrain),
            length: BigInt(count * loggedGrain) * PAGE,
          }));
          const overlap = ranges.some(([a, n], i) => ranges.some(([b, m], j) => i < j && a < b + m && b < a + n));
          const started = logger.start(aligned, aligned.length, BigInt(loggedGrain) * PAGE);
          expect(outcome(started)).toBe(overlap ? 'EINVAL' : 'ok');
          if (overlap) return;
          const inside = (n: number): boolean =>
            ranges.some(([first, count]) => n >= first * loggedGrain && n < (first + count) * loggedGrain);
          const slow = new Set<number>();
          for (const step of operations) {
            if (step.kind === 'write') {
              logger.write(Number(at(step.page) / PAGE), 1);
              if (!inside(step.page)) continue;
              const first = step.page - (step.page % loggedGrain);
              for (let i = 0; i < loggedGrain; i++) slow.add(first + i);
              continue;
            }
            const first = step.page - (step.page % step.grain);
            const count = step.pages * step.grain;
            const bits = new Set<number>();
            for (let i = 0; i < count; i++) if (slow.delete(first + i)) bits.add(Math.floor(i / step.grain));
            const got = report(logger, at(first), BigInt(count) * PAGE, BigInt(step.grain) * PAGE);
            expect(got).toEqual([...bits].sort((a, b) => a - b));
          }
        },
      ),
    );
  });

  it.each([
    ['no range', [], 0, PAGE, 'EINVAL'],
    ['more than a page of ranges', [], LOGGED_RANGES_MAX + 1, PAGE, 'E2BIG'],
    ['fewer ranges than said', [{ iova: 0n, length: PAGE }], 2, PAGE, 'EFAULT'],
    ['a range off its grain', [{ iova: PAGE, length: 2n * PAGE }], 1, 2n * PAGE, 'EINVAL'],
    ['a length off its grain', [{ iova: 0n, length: PAGE }], 1, 2n * PAGE, 'EINVAL'],
    ['a range that wraps', [{ iova: U64_MAX - 8191n, length: 3n * PAGE }], 1, PAGE, 'EOVERFLOW'],
    ['unaligned before wrapping', [{ iova: U64_MAX, length: 3n * PAGE }], 1, PAGE, 'EINVAL'],
  ] as const)('%s: %5$s', (_what, ranges, count, grain, errno) => {
    expect(outcome(new DmaLog().start(ranges, count, grain))).toBe(errno);
  });

  it('starts once; stopping ends and empties it, also twice', () => {
    const logger = new DmaLog();
    const start = (): string => outcome(logger.start([{ iova: 0n, length: PAGE }], 1, PAGE));
    expect([start(), start()]).toEqual(['ok', 'EINVAL']);
    logger.write(0, 1);
    logger.stop();
    logger.stop();
    expect(outcome(logger.report(0n, PAGE, PAGE, new BitRuns(1)))).toBe('EINVAL');
    expect(start()).toBe('ok');
    expect(report(logger, 0n, PAGE)).toEqual([]);
  });

  it.each([
    ['a page below 4 KiB', 0n, 2048n, 'EINVAL'],
    ['no power of two', 0n, 12288n, 'EINVAL'],
    ['wraps', U64_MAX - 4095n, PAGE, 'EOVERFLOW'],
  ])('a report of %s: %4$s, whether or not the log is on', (_what, iova, grain, errno) => {
    expect(outcome(new DmaLog().report(iova, 8192n, grain, new BitRuns(2)))).toBe(errno);
  });
});

describe('the log of a device in a simulation', () => {
  const range = (first: number, pages: number): LoggedRange => ({
    iova: BigInt(first) * PAGE,
    length: BigInt(pages) * PAGE,
  });
  const started = (grainBytes: number, ...ranges: readonly LoggedRange[]): DmaLog => {
    const log = new DmaLog(grainBytes);
    expect(outcome(log.start(ranges, ranges.length, PAGE))).toBe('ok');
    return log;
  };
  const taken = (log: DmaLog, first: number, pages: number): number[] => {
    const out: number[] = [];
    log.take(first, pages, (start, count) => {
      for (let p = 0; p < count; p++) out.push(start + p);
    });
    return out;
  };

  it('a report of part of a range leaves the rest', () => {
    const log = started(4096, range(0, 100));
    log.write(10, 20);
    expect(taken(log, 0, 15)).toEqual([10, 11, 12, 13, 14]);
    expect(taken(log, 15, 85)).toHaveLength(15);
    expect(taken(log, 0, 100)).toEqual([]);
  });

  it('writes outside the ranges of the start are not logged, and are counted', () => {
    const log = started(4096, range(0, 16));
    expect(log.write(14, 4)).toBe(false);
    expect(log.unloggedPages).toBe(2);
    expect(taken(log, 0, 100)).toEqual([14, 15]);
  });

  it('a coarse log marks the grain inside its range, and two reports that share a grain both tell of it', () => {
    const log = started(16384, range(2, 20));
    log.write(5, 1);
    expect([taken(log, 0, 6), taken(log, 6, 6)]).toEqual([
      [4, 5],
      [6, 7],
    ]);
    log.write(2, 1);
    expect(taken(log, 0, 30)).toEqual([2, 3]);
  });

  it('takes what a plain Set of pages would, whatever ranges, grains, writes and reports come', () => {
    const step = fc.record({ report: fc.boolean(), first: fc.nat(120), pages: fc.integer({ min: 1, max: 40 }) });
    const gap = fc.record({ first: fc.nat(40), pages: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(
        fc.array(gap, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(1, 4),
        fc.constantFrom(0, 32_700, 2 ** 40),
        fc.array(step),
        (gaps, grain, base, steps) => {
          let at = base;
          const ranges = gaps.map(({ first, pages }) => {
            const start = at + first;
            at = start + pages;
            return { first: start, end: at };
          });
          const log = started(grain * 4096, ...ranges.map(({ first, end }) => range(first, end - first)));
          const slow = new Set<number>();
          for (const { report, first, pages } of steps) {
            const from = base + first;
            if (report) {
              const expected: number[] = [];
              for (let p = from; p < from + pages; p++) if (slow.delete(p)) expected.push(p);
              expect(taken(log, from, pages)).toEqual(expected);
              continue;
            }
            log.write(from, pages);
            for (let p = from; p < from + pages; p++) {
              const own = ranges.find((r) => p >= r.first && p < r.end);
              for (let i = 0; own !== undefined && i < grain; i++) {
                const q = p - (p % grain) + i;
                if (q >= own.first && q < own.end) slow.add(q);
              }
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
