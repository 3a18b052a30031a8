// What each format gives, from recorded files and from files written after the tools' sources (test/fixtures/import).

import { describe, expect, it } from 'vitest';
import { fixture, importFixture, importText, play } from './support.ts';

const known = (values: readonly number[]): number[] => values.filter((value) => !Number.isNaN(value));
const secondsOf = (ns: number): number => ns / 1e9;

describe('QMP log', () => {
  it('gives the run that QEMU reported, with its events, from whole traffic', () => {
    const [run, ...more] = importFixture('qmp-traffic.log');
    expect(more).toEqual([]);
    expect(run!.settings).toEqual({ 'migration.max-bandwidth': 33554432, 'migration.downtime-limit': 100 });
    const { summary, sink, head } = play(run!, 'qmp-traffic.log');
    expect(head.source).toEqual({ kind: 'import', text: 'QMP log qmp-traffic.log' });
    expect(summary).toMatchObject({
      outcome: 'completed',
      totalNs: 1.453e9,
      downtimeNs: 2e6,
      rounds: 6,
      bytes: { total: 50095354, normal: 49922048, zero: 75591, protocol: 97715, device: null },
      pages: { total: 20587, normal: 12188, zero: 8399, resent: 4073, needless: null, lost: null },
    });
    expect(sink.kinds('round').map(({ detail }) => detail['round'])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sink.kinds('stop')).toHaveLength(1);
    // QEMU's wall clock is tied to its total-time: the guest stopped shortly before the end.
    expect(secondsOf(sink.kinds('stop')[0]!.timeNs)).toBeCloseTo(1.45, 1);
    expect(sink.times.every((time, i) => i === 0 || time > sink.times[i - 1]!)).toBe(true);
    expect(known(sink.column('sent')).at(-1)).toBe(50095354);
  });

  it('gives the same figures from the answers alone', () => {
    const traffic = play(importFixture('qmp-traffic.log')[0]!).summary;
    expect(play(importFixture('qmp-answers.jsonl')[0]!).summary).toEqual(traffic);
  });

  it('reads answers that are pretty-printed, one array, or between time stamps and arrows', () => {
    const lines = fixture('qmp-answers.jsonl').toString().trim().split('\n');
    const answers = lines.map((line) => JSON.parse(line) as object);
    const expected = play(importFixture('qmp-answers.jsonl')[0]!).summary;
    const texts = [
      answers.map((answer) => JSON.stringify(answer, null, 2)).join('\n'),
      JSON.stringify(answers),
      lines.map((line, i) => `2026-01-02 10:00:0${i % 10}.5 <- {"return": ${line}}`).join('\r\n'),
      lines.join(''),
    ];
    for (const text of texts) expect(play(importText(text)[0]!).summary).toEqual(expected);
  });

  it('goes by time stamps where total-time is missing, and refuses answers that have neither', () => {
    const at = (seconds: number, sent: number): string =>
      `[${1_700_000_000.25 + seconds}] {"status": "active", "ram": {"transferred": ${sent}, "dirty-sync-count": 1}}\n`;
    const { sink } = play(importText(at(0, 1) + at(1.5, 2) + at(4, 3))[0]!);
    expect(sink.times.map(secondsOf)).toEqual([0, 1.5, 4]);
    expect(known(sink.column('throughput'))).toEqual([1 / 1.5, 1 / 2.5]);
    expect(() => importText('{"status": "active", "ram": {"transferred": 5}}')).toThrow(
      'file:1: this answer has neither',
    );
  });

  it('makes a run of each migration in one log', () => {
    const one = fixture('qmp-traffic.log').toString();
    const again = `${one}${one}{"status": "active", "total-time": 5, "ram": {"transferred": 9}}\n{"status": "cancelled"}\n`;
    const runs = importText(again, 'two.log');
    expect(runs.map(({ name }) => name)).toEqual(['two.log (1 of 3)', 'two.log (2 of 3)', 'two.log (3 of 3)']);
    expect(runs.map((run) => play(run).summary.outcome)).toEqual(['completed', 'completed', 'cancelled']);
    // A cancelled migration keeps no counters; those of the answer before are the last ones.
    expect(play(runs[2]!).summary.bytes.total).toBe(9);
  });

  it('says so when the record ends before the migration does', () => {
    const { summary } = play(importText('{"status": "active", "total-time": 5, "ram": {"transferred": 9}}')[0]!);
    expect(summary).toMatchObject({ outcome: 'unknown', downtimeNs: null, pages: { total: null, resent: null } });
    expect(summary.reason).toContain('active');
  });
});

