// A sweep over a real Redis: workers in this process where that is enough, worker processes where they are killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { Queue } from 'bullmq';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { PointWorker } from '../../../main/queue/pointWorker.ts';
import { QUEUE_NAME, RESULT_PREFIX } from '../../../main/queue/protocol.ts';
import { connect, QueueError, redisAddress } from '../../../main/queue/redis.ts';
import { QueueWorkers } from '../../../main/queue/queueWorkers.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { planOf } from '../../../main/sweeps/plan.ts';
import { runSweep } from '../../../main/sweeps/runSweep.ts';
import { brownout, ROOT } from '../cli/brownout.ts';
import { aFolder } from '../aFolder.ts';
import { keep, SMALL_SWEEP, theHash } from '../sweeps/aSweep.ts';
import { aRedis, hasRedis, WHY_NO_REDIS, type ARedis } from './aRedis.ts';

/** Half a second of work each, or more: something to be killed in. */
const SLOW_SWEEP = SMALL_SWEEP.replace('memory: 64MiB', 'memory: 512MiB\n  populated: 90%')
  .replace('size: 16MiB}, rate: 2000 pages/s', 'size: 256MiB}, rate: 30000 pages/s')
  .replace('seeds: 2', 'seeds: 3')
  .replace('migration: {', 'migration: {timeout: 5s, ');

function aWorker(redis: ARedis, lockMs = 1_000): { readonly worker: PointWorker; readonly said: string[] } {
  const said: string[] = [];
  const worker = new PointWorker({ address: redis.address, concurrency: 1, lockMs, say: (line) => said.push(line) });
  onTestFinished(() => worker.drop());
  return { worker, said };
}

async function workersOver(
  redis: ARedis,
  store: Store,
  id: number,
): Promise<{ workers: QueueWorkers; said: string[] }> {
  const said: string[] = [];
  const workers = await QueueWorkers.open({
    address: redis.address,
    sweepUid: store.sweeps.get(id).uid,
    say: (line) => said.push(line),
    signal: new AbortController().signal,
  });
  onTestFinished(() => workers.close());
  return { workers, said };
}

function expectAsLocally(store: Store, id: number): void {
  const plan = planOf(store, store.sweeps.get(id));
  const points = store.sweeps.points(id);
  expect(points.map(({ status }) => status)).toEqual(plan.points.map(() => 'done'));
  for (const [i, { hash, runId }] of points.entries()) {
    expect(hash).toBe(theHash({ experiment: plan.experiment(plan.points[i]!) }));
    expect(store.run(runId!).row.sampleCount).toBeGreaterThan(0);
  }
  expect(store.count()).toBe(plan.points.length);
}

