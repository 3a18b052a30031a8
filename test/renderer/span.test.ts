// Zooming, panning and snapping on the axis of time.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  around,
  centred,
  firstAtOrAfter,
  lengthOf,
  nearestIndex,
  overlap,
  panned,
  snapped,
  within,
  zoomed,
  type Span,
} from '../../renderer/chart/span.ts';

const extent: Span = { fromNs: 0, toNs: 1000 };

describe('the part of a run that is shown', () => {
  it('comes nearer to what is under the pointer, which stays where it is', () => {
    expect(zoomed({ fromNs: 0, toNs: 1000 }, extent, 0.5, 250)).toEqual({ fromNs: 125, toNs: 625 });
  });
  it('moves before it is shortened at the ends of the run', () => {
    expect(within({ fromNs: 900, toNs: 1100 }, extent)).toEqual({ fromNs: 800, toNs: 1000 });
    expect(within({ fromNs: -50, toNs: 2000 }, extent)).toEqual(extent);
  });
  it('never becomes shorter than what can be told apart', () => {
    const { fromNs, toNs } = zoomed({ fromNs: 499, toNs: 521 }, extent, 0.0001, 510);
    expect(toNs - fromNs).toBe(20);
  });
  it('of a run shorter than that is the whole run', () => {
    expect(zoomed({ fromNs: 0, toNs: 5 }, { fromNs: 0, toNs: 5 }, 0.1, 2)).toEqual({ fromNs: 0, toNs: 5 });
  });
  it('pans by a share of itself', () => {
    expect(panned({ fromNs: 100, toNs: 200 }, extent, 0.5)).toEqual({ fromNs: 150, toNs: 250 });
    expect(panned({ fromNs: 100, toNs: 200 }, extent, -5)).toEqual({ fromNs: 0, toNs: 100 });
  });
  it('brings a moment into the middle, as near as the ends allow', () => {
    expect(centred({ fromNs: 0, toNs: 100 }, extent, 500)).toEqual({ fromNs: 450, toNs: 550 });
    expect(centred({ fromNs: 0, toNs: 100 }, extent, 10)).toEqual({ fromNs: 0, toNs: 100 });
  });
  it('shows a stretch with room around it', () => {
    expect(around({ fromNs: 400, toNs: 500 }, extent)).toEqual({ fromNs: 390, toNs: 510 });
  });

  it('stays within the run and keeps a length, whatever is done to it', () => {
    const time = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    const act = fc.oneof(
      fc.record({
        do: fc.constant('zoom' as const),
        factor: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        at: time,
      }),
      fc.record({ do: fc.constant('pan' as const), share: fc.double({ min: -10, max: 10, noNaN: true }) }),
      fc.record({ do: fc.constant('centre' as const), at: time }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e12 }), fc.array(act, { maxLength: 30 }), (length, acts) => {
        const whole = { fromNs: 0, toNs: length };
        let view: Span = whole;
        for (const one of acts) {
          if (one.do === 'zoom') view = zoomed(view, whole, one.factor, one.at);
          else if (one.do === 'pan') view = panned(view, whole, one.share);
          else view = centred(view, whole, one.at);
          expect(view.fromNs).toBeGreaterThanOrEqual(0);
          expect(view.toNs).toBeLessThanOrEqual(length * (1 + 1e-12));
          expect(lengthOf(view)).toBeGreaterThanOrEqual(Math.min(20, length) * 0.99);
        }
      }),
    );
  });
});

describe('snapping', () => {
  it('takes the nearest sample or event within reach, and else the moment itself', () => {
    const samples = [0, 100, 200];
    const events = [130];
    expect(snapped(118, [samples, events], 20)).toBe(130);
    expect(snapped(104, [samples, events], 20)).toBe(100);
    expect(snapped(160, [samples, events], 20)).toBe(160);
  });
  it('finds what a walk over all of them finds', () => {
    const times = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 }).map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(times, fc.integer({ min: -10, max: 310 }), (all, at) => {
        const walk = all.findIndex((time) => time >= at);
        expect(firstAtOrAfter(all, at)).toBe(walk < 0 ? all.length : walk);
        const nearest = nearestIndex(all, at);
        if (all.length === 0) expect(nearest).toBe(-1);
        else expect(Math.abs(all[nearest]! - at)).toBe(Math.min(...all.map((time) => Math.abs(time - at))));
      }),
    );
  });
});

it('two stretches share what lies in both, and nothing where they are apart', () => {
  expect(overlap({ fromNs: 0, toNs: 10 }, { fromNs: 5, toNs: 20 })).toEqual({ fromNs: 5, toNs: 10 });
  expect(overlap({ fromNs: 0, toNs: 10 }, { fromNs: 11, toNs: 20 })).toBeNull();
});
