import { expect, it } from 'vitest';
import type { Client } from '../../../main/contract/client.ts';
import type { ServiceError } from '../../../main/contract/errors.ts';
import type { Sweep } from '../../../main/contract/sweeps.ts';
import { SMALL_SWEEP } from '../sweeps/aSweep.ts';
import { aClient, aService } from './aService.ts';

const SIMULATION = new URL('../../../main/workers/simulationWorker.ts', import.meta.url);

function sweepsUntil(client: Client, wished: (sweeps: readonly Sweep[]) => boolean): Promise<readonly Sweep[]> {
  return new Promise((resolve, reject) => {
    const subscription = client.subscribe(
      'sweeps',
      {},
      {
        item({ sweeps }) {
          if (!wished(sweeps)) return;
          subscription.close();
          resolve(sweeps);
        },
        end(error) {
          reject(new Error(error?.message ?? 'ended'));
        },
      },
    );
  });
}

const EXPERIMENT = SMALL_SWEEP.slice(0, SMALL_SWEEP.indexOf('sweep:'));

it(
  'a window starts a sweep, sees it go on, and reads its points with numbers to draw',
  { timeout: 60_000 },
  async () => {
    const client = aClient(aService({ worker: SIMULATION }));
    const check = await client.call('sweeps.check', { text: SMALL_SWEEP });
    expect(check).toMatchObject({ problems: [], plan: { settings: 4, seeds: 2, points: 8, repeated: 0, qemu: false } });
    const started = await client.call('sweeps.start', { text: SMALL_SWEEP, fileName: 'small.yaml' });
    expect(started).toMatchObject({ name: 'Small', status: 'running', points: 8, fileName: 'small.yaml' });
    const [sweep] = await sweepsUntil(client, ([one]) => one?.status === 'finished');
    expect(sweep).toMatchObject({ done: 8, failed: 0, underWay: 0, etaMs: null });
    const { total, points } = await client.call('sweeps.points', { id: started.id, from: 6, limit: 10 });
    expect(total).toBe(8);
    expect(points).toHaveLength(2);
    expect(points[0]).toMatchObject({
      number: 7,
      written: ['2Gbit/s', '200ms'],
      numbers: [2.5e8, 2e8],
      status: 'done',
    });
    const run = await client.call('runs.get', { id: points[0]!.runId! });
    expect(points[0]!.figures.downtimeNs).toBe(run.summary!.downtimeNs);
    expect((await client.call('sweeps.get', { id: started.id })).text).toBe(SMALL_SWEEP);
    await client.call('sweeps.remove', { id: started.id });
    expect(await client.call('sweeps.list', {})).toEqual([]);
  },
);

it('a sweep is paused and resumed, and a closing service leaves it paused', { timeout: 60_000 }, async () => {
  const service = aService({ worker: SIMULATION, threads: 1 });
  const client = aClient(service);
  const text = SMALL_SWEEP.replace('seeds: 2', 'seeds: 20');
  const { id } = await client.call('sweeps.start', { text, fileName: '' });
  await sweepsUntil(client, ([one]) => (one?.done ?? 0) >= 2);
  await client.call('sweeps.pause', { id });
  const [paused] = await sweepsUntil(client, ([one]) => one?.status === 'paused');
  expect(paused!.done).toBeLessThan(80);
  await expect(client.call('sweeps.pause', { id })).rejects.toThrow(/nobody works on sweep/u);
  expect(await client.call('sweeps.resume', { id })).toMatchObject({ status: 'running' });
  await expect(client.call('sweeps.resume', { id })).rejects.toThrow(/under way/u);
  await expect(client.call('sweeps.remove', { id })).rejects.toThrow(/pause it first/u);
});

it('what is wrong with a sweep is told with its place; QEMU is not started unasked', async () => {
  const client = aClient(aService());
  const wrong = await client.call('sweeps.check', { text: SMALL_SWEEP.replace('20ms', '20') });
  expect(wrong.plan).toBeNull();
  expect(wrong.problems[0]).toMatchObject({ line: 10, path: 'sweep.fields.migration.downtime_limit[0]' });
  const failure = await client
    .call('sweeps.start', { text: EXPERIMENT, fileName: '' })
    .catch((error: unknown) => error);
  expect((failure as ServiceError).data).toMatchObject({ kind: 'invalid-experiment' });
  const qemu = `${SMALL_SWEEP}backend: qemu\n`;
  const refused = await client
    .call('sweeps.start', { text: qemu, fileName: '', allowQemu: true })
    .catch((e: unknown) => e);
  expect((refused as ServiceError).data.kind).toMatch(/refused|invalid-experiment/u);
  await expect(client.call('sweeps.get', { id: 9 })).rejects.toThrow(/there is no sweep 9/u);
});

it('a form builds a sweep from an experiment: which fields there are, and the file with its section', async () => {
  const client = aClient(aService());
  const fields = await client.call('sweeps.fields', { text: EXPERIMENT });
  const named = new Map(fields.map((field) => [field.name, field]));
  expect(named.get('migration.bandwidth')).toMatchObject({ kind: 'rate', value: '1Gbit/s', given: true });
  expect(named.get('migration.downtime_limit')).toMatchObject({ kind: 'duration', value: '300ms', given: false });
  expect(named.get('guest.workloads[db].rate')).toMatchObject({ kind: 'page-rate', value: '2000 pages/s' });
  expect(named.get('iommu.flush')?.choices).toContain('never');
  for (const name of ['name', 'seed', 'expect', 'tags']) expect(named.has(name)).toBe(false);
  // Whatever is offered can be varied.
  for (const { name, value } of fields) {
    if (value === '') continue;
    const { problems } = await client.call('sweeps.check', { text: EXPERIMENT, sweep: { fields: { [name]: ['?'] } } });
    expect(problems.map(({ path }) => path).join()).toContain(`sweep.fields.${name}`);
  }
  const sweep = {
    fields: { 'migration.bandwidth': { from: '1Gbit/s', to: '4Gbit/s', steps: 3, scale: 'log' } },
    seeds: 2,
  };
  const made = await client.call('sweeps.check', { text: EXPERIMENT, sweep });
  expect(made.problems).toEqual([]);
  expect(made.plan?.points).toBe(6);
  expect(made.text).toMatch(/^name: Small\nguest:[\s\S]*\nsweep:\n {2}fields:\n/u);
});
