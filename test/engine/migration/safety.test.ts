import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DirtyBitmap } from '../../../engine/core/bitmap.ts';
import { Oracle } from '../../../engine/migration/oracle.ts';
import { ok } from '../../../engine/core/errno.ts';
import type { MigratableDevice } from '../../../engine/core/ports.ts';
import { AUTO_CONVERGE_DEFAULTS } from '../../../engine/migration/config.ts';
import { MigrationBench, MS, plainDevice, type BenchOptions } from './fixture.ts';

const PAGES = 3000;
/** TCP gives up a dead link soon. */
const COSTS = { page_send: 20_000, sync_fixed: 50_000, link_timeout: 30 * MS };
/** Writes that collide with each other, with chunk borders of bitmaps and with the scan. */
const writes = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 400 }),
    first: fc.oneof({ weight: 3, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(PAGES - 70) }),
    count: fc.integer({ min: 1, max: 64 }),
  }),
  { maxLength: 60 },
);

type Write = { readonly at: number; readonly first: number; readonly count: number };

function benchWith(
  list: readonly Write[],
  config: object,
  more: Partial<BenchOptions> = {},
  tickNs = 1 * MS,
): MigrationBench {
  const bench = new MigrationBench({ pages: PAGES, config, costs: COSTS, ...more });
  const due = [...list].sort((a, b) => a.at - b.at);
  bench.every(tickNs, (nowNs) => {
    while (due.length > 0 && due[0]!.at * MS <= nowNs) {
      const { first, count } = due.shift()!;
      bench.write(first, count);
    }
  });
  return bench;
}

const configs = fc.record({
  maxBandwidth: fc.constantFrom(0, 40_000_000, 200_000_000),
  downtimeLimitNs: fc.constantFrom(1 * MS, 20 * MS, 300 * MS),
  multifdChannels: fc.constantFrom(0, 2),
  zeroPageDetection: fc.constantFrom('none' as const, 'legacy' as const, 'multifd' as const),
});

