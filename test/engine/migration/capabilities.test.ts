import { describe, expect, it } from 'vitest';
import { changeOf, encodedBytes, Xbzrle } from '../../../engine/migration/xbzrle.ts';
import { multifdSyncBytes } from '../../../engine/migration/stream.ts';
import { runExperiment, type Run } from '../experiment/run.ts';

const run = (migration: object, more: object = {}): Run =>
  runExperiment({
    guest: {
      memory: '256MiB',
      populated: '80%',
      workloads: [{ name: 'w', pattern: 'uniform', region: { size: '48MiB' }, rate: '6000 pages/s' }],
    },
    migration: { start: '100ms', bandwidth: '100MiB/s', downtime_limit: '40ms', timeout: '30s', ...migration },
    ...more,
  });

const safe = (result: Run): void => {
  expect(result.summary.outcome).toBe('completed');
  expect(result.summary.pages.lost).toBe(0);
};

describe('XBZRLE', () => {
  /** Each page written once between two transmissions. */
  const once = { cachePages: 4, changedBytes: () => 8, takeWrites: () => 1 };

  it('encodes a changed run as two lengths and the data', () => {
    expect(encodedBytes(8)).toBe(11);
    expect(encodedBytes(200)).toBe(204);
  });

  it('what several writes change is what throwing as many pieces into a page covers on average', () => {
    // Dropped one by one, as a store would; the seed is fixed by the loop.
    const thrown = (bytes: number, writes: number): { changed: number; runs: number } => {
      let [changed, runs, state] = [0, 0, 12345];
      const ROUNDS = 300;
      for (let round = 0; round < ROUNDS; round++) {
        const page = new Uint8Array(4096);
        for (let i = 0; i < writes; i++) {
          state = (state * 48_271) % 2_147_483_647;
          for (let b = 0; b < bytes; b++) page[(state + b) % 4096] = 1;
        }
        page.forEach((byte, i) => {
          changed += byte;
          if (byte === 1 && page[(i + 4095) % 4096] === 0) runs++;
        });
      }
      return { changed: changed / ROUNDS, runs: runs / ROUNDS };
    };
    for (const [bytes, writes] of [
      [8, 1],
      [8, 10],
      [64, 20],
      [8, 400],
      [1024, 6],
    ] as const) {
      const slow = thrown(bytes, writes);
      const { changed, runs } = changeOf(bytes, writes);
      expect(Math.abs(changed / slow.changed - 1)).toBeLessThan(0.02);
      expect(Math.abs(runs - slow.runs)).toBeLessThan(0.06 * slow.runs + 0.2);
    }
    expect(changeOf(8, 0)).toEqual({ changed: 0, runs: 0 });
    expect(changeOf(4096, 3)).toEqual({ changed: 4096, runs: 1 });
  });

  it('a page written often no longer fits its encoding, and one that nobody wrote is not sent at all', () => {
    let [writes, bytes] = [1, 8];
    const cache = new Xbzrle({ cachePages: 4, changedBytes: () => bytes, takeWrites: () => writes });
    cache.encode(1, 1, false);
    expect(cache.encode(1, 2, false)).toBe(22);
    writes = 20;
    expect(cache.encode(1, 3, false)).toBeGreaterThan(20 * 8);
    // All but a few bytes, and the lengths of the runs.
    [writes, bytes] = [3, 4000];
    expect(cache.encode(1, 4, false)).toBe(-1);
    writes = 0;
    expect(cache.encode(1, 5, false)).toBe(0);
    expect(cache).toMatchObject({ misses: 1, pages: 4, overflows: 1, unchanged: 1 });
  });

  it('a miss is inserted and goes whole; a hit is encoded; a changed page longer than a page overflows', () => {
    const cache = new Xbzrle({ ...once, changedBytes: (page) => (page === 3 ? 4096 : 8) });
    expect(cache.encode(1, 1, false)).toBe(-1);
    expect(cache.encode(1, 2, false)).toBe(11 + 11);
    expect(cache.encode(3, 2, false)).toBe(-1);
    expect(cache.encode(3, 3, false)).toBe(-1);
    expect(cache).toMatchObject({ misses: 2, pages: 2, overflows: 1 });
  });

  it('is direct-mapped: a page does not displace one that was used within two generations', () => {
    const cache = new Xbzrle(once);
    cache.encode(1, 5, false);
    cache.encode(5, 6, false); // the same slot, page 1 still fresh
    expect(cache.encode(1, 6, false)).toBeGreaterThan(0);
    cache.encode(5, 8, false); // page 1 was used at 6: old enough now
    expect(cache.encode(1, 9, false)).toBe(-1);
  });

  it('the last stage does not fill the cache', () => {
    const cache = new Xbzrle(once);
    cache.encode(2, 1, true);
    expect(cache.encode(2, 2, false)).toBe(-1);
  });

  it('saves most bytes of pages sent again, once the first pass is over', () => {
    const hot = {
      guest: {
        memory: '128MiB',
        workloads: [{ name: 'w', pattern: 'uniform', region: { size: '32MiB' }, rate: '30000 pages/s' }],
      },
    };
    const off = run({ xbzrle: false, timeout: '10s' }, hot);
    const on = run({ xbzrle: true, timeout: '10s' }, hot);
    safe(on);
    const bytesAgain = ({ summary }: Run): number => summary.bytes.normal! - 4104 * (32898 - summary.pages.zero!);
    expect(bytesAgain(on)).toBeLessThan(bytesAgain(off) / 2);
  });

  it('does nothing for pages that DMA writes from end to end', () => {
    const nic = { devices: [{ name: 'nic0', type: 'nic', ring: { size: '8MiB' }, rate: '10MB/s' }] };
    const on = run({ xbzrle: true }, nic);
    const off = run({ xbzrle: false }, nic);
    expect(on.summary.bytes.total!).toBeGreaterThan(0.6 * off.summary.bytes.total!);
  });
});