describe('guestperf report', () => {
  it('is the same with a byte order mark and with CRLF, and keeps what a newer report says of its result', () => {
    const text = fixture('guestperf-new.json').toString();
    const expected = play(importText(text)[0]!).summary;
    expect(play(importText(`\ufeff${text.replaceAll('\n', '\r\n')}`)[0]!).summary).toEqual(expected);
    for (const [result, told] of [
      [{ success: false }, false],
      [null, undefined],
      ['odd', undefined],
    ] as const) {
      const [run] = importText(JSON.stringify({ ...(JSON.parse(text) as object), result }));
      expect(run!.settings['result.success']).toBe(told);
    }
  });

  it('gives rounds, throttling and the guest’s write rate on one axis', () => {
    const [run] = importFixture('guestperf-new.json');
    expect(run!.name).toBe('compr-auto-converge-bandwidth-125');
    expect(run!.settings).toMatchObject({ 'scenario.downtime': 300, 'hardware.mem': 1, transport: 'unix' });
    const { summary, sink } = play(run!);
    expect(summary).toMatchObject({
      outcome: 'completed',
      totalNs: 18.022e9,
      downtimeNs: 212e6,
      setupNs: 4e6,
      rounds: 6,
      throttleMaxPercent: 60,
      pages: { total: 584300, lost: null },
    });
    // The first guest report came 12.5 s before the migration.
    expect(secondsOf(summary.startNs)).toBeCloseTo(12.5, 6);
    expect(sink.times[0]).toBe(0);
    // 900 ms for a GiB of 262,144 pages.
    expect(known(sink.column('writes.vcpu.guest'))[0]).toBeCloseTo(262_144 / 0.9, 6);
    expect(sink.kinds('throttle').map(({ detail }) => detail['percent'])).toEqual([20, 60]);
    expect(known(sink.column('rounds'))).toEqual([1, 2, 3, 4, 6]);
  });

  it('takes a missing or null key of an older report as unknown', () => {
    const { summary, sink, head } = play(importFixture('guestperf-old.json')[0]!);
    expect(summary).toMatchObject({ outcome: 'cancelled', downtimeNs: null, rounds: 2, bytes: { total: 1074000000 } });
    expect(head.series.map(({ id }) => id)).not.toContain('writes.vcpu.guest');
    expect(sink.column('dirty.qemu')).toEqual([0, NaN, NaN]);
    expect(sink.column('throttle')).toEqual([0, NaN, 0.2]);
  });

  it('adds up the threads of a guest', () => {
    const report = JSON.parse(fixture('guestperf-new.json').toString()) as Record<string, unknown>;
    const timing = (tid: number, timestamp: number, value: number): object => ({ tid, timestamp, value });
    report['guest_timings'] = [timing(1, 1760000020, 1000), timing(2, 1760000021, 500), timing(1, 1760000022, 2000)];
    const { sink } = play(importText(JSON.stringify(report))[0]!);
    expect(known(sink.column('writes.vcpu.guest'))).toEqual([262_144, 262_144 * 3, 262_144 * 2.5]);
  });
});

