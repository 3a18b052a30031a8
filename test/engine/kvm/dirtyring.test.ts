import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import { costsWith } from '../../../engine/core/costs.ts';
import { nextSleepUs } from '../../../engine/kvm/dirtylimit.ts';
import { KvmDirtyRing, softLimit } from '../../../engine/kvm/dirtyring.ts';
import { runExperiment } from '../experiment/run.ts';

const ringOf = (pages: number, entries: number, vcpus: readonly number[] = [1]): KvmDirtyRing =>
  new KvmDirtyRing(
    {
      pages,
      slots: [{ name: 'ram', first: 0, pages, readonly: false }],
      backingPages: 1,
      eagerSplit: true,
      hardware: 'write-protect',
      costs: costsWith({}),
    },
    { entries, reaperNs: 1e9, vcpus },
  );
const upTo = (n: number): Uint32Array => Uint32Array.from({ length: n }, (_, i) => i);

describe('the dirty ring', () => {
  it('of 4,096 entries with PML has a soft limit of 3,520; 1,024 leave 448', () => {
    expect(softLimit(4096, 'pml')).toBe(3520);
    expect(softLimit(1024, 'pml')).toBe(448);
    expect((softLimit(4096, 'pml') * 4096) / 2 ** 20).toBe(13.75);
    expect(softLimit(1024, 'write-protect')).toBe(960);
  });

  it('protects everything at the start: the first write to each page is noticed', () => {
    const ring = ringOf(1000, 1024);
    ring.start();
    ring.writePages(0, upTo(3), 3);
    ring.writePages(0, upTo(3), 3);
    expect(ring.faults).toBe(3);
  });

  it('a full ring sends its vCPU out of the guest, and its pages are protected again', () => {
    const ring = ringOf(5000, 1024);
    ring.start();
    ring.writePages(0, upTo(960), 960);
    expect(ring.exits).toBe(1);
    ring.writePages(0, upTo(1), 1);
    expect(ring.faults).toBe(961);
    const into = new DirtyBitmap(5000);
    ring.harvest(0, into);
    expect(into.count).toBe(960);
  });

  it('the vCPUs of a group take turns, so that two of them write twice as long between exits', () => {
    const ring = ringOf(5000, 1024, [2]);
    ring.start();
    ring.writeRun(0, 0, 1918);
    expect(ring.exits).toBe(0);
    ring.writeRun(0, 2000, 2);
    expect(ring.exits).toBe(1);
  });

  it('forgets nothing in any order of writes, reaps and syncs', () => {
    const step = fc.record({
      kind: fc.constantFrom('pages' as const, 'run' as const, 'sync' as const, 'reap' as const),
      first: fc.nat(150),
      count: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ring = ringOf(256, 80, [2]);
        ring.start();
        const since = new Set<number>();
        const reaper = ring.actors[0]!;
        for (const { kind, first, count } of steps) {
          if (kind === 'reap') reaper.run(0);
          else if (kind === 'sync') {
            const into = new DirtyBitmap(256);
            ring.harvest(0, into);
            for (const page of since) expect(into.test(page)).toBe(true);
            expect(into.count).toBe(since.size);
            since.clear();
          } else {
            if (kind === 'run') ring.writeRun(0, first, count);
            else
              ring.writePages(
                0,
                Uint32Array.from({ length: count }, (_, i) => first + i),
                count,
              );
            for (let page = first; page < first + count; page++) since.add(page);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('the dirty limit', () => {
  it('does nothing within 25 MB/s of the quota', () => {
    expect(nextSleepUs(700, 100, 125, 1000)).toBe(700);
    expect(nextSleepUs(700, 100, 75, 1000)).toBe(700);
  });

  it('further off than half changes by what the ratio asks for, else by a tenth of a full ring', () => {
    // 75 % too much: three times the time a ring takes to fill.
    expect(nextSleepUs(0, 50, 200, 1000)).toBe(3000);
    expect(nextSleepUs(5000, 200, 50, 1000)).toBe(2000);
    expect(nextSleepUs(0, 100, 150, 1000)).toBe(100);
    expect(nextSleepUs(500, 150, 100, 1000)).toBe(400);
  });

  it('stays between 0 and 99 full rings', () => {
    expect(nextSleepUs(98_000, 1, 2000, 1000)).toBe(99_000);
    expect(nextSleepUs(50, 150, 100, 1000)).toBe(0);
  });

  it('lets a guest converge that would not, and slows only vCPUs that write', () => {
    const experiment = (limit: boolean): object => ({
      guest: {
        memory: '256MiB',
        populated: '80%',
        vcpus: 2,
        workloads: [
          { name: 'w', pattern: 'uniform', region: { size: '180MiB' }, rate: '40000 pages/s', catch_up: '2ms' },
          { name: 'reader', pattern: 'idle' },
        ],
      },
      tracking: { vcpus: 'dirty-ring', ring: { entries: 2048 } },
      migration: {
        start: '100ms',
        bandwidth: '64MiB/s',
        downtime_limit: '100ms',
        timeout: '40s',
        dirty_limit: limit ? { vcpu_limit: '10MiB/s' } : false,
      },
    });
    const free = runExperiment(experiment(false));
    const limited = runExperiment(experiment(true));
    expect(free.summary.outcome).toBe('timed-out');
    expect(limited.summary.outcome).toBe('completed');
    expect(limited.summary.pages.lost).toBe(0);
    expect(Math.max(...limited.series('stall.vcpu.w'))).toBeGreaterThan(0.5);
    // All vCPUs wait while the rings are switched on and everything is protected, in the first samples of the migration.
    const settled = limited.timesNs.findIndex((timeNs) => timeNs > 150e6);
    expect(Math.max(...limited.series('stall.vcpu.reader').slice(settled))).toBeLessThan(0.05);
  });
});
