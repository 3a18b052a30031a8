// The rules of Chrome's trace form that the Perfetto UI relies on, checked by a reader of our own that knows nothing of the
// writer: every event has its fields, every track a name, slices of a track nest, times are exact.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportPieces } from '../../../main/export/formats.ts';
import { micros } from '../../../main/export/perfetto.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { aChunk, aRun, anEvent, aSummary } from '../store/aRun.ts';
import { awkwardRun, keep, type Awkward } from './awkward.ts';

interface TraceEvent {
  readonly ph: 'M' | 'X' | 'i' | 'C';
  readonly pid: number;
  readonly tid?: number;
  readonly name: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly s?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

async function trace(store: Store, id: number): Promise<TraceEvent[]> {
  const bytes = Buffer.concat([...(await exportPieces(store, [id], { format: 'perfetto' }))]);
  return (JSON.parse(bytes.toString()) as { traceEvents: TraceEvent[] }).traceEvents;
}

const ns = (us: number | undefined): number => Math.round((us ?? NaN) * 1000);

function expectWellFormed(events: readonly TraceEvent[]): void {
  const threads = new Set<string>();
  const processes = new Set<number>();
  const slices = new Map<string, { from: number; to: number }[]>();
  for (const event of events) {
    expect(Number.isInteger(event.pid)).toBe(true);
    switch (event.ph) {
      case 'M':
        if (event.name === 'process_name') processes.add(event.pid);
        if (event.name === 'thread_name') threads.add(`${event.pid} ${event.tid}`);
        break;
      case 'C':
        expect(event.ts).toBeGreaterThanOrEqual(0);
        expect(typeof event.args['value']).toBe('number');
        break;
      case 'i':
        expect(event.s).toBe('t');
        expect(event.ts).toBeGreaterThanOrEqual(0);
        expect(threads).toContain(`${event.pid} ${event.tid}`);
        break;
      case 'X': {
        expect(event.dur).toBeGreaterThan(0);
        const track = `${event.pid} ${event.tid}`;
        expect(threads).toContain(track);
        const others = slices.get(track) ?? [];
        slices.set(track, [...others, { from: ns(event.ts), to: ns(event.ts) + ns(event.dur) }]);
        break;
      }
    }
    expect(processes).toContain(event.pid);
  }
  for (const track of slices.values()) {
    for (const [i, a] of track.entries()) {
      for (const b of track.slice(i + 1)) {
        const apart = a.to <= b.from || b.to <= a.from;
        const nested = (a.from <= b.from && b.to <= a.to) || (b.from <= a.from && a.to <= b.to);
        expect(apart || nested, `${a.from}..${a.to} and ${b.from}..${b.to}`).toBe(true);
      }
    }
  }
}

/** What a counter shows at a time: the last value at or before it. */
function shown(events: readonly TraceEvent[], name: string, atNs: number): number {
  let value = NaN;
  for (const event of events)
    if (event.ph === 'C' && event.name === name && ns(event.ts) <= atNs) value = event.args['value'] as number;
  return value;
}

function expectSteps(events: readonly TraceEvent[], { series, times, columns }: Awkward): void {
  for (const [c, { id, unit, kind }] of series.entries()) {
    // Two series of one name share a counter: nothing to check.
    if (series.some((other, i) => i !== c && other.id === id && other.unit === unit)) continue;
    for (const [i, value] of columns[c]!.entries()) {
      if (!Number.isFinite(value)) continue;
      const from = i === 0 ? 0 : times[i - 1]!;
      const to = times[i]!;
      if (kind === 'rate' && from < to)
        expect(shown(events, `${id} [${unit}]`, from) - value, `${id} after ${from}`).toBe(0);
      if (kind !== 'rate' && times[i + 1] !== to)
        expect(shown(events, `${id} [${unit}]`, to) - value, `${id} at ${to}`).toBe(0);
    }
  }
}

describe('a trace', () => {
  it('shows phases, rounds, device states and a loss on tracks of their own, with what they say', async () => {
    const store = new Store(IN_MEMORY);
    const writer = store.begin(aRun('with a NIC'));
    writer.samples(aChunk(0, 3));
    writer.event({ timeNs: 1_234_567, durationNs: 1_000, kind: 'phase', text: 'precopy', detail: {} });
    writer.event({ ...anEvent(2_000_000), durationNs: 5_000, text: 'round 1' });
    writer.event({ timeNs: 3_000_000, durationNs: 10, kind: 'device-state', text: 'STOP', source: 'nic0', detail: {} });
    writer.event({
      timeNs: 4_000_000,
      durationNs: 0,
      kind: 'loss',
      text: 'unmap dropped 3 pages',
      detail: { pages: 3 },
    });
    writer.finish(aSummary(), [], 'abc');
    const events = await trace(store, writer.id);
    store.close();
    expectWellFormed(events);
    const threadOf = (event: TraceEvent | undefined): unknown =>
      events.find(
        ({ ph, name, pid, tid }) => ph === 'M' && name === 'thread_name' && pid === event?.pid && tid === event.tid,
      )?.args['name'];
    const named = (name: string): TraceEvent | undefined =>
      events.find((event) => event.ph !== 'M' && event.name === name);
    expect(named('precopy')).toMatchObject({ ph: 'X', ts: 1234.567, dur: 1 });
    expect(threadOf(named('precopy'))).toBe('phases');
    expect(threadOf(named('round 1'))).toBe('rounds');
    expect(threadOf(named('STOP'))).toBe('nic0: state');
    expect(named('unmap dropped 3 pages')).toMatchObject({ ph: 'i', args: { pages: 3, event: 3 } });
    expect(threadOf(named('unmap dropped 3 pages'))).toBe('LOST pages');
    expect(events.find(({ name }) => name === 'process_name')?.args['name']).toBe('Migration: with a NIC');
  });

  it('moves a span that overlaps another only in part to a further track of the same name', async () => {
    const store = new Store(IN_MEMORY);
    const writer = store.begin(aRun());
    const spans = { first: [0, 10], inside: [2, 4], across: [8, 12], after: [12, 13] };
    for (const [text, [from = 0, to = 0]] of Object.entries(spans)) {
      writer.event({ timeNs: from, durationNs: to - from, kind: 'phase', text, detail: {} });
    }
    writer.finish(aSummary(), [], 'abc');
    const events = await trace(store, writer.id);
    store.close();
    expectWellFormed(events);
    const tid = (text: string): unknown => events.find(({ name }) => name === text)?.tid;
    expect(tid('inside')).toBe(tid('first'));
    expect(tid('after')).toBe(tid('first'));
    expect(tid('across')).not.toBe(tid('first'));
    expect(
      events.flatMap(({ ph, name, args }) => (ph === 'M' && name === 'thread_name' ? [args['name']] : [])),
    ).toEqual(['phases', 'phases (2)']);
  });

  it('is well formed and its counters show what was sampled, whatever the run', async () => {
    await fc.assert(
      fc.asyncProperty(awkwardRun, fc.integer({ min: 1, max: 9 }), async (run, piece) => {
        const store = new Store(IN_MEMORY);
        try {
          const events = await trace(store, keep(store, run, piece));
          expectWellFormed(events);
          expectSteps(events, run);
          expect(events.filter(({ ph }) => ph === 'X' || ph === 'i')).toHaveLength(run.events.length);
        } finally {
          store.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('writes nanoseconds as microseconds without rounding', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger().map(Math.abs), (time) => {
        const [whole = '', fraction = ''] = micros(time).split('.');
        expect(BigInt(whole) * 1000n + BigInt(fraction.padEnd(3, '0') || '0')).toBe(BigInt(time));
      }),
    );
  });
});
