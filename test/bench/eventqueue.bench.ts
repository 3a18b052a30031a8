// The event queue as a simulation uses it: take the first event, put it back later.
import { EventQueue } from '../../engine/core/eventqueue.ts';
import { nextLcg, timeMs, type Bench, type Round } from './bench.ts';

const STEPS = 2_000_000;

function queueOf(pending: number): Bench {
  return {
    name: `event queue, ${pending} pending`,
    unit: 'M events/s',
    better: 'higher',
    baseline: { source: 'event_queue.cc', args: [pending, STEPS] },
    goal: { ratioMin: 0.8 },
    prepare: () => (): Round => {
      const queue = new EventQueue();
      let state = 1;
      for (let i = 0; i < pending; i++) {
        state = nextLcg(state);
        queue.push(state >>> 12, i);
      }
      let sum = 0;
      let last = 0;
      const ms = timeMs(() => {
        for (let i = 0; i < STEPS; i++) {
          const timeNs = queue.peekTimeNs;
          const payload = queue.pop();
          sum = (Math.imul(sum, 31) + payload) | 0;
          last = timeNs;
          state = nextLcg(state);
          queue.push(timeNs + (state >>> 12), payload);
        }
      });
      return { value: STEPS / ms / 1e3, check: `${last}:${sum >>> 0}` };
    },
  };
}

export const benches: readonly Bench[] = [queueOf(64), queueOf(4_096)];
