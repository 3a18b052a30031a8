// A store with real runs of the examples, a sweep, a tag, a note, a baseline and a draft: what pictures and checks of all views look at.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../main/setup/built.ts';
import type { Lab } from './lab.ts';

/** Beginnings of file names, and what the views show of them. */
export const EXAMPLES = {
  tracked: { file: '01', shows: 'NIC tracked by the IOMMU' },
  lost: { file: '08', shows: 'Clearing without a flush' },
  throttled: { file: '03', shows: 'Throttled until it fits' },
} as const;

export interface Filled {
  readonly runIds: Readonly<Record<keyof typeof EXAMPLES, number>>;
  readonly draftId: number;
  /** Whose points are all there. */
  readonly sweepId: number;
}

export async function fill(lab: Lab): Promise<Filled> {
  const ids: [string, number][] = [];
  for (const [name, { file }] of Object.entries(EXAMPLES)) ids.push([name, await lab.runExample(file)]);
  const runIds = Object.fromEntries(ids) as Filled['runIds'];
  await lab.runExample(EXAMPLES.tracked.file, 7);
  const client = await lab.client();
  await client.call('runs.tag', { ids: [runIds.tracked], add: ['reference', 'slide 4'], remove: [] });
  await client.call('runs.note', { id: runIds.lost, note: 'The **flush** is what makes it safe.' });
  await client.call('runs.setBaseline', { id: runIds.tracked });
  const fileName = readdirSync(join(ROOT, 'examples')).find((name) => name.startsWith('05')) ?? '';
  const { id } = await client.call('drafts.save', {
    ...{ id: null, name: fileName, fileName },
    text: readFileSync(join(ROOT, 'examples', fileName), 'utf8'),
  });
  return { runIds, draftId: id, sweepId: await sweep(lab) };
}

/** Small guests: the whole of it takes no longer than one example. */
const SWEEP = `name: How narrow may the link be?
guest:
  memory: 256MiB
  workloads: [{ name: db, pattern: uniform, region: { size: 64MiB }, rate: 8000 pages/s }]
migration: { start: 50ms, bandwidth: 1Gbit/s, timeout: 20s }
sampling: 20ms
sweep:
  fields:
    migration.bandwidth: [250Mbit/s, 500Mbit/s, 1Gbit/s, 2Gbit/s, 4Gbit/s]
    migration.downtime_limit: [10ms, 50ms, 200ms]
  seeds: 2
`;

async function sweep(lab: Lab): Promise<number> {
  const client = await lab.client();
  const { id } = await client.call('sweeps.start', { text: SWEEP, fileName: 'narrow.yaml' });
  await new Promise<void>((resolve, reject) => {
    const subscription = client.subscribe(
      'sweeps',
      {},
      {
        item({ sweeps }) {
          const found = sweeps.find((one) => one.id === id);
          if (found === undefined || found.status === 'running') return;
          subscription.close();
          if (found.status === 'finished') resolve();
          else reject(new Error(`the sweep is ${found.status}`));
        },
        end(error) {
          reject(new Error(error?.message ?? 'the host has ended'));
        },
      },
    );
  });
  return id;
}
