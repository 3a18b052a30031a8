import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunEvent, RunSink, SampleChunk } from '../../../engine/experiment/result.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { makeRun } from '../../../main/runs/makeRun.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { WorkerFailure } from '../../../main/workers/failure.ts';
import { SimulationPool } from '../../../main/workers/pool.ts';
import { MAX_MESSAGE_EVENTS, MAX_MESSAGE_VALUES } from '../../../main/workers/protocol.ts';
import { createStandIn } from './standIn.ts';

const doing = (name: string, seed = 7): Experiment => ({ name, seed }) as Experiment;

function aPool(heapMiB?: number): SimulationPool {
  const worker = new URL('./standIn.ts', import.meta.url);
  const pool = new SimulationPool({ threads: 1, worker, ...(heapMiB === undefined ? {} : { heapMiB }) });
  onTestFinished(() => pool.close());
  return pool;
}

class Collector implements RunSink {
  readonly values: number[] = [];
  readonly events: RunEvent[] = [];
  readonly chunks: SampleChunk[] = [];
  order: string[] = [];
  hash = '';
  outcome = '';
  head(): void {
    this.order.push('head');
  }
  samples(chunk: SampleChunk): void {
    expect(chunk.firstIndex).toBe(this.values.length);
    this.chunks.push(chunk);
    this.values.push(...chunk.columns[0]!.subarray(0, chunk.count));
  }
  event(event: RunEvent): void {
    this.events.push(event);
  }
  finished(...[summary, , hash]: Parameters<RunSink['finished']>): void {
    this.order.push('finished');
    this.outcome = summary.outcome;
    this.hash = hash;
  }
}

describe('a simulation in a worker', () => {
  it('gives what it gives in this thread, in bounded messages, with any sampling of its progress', async () => {
    const here = new Collector();
    const simulation = createStandIn(doing('whole'), here);
    while (!simulation.advance(777));
    const pool = aPool();
    for (const progressMs of [0, 1, 100_000]) {
      const there = new Collector();
      let told = 0;
      await pool.run(doing('whole'), there, { progressMs, onProgress: () => told++ });
      expect(there.hash).toBe(here.hash);
      expect(there.values).toEqual(here.values);
      expect(there.events).toEqual(here.events);
      expect(there.order).toEqual(['head', 'finished']);
      expect(Math.max(...there.chunks.map(({ count }) => count))).toBeLessThanOrEqual(MAX_MESSAGE_VALUES / 2);
      if (progressMs === 0) expect(told).toBeGreaterThan(0);
      if (progressMs === 100_000) expect(told).toBe(0);
    }
    expect(MAX_MESSAGE_EVENTS).toBeGreaterThan(0);
  });

  it('that is cancelled still finishes, and says so', async () => {
    const abort = new AbortController();
    const sink = new Collector();
    await aPool().run(doing('long'), sink, {
      signal: abort.signal,
      progressMs: 1,
      onProgress: () => {
        abort.abort();
      },
    });
    expect(sink.outcome).toBe('cancelled');
  });

  it('that is cancelled before it starts finishes too', async () => {
    const sink = new Collector();
    await aPool().run(doing('long'), sink, { signal: AbortSignal.abort() });
    expect(sink.outcome).toBe('cancelled');
  });

  it('waits for a host that is slow, instead of filling its memory', async () => {
    const abort = new AbortController();
    const WORK_MS = 50;
    const CHUNKS = 30;
    let chunks = 0;
    let olderMs = 0;
    const slow: RunSink = {
      head: () => undefined,
      samples({ columns, count }) {
        // Eight messages may be under way: what arrives was made at most that much work ago.
        olderMs = Math.max(olderMs, Date.now() - columns[0]![count - 1]!);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WORK_MS);
        if (++chunks === CHUNKS) abort.abort();
      },
      event: () => undefined,
      finished: () => undefined,
    };
    const from = Date.now();
    await aPool().run(doing('clock'), slow, { signal: abort.signal });
    const tookMs = Date.now() - from;
    expect(chunks).toBeGreaterThanOrEqual(CHUNKS);
    expect(olderMs).toBeLessThan(tookMs / 2);
  });

  it.each([
    ['throws', /the simulation broke: a bug/],
    ['exits', /the simulation broke: .*exit/i],
    ['out of memory', /the simulation ran out of memory/],
  ])('that %s is a failure with the reason, after what it had sent', async (name, reason) => {
    const sink = new Collector();
    const pool = aPool(64);
    await expect(pool.run(doing(name), sink)).rejects.toThrow(reason);
    await expect(pool.run(doing(name), new Collector())).rejects.toBeInstanceOf(WorkerFailure);
    expect(sink.order).toEqual(['head']);
    // The pool goes on with another thread.
    const next = new Collector();
    await pool.run(doing('whole'), next);
    expect(next.outcome).toBe('completed');
  });

  it('an error of the sink stops the simulation and reaches the caller', async () => {
    const sink = new Collector();
    sink.samples = () => {
      throw new Error('the disk is full');
    };
    await expect(aPool().run(doing('long'), sink)).rejects.toThrow('the disk is full');
  });
});

describe('a run that is made and kept', () => {
  const request = { name: 'n', tags: [], experiment: 'name: n', fileName: 'n.yaml' };

  it('is in the store when its producer has finished', async () => {
    const store = new Store(IN_MEMORY);
    const pool = aPool();
    const id = await makeRun(store, request, (sink, options) => pool.run(doing('whole'), sink, options));
    expect(store.run(id).row).toMatchObject({ status: 'finished', sampleCount: 20_000, eventCount: 200 });
    store.close();
  });

  it('is marked failed with the reason when its worker dies, and keeps what came before', async () => {
    const store = new Store(IN_MEMORY);
    const pool = aPool();
    const made = makeRun(store, request, (sink, options) => pool.run(doing('throws'), sink, options));
    await expect(made).rejects.toBeInstanceOf(WorkerFailure);
    expect(store.list()).toMatchObject([{ status: 'failed', failure: 'the simulation broke: a bug' }]);
    store.close();
  });
});
