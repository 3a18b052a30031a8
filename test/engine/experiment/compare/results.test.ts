// What a difference is worth: judged on groups made up so that the answer is known.
import { describe, expect, it } from 'vitest';
import { aligned, anchorsOf, unaligned } from '../../../../engine/experiment/compare/alignment.ts';
import { groupRuns, mismatchesOf, type Groupable } from '../../../../engine/experiment/compare/groups.ts';
import { JUDGED, resultsOf, type ResultCell } from '../../../../engine/experiment/compare/results.ts';
import { METRIC_NAMES } from '../../../../engine/experiment/expect.ts';
import type { RunEvent, Summary } from '../../../../engine/experiment/result.ts';

const NOTHING = { total: null, normal: null, zero: null };
function aSummary(downtimeNs: number | null, more: Partial<Summary> = {}): Summary {
  return {
    ...{ outcome: 'completed', reason: '', startNs: 0, totalNs: null, setupNs: null, downtimeNs, downtimeParts: [] },
    bytes: { ...NOTHING, device: null, protocol: null },
    pages: { ...NOTHING, resent: null, needless: null, lost: null },
    ...{ rounds: null, losses: [], guestStallNs: null, guestSpeed: null, throttleMaxPercent: null, simulatedNs: 0 },
    tracking: { harvestNs: null, entriesTouched: null, iotlbFlushes: null, faults: null },
    ...more,
  };
}
const group = (...downtimes: (number | null)[]): { summaries: Summary[] } => ({
  summaries: downtimes.map((downtime) => aSummary(downtime)),
});
function downtimeOf(a: (number | null)[], b: (number | null)[]): ResultCell {
  return resultsOf([group(...a), group(...b)], 0).find(({ metric }) => metric === 'downtime')!.cells[1]!;
}

describe('a difference', () => {
  it('counts when its interval excludes no change, in the direction that is better', () => {
    const slow = downtimeOf([10, 11, 12, 13], [20, 21, 22, 23]);
    expect(slow).toMatchObject({ judgement: 'worse', n: 4, median: 21.5, delta: 10, effect: 1, effectSize: 'large' });
    expect(slow.ratio).toBeCloseTo(21.5 / 11.5);
    expect(slow.deltaInterval!.low).toBeGreaterThan(0);
    expect(downtimeOf([20, 21, 22, 23], [10, 11, 12, 13]).judgement).toBe('better');
  });

  it('of a share that should be high is better when it rises', () => {
    const speeds = (...values: number[]): { summaries: Summary[] } => ({
      summaries: values.map((guestSpeed) => aSummary(1, { guestSpeed })),
    });
    const row = resultsOf([speeds(0.5, 0.52, 0.51, 0.5), speeds(0.9, 0.92, 0.91, 0.9)], 0).find(
      ({ metric }) => metric === 'guest_speed',
    )!;
    expect(row.better).toBe('more');
    expect(row.cells[1]!.judgement).toBe('better');
  });

  it('in a figure without a better direction is only different', () => {
    const rounds = (value: number): { summaries: Summary[] } => ({
      summaries: [1, 2, 3, 4].map(() => aSummary(null, { rounds: value })),
    });
    expect(resultsOf([rounds(3), rounds(9)], 0)[0]!.cells[1]!.judgement).toBe('different');
  });

  it('may be chance when the groups overlap', () => {
    expect(downtimeOf([10, 20, 30, 40, 50], [12, 22, 28, 41, 49]).judgement).toBe('unclear');
  });

  it('is not claimed from too few repeats, however clear it looks', () => {
    expect(downtimeOf([1, 2, 3], [100, 101, 102]).judgement).toBe('too-few');
    expect(downtimeOf([1], [100, 101, 102, 103]).judgement).toBe('too-few');
    expect(downtimeOf([1, 2, 3], [100, 101, 102, 103, 104]).judgement).toBe('worse');
  });

  it('of one run each is exact and says no more', () => {
    const cell = downtimeOf([10], [15]);
    expect(cell).toMatchObject({
      judgement: 'single',
      delta: 5,
      ratio: 1.5,
      p: null,
      effect: null,
      deltaInterval: null,
    });
  });

  it('is none where every repeat is the same, and has no ratio to nothing', () => {
    expect(downtimeOf([7, 7], [7, 7, 7]).judgement).toBe('same');
    expect(downtimeOf([7], [7]).judgement).toBe('same');
    expect(downtimeOf([0], [5])).toMatchObject({ delta: 5, ratio: null });
  });

  it('is not known where one side does not know the figure, and unknown repeats do not count', () => {
    expect(downtimeOf([10], [null]).judgement).toBe('unknown');
    expect(downtimeOf([null], [10]).judgement).toBe('unknown');
    expect(downtimeOf([10, null, 11], [12]).n).toBe(1);
    expect(resultsOf([group(null), group(null)], 0)).toEqual([]);
  });

  it('has a p that knows how many figures were asked for', () => {
    const many = (shift: number): { summaries: Summary[] } => ({
      summaries: [1, 2, 3, 4].map((x) => aSummary(x + shift, { totalNs: x, rounds: x + shift, setupNs: x })),
    });
    const ps = resultsOf([many(0), many(100)], 0).map(({ metric, cells }) => [metric, cells[1]!.p]);
    const least = 2 / 70;
    expect(Object.fromEntries(ps)).toMatchObject({ downtime: 4 * least, rounds: 4 * least, total: 1, setup: 1 });
  });

  it('is judged for every figure there is', () => {
    expect(JUDGED).toEqual(METRIC_NAMES);
  });
});

