// Files that cannot be imported: each gets a message that names the place, and nothing of it is used.

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImportError, quote } from '../../../main/import/problem.ts';
import { IMPORT_BYTES_MAX, readImport, readImportFile } from '../../../main/import/read.ts';
import { fixture, importText, play, problemOf } from './support.ts';

const FIXTURES = [
  'qmp-traffic.log',
  'qmp-answers.jsonl',
  'guestperf-new.json',
  'guestperf-old.json',
  'domjobinfo.txt',
  '../measured/edge-512-ws-below.json',
] as const;

/** The document with one value put elsewhere. */
function changed(name: string, path: readonly (string | number)[], value: unknown): string {
  const document = JSON.parse(fixture(name).toString()) as Record<string, unknown>;
  let at = document as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1)!] = value;
  return JSON.stringify(document);
}

describe('a broken file', () => {
  it.each([
    ['nothing', '', 'none of the formats'],
    ['prose', 'It took ten seconds.', 'none of the formats'],
    ['another tool’s JSON', '{"hello": 1}', 'none of the formats'],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 'not a text in UTF-8'],
    ['a packed file', Buffer.from([0x1f, 0x8b, 8, 0, 1]), 'is compressed by gzip: unpack it first'],
    ['another encoding', Buffer.from('\ufeff{}', 'utf16le'), 'is a text in UTF-16'],
    ['a log without answers', '{"return": {}}\n{"execute": "query-status"}', 'no answer to query-migrate'],
  ])('%s is told apart from the formats', (_what, content, reason) => {
    expect(problemOf(content).message).toContain(reason);
  });

  it('of JSON is named with the line where it breaks', () => {
    const lines = fixture('qmp-answers.jsonl').toString().split('\n');
    lines[6] = lines[6]!.replace('"transferred":', '"transferred"');
    expect(problemOf(lines.join('\n'))).toMatchObject({
      line: 7,
      reason: expect.stringContaining('not valid JSON') as string,
    });

    const report = fixture('guestperf-new.json').toString().replace('"status": "completed"', '"status": completed');
    const line = report.slice(0, report.indexOf('"status": completed')).split('\n').length;
    expect(problemOf(report)).toMatchObject({ line, reason: expect.stringContaining('not valid JSON') as string });
    // Python writes NaN, which is no JSON.
    expect(problemOf(fixture('guestperf-new.json').toString().replace('1048.5', 'NaN')).message).toContain(
      'not valid JSON',
    );
  });

  it.each([
    ['{"progress_history": [\n1,\n{"a": 1 "b": 2}]}', 3],
    ['{"progress_history": [\n1,\n\n2 3]}', 4],
    ['{"progress_history": [],\n"a" 1}', 2],
    ['{"progress_history": [],\n"a": 01}', 2],
    ['{"progress_history": [],\n\n"a": "\t"}', 3],
    ['{"progress_history": [],\n"a": [1}\n}', 2],
    ['{"progress_history": [],\n"a": tru}', 2],
    ['{"progress_history": [],\n"a": 1}\n]', 3],
    ['{"progress_history": [],\n"a": 1', 2],
  ])('%j breaks in line %i', (text, line) => {
    expect(problemOf(text)).toMatchObject({ line });
  });

  it('that ends too early is refused', () => {
    const traffic = fixture('qmp-traffic.log');
    expect(problemOf(traffic.subarray(0, traffic.length - 20))).toMatchObject({
      line: 57,
      reason: 'this JSON object has no end',
    });
  });

  it.each([
    [['progress_history', 3, 'ram', 'iterations'], -1, 'progress_history[3].ram.iterations'],
    [['progress_history', 3, 'ram', 'iterations'], 1.5, 'progress_history[3].ram.iterations'],
    [['progress_history', 0, 'ram', 'total_bytes'], 1e300, 'progress_history[0].ram.total_bytes'],
    [['progress_history', 0, 'duration'], '12', 'progress_history[0].duration'],
    [['progress_history', 1, 'throttle_pcent'], 101, 'progress_history[1].throttle_pcent'],
    [['progress_history', 1], [], 'progress_history[1]'],
    [['progress_history'], {}, 'progress_history'],
    [['progress_history'], [], 'progress_history'],
    [['guest_timings', 2, 'timestamp'], null, 'guest_timings[2].timestamp'],
    [['scenario', 'name'], { a: 1 }, 'scenario.name'],
    [['progress_history', 0, 'duration'], 1e8, 'progress_history[1].duration'],
  ] as const)('guestperf: %j = %j is refused by its path', (path, value, named) => {
    expect(problemOf(changed('guestperf-new.json', path, value)).path).toBe(named);
  });

  it.each([
    [['repeats', 1, 'samples', 4, 4], -5, 'repeats[1].samples[4].ram.transferred'],
    [['repeats', 1, 'samples', 4, 0], 'x', 'repeats[1].samples[4].t_ms'],
    [['repeats', 1, 'samples', 4, 0], 0, 'repeats[1].samples[4]'],
    [['repeats', 0, 'final', 'ram', 'normal'], 2 ** 60, 'repeats[0].final.ram.normal'],
    [['repeats', 0, 'iterations', 0, 't_ms'], 1e300, 'repeats[0].iterations[0].t_ms'],
    [['sample_fields', 0], 'time', 'sample_fields'],
    [['config'], 3, 'config'],
  ] as const)('measured: %j = %j is refused by its path', (path, value, named) => {
    expect(problemOf(changed('../measured/edge-512-ws-below.json', path, value)).path).toBe(named);
  });

  it.each([
    ['an unknown type of job', 'Job type:  Sleeping', 1, '"Sleeping" is no type of job'],
    [
      'a size without a unit',
      'Job type:  Unbounded\nTime elapsed: 5 ms\nMemory processed: 12',
      3,
      'not what virsh prints',
    ],
    ['a time in seconds', 'Job type:  Unbounded\nTime elapsed: 5 s', 2, 'not what virsh prints'],
    ['a negative count', 'Job type:  Unbounded\nTime elapsed: 5 ms\nIteration: -1', 3, 'not what virsh prints'],
    [
      'a count beyond exact numbers',
      'Job type:  Unbounded\nTime elapsed: 9999999999999999 ms',
      2,
      'not what virsh prints',
    ],
    [
      'a size beyond exact numbers',
      'Job type:  Unbounded\nTime elapsed: 5 ms\nMemory total: 99.000 EiB',
      3,
      'not what virsh prints',
    ],
    ['no time', 'Job type:  Unbounded\nIteration: 1', 1, 'no "Time elapsed"'],
    ['another job', 'Job type:  Unbounded\nOperation: Dump\nTime elapsed: 5 ms', 1, 'not a migration'],
    ['no job at all', 'Job type:  None', undefined, 'no snapshot'],
  ])('domjobinfo: %s is refused by its line', (_what, text, line, reason) => {
    expect(problemOf(text)).toMatchObject({ line, reason: expect.stringContaining(reason) as string });
  });

  it('QMP: a field of the wrong type is refused by line and path', () => {
    const text = '{"return": {}}\n{"return": {"status": "active", "total-time": 1, "ram": {"transferred": "5"}}}';
    expect(problemOf(text)).toMatchObject({ line: 2, path: 'ram.transferred' });
    expect(problemOf('{"event": "STOP", "timestamp": {"seconds": 1e300, "microseconds": 0}}')).toMatchObject({
      line: 1,
    });
  });
});

