// What simulated time itself costs: actors that reschedule themselves and sometimes wake another, with nothing else to do.
import { Scheduler, type ActorId } from '../../engine/core/scheduler.ts';
import { nextLcg, timeMs, type Bench, type Round } from './bench.ts';

const EVENTS = 1_000_000;

function stageOf(actors: number): Bench {
  return {
    name: `scheduler, ${actors} actors`,
    unit: 'ns/event',
    better: 'lower',
    prepare: () => (): Round => {
      const scheduler = new Scheduler();
      const ids: ActorId[] = [];
      let state = 1;
      let sum = 0;
      for (let index = 0; index < actors; index++) {
        const run = (nowNs: number): number => {
          state = nextLcg(state);
          sum = (Math.imul(sum, 31) + index) | 0;
          // One in eight wakes a neighbour early.
          if (state >>> 29 === 0) scheduler.wake(ids[(index + 1) % actors]!, nowNs + ((state >>> 8) & 0xff));
          return nowNs + 1 + (state >>> 12);
        };
        ids.push(scheduler.add({ name: `actor${index}`, run }, index));
      }
      const ms = timeMs(() => {
        scheduler.advance(EVENTS, Infinity);
      });
      return { value: (ms * 1e6) / EVENTS, check: `${scheduler.nowNs}:${sum >>> 0}` };
    },
  };
}

export const benches: readonly Bench[] = [stageOf(8), stageOf(64), stageOf(4_096)];
