import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunEvent } from '../../../engine/experiment/result.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { aChunk, anEvent, aRun, aSummary } from './aRun.ts';

const MS = 1_000_000;
const at = (kind: RunEvent['kind'], ms: number): RunEvent => ({ ...anEvent(ms * MS, kind), kind });

/** 600 samples of 10 ms: a tenth of a second for each of the 60 points. */
function sparkOf(...events: readonly RunEvent[]): ReturnType<Store['spark']> {
  const store = new Store(IN_MEMORY);
  onTestFinished(() => {
    store.close();
  });
  const writer = store.begin(aRun());
  writer.samples(aChunk(0, 600));
  for (const event of events) writer.event(event);
  writer.finish(aSummary({ startNs: 1000 * MS }), [], 'abc');
  return store.spark(writer.id);
}

describe('the shape of a run', () => {
  it('has the greatest rate of all sources together in each stretch', () => {
    const spark = sparkOf();
    expect(spark).toMatchObject({ endNs: 6_000 * MS, startNs: 1000 * MS, stopNs: null, resumeNs: null });
    expect(spark?.peaks).toHaveLength(60);
    expect(Math.max(...spark!.peaks.map((peak) => peak ?? 0))).toBe(1099 + 2099);
  });
  it('has the blackout between stop and resume', () => {
    expect(sparkOf(at('stop', 2000), at('resume', 2100))).toMatchObject({ stopNs: 2000 * MS, resumeNs: 2100 * MS });
  });
  it('of several migrations has the last blackout alone, not all the time between', () => {
    const events = [at('stop', 2000), at('resume', 2100), at('stop', 5000), at('resume', 5040)];
    expect(sparkOf(...events)).toMatchObject({ stopNs: 5000 * MS, resumeNs: 5040 * MS });
  });
  it('knows a guest that never went on', () => {
    expect(sparkOf(at('stop', 2000), at('resume', 2100), at('stop', 5000))).toMatchObject({
      stopNs: 5000 * MS,
      resumeNs: null,
    });
  });
});