describe('a hostile file', () => {
  it('cannot nest deep enough to exhaust the stack', () => {
    for (const open of ['{"a":', '[', '{"progress_history":[', '{"return": {"status": "active", "x": [']) {
      const error = problemOf(`{"status": "active", "config": 1, "progress_history": ${open.repeat(300_000)}`);
      expect(error.message).toMatch(/nested more than 64 levels|no end/);
    }
  });

  it('cannot reach a prototype', () => {
    const text = fixture('guestperf-new.json')
      .toString()
      .replace(
        '"scenario": {',
        '"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "scenario": {"__proto__": "x",',
      );
    const [run] = importText(text);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(run!.settings)).toBe(Object.prototype);
    expect(problemOf('Job type: __proto__').message).toContain('no type of job');
    expect(importText('Job type: Completed\nconstructor: 5\ntoString: 1\nTime elapsed: 5 ms')).toHaveLength(1);
  });

  it('cannot write control characters into a message', () => {
    const { message } = problemOf('Job type: \u001b[2J\u202eevil');
    expect(message.includes('\u001b') || message.includes('\u202e')).toBe(false);
    expect(quote(`a\nb\u0000${'x'.repeat(100)}`)).toMatch(/^"a b x+…"$/);
  });

  it('cannot be larger than the limit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'brownout-import-'));
    try {
      const path = join(folder, 'large.log');
      writeFileSync(path, '');
      truncateSync(path, IMPORT_BYTES_MAX + 1);
      await expect(readImportFile(path)).rejects.toThrow('more than the');
      await expect(readImportFile(join(folder, 'missing'))).rejects.toThrow('cannot be opened (ENOENT)');
      await expect(readImportFile(folder)).rejects.toThrow('EISDIR');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('whatever was changed in it, is refused as such or gives runs whose figures make sense', () => {
    const bytes = FIXTURES.map((name) => fixture(name));
    const mutation = fc.record({
      file: fc.nat(FIXTURES.length - 1),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      // Cut, and put in something that means something somewhere.
      cut: fc.nat(40),
      insert: fc.constantFrom(
        '',
        '0',
        '-',
        '9'.repeat(20),
        '1e999',
        'null',
        '"',
        '{',
        '}',
        '[',
        ']',
        ',',
        'NaN',
        '"__proto__":',
        '\n',
        '\u0000',
        ' KiB',
      ),
    });
    fc.assert(
      fc.property(mutation, ({ file, at, cut, insert }) => {
        const original = bytes[file]!;
        const from = Math.floor(at * original.length);
        const text = Buffer.concat([original.subarray(0, from), Buffer.from(insert), original.subarray(from + cut)]);
        let runs;
        try {
          runs = readImport(text, 'file');
        } catch (error) {
          expect(error).toBeInstanceOf(ImportError);
          return;
        }
        for (const run of runs) {
          const { sink, summary } = play(run);
          expect(
            sink.times.every(
              (time, i) => Number.isSafeInteger(time) && time >= 0 && (i === 0 || time > sink.times[i - 1]!),
            ),
          ).toBe(true);
          for (const column of sink.columns.values())
            for (const value of column)
              expect(Number.isNaN(value) || (Number.isFinite(value) && value >= 0)).toBe(true);
          for (const event of sink.events) expect(event.timeNs >= 0 && event.durationNs >= 0).toBe(true);
          for (const value of [summary.totalNs, summary.downtimeNs, summary.pages.total, summary.bytes.protocol])
            expect(value === null || (Number.isFinite(value) && value >= 0)).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});