const aRun = (change: Partial<Groupable> = {}): Groupable => ({
  ...{ kind: 'sim', engineVersion: '1', seed: 1, hash: 'h', configuration: 'c' },
  ...change,
});

describe('groups', () => {
  it('fold simulations that differ in their seed alone, and count each seed once', () => {
    const groups = groupRuns([aRun(), aRun({ seed: 2 }), aRun({ configuration: 'd' }), aRun()]);
    expect(groups).toEqual([
      { members: [0, 1, 3], repeats: [0, 1] },
      { members: [2], repeats: [2] },
    ]);
  });

  it('keep engines and kinds of runs apart; of measurements each counts', () => {
    const measured = aRun({ kind: 'qemu', seed: 1 });
    const groups = groupRuns([aRun(), aRun({ engineVersion: '2' }), measured, { ...measured, engineVersion: '7.2' }]);
    expect(groups.map(({ repeats }) => repeats)).toEqual([[0], [1], [2, 3]]);
  });

  it('leave alone what nothing is known of', () => {
    expect(groupRuns([aRun({ configuration: null }), aRun({ configuration: null })])).toHaveLength(2);
  });

  it('report runs that should be identical and are not', () => {
    const runs = [aRun(), aRun({ hash: 'other' }), aRun({ seed: 2, hash: 'x' }), aRun({ hash: null })];
    expect(mismatchesOf(runs)).toEqual([{ runs: [0, 1] }]);
    expect(mismatchesOf([aRun(), aRun()])).toEqual([]);
    expect(mismatchesOf([aRun({ kind: 'qemu', hash: 'a' }), aRun({ kind: 'qemu', hash: 'b' })])).toEqual([]);
  });
});

describe('alignment', () => {
  const event = (kind: RunEvent['kind'], timeNs: number, durationNs = 0, round?: number): RunEvent => ({
    ...{ kind, timeNs, durationNs, text: '' },
    detail: round === undefined ? {} : { round },
  });
  const events = [
    event('harvest', 100, 10, 1),
    event('round', 110, 90, 1),
    event('harvest', 200, 10, 2),
    // Round 3 came too fast to be told.
    event('round', 410, 100, 4),
    event('stop', 510),
  ];
  const anchors = anchorsOf(aSummary(1, { startNs: 100, totalNs: 500 }), events, 700);

  it('moves the clock to the start or to the stop', () => {
    expect(aligned('start', anchors, 350)).toBe(250);
    expect(aligned('stop', anchors, 350)).toBe(-160);
    expect(unaligned('stop', anchors, -160)).toBe(350);
  });

  it('stretches time so that rounds lie above each other, evenly where they are not told', () => {
    expect(aligned('round', anchors, 110)).toBe(1);
    expect(aligned('round', anchors, 155)).toBe(1.5);
    // The round before its own sync is over belongs to the sync.
    expect(aligned('round', anchors, 410)).toBe(4);
    expect(aligned('round', anchors, 305)).toBe(3);
    expect(aligned('round', anchors, 600)).toBeGreaterThanOrEqual(5);
    expect(aligned('round', anchors, 50)).toBeNaN();
  });

  it('comes back from every place it has', () => {
    for (let timeNs = 110; timeNs <= 510; timeNs += 25) {
      const place = aligned('round', anchors, timeNs);
      if (!Number.isNaN(place)) expect(unaligned('round', anchors, place)).toBeCloseTo(timeNs, 6);
    }
  });

  it('has no stop where the guest never stopped, and no rounds where none is known', () => {
    const none = anchorsOf(null, [], 700);
    expect(none).toEqual({ startNs: 0, stopNs: null, endNs: 700, roundTimesNs: [], roundNumbers: [] });
    expect(aligned('stop', none, 5)).toBeNaN();
    expect(aligned('round', none, 5)).toBeNaN();
  });
});
