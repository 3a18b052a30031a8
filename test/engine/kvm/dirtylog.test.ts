import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import { costsWith } from '../../../engine/core/costs.ts';
import { KvmDirtyLog, type DirtyLogMode } from '../../../engine/kvm/dirtylog.ts';
import type { KvmTrackingConfig } from '../../../engine/kvm/tracking.ts';

const PAGES = 4096;
const config = (more: Partial<KvmTrackingConfig> = {}): KvmTrackingConfig => ({
  pages: PAGES,
  slots: [{ name: 'ram', first: 0, pages: PAGES, readonly: false }],
  backingPages: 1,
  eagerSplit: true,
  hardware: 'write-protect',
  costs: costsWith({}),
  ...more,
});

const list = (...pages: number[]): [Uint32Array, number] => [Uint32Array.from(pages), pages.length];
const harvested = (log: KvmDirtyLog): number[] => {
  const into = new DirtyBitmap(PAGES);
  log.harvest(0, into);
  const pages: number[] = [];
  into.forEachRun((first, count) => {
    for (let page = first; page < first + count; page++) pages.push(page);
  });
  return pages;
};

describe('the dirty log, initially set', () => {
  const started = (): KvmDirtyLog => {
    const log = new KvmDirtyLog('initially-set', config());
    log.start();
    return log;
  };

  it('starts all ones, and protects nothing until the first clear', () => {
    const log = started();
    expect(log.writePages(0, ...list(1, 2, 3))).toBe(0);
    expect(harvested(log)).toHaveLength(PAGES);
    expect(log.writePages(0, ...list(1, 2, 3))).toBe(0);
    expect(log.faults).toBe(0);
  });

  it('after its clear a page faults once, for 260 ns, and is in the next log once', () => {
    const log = started();
    harvested(log);
    log.clear(0, 0, PAGES);
    expect(log.writePages(0, ...list(7, 7, 7))).toBe(260);
    expect(log.writePages(0, ...list(7))).toBe(0);
    expect(harvested(log)).toEqual([7]);
    expect(log.faults).toBe(1);
  });

  it('1 M re-dirtied pages per second cost 26 % of a vCPU', () => {
    expect((1e6 * costsWith({}).wp_fault) / 1e9).toBeCloseTo(0.26, 6);
  });

  it('a page dirty at the sync and written before its chunk is cleared is not reported again; one that was clean is', () => {
    const log = started();
    harvested(log);
    log.clear(0, 0, PAGES);
    log.writePages(0, ...list(10));
    expect(harvested(log)).toEqual([10]);
    log.writePages(0, ...list(10, 11));
    log.clear(0, 0, PAGES);
    // Sent now, with the new contents of 10; the next sync tells of 11 alone.
    expect(harvested(log)).toEqual([11]);
  });

  it('a clear touches only its own chunk', () => {
    const log = started();
    harvested(log);
    log.clear(0, 0, 1024);
    log.writePages(0, ...list(1023, 1024));
    expect(harvested(log)).toEqual([1023]);
  });
});

describe('the legacy log', () => {
  it('protects everything at the start, reads and protects again in one step', () => {
    const log = new KvmDirtyLog('legacy', config());
    log.start();
    log.writePages(0, ...list(3, 3));
    expect(harvested(log)).toEqual([3]);
    log.writePages(0, ...list(3));
    expect(harvested(log)).toEqual([3]);
    expect(log.faults).toBe(2);
  });
});

