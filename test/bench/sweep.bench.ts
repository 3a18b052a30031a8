// Sweeps: points per second on 1 and 2 workers, with everything kept, against the same simulations one after the other in one
// process with nothing kept; and what a queue adds to a point. The ratio to that is `ratio`, measured in the same round.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Bench, Round } from './bench.ts';

interface Timed {
  readonly points: number;
  readonly seconds: number;
  readonly check: string;
}

function timed(...words: readonly string[]): Timed {
  const script = resolve(import.meta.dirname, 'sweepProcess.ts');
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Timed;
}

function sameHashes(one: Timed, other: Timed): void {
  if (one.check !== other.check) throw new Error('the two ways come to different hashes');
}

const workers = (count: number): Bench => ({
  name: `sweep, ${count} worker${count === 1 ? '' : 's'}`,
  unit: 'points/s',
  better: 'higher',
  rounds: 5,
  warmUp: 1,
  prepare: () => (): Round => {
    const alone = timed('in-process');
    const kept = timed('workers', String(count));
    sameHashes(alone, kept);
    return {
      value: kept.points / kept.seconds,
      check: kept.check,
      extra: { inProcessPointsPerSecond: alone.points / alone.seconds, ratio: alone.seconds / kept.seconds },
    };
  },
});

const queue: Bench = {
  name: 'sweep, over a queue',
  unit: 'ms/point more',
  better: 'lower',
  rounds: 5,
  warmUp: 1,
  prepare: () => (): Round => {
    const local = timed('workers', '1');
    const queued = timed('queue');
    sameHashes(local, queued);
    return {
      value: ((queued.seconds - local.seconds) * 1000) / local.points,
      check: queued.check,
      extra: {
        localPointsPerSecond: local.points / local.seconds,
        queuePointsPerSecond: queued.points / queued.seconds,
      },
    };
  },
};

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

export const benches: readonly Bench[] = [workers(1), workers(2), ...(hasRedis ? [queue] : [])];
