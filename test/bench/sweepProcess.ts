// One way to run a sweep of small points, timed in a process of its own: `in-process` (one after the other, nothing kept),
// `workers N` (a sweep on this machine, kept in a store), `queue` (over a Redis on loopback, one worker with one thread).
// Prints one JSON line. The points' hashes, put together, are the check: every way must come to the same.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimulation } from '../../engine/experiment/simulate.ts';
import { planSweep, type SweepPlan } from '../../engine/experiment/sweep.ts';
import { PointWorker } from '../../main/queue/pointWorker.ts';
import { QueueWorkers } from '../../main/queue/queueWorkers.ts';
import { redisAddress } from '../../main/queue/redis.ts';
import { Store } from '../../main/store/store.ts';
import { LocalWorkers } from '../../main/sweeps/localWorkers.ts';
import { keepSweep } from '../../main/sweeps/plan.ts';
import { runSweep, type SweepWorkers } from '../../main/sweeps/runSweep.ts';

/** 32 points of some tens of milliseconds each. */
const SWEEP = `name: Bench
guest:
  memory: 256MiB
  vcpus: 2
  workloads: [{name: db, vcpus: 2, pattern: hotcold, rate: 20000 pages/s, region: {size: 64MiB}, hot: {size: 8MiB, share: 90%}}]
devices: [{name: nic0, type: nic, rate: 1Gbit/s, ring: {size: 4MiB}}]
migration: {start: 200ms, timeout: 5s}
sweep:
  fields:
    migration.bandwidth: {from: 1Gbit/s, to: 8Gbit/s, steps: 4, scale: log}
    migration.downtime_limit: [10ms, 30ms, 100ms, 300ms]
  seeds: 2
`;

const [mode = '', count = '1'] = process.argv.slice(2);
const planned = planSweep(SWEEP, { fileName: 'bench' });
if (!planned.ok) throw new Error(JSON.stringify(planned.problems));
const { plan } = planned;

const hashes: string[] = [];
let seconds = 0;
if (mode === 'in-process') {
  const from = performance.now();
  for (const point of plan.points) {
    const simulation = createSimulation(plan.experiment(point), {
      head: () => undefined,
      samples: () => undefined,
      event: () => undefined,
      finished: (_summary, _expect, hash) => hashes.push(hash),
    });
    while (!simulation.advance(100_000));
  }
  seconds = (performance.now() - from) / 1000;
} else if (mode === 'workers') {
  const workers = new LocalWorkers({ threads: Number(count) });
  await sweepWith(plan, workers);
  await workers.close();
} else await overQueue(plan);
console.log(JSON.stringify({ points: plan.points.length, seconds, check: checkOf(hashes) }));

async function sweepWith(
  of: SweepPlan,
  workers: SweepWorkers,
  prepare?: (store: Store, id: number) => Promise<SweepWorkers>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-bench-'));
  const store = new Store(join(folder, 'runs.db'));
  try {
    const id = keepSweep(store, of, SWEEP, 'bench.yaml');
    const ready = (await prepare?.(store, id)) ?? workers;
    const from = performance.now();
    await runSweep(store, id, of, ready);
    seconds = (performance.now() - from) / 1000;
    for (const { hash } of store.sweeps.points(id)) hashes.push(hash ?? '');
  } finally {
    store.close();
    rmSync(folder, { recursive: true });
  }
}

async function overQueue(of: SweepPlan): Promise<void> {
  const port = await freePort();
  const redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  });
  const address = redisAddress(`redis://127.0.0.1:${port}`);
  const say = (): void => undefined;
  let open: QueueWorkers | undefined;
  const worker = new PointWorker({ address, concurrency: 1, say });
  try {
    await sweepWith(of, new LocalWorkers({ threads: 1 }), async (store, id) => {
      const signal = new AbortController().signal;
      open = await QueueWorkers.open({ address, sweepUid: store.sweeps.get(id).uid, say, signal });
      return open;
    });
  } finally {
    await open?.close();
    await worker.drop();
    redis.kill();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

function checkOf(all: readonly string[]): string {
  return createHash('sha256').update(all.join('\n')).digest('hex').slice(0, 16);
}