describe('enabling', () => {
  const enable = (mode: DirtyLogMode, gib: number): number => {
    const pages = gib * 262144;
    const slots = [{ name: 'ram', first: 0, pages, readonly: false }];
    const log = new KvmDirtyLog(mode, config({ pages, slots }));
    const started = log.start();
    return started.ok ? started.value.durationNs / 1e6 : NaN;
  };

  it('takes 0.1 ms initially set, and 4 to 5 ms per GiB without it', () => {
    expect(enable('initially-set', 64)).toBeCloseTo(0.1, 3);
    expect(enable('manual', 64)).toBeGreaterThan(256);
    expect(enable('legacy', 8)).toBeGreaterThanOrEqual(32);
    expect(enable('legacy', 8)).toBeLessThanOrEqual(41);
  });

  it('holds mmu_lock for what it protects, and not at all initially set', () => {
    const held = (mode: DirtyLogMode): number => {
      const started = new KvmDirtyLog(mode, config()).start();
      return started.ok ? started.value.lockHeldNs : NaN;
    };
    expect(held('initially-set')).toBe(0);
    expect(held('legacy')).toBe(Math.round((PAGES / 262144) * costsWith({}).log_enable_gib));
    expect(held('manual')).toBe(held('legacy'));
  });

  it('a log of 64 GiB is 2 MiB of bits and 64 clear chunks of 1 GiB', () => {
    const pages = 64 * 262144;
    expect(pages / 8).toBe(2 << 20);
    expect(pages / (1 << 18)).toBe(64);
  });
});

describe('huge pages', () => {
  it('initially set, the first write under a huge leaf splits it on demand, whether or not it is logged', () => {
    const log = new KvmDirtyLog('initially-set', config({ backingPages: 512, eagerSplit: false }));
    log.start();
    expect(log.writePages(0, ...list(0, 1, 513))).toBe(2 * costsWith({}).wp_fault_split);
    expect(log.writePages(0, ...list(2, 514))).toBe(0);
  });

  it('split eagerly, the clear pays and the guest only faults page by page', () => {
    const costs = costsWith({});
    const log = new KvmDirtyLog('initially-set', config({ backingPages: 512 }));
    log.start();
    harvested(log);
    const { lockHeldNs } = log.clear(0, 0, PAGES);
    expect(lockHeldNs).toBe(Math.round(PAGES * costs.log_clear_page + (PAGES / 262144) * costs.eager_split_gib));
    expect(log.writePages(0, ...list(0, 1))).toBe(2 * costs.wp_fault);
  });
});

describe('PML', () => {
  it('costs a 512th of an exit per page instead of a fault', () => {
    const log = new KvmDirtyLog('legacy', config({ hardware: 'pml' }));
    log.start();
    const pages = Array.from({ length: 512 }, (_, i) => i);
    expect(log.writePages(0, ...list(...pages))).toBeCloseTo(costsWith({}).pml_exit, 6);
    expect(harvested(log)).toHaveLength(512);
  });
});

describe('in any order of writes, syncs and clears', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), page: fc.nat(63), run: fc.nat(9) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('sync' as const), page: fc.constant(0), run: fc.constant(0) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), page: fc.nat(63), run: fc.nat(9) }) },
  );

  it.each(['initially-set', 'manual', 'legacy'] as const)(
    '%s: no write is forgotten, and every page is in one part',
    (mode) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
          const log = new KvmDirtyLog(
            mode,
            config({ pages: 73, slots: [{ name: 'ram', first: 0, pages: 73, readonly: false }] }),
          );
          log.start();
          // The migration's bitmap starts all ones; the destination differs where the guest wrote since the last send.
          const due = new Set(Array.from({ length: 73 }, (_, page) => page));
          const differs = new Set<number>();
          for (const { kind, page, run } of steps) {
            if (kind === 'write') {
              if (run === 0) log.writePages(0, ...list(page));
              else log.writeRun(0, page, run);
              for (let p = page; p < page + Math.max(run, 1); p++) differs.add(p);
            } else if (kind === 'sync') {
              const into = new DirtyBitmap(73);
              log.harvest(0, into);
              into.forEachRun((first, count) => {
                for (let p = first; p < first + count; p++) due.add(p);
              });
              // The next send of any page clears its chunk first.
            } else if (due.has(page)) {
              log.clear(0, 0, 73);
              due.delete(page);
              differs.delete(page);
            }
          }
          const last = new DirtyBitmap(73);
          log.harvest(0, last);
          for (const page of differs) expect(due.has(page) || last.test(page)).toBe(true);
          const { armed, fresh, seen } = log.parts;
          for (let page = 0; page < 73; page++) {
            expect(Number(armed.test(page)) + Number(fresh.test(page)) + Number(seen.test(page))).toBe(1);
          }
        }),
        { numRuns: 150 },
      );
    },
  );
});
