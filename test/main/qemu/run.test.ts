// Experiments in two real QEMU processes, from consent to clean-up.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Progress } from '../../../engine/experiment/result.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { qemuCheck } from '../../../main/qemu/check.ts';
import { runInQemu, type QemuRunOptions } from '../../../main/qemu/run.ts';
import { eventually, KeepingSink, noQemu, processesWith, smallGuest, smallGuestText } from './support.ts';

// Runs put their private folders here: whatever is left of them afterwards, and of processes that name them, is ours.
let temporary = '';
const before = process.env['TMPDIR'];
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'brownout-test-'));
  process.env['TMPDIR'] = temporary;
});
afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  rmSync(temporary, { recursive: true });
});
const expectNothingLeft = (): void => {
  expect(readdirSync(temporary)).toEqual([]);
  expect(processesWith(temporary)).toEqual([]);
};

async function run(experiment: Experiment, options: Partial<QemuRunOptions> = {}): Promise<KeepingSink> {
  const sink = new KeepingSink();
  await runInQemu(experiment, sink, { allowQemu: true, ...options });
  return sink;
}

/** Resolves when the run reaches this phase. */
function phaseWatch(wanted: string): { onProgress: (progress: Progress) => void; reached: Promise<void> } {
  let resolve: () => void;
  const reached = new Promise<void>((settle) => {
    resolve = settle;
  });
  return {
    reached,
    onProgress: ({ phase }) => {
      if (phase === wanted) resolve();
    },
  };
}
/** Would take a minute. */
const slow = { bandwidth: '1MiB/s', downtime_limit: '1ms' };
const sourceQemu = (): number =>
  processesWith(temporary).find(({ command }) => command.startsWith('qemu') && !command.includes('-incoming'))!.pid;
const destinationQemu = (): number =>
  processesWith(temporary).find(({ command }) => command.startsWith('qemu') && command.includes('-incoming'))!.pid;

describe('without QEMU', () => {
  it('nothing starts until the caller says that it may', async () => {
    await expect(run(smallGuest(), { allowQemu: false })).rejects.toMatchObject({ kind: 'consent' });
  });

  it('a missing QEMU is named, with how to get it', async () => {
    const missing = run(smallGuest(), { binary: '/nonexistent/qemu-system-x86_64' });
    await expect(missing).rejects.toMatchObject({ kind: 'missing' });
    await expect(missing).rejects.toThrow('apt-get install qemu-system-x86');
    expect(await qemuCheck({ binary: '/nonexistent/qemu-system-x86_64' })).toMatchObject({
      found: false,
      usable: false,
    });
  });

  it('something else under QEMU’s name is not taken for QEMU', async () => {
    await expect(run(smallGuest(), { binary: '/bin/true' })).rejects.toThrow('does not answer like QEMU');
  });
});

