// From what QEMU and the guest say to samples: trace points, write rates, rates of sending, comparison of memories.

import { writeFileSync, mkdtempSync, rmSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SampleChunk } from '../../../engine/experiment/result.ts';
import { compareMemories, piecesOf, type SavesMemory } from '../../../main/qemu/compare.ts';
import { WriteCurve } from '../../../main/qemu/curve.ts';
import { NO_FIGURES } from '../../../main/qemu/figures.ts';
import { SentRates } from '../../../main/qemu/observed.ts';
import { Recorder } from '../../../main/qemu/recorder.ts';
import { TraceReader } from '../../../main/qemu/trace.ts';

describe('trace points', () => {
  const line = (seconds: number, text: string): string => `4711@${(1_700_000_000 + seconds).toFixed(6)}:${text}\n`;
  const reader = (text: string, step = text.length): TraceReader => {
    const trace = new TraceReader();
    for (let at = 0; at < text.length; at += step) trace.push(Buffer.from(text.slice(at, at + step)));
    return trace;
  };

  it('tell each sync, with what it alone found: the counter adds up until a sync ends over 1 s after the last reset', () => {
    const sync = (seconds: number, pages: number): string =>
      `${line(seconds, 'migration_bitmap_sync_start ')}${line(seconds + 0.002, `migration_bitmap_sync_end dirty_pages ${pages}`)}`;
    const text =
      sync(0, 0) + sync(0.4, 100) + sync(0.8, 130) + sync(1.2, 150) + sync(1.5, 7) + sync(1.9, 9) + sync(2.6, 4);
    for (const step of [1, 7, text.length]) {
      const trace = reader(text, step);
      // 1.2 s ends the first period; a counter that fell has been reset too.
      expect(trace.syncs.map(({ newPages }) => newPages)).toEqual([0, 100, 30, 20, 7, 2, 4]);
      expect(trace.newPages).toBe(163);
      expect(trace.syncs[1]!.endWallMs - trace.syncs[1]!.startWallMs).toBeCloseTo(2, 3);
    }
  });

  it('give the threshold of each window and the marks of the blackout, each the first time', () => {
    const trace = reader(
      line(1, 'migrate_transferred transferred 6714563 time_spent 100 bandwidth 67145 max_size 20143689') +
        line(2, 'migration_thread_low_pending 5') +
        line(3, 'migration_thread_low_pending 4'),
    );
    expect(trace.windows).toEqual([{ wallMs: 1_700_000_001_000, thresholdBytes: 20143689 }]);
    expect(trace.marks).toEqual({ lowPending: 1_700_000_002_000 });
  });

  it('leave everything else aside', () => {
    const trace = reader(
      'qemu-system-x86_64: warning: something\nmigration_bitmap_sync_end dirty_pages 5\n' +
        line(1, 'migration_bitmap_sync_end dirty_pages 5') +
        line(1, 'migrate_transferred nothing'),
    );
    expect({ syncs: trace.syncs, windows: trace.windows, marks: trace.marks }).toEqual({
      syncs: [],
      windows: [],
      marks: {},
    });
  });
});

