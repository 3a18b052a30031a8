// A store with real runs of the examples, a tag, a note, a baseline and a draft: what pictures and checks of all views look at.
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
  return { runIds, draftId: id };
}