describe.skipIf(noQemu !== '')('a migration in QEMU', () => {
  it('completes, loses nothing, and its figures add up to the page', async () => {
    const sink = await run(smallGuest({ qemu: { compare: true } }));
    const summary = sink.summary!;
    expect(summary.outcome).toBe('completed');
    expect(summary.reason).toContain('the guest goes on at the destination');
    expect(sink.headKept!.source.kind).toBe('qemu');
    expect(sink.headKept!.source.text).toMatch(/^QEMU \d+\.\d+.*TCG$/);
    // 64 MiB of guest memory without the hole below 1 MiB, which is not RAM.
    expect(sink.kinds('note').at(-1)!.detail['pages']).toBe(64 * 256 - 96);
    expect(summary.pages).toMatchObject({ lost: 0, needless: null });

    // What was sent is RAM once, plus what each dirty sync found anew (as in the measured migrations).
    const found = sink.kinds('harvest').reduce((sum, { detail }) => sum + Number(detail['pages']), 0);
    expect(summary.pages.resent).toBe(found);
    expect(summary.rounds).toBe(sink.kinds('harvest').length);
    expect(summary.pages.total).toBe(summary.pages.normal! + summary.pages.zero!);
    expect(summary.bytes.total).toBe(summary.bytes.normal! + summary.bytes.zero! + summary.bytes.protocol!);
    // 8 bytes of header a page, and little else.
    expect(summary.bytes.protocol! / summary.pages.normal!).toBeGreaterThan(8);
    expect(summary.bytes.protocol! / summary.pages.normal!).toBeLessThan(8.5);
    expect(summary.downtimeParts.reduce((sum, { durationNs }) => sum + durationNs, 0)).toBe(summary.downtimeNs);
    // 32 MiB filled at 64 MiB/s.
    expect(summary.totalNs! / 1e9).toBeGreaterThan(0.4);
    expect(summary.totalNs! / 1e9).toBeLessThan(5);
    expect(summary.guestSpeed).toBeGreaterThan(0.5);

    expect(sink.times.every((time, i) => i === 0 || time > sink.times[i - 1]!)).toBe(true);
    const sent = sink.column('sent').filter((value) => !Number.isNaN(value));
    expect(sent.every((value, i) => i === 0 || value >= sent[i - 1]!)).toBe(true);
    expect(sent.at(-1)).toBe(summary.bytes.total);
    expect(sink.column('writes.vcpu.db').filter((value) => value > 1000).length).toBeGreaterThan(5);
    expect(sink.hash).toMatch(/^[0-9a-f]{64}$/);
    const order = sink.events.map(({ timeNs }) => timeNs);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(sink.kinds('stop')).toHaveLength(1);
    expectNothingLeft();
  });

  it('goes over a Unix socket with two channels too, and the blackout is the time between stop and resume', async () => {
    const sink = await run(smallGuest({ qemu: { transport: 'unix' }, migration: { multifd: { channels: 2 } } }));
    expect(sink.summary).toMatchObject({ outcome: 'completed', bytes: { zero: null, protocol: null } });
    const blackoutNs = sink.kinds('resume')[0]!.detail['blackoutNs'] as number;
    expect(blackoutNs).toBeGreaterThan(0);
    expect(blackoutNs).toBeLessThan(2e9);
    expect(blackoutNs).toBe(sink.kinds('resume')[0]!.timeNs - sink.kinds('stop')[0]!.timeNs);
    expectNothingLeft();
  });

  it('that does not converge is throttled when asked, cancelled in time, and the guest goes on at the source', async () => {
    const workload = { region: { size: '30MiB' }, rate: 'full' };
    const auto = { auto_converge: { initial: '40%' }, timeout: '6s' };
    const sink = await run(
      smallGuest({ workload, migration: { ...auto, bandwidth: '20MiB/s', downtime_limit: '1ms' } }),
    );
    expect(sink.summary).toMatchObject({ outcome: 'timed-out', downtimeNs: null, pages: { lost: null } });
    expect(sink.summary!.reason).toContain('The guest goes on at the source');
    expect(sink.summary!.throttleMaxPercent).toBeGreaterThanOrEqual(40);
    expect(sink.kinds('throttle')[0]!.detail).toEqual({ percent: 40 });
    expect(sink.summary!.bytes.total).toBeGreaterThan(50e6);
    expectNothingLeft();
  });

  it('can be cancelled at any moment', async () => {
    const starting = AbortSignal.timeout(30);
    await expect(run(smallGuest(), { signal: starting })).rejects.toMatchObject({ name: 'TimeoutError' });
    expectNothingLeft();

    for (const phase of ['guest runs', 'active']) {
      const controller = new AbortController();
      const { onProgress, reached } = phaseWatch(phase);
      void reached.then(() => {
        controller.abort();
      });
      const sink = await run(smallGuest({ migration: slow }), { signal: controller.signal, onProgress });
      expect(sink.summary).toMatchObject({ outcome: 'cancelled' });
      expectNothingLeft();
    }
  });

  it('fails, and says why, when the destination dies; the guest goes on at the source', async () => {
    const { onProgress, reached } = phaseWatch('active');
    void reached.then(() => process.kill(destinationQemu(), 'SIGKILL'));
    const sink = await run(smallGuest({ migration: slow }), { onProgress });
    expect(sink.summary!.outcome).toBe('failed');
    expect(sink.summary!.reason).toMatch(/destination’s QEMU ended.*The guest goes on at the source/);
    expect(sink.kinds('error')).toHaveLength(1);
    expectNothingLeft();
  });

  it('fails, and says why, when the source dies', async () => {
    const { onProgress, reached } = phaseWatch('active');
    void reached.then(() => process.kill(sourceQemu(), 'SIGKILL'));
    const sink = await run(smallGuest({ migration: slow }), { onProgress });
    expect(sink.summary!.outcome).toBe('failed');
    expect(sink.summary!.reason).toContain('QEMU');
    expectNothingLeft();
  });

  it('leaves no process, socket or folder behind when the lab is killed with kill -9', async () => {
    const lab = spawn(
      process.execPath,
      [
        new URL('lab/lab.ts', import.meta.url).pathname,
        smallGuestText({ migration: slow, qemu: { transport: 'unix' } }),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: temporary } },
    );
    const migrating = await new Promise<boolean>((resolve) => {
      let said = '';
      lab.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('phase active')) resolve(true);
      });
      lab.once('exit', () => {
        resolve(false);
      });
    });
    expect(migrating).toBe(true);
    expect(readdirSync(join(temporary, readdirSync(temporary)[0]!))).toContain('migration.sock');
    expect(processesWith(temporary).length).toBeGreaterThanOrEqual(5); // two QEMUs, three guards
    lab.kill('SIGKILL');
    const gone = await eventually(
      () => readdirSync(temporary).length === 0 && processesWith(temporary).length === 0,
      10_000,
    );
    expectNothingLeft();
    expect(gone).toBe(true);
  });
});
