import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../../engine/experiment/parse.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { StoreError } from '../../../main/store/errors.ts';
import { Store } from '../../../main/store/store.ts';
import { planOf, SweepError } from '../../../main/sweeps/plan.ts';
import { runSweep, type SweepProgress } from '../../../main/sweeps/runSweep.ts';
import { WorkerFailure } from '../../../main/workers/failure.ts';
import { aFolder } from '../aFolder.ts';
import { inThread, keep, theHash, workersThat } from './aSweep.ts';

const statuses = (store: Store, id: number): string[] => store.sweeps.points(id).map(({ status }) => status);

describe('a sweep', () => {
  it('keeps a run for each point: tagged, named, with the point’s own file, and its hash', async () => {
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    const told: SweepProgress[] = [];
    const ended = await runSweep(store, id, plan, workersThat(), { onProgress: (progress) => told.push(progress) });
    expect(ended).toBe('finished');
    expect(store.sweeps.get(id)).toMatchObject({ status: 'finished', points: 8, done: 8, failed: 0, failure: null });
    const points = store.sweeps.points(id);
    expect(points.map(({ status }) => status)).toEqual(Array(8).fill('done'));
    for (const [i, { runId, hash, written, figures }] of points.entries()) {
      const point = plan.points[i]!;
      const run = store.run(runId!);
      expect(run.row).toMatchObject({
        status: 'finished',
        tags: [`sweep-${id}`],
        seed: point.seed,
        fileName: 'sweep.yaml',
      });
      expect(run.row.name).toBe(
        `Small: bandwidth ${String(written[0])}, downtime_limit ${String(written[1])}, seed ${point.seed}`,
      );
      expect(hash).toBe(theHash({ experiment: plan.experiment(point) }));
      expect(figures.downtimeNs).toBe(run.summary?.downtimeNs);
      const again = parseExperiment(run.experiment, { fileName: '' });
      expect(again.ok && again.experiment).toEqual(plan.experiment(point));
      expect(store.sweeps.ofRun(runId!)).toEqual({ sweepId: id, number: i + 1 });
    }
    expect(store.count()).toBe(8);
    expect(told[0]).toEqual({ total: 8, done: 0, failed: 0, underWay: 0, etaMs: null });
    expect(told.at(-1)).toMatchObject({ done: 8, underWay: 0, etaMs: 0 });
    expect(Math.max(...told.map(({ underWay }) => underWay))).toBe(2);
  });

  it('pauses at once: what was under way leaves nothing behind and is begun again', async () => {
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    const pause = new AbortController();
    const workers = workersThat(
      (work) => async (sink, options) => {
        if (work.point.number === 3) {
          sink.head({ source: { kind: 'sim', text: '' }, engineVersion: '0', seed: 1, samplingNs: 1, series: [] });
          pause.abort();
          return new Promise((_, reject) => {
            options.signal?.addEventListener('abort', () => {
              reject(new WorkerFailure('cut short'));
            });
            if (options.signal?.aborted === true) reject(new WorkerFailure('cut short'));
          });
        }
        await inThread(work)(sink, options);
      },
      1,
    );
    expect(await runSweep(store, id, plan, workers, { signal: pause.signal })).toBe('paused');
    expect(statuses(store, id)).toEqual(['done', 'done', ...Array<string>(6).fill('waiting')]);
    expect(store.count()).toBe(2);
    const before = store.sweeps.points(id).slice(0, 2);
    const after = workersThat();
    expect(await runSweep(store, id, planOf(store, store.sweeps.get(id)), after)).toBe('finished');
    expect(after.begun.sort()).toEqual([3, 4, 5, 6, 7, 8]);
    expect(store.sweeps.points(id).slice(0, 2)).toEqual(before);
    expect(store.count()).toBe(8);
  });

  it('pauses when another connection asks for it', async () => {
    const file = join(aFolder(), 'runs.db');
    const store = new Store(file);
    const other = new Store(file);
    const { id, plan } = keep(store);
    expect(other.sweeps.wantPause(id)).toBe(false);
    const workers = workersThat(() => (_sink, { signal }) => {
      other.sweeps.wantPause(id);
      return new Promise((_, reject) => {
        signal?.addEventListener('abort', () => {
          reject(new WorkerFailure('cut short'));
        });
      });
    });
    expect(await runSweep(store, id, plan, workers)).toBe('paused');
    expect(other.sweeps.get(id)).toMatchObject({ status: 'paused', done: 0 });
    other.close();
    store.close();
  });

  it('goes on past a point that fails, tells why, and tries it again when it is resumed', async () => {
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    const failing = workersThat((work) => (sink, options) => {
      if (work.point.number === 2) return Promise.reject(new WorkerFailure('no thread for it'));
      if (work.point.number === 5) {
        sink.head({ source: { kind: 'sim', text: '' }, engineVersion: '0', seed: 1, samplingNs: 1, series: [] });
        return Promise.reject(new WorkerFailure('out of memory'));
      }
      return inThread(work)(sink, options);
    });
    expect(await runSweep(store, id, plan, failing)).toBe('finished');
    expect(store.sweeps.get(id)).toMatchObject({ done: 6, failed: 2 });
    const failures = store.sweeps.points(id).filter(({ status }) => status === 'failed');
    expect(failures.map(({ number, failure }) => [number, failure])).toEqual([
      [2, 'no thread for it'],
      [5, 'out of memory'],
    ]);
    const again = workersThat();
    await runSweep(store, id, plan, again);
    expect(again.begun).toEqual([2, 5]);
    expect(store.sweeps.get(id)).toMatchObject({ done: 8, failed: 0 });
    expect(store.count()).toBe(8);
  });

  it('stops when the store is full, says so, and goes on when there is room', async () => {
    const file = join(aFolder(), 'runs.db');
    const first = new Store(file);
    const { id, plan } = keep(first);
    first.close();
    const tight = new Store(file, { maxBytes: statSync(file).size + 40_960 });
    await expect(runSweep(tight, id, plan, workersThat())).rejects.toThrow(StoreError);
    const done = tight.sweeps.get(id).done;
    expect(done).toBeLessThan(8);
    tight.close();
    const roomy = new Store(file);
    expect(roomy.sweeps.get(id).status).not.toBe('finished');
    const workers = workersThat();
    await runSweep(roomy, id, plan, workers);
    expect(workers.begun).toHaveLength(8 - done);
    expect(roomy.sweeps.get(id)).toMatchObject({ status: 'finished', done: 8 });
    roomy.close();
  });

  it('is worked on by one process at a time', async () => {
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    expect(store.sweeps.claim(id)).toBe(true);
    await expect(runSweep(store, id, plan, workersThat())).rejects.toThrow(SweepError);
  });

  it('is not gone on with by an engine of another version', () => {
    const store = new Store(IN_MEMORY);
    const { id } = keep(store);
    const row = store.sweeps.get(id);
    expect(() => planOf(store, { ...row, engineVersion: '0.0.9' })).toThrow(/begun by engine 0\.0\.9/u);
  });

  it('runs a point again whose run was thrown away, and forgets itself without its runs', async () => {
    const store = new Store(IN_MEMORY);
    const { id, plan } = keep(store);
    await runSweep(store, id, plan, workersThat());
    store.delete([store.sweeps.points(id)[3]!.runId!]);
    expect(store.sweeps.get(id).done).toBe(7);
    const workers = workersThat();
    await runSweep(store, id, plan, workers);
    expect(workers.begun).toEqual([4]);
    store.sweeps.remove(id);
    expect(store.sweeps.list()).toEqual([]);
    expect(store.count()).toBe(8);
  });
});