describe('write curve', () => {
  it('gives rates over adjoining intervals that add up to what was reported, like a sum over the curve would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ gap: fc.integer({ min: 1, max: 9 }), writes: fc.nat(50) }), {
          minLength: 2,
          maxLength: 12,
        }),
        fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 20 }),
        (reports, steps) => {
          const curve = new WriteCurve();
          const knots: [number, number][] = [[0, 0]];
          for (const { gap, writes } of reports) knots.push([knots.at(-1)![0] + gap, knots.at(-1)![1] + writes]);
          for (const [time, writes] of knots) curve.add(time, writes);
          /** Slow and obvious: the first two neighbours around the time. */
          const at = (time: number): number | null => {
            for (let i = 1; i < knots.length; i++) {
              const [[t0, w0], [t1, w1]] = [knots[i - 1]!, knots[i]!];
              if (time >= t0 && time <= t1) return w0 + ((w1 - w0) * (time - t0)) / (t1 - t0);
            }
            return null;
          };
          let from = 0;
          for (const step of steps) {
            const to = from + step;
            expect(curve.at(to)).toEqual(at(to));
            const [a, b] = [at(from), at(to)];
            const rate = curve.rate(from, to);
            if (a === null || b === null) expect(rate).toBeNull();
            else expect(rate! * (step / 1e9)).toBeCloseTo(b - a, 9);
            from = to;
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('recorder', () => {
  const observation = (timeNs: number): Parameters<Recorder['observe']>[0] => ({
    timeNs,
    figures: null,
    thresholdPages: null,
    newlyDirtyPages: null,
  });
  const recording = (): { recorder: Recorder; chunks: SampleChunk[] } => {
    const chunks: SampleChunk[] = [];
    return { chunks, recorder: new Recorder({ samples: (chunk) => chunks.push(chunk) }, 'db') };
  };

  it('holds an observation back until the guest has reported past it', () => {
    const { recorder, chunks } = recording();
    recorder.report(0, 0);
    recorder.observe(observation(0));
    recorder.observe(observation(50e6));
    recorder.observe(observation(100e6));
    expect(chunks.map(({ firstIndex, count }) => [firstIndex, count])).toEqual([[0, 1]]);
    recorder.report(200e6, 2000);
    expect(chunks.map(({ firstIndex, count }) => [firstIndex, count])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect([...chunks[1]!.columns[0]!]).toEqual([10_000, 10_000]);
  });

  it('does not wait for a silent guest for ever, and says NaN for what it does not know', () => {
    const { recorder, chunks } = recording();
    for (let ms = 0; ms <= 3000; ms += 100) recorder.observe(observation(ms * 1e6));
    expect(chunks.reduce((sum, { count }) => sum + count, 0)).toBe(6);
    recorder.finish();
    expect(chunks.reduce((sum, { count }) => sum + count, 0)).toBe(31);
    expect(chunks.every(({ columns }) => columns.every((column) => column.every(Number.isNaN)))).toBe(true);
  });

  it('leaves out an observation at a time that has been', () => {
    const { recorder, chunks } = recording();
    for (const time of [0, 5, 5, 3, 9]) recorder.observe(observation(time));
    recorder.finish();
    expect(chunks.flatMap(({ timesNs }) => [...timesNs])).toEqual([0, 5, 9]);
  });
});

describe('rates of sending', () => {
  it('are those between two answers that know totals, and unknown where a total fell', () => {
    const rates = new SentRates();
    const figures = (sentBytes: number | null, normalPages: number | null): typeof NO_FIGURES => ({
      ...NO_FIGURES,
      sentBytes,
      normalPages,
      zeroPages: 0,
    });
    expect(rates.next(0, figures(100, 1))).toEqual({ sentBytesPerSecond: null, sentPagesPerSecond: null });
    expect(rates.next(1e9, null)).toEqual({ sentBytesPerSecond: null, sentPagesPerSecond: null });
    expect(rates.next(2e9, figures(300, 5))).toEqual({ sentBytesPerSecond: 100, sentPagesPerSecond: 2 });
    expect(rates.next(3e9, figures(0, null))).toEqual({ sentBytesPerSecond: null, sentPagesPerSecond: null });
  });
});

describe('comparison of memories', () => {
  /** Memory as a QEMU would save it. */
  const saver = (memory: Buffer): SavesMemory => ({
    execute: (command, args) => {
      expect(command).toBe('pmemsave');
      const { val, size, filename } = args as { val: number; size: number; filename: string };
      writeFileSync(filename, memory.subarray(val, val + size));
      return Promise.resolve({});
    },
  });

  it('finds each page that differs in a single byte, in pieces, and not where there is no RAM', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'brownout-compare-'));
    try {
      const guest = { machine: 'pc', memoryPages: 33 * 256 } as const;
      const here = Buffer.alloc(33 * 2 ** 20, 1);
      const there = Buffer.from(here);
      for (const page of [0, 0xa0, 0xff, 0x100, 0x101, 8191, 8192, 8447])
        there.writeUInt8(2, page * 4096 + (page % 4096));
      const found = await compareMemories(saver(here), saver(there), guest, folder);
      expect(found).toEqual({
        pagesCompared: 33 * 256 - 96,
        pagesDiffering: 6,
        runs: [
          [0, 1],
          [0x100, 2],
          [8191, 2],
          [8447, 1],
        ],
      });
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('looks for memory above the hole where it lies: from 4 GiB on', () => {
    // q35 leaves 2 GiB below 4 GiB from 2.75 GiB on.
    const pieces = piecesOf({ machine: 'q35', memoryPages: (2816 + 40) * 256 });
    expect(pieces.slice(63, 65)).toEqual([
      { gpaPage: (2048 - 32) * 256, ramPage: (2048 - 32) * 256, pages: 32 * 256 },
      { gpaPage: 4096 * 256, ramPage: 2048 * 256, pages: 32 * 256 },
    ]);
    expect(pieces.at(-1)).toEqual({ gpaPage: (4096 + 800) * 256, ramPage: 2848 * 256, pages: 8 * 256 });
    expect(pieces.reduce((sum, { pages }) => sum + pages, 0)).toBe(2856 * 256);
  });
});
