import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Scheduler, type ActorId } from '../../../engine/core/scheduler.ts';

/** A scheduler with a diary: each actor writes when it ran, then does as told. */
function aStage(): {
  scheduler: Scheduler;
  diary: string[];
  add: (name: string, firstNs: number, next?: (nowNs: number) => number) => ActorId;
} {
  const scheduler = new Scheduler();
  const diary: string[] = [];
  return {
    scheduler,
    diary,
    add: (name, firstNs, next = () => Infinity) =>
      scheduler.add(
        {
          name,
          run: (nowNs) => {
            diary.push(`${name}@${nowNs}`);
            return next(nowNs);
          },
        },
        firstNs,
      ),
  };
}

describe('the scheduler', () => {
  it('runs actors in order of time, and at one instant in the order they were scheduled', () => {
    const { scheduler, diary, add } = aStage();
    add('tick', 10, (nowNs) => nowNs + 10);
    add('once', 20);
    add('early', 5);
    expect(scheduler.advance(100, 30)).toBe('until');
    expect(diary).toEqual(['early@5', 'tick@10', 'once@20', 'tick@20', 'tick@30']);
    expect(scheduler.nowNs).toBe(30);
  });

  it('is idle when every actor is dormant', () => {
    const { scheduler, diary, add } = aStage();
    add('once', 7);
    expect(scheduler.advance(100, 1_000)).toBe('idle');
    expect([scheduler.nowNs, diary.length]).toEqual([7, 1]);
  });

  it('pauses after so many wake-ups and goes on where it stopped', () => {
    const { scheduler, diary, add } = aStage();
    add('tick', 0, (nowNs) => nowNs + 1);
    expect(scheduler.advance(3, 100)).toBe('paused');
    expect(scheduler.nowNs).toBe(2);
    expect(scheduler.advance(3, 4)).toBe('until');
    expect(diary).toEqual(['tick@0', 'tick@1', 'tick@2', 'tick@3', 'tick@4']);
  });

  it('wakes a dormant actor, moves a wake-up to an earlier time, and leaves an earlier one alone', () => {
    const { scheduler, diary, add } = aStage();
    const sleeper = add('sleeper', Infinity);
    scheduler.wake(sleeper, 50);
    scheduler.wake(sleeper, 20);
    scheduler.wake(sleeper, 30);
    expect(scheduler.wakeUpNs(sleeper)).toBe(20);
    scheduler.advance(100, 100);
    expect(diary).toEqual(['sleeper@20']);
  });

  it('takes the earlier of what an actor asks for and what others woke it for while it ran', () => {
    const { scheduler, diary, add } = aStage();
    const self: ActorId = add('self', 0, (nowNs) => {
      if (nowNs === 0) scheduler.wake(self, 5);
      return nowNs < 20 ? nowNs + 10 : Infinity;
    });
    scheduler.advance(100, 100);
    expect(diary).toEqual(['self@0', 'self@5', 'self@15', 'self@25']);
  });

  it('lets an actor that was put to sleep be until it is woken', () => {
    const { scheduler, diary, add } = aStage();
    const ticker = add('ticker', 10, (nowNs) => nowNs + 10);
    scheduler.advance(100, 15);
    scheduler.sleep(ticker);
    expect([scheduler.advance(100, 16), scheduler.nowNs]).toEqual(['idle', 15]);
    scheduler.wake(ticker, 200);
    scheduler.advance(1, 300);
    expect(diary).toEqual(['ticker@10', 'ticker@200']);
  });

  it('does not go back in time', () => {
    const { scheduler, add } = aStage();
    const late = add('late', Infinity);
    add('back', 10, () => 9);
    expect(() => scheduler.advance(1, 100)).toThrow('in the past');
    expect(() => {
      scheduler.wake(late, 3);
    }).toThrow('in the past');
    expect(() => {
      scheduler.wake(late, 11.5);
    }).toThrow('whole nanoseconds');
  });

  it('finds actors that wake each other for ever at one instant', () => {
    const scheduler = new Scheduler(1_000);
    scheduler.add({ name: 'stuck', run: (nowNs) => nowNs }, 0);
    expect(() => scheduler.advance(Infinity, 100)).toThrow('time moves on');
  });

  it('holds no more entries than twice its actors and a few, however often wake-ups move', () => {
    const { scheduler, diary, add } = aStage();
    const ids = Array.from({ length: 10 }, (_, i) => add(`a${i}`, Infinity));
    for (let step = 0; step < 10_000; step++) {
      scheduler.wake(ids[step % 10]!, 1_000_000 - step);
      expect(scheduler.pending).toBeLessThanOrEqual(2 * 10 + 64);
    }
    expect(scheduler.advance(100, 2_000_000)).toBe('idle');
    expect(diary.length).toBe(10);
  });

  it('runs the same whatever the slices, and as a list searched for its first entry would', () => {
    const plan = fc.record({
      first: fc.nat(20),
      steps: fc.array(fc.record({ delay: fc.nat(6), wake: fc.nat(3), at: fc.nat(8) }), { maxLength: 12, size: 'max' }),
    });
    fc.assert(
      fc.property(
        fc.array(plan, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(5), { maxLength: 30, size: 'max' }),
        (plans, slices) => {
          const play = (cuts: readonly number[]): string[] => {
            const scheduler = new Scheduler();
            const diary: string[] = [];
            const ids = plans.map(({ first, steps }, index) => {
              let step = 0;
              return scheduler.add(
                {
                  name: `a${index}`,
                  run: (nowNs) => {
                    diary.push(`${index}@${nowNs}`);
                    const now = steps[step++];
                    if (now === undefined) return Infinity;
                    scheduler.wake(ids[now.wake % plans.length]!, nowNs + now.at);
                    return nowNs + now.delay;
                  },
                },
                first,
              );
            });
            for (const cut of cuts) scheduler.advance(cut, scheduler.nowNs + cut);
            expect(scheduler.advance(10_000, 10_000)).toBe('idle');
            return diary;
          };
          // The model: a list of (time, order of scheduling), searched each time.
          const model: string[] = [];
          let order = 0;
          const due = plans.map(({ first }) => ({ timeNs: first, order: order++ }));
          const step = plans.map(() => 0);
          const wake = (index: number, timeNs: number): void => {
            if (timeNs < due[index]!.timeNs) due[index] = { timeNs, order: order++ };
          };
          for (;;) {
            let index = 0;
            due.forEach((entry, i) => {
              const best = due[index]!;
              if (entry.timeNs < best.timeNs || (entry.timeNs === best.timeNs && entry.order < best.order)) index = i;
            });
            const { timeNs } = due[index]!;
            if (timeNs === Infinity) break;
            due[index] = { timeNs: Infinity, order: order++ };
            model.push(`${index}@${timeNs}`);
            const now = plans[index]!.steps[step[index]!++];
            if (now === undefined) continue;
            wake(now.wake % plans.length, timeNs + now.at);
            wake(index, timeNs + now.delay);
          }
          expect(play([])).toEqual(model);
          expect(play(slices)).toEqual(model);
        },
      ),
      { numRuns: 500 },
    );
  });
});
