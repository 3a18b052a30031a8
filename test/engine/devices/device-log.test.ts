import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IovaRange } from '../../../engine/devices/device-log.ts';
import { DeviceLog, loggingHulls } from '../../../engine/devices/device-log.ts';

const GIB = 0x4_0000;

function reported(log: DeviceLog, first: number, pages: number): number[] {
  const out: number[] = [];
  log.report(first, pages, (start, count) => {
    for (let p = 0; p < count; p++) out.push(start + p);
  });
  return out;
}

describe('the DMA log of a device', () => {
  it('a report reads and clears', () => {
    const log = new DeviceLog(4096);
    log.start([{ first: 100, pages: 50 }]);
    log.write(110, 3);
    expect(reported(log, 100, 50)).toEqual([110, 111, 112]);
    expect(reported(log, 100, 50)).toEqual([]);
  });

  it('a report of part of a range leaves the rest', () => {
    const log = new DeviceLog(4096);
    log.start([{ first: 0, pages: 100 }]);
    log.write(10, 20);
    expect(reported(log, 0, 15)).toEqual([10, 11, 12, 13, 14]);
    expect(reported(log, 15, 85)).toHaveLength(15);
  });

  it('writes outside the ranges of the start are not logged, and are counted', () => {
    const log = new DeviceLog(4096);
    log.start([{ first: 0, pages: 16 }]);
    expect(log.write(14, 4)).toBe(false);
    expect(log.unloggedPages).toBe(2);
    expect(reported(log, 0, 100)).toEqual([14, 15]);
  });

  it('a coarse log reports every page of the granule, cut to what was asked', () => {
    const log = new DeviceLog(16384);
    log.start([{ first: 2, pages: 20 }]);
    log.write(5, 1);
    expect(reported(log, 0, 6)).toEqual([4, 5]);
  });

  it.each<[string, IovaRange[], string]>([
    ['no range', [], 'EINVAL'],
    [
      'overlap',
      [
        { first: 0, pages: 2 },
        { first: 1, pages: 2 },
      ],
      'EINVAL',
    ],
    ['257 ranges', Array.from({ length: 257 }, (_, i) => ({ first: i * 2, pages: 1 })), 'E2BIG'],
  ])('start with %s → errno', (_name, ranges, errno) => {
    expect(new DeviceLog(4096).start(ranges)).toMatchObject({ ok: false, errno });
  });

  it('start while logging → EINVAL', () => {
    const log = new DeviceLog(4096);
    log.start([{ first: 0, pages: 1 }]);
    expect(log.start([{ first: 0, pages: 1 }])).toMatchObject({ ok: false, errno: 'EINVAL' });
  });

  it('QEMU asks for one hull below 4 GiB and one above: the hole between is not logged', () => {
    const mapped = [
      { first: 0, pages: 3 * GIB },
      { first: 0xfffc0, pages: 64 },
      { first: 4 * GIB, pages: GIB },
      { first: 9 * GIB, pages: GIB },
    ];
    expect(loggingHulls(mapped)).toEqual([
      { first: 0, pages: 0x10_0000 },
      { first: 4 * GIB, pages: 6 * GIB },
    ]);
  });

  it('reports what a plain Set of pages would, whatever ranges, granules, writes and reports come', () => {
    const range = fc.record({ first: fc.nat(40), pages: fc.integer({ min: 1, max: 30 }) });
    const step = fc.record({ report: fc.boolean(), first: fc.nat(120), pages: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(1, 4),
        fc.array(step),
        (gaps, grain, steps) => {
          let at = 0;
          const ranges = gaps.map(({ first, pages }) => {
            const start = at + first;
            // A granule belongs to one range only.
            at = Math.ceil((start + pages) / grain) * grain;
            return { first: start, pages };
          });
          const inside = (page: number): boolean => ranges.some((r) => page >= r.first && page < r.first + r.pages);
          const log = new DeviceLog(grain * 4096);
          log.start(ranges);
          const dirty = new Set<number>();
          for (const { report, first, pages } of steps) {
            if (report) {
              const found = reported(log, first, pages);
              const expected: number[] = [];
              for (let p = first; p < first + pages; p++)
                if (inside(p) && dirty.has(Math.floor(p / grain))) expected.push(p);
              expect(found).toEqual(expected);
              // A whole granule is cleared where the report enters it.
              for (const p of expected) dirty.delete(Math.floor(p / grain));
            } else {
              log.write(first, pages);
              for (let p = first; p < first + pages; p++) if (inside(p)) dirty.add(Math.floor(p / grain));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