describe('libvirt job info', () => {
  it('gives one run from several snapshots, as exact as they are printed', () => {
    const [run, ...more] = importFixture('domjobinfo.txt');
    expect(more).toEqual([]);
    const { summary, sink } = play(run!);
    expect(sink.times.map(secondsOf)).toEqual([2.345, 9.876, 10.877]);
    expect(summary).toMatchObject({
      outcome: 'completed',
      totalNs: 10.877e9,
      downtimeNs: 143e6,
      setupNs: 5e6,
      rounds: 5,
      throttleMaxPercent: 20,
      // Bytes are printed rounded: nothing is derived from their differences.
      bytes: { total: Math.round(1.12 * 2 ** 30), protocol: null },
      pages: { total: 294345, resent: null },
    });
    expect(sink.column('left').slice(0, 2)).toEqual([179200, 10368]);
    expect(sink.column('dirty.qemu')).toEqual([0, 5210, 0]);
  });

  it('makes a run of each migration, where time falls back or goes on after the end', () => {
    const snapshot = (type: string, ms: number): string => `Job type: ${type}\nTime elapsed: ${ms} ms\n`;
    const runs = importText(
      [
        snapshot('Unbounded', 900),
        snapshot('Unbounded', 100),
        snapshot('Completed', 500),
        snapshot('Unbounded', 600),
      ].join('\n'),
    );
    expect(runs.map((run) => [play(run).summary.outcome, play(run).sink.times.length])).toEqual([
      ['unknown', 1],
      ['completed', 2],
      ['unknown', 1],
    ]);
  });

  it('reads a single snapshot, and a job that only says how it ended', () => {
    expect(
      play(importText('Job type:         Completed   \nTime elapsed:     12           ms\n')[0]!).summary,
    ).toMatchObject({
      outcome: 'completed',
      totalNs: 12e6,
      bytes: { total: null },
    });
    expect(play(importText('Job type:         Failed      \n')[0]!).summary).toMatchObject({
      outcome: 'failed',
      totalNs: null,
    });
  });
});

describe('measured migration', () => {
  it('gives a run for each repeat, with syncs, blackout and guest rate', () => {
    const runs = importFixture('../measured/ac-256-uni.json');
    expect(runs.map(({ name }) => name)).toEqual([1, 2, 3].map((i) => `ac-256-uni (${i} of 3)`));
    expect(runs[0]!.settings).toMatchObject({ 'config.pattern': 'uniform', 'environment.qemu': '7.2.22' });
    const { summary, sink } = play(runs[0]!);
    expect(summary).toMatchObject({
      outcome: 'completed',
      totalNs: 4.349e9,
      downtimeNs: 16e6,
      rounds: 12,
      throttleMaxPercent: 20,
      bytes: { total: 301825100 },
      pages: { normal: 73471, zero: 33297 },
    });
    // The identity of the data's README: what was sent is RAM once and what syncs found.
    const found = sink.kinds('harvest').reduce((sum, { detail }) => sum + Number(detail['pages']), 0);
    expect(summary.pages.resent).toBe(found);
    const [stop, resume] = [sink.kinds('stop')[0]!, sink.kinds('resume')[0]!];
    expect((resume.timeNs - stop.timeNs) / 1e6).toBeCloseTo(19.75, 6);
    expect(secondsOf(summary.startNs)).toBe(0.416);
    // Asked for 20,000 page writes a second.
    const before = sink
      .column('writes.vcpu.guest')
      .filter((value, i) => !Number.isNaN(value) && sink.times[i]! < 2.5e9);
    expect(before.reduce((sum, value) => sum + value, 0) / before.length).toBeGreaterThan(18_000);
  });

  it('says that a file with the configuration only holds no measurement', () => {
    const { config, environment } = JSON.parse(fixture('../measured/edge-512-ws-below.json').toString()) as Record<
      string,
      unknown
    >;
    expect(() => importText(JSON.stringify({ config, environment }))).toThrow('file: repeats: no measurement in it');
  });
});
