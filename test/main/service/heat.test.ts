// The heat map from the engine in a worker to a window: while the run is made, and afterwards.
import { describe, expect, it } from 'vitest';
import type { HeatMap } from '../../../engine/experiment/result.ts';
import { aClient, anExperiment, aService, runToEnd } from './aService.ts';

const ENGINE = new URL('../../../main/workers/simulationWorker.ts', import.meta.url);
/** Some seconds of simulated time that never converge. */
const experiment = `name: heat
guest:
  memory: 256MiB
  vcpus: 1
  workloads: [{ name: w, pattern: uniform, region: { size: 128MiB }, rate: 60000 pages/s }]
migration: { bandwidth: 100MiB/s, timeout: 60s }
limits: { simulated: 100s }
`;

describe('the heat map of a run', () => {
  it('comes while the run is made, each newer than the one before, and whole at the end', async () => {
    const client = aClient(aService({ worker: ENGINE }));
    const { id } = await client.call('jobs.start', { from: { text: experiment, fileName: '' } });
    const runId = await new Promise<number>((resolve) => {
      client.subscribe(
        'jobs',
        {},
        {
          item({ jobs }) {
            const job = jobs.find((one) => one.id === id);
            if (typeof job?.runId === 'number') resolve(job.runId);
          },
        },
      );
    });
    const maps: HeatMap[] = [];
    await new Promise<void>((resolve, reject) => {
      client.subscribe(
        'live',
        { runId, series: [], points: 10, fromEvent: 0, heat: true },
        {
          item: () => undefined,
          heat: (map) => maps.push(map),
          end(error) {
            if (error === null) resolve();
            else reject(new Error(error.message));
          },
        },
      );
    });
    const ends = maps.map(({ edgesNs }) => edgesNs.at(-1)!);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    const kept = await client.call('runs.heat', { id: runId });
    expect(maps.at(-1)).toEqual(kept);
    const run = await client.call('runs.get', { id: runId });
    expect(run.heat).toBe(true);
    const sent = kept.layers.find(({ id: layer }) => layer === 'sent')!.pages.reduce((sum, pages) => sum + pages, 0);
    expect(sent).toBe(run.summary!.pages.total);

    // Whoever comes later gets the same at once.
    const late = await new Promise<HeatMap>((resolve) => {
      client.subscribe(
        'live',
        { runId, series: [], points: 10, fromEvent: 0, heat: true },
        { item: () => undefined, heat: resolve },
      );
    });
    expect(late).toEqual(kept);
  });

  it('is absent where the producer has none', async () => {
    const client = aClient(aService());
    const { runId } = await runToEnd(client, anExperiment('whole'));
    expect((await client.call('runs.get', { id: runId! })).heat).toBe(false);
    await expect(client.call('runs.heat', { id: runId! })).rejects.toMatchObject({ kind: 'absent' });
    await expect(client.call('runs.heat', { id: 99 })).rejects.toMatchObject({ kind: 'absent' });
  });
});