describe('multifd', () => {
  it('sends pages in packets of 128 with a header of 1,344 bytes', () => {
    const { summary } = run({ multifd: { channels: 4 } });
    safe({ summary } as Run);
    expect(summary.bytes.normal).toBeCloseTo(summary.pages.normal! * (4096 + 10.5), 0);
  });

  it('synchronises at the end of a pass, or in the old way at the end of every section', () => {
    const modern = run({ multifd: { channels: 2 } }).summary.bytes.protocol!;
    const old = run({ multifd: { channels: 2, flush_each_section: true } }).summary.bytes.protocol!;
    expect(multifdSyncBytes(2)).toBe(2 * 1344 + 8);
    expect(old - modern).toBeGreaterThan(10 * 2000);
  });

  it('is faster where one channel is held up by copying', () => {
    const link = { bandwidth: 0, link: '100Gbit/s' };
    const big = { guest: { memory: '2GiB', populated: '95%' } };
    const one = run(link, big).summary.totalNs!;
    const four = run({ ...link, multifd: { channels: 4 } }, big).summary.totalNs!;
    expect(four).toBeLessThan(one / 2);
  });

  it('device states travel at once from 10.0 on, one after another before', () => {
    const gpus = {
      devices: ['gpu0', 'gpu1'].map((name) => ({
        ...{ name, type: 'gpu', rate: '1MB/s', ring: { size: '4MiB' } },
        migration: { precopy: false, state: '256MiB', read_rate: '1GiB/s' },
      })),
    };
    const state = (qemu: string): number => {
      const { summary } = run({ qemu, multifd: { channels: 4 }, downtime_limit: '10s', link: '100Gbit/s' }, gpus);
      return summary.downtimeParts.find(({ name }) => name === 'device state')!.durationNs;
    };
    expect(state('9.2')).toBeCloseTo(2 * state('10.0'), -6);
  });
});

describe('mapped-ram', () => {
  it('a zero page costs no bytes, a page goes to its place without a header, and the bitmap follows at the end', () => {
    const { summary } = run({ mapped_ram: true, bandwidth: 0 });
    safe({ summary } as Run);
    expect(summary.bytes.zero).toBe(0);
    expect(summary.bytes.normal).toBe(summary.pages.normal! * 4096);
    expect(summary.bytes.protocol).toBeGreaterThan((65536 + 130) / 8);
  });

  it('is held up by what the file takes', () => {
    const slow = run({ mapped_ram: { write_rate: '50MiB/s' }, bandwidth: 0 });
    expect(slow.summary.totalNs! / 1e9).toBeGreaterThan((0.8 * 256) / 50);
  });
});

