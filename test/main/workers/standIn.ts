// A worker for tests: a producer that does what the experiment's name says. Its figures depend on nothing but the seed
// (`clock`: they are the time of day).
import { aHead, anEvent, aSummary } from '../store/aRun.ts';
import type { RunSink } from '../../../engine/experiment/result.ts';
import type { Experiment } from '../../../engine/experiment/schema.ts';
import { serveJob } from '../../../main/workers/job.ts';
import type { JobTask, Simulation } from '../../../main/workers/protocol.ts';

export function createStandIn({ name, seed }: Experiment, sink: RunSink): Simulation {
  const samples = name === 'long' || name === 'clock' ? Infinity : 20_000;
  const times = new Float64Array(1);
  const column = new Float64Array(1);
  let i = 0;
  let state = seed;
  let cancelled = false;
  sink.head(aHead(1));
  return {
    advance(maxEvents) {
      for (let n = 0; n < maxEvents; n++) {
        if (i === 5_000 && name === 'throws') throw new Error('a bug');
        if (i === 5_000 && name === 'exits') process.exit(3);
        if (i === 5_000 && name === 'out of memory') fill();
        if (cancelled || i >= samples) {
          sink.finished(aSummary({ outcome: cancelled ? 'cancelled' : 'completed' }), [], `${i} ${state}`);
          return true;
        }
        state = (state * 48_271) % 2_147_483_647;
        times[0] = (i + 1) * 1000;
        column[0] = name === 'clock' ? Date.now() : state;
        sink.samples({ firstIndex: i, count: 1, timesNs: times, columns: [column] });
        if (i % 100 === 0) sink.event(anEvent(i * 1000, `event ${i}`));
        i++;
      }
      return false;
    },
    cancel() {
      cancelled = true;
    },
    deliver: () => undefined,
    deliverHeat: () => undefined,
    progress: () => ({ phase: 'precopy', round: 1, simulatedNs: i, limitNs: samples, pagesLeft: 0, pagesThreshold: 0 }),
  };
}

function fill(): never {
  const held: number[][] = [];
  for (;;) held.push(new Array<number>(1_000_000).fill(held.length));
}

export default (task: JobTask): void => {
  serveJob(task, createStandIn);
};
