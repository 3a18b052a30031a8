import { expect, it } from 'vitest';
import { createSimulation } from '../../../engine/experiment/simulate.ts';
import type { HeatMap, RunEvent, RunSink } from '../../../engine/experiment/result.ts';
import { framingSink, FrameReader, FrameTrouble } from '../../../main/queue/frames.ts';
import { planOfText, SMALL_SWEEP } from '../sweeps/aSweep.ts';

/** All that reaches a sink, in plain values; chunks of samples joined. */
function recording(): { readonly sink: RunSink; readonly told: Record<string, unknown> & { heat?: HeatMap } } {
  const times: number[] = [];
  const columns: number[][] = [];
  const events: RunEvent[] = [];
  const told: Record<string, unknown> & { heat?: HeatMap } = { times, columns, events };
  const sink: RunSink = {
    head: (head) => (told['head'] = head),
    samples: (chunk) => {
      times.push(...chunk.timesNs.subarray(0, chunk.count));
      for (const [i, column] of chunk.columns.entries()) (columns[i] ??= []).push(...column.subarray(0, chunk.count));
    },
    event: (event) => events.push(event),
    heat: (map) => (told.heat = map),
    finished: (...end) => (told['end'] = end),
  };
  return { sink, told };
}

const both = (...sinks: readonly RunSink[]): RunSink => ({
  head: (head) => {
    for (const sink of sinks) sink.head(head);
  },
  samples: (chunk) => {
    for (const sink of sinks) sink.samples(chunk);
  },
  event: (event) => {
    for (const sink of sinks) sink.event(event);
  },
  heat: (map) => {
    for (const sink of sinks) sink.heat?.(map);
  },
  finished: (...end) => {
    for (const sink of sinks) sink.finished(...end);
  },
});

function aRunInFrames(): { readonly frames: Buffer[]; readonly told: ReturnType<typeof recording>['told'] } {
  const plan = planOfText(SMALL_SWEEP);
  const frames: Buffer[] = [];
  const { sink, told } = recording();
  const framing = framingSink((frame) => frames.push(frame));
  const simulation = createSimulation(plan.experiment(plan.points[0]!), both(sink, framing));
  while (!simulation.advance(100_000));
  return { frames, told };
}

it('give back a run bit for bit: head, samples, events, heat map, summary and hash', () => {
  const { frames, told } = aRunInFrames();
  expect(frames.map((frame) => String.fromCharCode(frame[0]!)).join('')).toMatch(/^hs+e*m?f$/u);
  const { sink, told: read } = recording();
  const reader = new FrameReader(sink);
  for (const frame of frames) reader.read(frame);
  expect(reader.finished).toBe(true);
  expect(read).toEqual(told);
});

it('that are missing, doubled, cut or forged are refused, and never a run with an end', () => {
  const { frames } = aRunInFrames();
  const refused = (some: readonly Buffer[]): boolean => {
    const reader = new FrameReader(recording().sink);
    try {
      for (const frame of some) reader.read(frame);
    } catch (error) {
      expect(error).toBeInstanceOf(FrameTrouble);
      return true;
    }
    return !reader.finished;
  };
  expect(refused(frames)).toBe(false);
  const samples = frames.findIndex((frame) => frame[0] === 's'.charCodeAt(0));
  expect(refused(frames.slice(1))).toBe(true);
  expect(refused(frames.slice(0, -1))).toBe(true);
  expect(refused([...frames, frames.at(-1)!])).toBe(true);
  expect(refused([...frames.slice(0, samples + 1), ...frames.slice(samples)])).toBe(true);
  for (const [i, frame] of frames.entries()) {
    const others = (changed: Buffer): Buffer[] => frames.map((each, at) => (at === i ? changed : each));
    expect(refused(others(frame.subarray(0, frame.length - 1)))).toBe(true);
    expect(refused(others(Buffer.concat([Buffer.from('x'), frame.subarray(1)])))).toBe(true);
    expect(refused(others(Buffer.alloc(0)))).toBe(true);
  }
  // One bit anywhere in the samples is seen by a checksum, by the decompression or by the shape, or it is one that means nothing.
  const { told: right } = aRunInFrames();
  for (let bit = 5 * 8; bit < frames[samples]!.length * 8; bit += 97) {
    const changed = Buffer.from(frames[samples]!);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    const others = frames.map((each, at) => (at === samples ? changed : each));
    if (refused(others)) continue;
    const { sink, told } = recording();
    const reader = new FrameReader(sink);
    for (const frame of others) reader.read(frame);
    expect(told).toEqual(right);
  }
});