describe('whatever the guest writes', () => {
  it('no page is lost, and what was sent adds up', () => {
    fc.assert(
      fc.property(writes, configs, (list, config) => {
        const bench = benchWith(list, config);
        bench.finish();
        const { thread } = bench;
        const verdict = bench.oracle.judge();
        expect(thread.end).toBe('completed');
        expect(verdict.lost).toBe(0);
        expect(verdict.sent).toBe(thread.counters.pages);
        expect(verdict.sent - verdict.resent).toBe(PAGES);
        expect(thread.counters.pages).toBe(PAGES + thread.ram.newlyDirtyTotal);
        expect(verdict.needless).toBeLessThanOrEqual(verdict.resent);
      }),
      { numRuns: 60 },
    );
  });

  it('a tracker that forgets one page loses exactly that page', () => {
    fc.assert(
      fc.property(writes, fc.nat(PAGES - 1), (list, forgotten) => {
        const bench = benchWith(list, {});
        const { tracker } = bench;
        let last = -1;
        const write = bench.write.bind(bench);
        bench.write = (first, count) => {
          write(first, count);
          if (bench.thread.status === 'active' && forgotten >= first && forgotten < first + (count ?? 1)) {
            last = bench.scheduler.nowNs;
            tracker.dirty.clear(forgotten);
          }
        };
        bench.finish();
        const lost = bench.oracle.judge().lost;
        expect(lost).toBeLessThanOrEqual(1);
        if (last < 0) expect(lost).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('cancelled at any event, the source runs and a second migration loses nothing', () => {
    fc.assert(
      fc.property(writes, configs, fc.integer({ min: 1, max: 400 }), (list, config, events) => {
        const bench = benchWith(list, config);
        for (let i = 0; i < events && bench.ended < 0; i++) bench.scheduler.advance(1, 3600e9);
        const completed = bench.ended >= 0;
        if (!completed) {
          bench.thread.cancel();
          bench.scheduler.wake(bench.threadId, bench.scheduler.nowNs);
          bench.finish();
        }
        if (bench.thread.end === 'completed') return;
        expect(bench.running).toBe(true);
        expect(['cancelled']).toContain(bench.thread.end);
        bench.migrateAgain();
        bench.finish();
        expect(bench.thread.end).toBe('completed');
        expect(bench.oracle.judge().lost).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('cancelled or failed at every single event of a migration', () => {
  // Dirt before the scan, behind it and under it, and a guest that goes on writing after the end.
  const script = Array.from({ length: 60 }, (_, i) => ({
    at: 7 * i,
    first: (i * 977) % (PAGES - 70),
    count: 1 + (i % 64),
  }));
  // Long enough for several periods of more than 1 s, and dirty enough for a step in each.
  const heavy = Array.from({ length: 260 }, (_, i) => ({ at: 20 * i, first: (i * 613) % (PAGES - 900), count: 800 }));
  const strike: Record<string, (bench: MigrationBench) => void> = {
    cancelled: (bench) => {
      bench.thread.cancel();
    },
    'failed at the destination': (bench) => {
      bench.thread.failDestination();
    },
    'failed for good on the link': (bench) => {
      bench.thread.loseLink(bench.scheduler.nowNs, Infinity);
    },
  };
  const short = { maxBandwidth: 40_000_000, downtimeLimitNs: 20 * MS };
  const long = { maxBandwidth: 10_000_000, downtimeLimitNs: 20 * MS };
  /** A device whose first data the destination must have: it has it after a while. */
  const slowDevice = (): MigratableDevice => {
    let reads = 0;
    return plainDevice('gpu', 50_000, {
      canPrecopy: true,
      setup: () => ((reads = 0), ok(0)),
      estimateBytes: () => (reads < 6 ? 1 << 20 : 0),
      exactBytes: () => (reads < 6 ? 1 << 20 : 50_000),
      iterate: () => (reads++ < 6 ? 1 << 20 : 0),
      initialSent: () => reads >= 6,
    });
  };
  interface Scene {
    readonly config: object;
    readonly writes?: readonly Write[];
    readonly more?: Partial<BenchOptions>;
    readonly tickNs?: number;
    /** What shows that it came to what the scene is about. */
    readonly happens?: (bench: MigrationBench) => boolean;
  }
  const scenes: Record<string, () => Scene> = {
    plain: () => ({ config: short }),
    multifd: () => ({ config: { ...short, multifdChannels: 2 } }),
    'multifd of QEMU 7.2': () => ({
      config: {
        ...{ ...short, multifdChannels: 3, multifdFlushEachSection: true, multifdCountedWhenWritten: false },
        zeroPageDetection: 'legacy',
      },
    }),
    XBZRLE: () => ({
      config: short,
      more: { xbzrle: { cachePages: 512, changedBytes: () => 8, takeWrites: () => 1 } },
      happens: ({ thread }) => (thread.xbzrle?.pages ?? 0) > 0,
    }),
    'mapped-ram': () => ({ config: { ...short, mappedRamRate: 400_000_000 } }),
    'pause before switchover': () => ({
      config: { ...short, pauseBeforeSwitchoverNs: 7 * MS },
      happens: ({ thread }) => thread.status === 'pre-switchover' || thread.status === 'device',
    }),
    'switchover-ack, with a device': () => ({
      config: { ...short, switchoverAck: true, returnPath: true },
      more: { devices: [slowDevice()] },
      happens: ({ thread }) => thread.blackout?.part === 'device state',
    }),
    'auto-converge': () => ({
      config: { ...long, autoConverge: AUTO_CONVERGE_DEFAULTS },
      ...{ writes: heavy, tickNs: 20 * MS },
      happens: ({ thread }) => thread.convergence.throttlePercent > 0,
    }),
    'dirty limit': () => ({
      config: { ...long, dirtyLimit: { quota: 1 << 20, periodNs: 1000 * MS } },
      ...{ writes: heavy, tickNs: 20 * MS },
      happens: ({ limits }) => (limits.at(-1) ?? 0) > 0,
    }),
    'post-copy': () => ({
      config: { ...short, postcopy: { afterNs: 100 * MS, bandwidth: 30_000_000, preempt: false } },
      happens: ({ thread }) => thread.status.startsWith('postcopy'),
    }),
  };
  const cases = Object.keys(scenes).flatMap((scene) => Object.keys(strike).map((how) => [scene, how] as const));

  it.each(cases)('%s: %s, the source runs on, and a second migration loses nothing', (name, how) => {
    let events = 0;
    let stopped = 0;
    let happened = 0;
    // Long ones in steps that are no multiple of anything in them.
    const stride = scenes[name]!().tickNs === undefined ? 1 : 13;
    for (; ; events += stride) {
      const { config, writes: list = script, more, tickNs, happens = () => true } = scenes[name]!();
      const bench = benchWith(list, config, more, tickNs);
      for (let i = 0; i < events && bench.ended < 0; i++) bench.scheduler.advance(1, 3600e9);
      if (bench.ended >= 0) break;
      if (bench.thread.stopNs >= 0) stopped++;
      if (happens(bench)) happened++;
      const moved = bench.thread.postcopy !== null;
      strike[how]!(bench);
      bench.scheduler.wake(bench.threadId, bench.scheduler.nowNs);
      bench.finish();
      const { thread } = bench;
      expect(bench.throttles.at(-1) ?? 0).toBe(0);
      expect(bench.limits.at(-1) ?? 0).toBe(0);
      // What was decided already is not undone.
      if (thread.end === 'completed') continue;
      expect(thread.end).toMatch(/cancelled|failed/u);
      if (moved) {
        // Nothing can be taken back once the guest runs there; it says so.
        expect(thread.end).toBe('failed');
        expect(thread.error).toContain('the guest is lost');
        continue;
      }
      expect(bench.running).toBe(true);
      bench.migrateAgain();
      bench.finish();
      expect(bench.thread.end).toBe('completed');
      if (bench.thread.postcopy === null) expect(bench.oracle.judge()).toMatchObject({ lost: 0, losses: [] });
      else expect(bench.thread.ram.left).toBe(0);
    }
    expect(events).toBeGreaterThan(100);
    expect(stopped).toBeGreaterThan(stride === 1 ? 3 : 0);
    expect(happened).toBeGreaterThan(0);
  });
});

describe('the oracle', () => {
  const pages = 200;
  const ops = fc.array(
    fc.record({
      kind: fc.constantFrom('write0' as const, 'write1' as const, 'send' as const, 'drop' as const),
      first: fc.nat(150),
      count: fc.integer({ min: 1, max: 40 }),
    }),
    { maxLength: 60 },
  );

  it('judges like a plain map from page to writers', () => {
    fc.assert(
      fc.property(ops, (list) => {
        const oracle = new Oracle(pages);
        const bitmaps: DirtyBitmap[] = [oracle.writer('a'), oracle.writer('b')];
        oracle.begin();
        const writers = Array.from({ length: pages }, () => new Set<number>());
        const sentBefore = new Array<boolean>(pages).fill(false);
        let sent = 0;
        let resent = 0;
        let needless = 0;
        for (const { kind, first, count } of list) {
          if (kind === 'send') {
            oracle.sent(first, count);
            for (let page = first; page < first + count; page++) {
              sent++;
              if (sentBefore[page]!) {
                resent++;
                if (writers[page]!.size === 0) needless++;
              }
              sentBefore[page] = true;
              writers[page]!.clear();
            }
          } else if (kind === 'drop') {
            oracle.dropped(0, 'nic0', 'unmapped without reading', first, count);
          } else {
            const writer = kind === 'write0' ? 0 : 1;
            bitmaps[writer]!.setRange(first, count);
            for (let page = first; page < first + count; page++) writers[page]!.add(writer);
          }
        }
        const lost = writers.filter((set, page) => set.size > 0 || !sentBefore[page]!).length;
        const verdict = oracle.judge();
        expect({ ...verdict, losses: [] }).toEqual({ sent, resent, needless, lost, losses: [] });
        expect(verdict.losses.reduce((sum, loss) => sum + loss.pages, 0)).toBe(lost);
      }),
      { numRuns: 300 },
    );
  });

  it('names writers, cause and event of a lost page, and forgets a drop once the page is sent', () => {
    const oracle = new Oracle(100);
    const nic = oracle.writer('nic0');
    oracle.begin();
    oracle.sent(0, 100);
    nic.setRange(10, 5);
    oracle.dropped(5, 'nic0', 'unmapped without reading the Dirty bit', 10, 5);
    oracle.emitDrops(10, () => 42);
    oracle.sent(12, 1);
    nic.set(12);
    const { lost, losses } = oracle.judge();
    expect(lost).toBe(5);
    const unmapped = losses.find((loss) => loss.cause.startsWith('unmapped'))!;
    expect(unmapped).toMatchObject({ eventIndex: 42, writers: ['nic0'], pages: 4 });
    expect(unmapped.runs).toEqual([
      [10, 2],
      [13, 2],
    ]);
    expect(losses.find((loss) => loss !== unmapped)).toMatchObject({ eventIndex: -1, pages: 1 });
  });

  it('what blinds a tracker names a later loss, also after the page was sent; a drop is named first', () => {
    const oracle = new Oracle(100);
    const nic = oracle.writer('nic0');
    oracle.begin();
    oracle.blinded(3, 'container', 'no flush', 0, 20);
    oracle.emitDrops(4, () => 7);
    oracle.sent(0, 100);
    nic.setRange(10, 20);
    oracle.dropped(5, 'nic0', 'unmapped', 15, 1);
    oracle.emitDrops(6, () => 8);
    const named = oracle.judge().losses.map(({ cause, eventIndex, pages }) => [cause, eventIndex, pages]);
    expect(named).toEqual([
      ['no flush', 7, 9],
      ['unmapped', 8, 1],
      [expect.stringContaining('unnoticed'), -1, 10],
    ]);
  });

  it('a page that was never sent is lost, and one that left the guest is not', () => {
    const oracle = new Oracle(10);
    oracle.begin();
    oracle.sent(0, 8);
    oracle.forget(9, 1);
    expect(oracle.judge()).toMatchObject({ lost: 1 });
    expect(oracle.judge().losses[0]!.cause).toBe('never sent');
  });
});
