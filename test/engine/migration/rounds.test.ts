import { describe, expect, it } from 'vitest';
import { ok, refuse } from '../../../engine/core/errno.ts';
import { canCancel, isFinal, NEXT_STATUS, nextStatus, type MigrationStatus } from '../../../engine/migration/status.ts';
import { MigrationBench, MS, plainDevice } from './fixture.ts';

describe('a round', () => {
  it('ends by the threshold, not by a pass: pages still waiting join the next round and are not new again', () => {
    const bench = new MigrationBench({
      pages: 30_000,
      config: { downtimeLimitNs: 200 * MS },
      costs: { page_send: 1000 },
    });
    // 40 pages/ms over the whole of RAM: every sync finds more than the threshold.
    let at = 0;
    bench.every(1 * MS, () => {
      bench.write((at = (at + 41) % 29_000), 40);
    });
    bench.runUntil(3000 * MS);
    const harvests = bench.events.filter((event) => event.kind === 'harvest');
    const { ram, counters } = bench.thread;
    expect(harvests.length).toBeGreaterThan(2);
    // What QEMU's counters satisfy too: sent + remaining = total + all newly dirty.
    expect(counters.pages + ram.left).toBe(30_000 + ram.newlyDirtyTotal);
    expect(bench.thread.stopNs).toBe(-1);
  });

  it('the scan goes on where it stopped and wraps at the end', () => {
    const bench = new MigrationBench({
      pages: 10_000,
      config: { downtimeLimitNs: 1 * MS },
      costs: { page_send: 10_000 },
    });
    bench.runUntil(60 * MS);
    bench.write(0, 10);
    bench.runUntil(95 * MS);
    const firsts = bench.sentRuns.map(([first]) => first);
    expect([...firsts].sort((a, b) => a - b)).toEqual(firsts);
  });

  it('the final stage has no rate limit', () => {
    const bench = new MigrationBench({
      pages: 40_000,
      config: { maxBandwidth: 10_000_000, downtimeLimitNs: 1000 * MS },
      costs: { page_send: 1000, page_send_stopped: 1000 },
    });
    bench.every(1 * MS, () => {
      bench.write(0, 2000);
    });
    bench.finish();
    const { thread } = bench;
    expect(thread.end).toBe('completed');
    const pages = thread.blackout!.parts.find(({ name }) => name === 'remaining pages')!;
    // 2,000 pages would take 800 ms under the limit.
    expect(pages.durationNs).toBeGreaterThanOrEqual(1.9 * MS);
    expect(pages.durationNs).toBeLessThan(5 * MS);
  });

  it('an exact query is a sync, and its time is lost to vCPUs under the big lock; the estimate costs nothing', () => {
    const bench = new MigrationBench({
      pages: 30_000,
      config: { downtimeLimitNs: 200 * MS },
      costs: { page_send: 1000, sync_fixed: 4 * MS, bql_stall: 0.25 },
    });
    let at = 0;
    bench.every(1 * MS, () => {
      bench.write((at = (at + 41) % 29_000), 40);
    });
    bench.runUntil(3000 * MS);
    const { syncs } = bench.thread.ram;
    expect(syncs).toBeGreaterThan(2);
    expect(bench.tracker.harvests).toBe(syncs);
    // A quarter of 4 ms each: device exits wait for the lock, other vCPUs run on.
    expect(bench.stalls.filter((ns) => ns > 0)).toEqual(new Array(syncs).fill(1 * MS));
  });

  it('a host page of 2 MiB is one step for the clock: a call may run 64 host pages long', () => {
    const bench = new MigrationBench({
      pages: 100_000,
      hostPagePages: 512,
      config: { maxBandwidth: 0 },
      costs: { page_send: 10_000 },
    });
    bench.runUntil(300 * MS);
    // 51 ms are over after 5,100 pages; the clock is next looked at after 32,769.
    expect(bench.thread.counters.protocolBytes).toBeLessThan(100);
    bench.runUntil(330 * MS);
    expect(bench.thread.counters.protocolBytes).toBeGreaterThan(0);
  });
});