describe('a sweep over a queue', { timeout: 240_000 }, () => {
  beforeEach((context) => {
    context.skip(!hasRedis, WHY_NO_REDIS);
  });

  it('gives the runs and hashes that it gives locally, and leaves nothing in Redis', async () => {
    const redis = await aRedis();
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    aWorker(redis);
    aWorker(redis);
    const { workers } = await workersOver(redis, store, id);
    expect(await runSweep(store, id, plan, workers)).toBe('finished');
    expectAsLocally(store, id);
    const looking = connect(redis.address);
    expect(await looking.keys(`${RESULT_PREFIX}*`)).toEqual([]);
    expect((await looking.keys('*')).filter((key) => key.includes(store.sweeps.get(id).uid))).toEqual([]);
    looking.disconnect();
  });

  it('is gone on with by another process: what was computed meanwhile is not computed again', async () => {
    const redis = await aRedis();
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    const pausing = new AbortController();
    const first = await workersOver(redis, store, id);
    const { worker } = aWorker(redis);
    const ended = runSweep(store, id, plan, first.workers, {
      signal: pausing.signal,
      onProgress: ({ done }) => {
        if (done >= 2) pausing.abort();
      },
    });
    expect(await ended).toBe('paused');
    await first.workers.close();
    const { done } = store.sweeps.get(id);
    expect(done).toBeGreaterThanOrEqual(2);
    const second = await workersOver(redis, store, id);
    expect(await runSweep(store, id, plan, second.workers)).toBe('finished');
    expectAsLocally(store, id);
    // A point that was being computed when the sweep was paused may have been given up: one at most, this worker has one thread.
    expect(worker.done).toBeLessThanOrEqual(plan.points.length + 1);
  });

  it('goes on when Redis was killed and has forgotten everything', async () => {
    const redis = await aRedis();
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store, SMALL_SWEEP.replace('seeds: 2', 'seeds: 4'));
    const { said: workerSaid } = aWorker(redis);
    const { workers, said } = await workersOver(redis, store, id);
    let killed = false;
    const restarted = new Promise<void>((resolve) => {
      void runSweep(store, id, plan, workers, {
        onProgress: ({ done }) => {
          if (done < 4 || killed) return;
          killed = true;
          void redis.kill().then(async () => {
            await new Promise((later) => setTimeout(later, 1_000));
            await redis.start();
            resolve();
          });
        },
      }).then(() => {
        finished = true;
      });
    });
    let finished = false;
    await restarted;
    await expect.poll(() => finished, { timeout: 120_000 }).toBe(true);
    expectAsLocally(store, id);
    expect(said.some((line) => line.includes('cannot be reached'))).toBe(true);
    expect(said.some((line) => line.includes('is there again'))).toBe(true);
    expect(workerSaid.some((line) => line.includes('cannot be reached'))).toBe(true);
  });

  it('is not troubled by whatever else stands in the queue, and a worker runs none of it', async () => {
    const redis = await aRedis();
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    const connection = connect(redis.address);
    const queue = new Queue(QUEUE_NAME, { connection });
    const point = plan.points[0]!;
    const qemu = plan.text(point).replace('name: Small', 'name: Small\nbackend: qemu');
    const hostile: unknown[] = [
      null,
      'text',
      { format: 2, key: point.key, text: plan.text(point) },
      { format: 1, key: point.key, text: plan.text(point), more: true },
      { format: 1, key: 'x', text: plan.text(point) },
      { format: 1, key: plan.points[1]!.key, text: plan.text(point) },
      { format: 1, key: point.key, text: 'name: [' },
      { format: 1, key: point.key, text: '{}'.repeat(1_000_000) },
      { format: 1, key: point.key, text: qemu },
    ];
    for (const data of hostile) await queue.add('point', data);
    const { said } = aWorker(redis);
    const { workers } = await workersOver(redis, store, id);
    expect(await runSweep(store, id, plan, workers)).toBe('finished');
    expectAsLocally(store, id);
    expect(said).toHaveLength(hostile.length);
    const counts = await queue.getJobCounts('failed', 'completed');
    expect(counts).toEqual({ failed: hostile.length, completed: 0 });
    await queue.close();
    connection.disconnect();
  });

  it('counts a point as failed whose result was forged, and tries it again when it is resumed', async () => {
    const redis = await aRedis();
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    const connection = connect(redis.address);
    const queue = new Queue(QUEUE_NAME, { connection });
    const { uid } = store.sweeps.get(id);
    const { workers } = await workersOver(redis, store, id);
    // The jobs are there before any worker: somebody else finishes the first one, with nonsense.
    const sweeping = runSweep(store, id, plan, workers);
    const jobId = `${uid}-${plan.points[0]!.key}`;
    await expect.poll(async () => (await queue.getJob(jobId)) !== undefined, { timeout: 20_000 }).toBe(true);
    await connection.rpush(`${RESULT_PREFIX}forged`, 'hnonsense', 'f');
    await connection.hset(`bull:${QUEUE_NAME}:${jobId}`, {
      finishedOn: String(Date.now()),
      returnvalue: JSON.stringify({ list: `${RESULT_PREFIX}forged`, frames: 2, bytes: 10 }),
    });
    await expect.poll(() => store.sweeps.get(id).failed, { timeout: 20_000 }).toBe(1);
    aWorker(redis);
    expect(await sweeping).toBe('finished');
    expect(store.sweeps.points(id)[0]).toMatchObject({
      status: 'failed',
      failure: expect.stringContaining('cannot be read') as string,
    });
    const again = await workersOver(redis, store, id);
    expect(await runSweep(store, id, plan, again.workers)).toBe('finished');
    expectAsLocally(store, id);
    await queue.close();
    connection.disconnect();
  });

  it('with worker processes, some of them killed in mid-point, loses nothing and repeats nothing that was finished', async () => {
    const redis = await aRedis();
    const store = new Store(join(aFolder(), 'runs.db'));
    const { id, plan } = keep(store, SLOW_SWEEP);
    const { workers } = await workersOver(redis, store, id);
    const processes = new Set<ChildProcess>();
    const startWorker = (): ChildProcess => {
      const words = [resolve(ROOT, 'main/cli/brownout.js'), 'worker', '--queue', redis.url, '--concurrency', '1'];
      const child = spawn(process.execPath, words, { cwd: ROOT, stdio: 'ignore' });
      processes.add(child);
      return child;
    };
    onTestFinished(() => {
      for (const child of processes) child.kill('SIGKILL');
    });
    const connection = connect(redis.address);
    const queue = new Queue(QUEUE_NAME, { connection });
    const victims = [startWorker(), startWorker()];
    const sweeping = runSweep(store, id, plan, workers);
    const finishedBefore = new Map<number, number | null>();
    // Each is killed while points are being computed.
    for (const victim of victims) {
      await expect.poll(() => queue.getActiveCount(), { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
      victim.kill('SIGKILL');
      for (const { number, status, runId } of store.sweeps.points(id)) {
        if (status === 'done') finishedBefore.set(number, runId);
      }
    }
    startWorker();
    expect(await sweeping).toBe('finished');
    expectAsLocally(store, id);
    for (const [number, runId] of finishedBefore) expect(store.sweeps.points(id)[number - 1]).toMatchObject({ runId });
    await queue.close();
    connection.disconnect();
    store.close();
  });
});

describe('the address of a queue', () => {
  it('is told without its password', () => {
    expect(redisAddress('redis://me:se%20cret@example.org:7000/3')).toEqual({
      ...{ host: 'example.org', port: 7000, db: 3, tls: false, username: 'me', password: 'se cret' },
      shown: 'example.org:7000/3',
    });
    expect(redisAddress('rediss://[::1]')).toMatchObject({ host: '::1', port: 6379, tls: true });
    for (const wrong of ['', 'localhost:6379', 'http://localhost', 'redis://', 'redis://h/x', 'redis://h/1?a=b']) {
      expect(() => redisAddress(wrong)).toThrow(QueueError);
    }
  });

  it('is refused by the command before anything is begun', async () => {
    expect(await brownout(['worker', '--queue', 'localhost'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('redis://127.0.0.1:6379') as string,
    });
  });
});
