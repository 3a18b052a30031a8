import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpClock } from '../../../engine/devices/op-clock.ts';

const SECOND = 1e9;

describe('when operations happen', () => {
  it('evenly at the rate', () => {
    const clock = new OpClock(1000, 1, null);
    expect([clock.nextNs(), clock.due(SECOND / 2)]).toEqual([1e6, 500]);
    clock.take(500);
    expect([clock.nextNs(), clock.due(SECOND / 2)]).toEqual([501e6, 0]);
  });

  it('only in the active part of the duty cycle', () => {
    const clock = new OpClock(1000, 1, { onNs: 10e6, offNs: 90e6 });
    expect([clock.due(10e6), clock.due(99e6), clock.due(110e6)]).toEqual([10, 10, 20]);
    clock.take(10);
    expect(clock.nextNs()).toBe(101e6);
  });

  it('the last operation of an active part comes at its end', () => {
    const clock = new OpClock(1000, 1, { onNs: 10e6, offNs: 90e6 });
    clock.take(9);
    expect(clock.nextNs()).toBe(10e6);
  });

  it('never at rate 0, and from the change of rate on anew', () => {
    const clock = new OpClock(0, 1, null);
    expect([clock.nextNs(), clock.due(SECOND)]).toEqual([Infinity, 0]);
    clock.setRate(SECOND, 10);
    expect([clock.nextNs(), clock.due(2 * SECOND)]).toEqual([1.1 * SECOND, 10]);
  });

  it('what was due while the device was stopped is not made up', () => {
    const clock = new OpClock(1000, 1, null);
    clock.skipTo(SECOND);
    expect(clock.due(SECOND + 5e6)).toBe(5);
  });

  it('the n-th operation comes at the same time however the run is sliced', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5e6 }),
        fc.integer({ min: 1, max: 9000 }),
        fc.option(fc.record({ onNs: fc.integer({ min: 1000, max: 3e6 }), offNs: fc.nat(3e6) })),
        fc.array(fc.integer({ min: 1, max: 2e6 }), { minLength: 1, maxLength: 20 }),
        (kilobytes, bytes, duty, slices) => {
          const whole = new OpClock(kilobytes * 1000, bytes, duty);
          const sliced = new OpClock(kilobytes * 1000, bytes, duty);
          let nowNs = 0;
          let done = 0;
          for (const slice of slices) {
            nowNs += slice;
            const due = sliced.due(nowNs);
            // The next one comes within the slice exactly when one is due.
            expect(sliced.nextNs() <= nowNs).toBe(due > 0);
            sliced.take(due);
            done += due;
          }
          expect(whole.due(nowNs)).toBe(done);
        },
      ),
      { numRuns: 300 },
    );
  });
});