describe('the blackout', () => {
  const completed = (config: object = {}): MigrationBench => {
    const bench = new MigrationBench({
      pages: 1000,
      config,
      costs: {
        page_send: 1000,
        vm_stop: 140_000,
        sync_fixed: 100_000,
        device_state_other: 1.5 * MS,
        send_latency: 50_000,
        return_path: 500_000,
        resume: 3.1 * MS,
      },
      devices: [
        plainDevice('a', 5 << 20, { quiesce: () => ok(1 * MS), stop: () => ok(2 * MS), readNs: () => 4 * MS }),
        plainDevice('b', 1 << 20, { quiesce: () => ok(1 * MS), stop: () => ok(2 * MS), loadNs: () => 7 * MS }),
      ],
    });
    bench.finish();
    return bench;
  };

  it('goes through its parts in order, each a number of its own, and they add up', () => {
    const { thread } = completed();
    expect(thread.blackout!.parts.map(({ name }) => name)).toEqual([
      'stop vCPUs',
      'quiesce devices',
      'stop devices',
      'final sync',
      'remaining pages',
      'device state',
      'other state',
      'flush',
    ]);
    const sum = thread.blackout!.parts.reduce((total, { durationNs }) => total + durationNs, 0);
    expect(sum).toBe(thread.endNs - thread.stopNs);
    expect(thread.blackout!.parts.find(({ name }) => name === 'quiesce devices')!.durationNs).toBe(2 * MS);
  });

  it('with a return path includes loading at the destination; without it loading only delays the resume', () => {
    const without = completed().thread;
    const within = completed({ returnPath: true }).thread;
    expect(without.resumeNs - without.endNs).toBe(10.1 * MS);
    expect(within.resumeNs - within.endNs).toBe(3.1 * MS);
    expect(within.blackout!.parts.at(-1)).toEqual({ name: 'load at destination', durationNs: 7.5 * MS });
  });

  it('waits in pre-switchover as long as the management holds it, inside the downtime', () => {
    const { thread } = completed({ pauseBeforeSwitchoverNs: 50 * MS });
    expect(thread.blackout!.parts.find(({ name }) => name === 'pause before switchover')!.durationNs).toBe(50 * MS);
    expect(thread.status).toBe('completed');
  });

  it('with switchover-ack does not begin before all initial device data went out', () => {
    let sent = false;
    const bench = new MigrationBench({
      pages: 1000,
      config: { switchoverAck: true },
      devices: [plainDevice('a', 100, { initialSent: () => sent })],
    });
    bench.runUntil(500 * MS);
    expect(bench.thread.stopNs).toBe(-1);
    sent = true;
    bench.runUntil(700 * MS);
    expect(bench.thread.end).toBe('completed');
  });

  it('a device that refuses to stop fails the migration, and the guest runs on at the source', () => {
    const bench = new MigrationBench({
      pages: 1000,
      devices: [plainDevice('a', 100, { stop: () => refuse('EIO', 'firmware error') })],
    });
    bench.finish();
    expect(bench.thread.status).toBe('failed');
    expect(bench.thread.error).toContain('a to STOP_COPY: firmware error');
    expect(bench.running).toBe(true);
  });
});

describe('the states', () => {
  it('every state can be reached from none, and every state but the final ones can be left', () => {
    const reached = new Set<MigrationStatus>(['none']);
    for (let before = 0; before !== reached.size;) {
      before = reached.size;
      for (const from of [...reached]) for (const to of NEXT_STATUS[from]) reached.add(to);
    }
    expect([...reached].sort()).toEqual(Object.keys(NEXT_STATUS).sort());
  });

  it('a way that is not in the table is a bug', () => {
    expect(() => nextStatus('completed', 'active')).toThrow(/goes from completed to active/);
    expect(nextStatus('setup', 'active')).toBe('active');
  });

  it('can be cancelled until it is decided, not in post-copy', () => {
    const cancellable = (Object.keys(NEXT_STATUS) as MigrationStatus[]).filter((status) => canCancel(status));
    expect(cancellable).toEqual(['setup', 'wait-unplug', 'active', 'pre-switchover', 'device']);
    expect(isFinal('failed')).toBe(true);
  });

  it('while the destination’s host must find memory, what arrives goes at that host’s pace, sent again at its own', () => {
    const bench = new MigrationBench({
      pages: 2000,
      config: { maxBandwidth: 0 },
      costs: { page_send: 1000, page_send_stopped: 1000 },
      // The first 400 of every 1000 pages, beginning 300 into a thousand: 100 slow pages, then 600 fast, 400, 600, 300.
      unbacked: { share: 0.4, pageNs: 10_000, stretchPages: 1000, firstPage: 300 },
    });
    const sentAfter = [0.9, 2.5, 4.5, 7].map((ms) => {
      bench.runUntil(ms * MS);
      return bench.thread.counters.normalPages;
    });
    const [inSlow, inFast, inSlowAgain, inFastAgain] = sentAfter as [number, number, number, number];
    expect(inSlow).toBeLessThanOrEqual(100);
    expect(inFast).toBeGreaterThan(600);
    expect(inSlowAgain).toBeLessThanOrEqual(1100);
    expect(inFastAgain).toBeGreaterThan(1600);
    bench.runUntil(8.9 * MS);
    bench.write(0, 2000);
    const beganNs = bench.scheduler.nowNs;
    bench.finish();
    expect(bench.oracle.judge()).toMatchObject({ lost: 0, resent: 2000 });
    expect(bench.thread.endNs - beganNs).toBeLessThan(3 * MS);
  });
});