describe('post-copy', () => {
  const hard = {
    guest: {
      memory: '256MiB',
      populated: '80%',
      workloads: [{ name: 'w', pattern: 'uniform', region: { size: '128MiB' }, rate: '50000 pages/s' }],
    },
  };

  it('moves a guest that would never converge: short downtime, pages on demand, nothing lost', () => {
    expect(run({ timeout: '10s' }, hard).summary.outcome).toBe('timed-out');
    const moved = run({ postcopy: { after: '2s' }, timeout: '10s' }, hard);
    safe(moved);
    expect(moved.summary.downtimeNs!).toBeLessThan(20e6);
    expect(moved.events.filter((event) => event.kind === 'phase').map((event) => event.text)).toEqual([
      'setup',
      'precopy',
      'switchover',
      'post-copy',
    ]);
    expect(moved.summary.downtimeParts.map(({ name }) => name)).toContain('discard map');
    const phases = moved.events.filter((event) => event.kind === 'phase');
    expect(phases.reduce((sum, event) => sum + event.durationNs, 0)).toBe(moved.summary.totalNs);
  });

  it('no page is sent twice after the move, and none is left out', () => {
    const { summary } = run({ postcopy: { after: '0ms' } }, hard);
    expect(summary.pages.total! - summary.pages.resent!).toBe(65536 + 130);
    expect(summary.pages.resent).toBeLessThan(65536);
  });

  it('the guest waits for the pages it touches; with preemption less', () => {
    const stalled = (preempt: boolean): number => {
      const moved = run({ postcopy: { after: '500ms', preempt, bandwidth: '50MiB/s' }, bandwidth: '50MiB/s' }, hard);
      return Math.max(...moved.series('stall.vcpu.w'));
    };
    expect(stalled(false)).toBeGreaterThan(0.5);
    expect(stalled(true)).toBeGreaterThan(0.05);
  });

  it('reads of missing pages wait as writes do, and matter before the move to nobody', () => {
    const reading = (reads: object | undefined): Run =>
      run(
        { postcopy: { after: '500ms', bandwidth: '50MiB/s' }, bandwidth: '50MiB/s' },
        {
          guest: {
            memory: '256MiB',
            populated: '80%',
            workloads: [{ name: 'w', pattern: 'idle', ...(reads === undefined ? {} : { reads }) }],
          },
        },
      );
    const silent = reading(undefined);
    const reader = reading({ rate: '20000 pages/s', offset: '64MiB', size: '128MiB' });
    safe(silent);
    safe(reader);
    // What syncs take from everybody.
    const common = Math.max(...silent.series('stall.vcpu.w'));
    expect(common).toBeLessThan(0.1);
    const stalls = reader.series('stall.vcpu.w');
    const resumeNs = reader.events.find(({ kind }) => kind === 'resume')!.timeNs;
    const moved = reader.timesNs.findIndex((timeNs) => timeNs > resumeNs);
    expect(Math.max(...stalls.slice(0, moved))).toBeLessThanOrEqual(common);
    expect(Math.max(...stalls.slice(moved))).toBeGreaterThan(0.3);
    // What is asked for comes once, like everything.
    expect(reader.summary.pages.total! - reader.summary.pages.resent!).toBe(65536 + 130);
  });

  it('a link lost on the way pauses it, and it goes on when the link is back', () => {
    const moved = run(
      { postcopy: { after: '500ms' } },
      {
        ...hard,
        changes: [{ do: 'lose-link', on: 'resume', delay: '1ms', for: '2s' }],
      },
    );
    safe(moved);
    expect(moved.events.some((event) => event.text === 'post-copy recovered')).toBe(true);
  });

  it('a destination that fails takes the guest with it', () => {
    const { summary } = run(
      { postcopy: { after: '500ms' } },
      {
        ...hard,
        changes: [{ do: 'fail-destination', on: 'resume', delay: '1ms' }],
      },
    );
    expect(summary.outcome).toBe('failed');
    expect(summary.reason).toContain('the guest is lost');
  });

  it('cannot be cancelled any more', () => {
    const moved = run(
      { postcopy: { after: '500ms' } },
      {
        ...hard,
        changes: [{ do: 'cancel', on: 'resume', delay: '1ms' }],
      },
    );
    safe(moved);
  });

  it('is started by a change too, and not without the capability', () => {
    const started = run({ postcopy: { after: '20s' } }, { ...hard, changes: [{ do: 'start-postcopy', at: '1s' }] });
    safe(started);
    expect(started.summary.totalNs!).toBeLessThan(15e9);
  });
});
