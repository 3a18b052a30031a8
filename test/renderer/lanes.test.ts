// Lanes over the axis of time: what an event becomes, and that nothing is left out where there are too many.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../main/contract/runs.ts';
import { boxesOf, lanesOf, type LaneSpan } from '../../renderer/views/run/lanes.ts';

let number = 0;
function event(kind: RunEvent['kind'], timeNs: number, rest: Partial<RunEvent> = {}): RunEvent {
  return { number: number++, kind, timeNs, durationNs: 0, text: '', detail: {}, ...rest };
}
const state = (source: string, timeNs: number, from: string, to: string): RunEvent =>
  event('device-state', timeNs, { source, detail: { from, to } });

const said = (spans: readonly LaneSpan[] | undefined): string[] =>
  (spans ?? []).map(({ label, fromNs, toNs }) => `${label} ${fromNs}–${toNs}`);

describe('lanes', () => {
  it('of a device go from one state to the next, the first from the beginning of the run', () => {
    const [lane] = lanesOf(
      [
        state('nic0', 100, 'RUNNING', 'PRE_COPY'),
        state('nic0', 300, 'PRE_COPY', 'PRE_COPY_P2P'),
        state('nic0', 310, 'PRE_COPY_P2P', 'STOP_COPY'),
      ],
      400,
    );
    expect(lane?.title).toBe('nic0');
    expect(said(lane?.spans)).toEqual([
      'RUNNING 0–100',
      'PRE_COPY 100–300',
      'PRE_COPY_P2P 300–310',
      'STOP_COPY 310–400',
    ]);
  });
  it('are one for each device, 64 or more', () => {
    const events = Array.from({ length: 64 }, (_, i) => state(`vf${i}`, 10 + i, 'RUNNING', 'PRE_COPY'));
    expect(lanesOf(events, 500)).toHaveLength(64);
  });
  it('of rounds are named by their numbers and in the order of time, whatever the order of the reports', () => {
    const events = [
      event('round', 50, { durationNs: 20, detail: { round: 2 } }),
      event('round', 10, { durationNs: 40, detail: { round: 1 } }),
    ];
    expect(said(lanesOf(events, 100)[0]?.spans)).toEqual(['1 10–50', '2 50–70']);
  });
  it('of rounds end with the one that is not over: until the guest runs again, or as far as the run has come', () => {
    const events = [
      event('round', 10, { durationNs: 40, detail: { round: 1 } }),
      event('harvest', 50, { durationNs: 5, detail: { round: 2 } }),
    ];
    expect(said(lanesOf(events, 100)[0]?.spans)).toEqual(['1 10–50', '2 55–100']);
    expect(said(lanesOf([...events, event('stop', 60), event('resume', 80)], 100)[0]?.spans)).toEqual([
      '1 10–50',
      '2 55–80',
    ]);
  });
  it('of the throttle hold until the next change or the stop', () => {
    const events = [
      event('throttle', 10, { detail: { percent: 20 } }),
      event('throttle', 30, { detail: { percent: 50 } }),
      event('stop', 60),
    ];
    expect(said(lanesOf(events, 100)[0]?.spans)).toEqual(['20% 10–30', '50% 30–60']);
  });
  it('that nothing happened in are not there', () => {
    expect(lanesOf([], 100)).toEqual([]);
  });
});

describe('boxes of a lane', () => {
  it('stand for every span in sight, each within a pixel or two of where it is', () => {
    const spans = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 200 })), { maxLength: 300 })
      .map((all) =>
        all
          .sort((a, b) => a[0] - b[0])
          .map(([fromNs, length]): LaneSpan => ({
            fromNs,
            toNs: fromNs + length,
            label: '',
            tone: 'round',
            strength: 1,
            event: 0,
          })),
      );
    fc.assert(
      fc.property(spans, fc.integer({ min: 10, max: 400 }), (all, widthPx) => {
        const view = { fromNs: 1000, toNs: 4000 };
        const inSight = all.filter(({ fromNs, toNs }) => toNs >= view.fromNs && fromNs <= view.toNs);
        const boxes = boxesOf(all, view, widthPx);
        expect(boxes.reduce((sum, { count }) => sum + count, 0)).toBe(inSight.length);
        for (const { fromNs } of inSight) {
          const x = Math.max(0, ((fromNs - view.fromNs) / 3000) * widthPx);
          expect(boxes.some(({ left, right }) => x >= left - 2 && x <= right + 2)).toBe(true);
        }
      }),
    );
  });
});
