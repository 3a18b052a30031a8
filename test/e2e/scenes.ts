// The stores that pictures are taken of, and what is looked at in each: the views of views.ts on a store with a bit of everything,
// the states that a view is in more rarely on the same store, nothing at all, and ten thousand runs.
import Database from 'better-sqlite3';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Page } from 'playwright-core';
import { ROOT } from '../../main/setup/built.ts';
import { fill, type Filled } from './filled.ts';
import type { Lab } from './labHost.ts';
import { byButton, canvas, compared, heading, VIEW_PLACES, type ViewPlace } from './views.ts';
import { aChunk, anEvent, aRun, aSummary } from '../main/store/aRun.ts';

export type Size = readonly [width: number, height: number];
export const USUAL: Size = [1440, 900];
export const SMALL: Size = [1024, 700];
export const LARGE: Size = [2560, 1440];

export interface Scene {
  readonly name: string;
  /** Returns the places to look at, in the order of their pictures. */
  readonly prepare: (lab: Lab) => Promise<readonly Picture[]>;
}

export interface Picture extends Omit<ViewPlace, 'path'> {
  readonly path: string;
  readonly sizes: readonly Size[];
  /** It goes on changing: one look is enough. */
  readonly moving?: boolean;
}

const example = (start: string): string =>
  readFileSync(
    join(ROOT, 'examples', readdirSync(join(ROOT, 'examples')).find((name) => name.startsWith(start)) ?? ''),
    'utf8',
  );

/** Goes on until it is cancelled: more is dirtied than sent, and there is no time limit. */
const ENDLESS = `name: A database that writes faster than the link carries
guest:
  memory: 4GiB
  vcpus: 2
  workloads:
    - { name: db, pattern: zipf, region: { size: 2GiB }, rate: 90000 pages/s }
    - { name: log, pattern: sequential, region: { size: 256MiB }, rate: 6000 pages/s }
devices: [{ name: nic0, type: nic, rate: 1Gbit/s, ring: { offset: 2GiB, size: 64MiB } }]
migration: { bandwidth: 100MiB/s, timeout: 0s }
sampling: 500ms
limits: { simulated: 20h }
`;

const LONG_NAME = 'Ein Gast, der nie zur Ruhe kommt – 永遠に収束しないゲスト – ضيف لا يهدأ أبدًا – '
  .repeat(4)
  .slice(0, 200);

async function importFile(lab: Lab, file: string): Promise<number> {
  const client = await lab.client();
  const bytes = readFileSync(file);
  const { id } = await client.call('imports.begin', { fileName: basename(file), bytes: bytes.length });
  await client.call('imports.add', { id, at: 0, base64: bytes.toString('base64') });
  const { runs } = await client.call('imports.finish', { id });
  return runs[0]!.id;
}

/** Starts a run that goes on, and resolves with its ids as soon as it has one. */
async function startEndless(lab: Lab): Promise<{ readonly jobId: number; readonly runId: number }> {
  const client = await lab.client();
  const { id: jobId } = await client.call('jobs.start', { from: { text: ENDLESS, fileName: 'endless.yaml' } });
  for (;;) {
    const runId = (await client.call('jobs.list', {})).find((one) => one.id === jobId)?.runId ?? null;
    if (runId !== null) return { jobId, runId };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const usual = (filled: Filled): Picture[] =>
  VIEW_PLACES.map((place) => ({ ...place, path: place.path(filled), sizes: [USUAL, SMALL, LARGE] }));

/** A bit of everything: what the views look like on most days. */
const everything: Scene = {
  name: 'everything',
  async prepare(lab) {
    const filled = await fill(lab);
    return usual(filled);
  },
};

/** What is met more rarely. */
const states: Scene = {
  name: 'states',
  async prepare(lab) {
    const filled = await fill(lab);
    const client = await lab.client();
    const { lost, tracked, throttled } = filled.runIds;
    const failed = await lab.runExample('11');
    const never = await lab.runExample('02');
    const imported = await importFile(lab, join(ROOT, 'test/fixtures/import/guestperf-new.json'));
    const { jobId, runId: cancelled } = await startEndless(lab);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await client.call('jobs.cancel', { id: jobId });
    await client.call('runs.rename', { id: never, name: LONG_NAME });
    await client.call('runs.tag', {
      ids: [never],
      add: ['a tag that says more than a tag should ever have to say', 'b', 'c', 'd', 'e', 'f', 'g'],
      remove: [],
    });
    const { id: broken } = await client.call('drafts.save', {
      ...{ id: null, name: 'broken', fileName: 'broken.yaml' },
      text: example('05').replace('memory: ', 'memori: ').replace('rate: ', 'rate: fast # '),
    });
    const { runId: live } = await startEndless(lab);
    const all = await client.call('runs.list', {
      ...{ filter: '', offset: 0, limit: 50, columns: [] },
      sort: { column: 'id', descending: false },
    });
    const most = all.runs.map(({ row }) => row.id).filter((id) => id !== live);
    const sizes = [USUAL, SMALL];
    const drawer = async (page: Page): Promise<void> => {
      await canvas(page);
      // Whether it is open is remembered from one window to the next, and read a moment after the page.
      await page.waitForTimeout(1_000);
      if ((await page.getByRole('tabpanel').count()) === 0) await page.keyboard.press('q');
      await page.getByRole('tabpanel').waitFor();
    };
    return [
      { name: 'run-live', path: `run/${live}`, ready: canvas, sizes, moving: true },
      { name: 'run-failed', path: `run/${failed}`, ready: canvas, sizes },
      { name: 'run-cancelled', path: `run/${cancelled}`, ready: canvas, sizes },
      { name: 'run-imported', path: `run/${imported}`, ready: canvas, sizes },
      { name: 'run-never', path: `run/${never}`, ready: canvas, sizes },
      {
        ...{ name: 'run-throttled', path: `run/${throttled}`, ready: canvas, sizes },
        openings: [byButton('menu', /^What can be done with this run/u)],
      },
      { name: 'run-drawer', path: `run/${tracked}`, ready: drawer, sizes },
      {
        ...{ name: 'run-losses', path: `run/${lost}`, sizes },
        ready: async (page) => {
          await drawer(page);
          await page.getByRole('tab', { name: /lost/iu }).click();
        },
      },
      { name: 'run-missing', path: 'run/99999', ready: heading, sizes: [USUAL] },
      {
        name: 'editor-broken',
        path: `edit/draft/${broken}`,
        ready: (page) => page.locator('.cm-content').waitFor(),
        sizes,
      },
      { name: 'runs-grouped', path: 'runs?group=config', ready: heading, sizes },
      { name: 'compare-8', path: `compare/${most.slice(0, 8).join(',')}`, ready: compared, sizes },
      { name: 'compare-most', path: `compare/${most.join(',')}`, ready: compared, sizes },
      { name: 'compare-imported', path: `compare/${tracked},${imported}`, ready: compared, sizes },
      { name: 'compare-one', path: `compare/${tracked}`, ready: heading, sizes },
    ];
  },
};

const empty: Scene = {
  name: 'empty',
  prepare: () =>
    Promise.resolve(
      ['experiments', 'runs', 'runs?deleted=yes', 'compare', 'sweeps', 'nowhere'].map((path) => ({
        ...{ name: `empty-${path.replace(/\W+/gu, '-')}`, path, ready: heading, sizes: [USUAL] },
      })),
    ),
};

/** Copies of the only run there is; their samples are what the table never reads. */
const many: Scene = {
  name: 'many',
  prepare(lab) {
    lab.fill(oneRun);
    multiply(lab.storeFile, 10_000);
    const sizes = [USUAL, SMALL];
    const runs = (name: string, query: string): Picture => ({ name, path: `runs${query}`, ready: heading, sizes });
    return Promise.resolve([
      runs('runs-10000', ''),
      runs('runs-one', '?filter=seed%20%3D%203'),
      runs('runs-no-match', '?filter=downtime%20%3E%209h'),
      runs('runs-bad-filter', '?filter=downtme%20%3E%209h%20and'),
    ]);
  },
};

function oneRun(store: Parameters<Parameters<Lab['fill']>[0]>[0]): void {
  const writer = store.begin(aRun('run 0'));
  writer.samples(aChunk(0, 200));
  writer.event(anEvent(20_000_000));
  writer.finish(aSummary(), [], 'hash 0');
}

function multiply(storeFile: string, count: number): void {
  const db = new Database(storeFile);
  const row = db.prepare('SELECT * FROM run').get() as Record<string, unknown>;
  const columns = Object.keys(row).filter((name) => name !== 'id');
  const insert = db.prepare(
    `INSERT INTO run (${columns.join(', ')}) VALUES (${columns.map((name) => `@${name}`).join(', ')})`,
  );
  const uid = String(row['uid']).slice(0, -6);
  db.transaction(() => {
    for (let i = 1; i < count; i++) {
      const last = i.toString(16).padStart(6, '0');
      insert.run({ ...row, uid: uid + last, name: `run ${i}`, seed: i, downtime_ns: i * 1e5 });
    }
  })();
  db.close();
}

/** Those of the README and the guide. */
const docs: Scene = {
  name: 'docs',
  async prepare(lab) {
    const strict = await lab.runExample('05');
    const lossy = await lab.runExample('06');
    const client = await lab.client();
    const { id } = await client.call('drafts.save', {
      ...{ id: null, name: 'nic.yaml', fileName: '05-nic-behind-a-strict-viommu.yaml' },
      text: example('05'),
    });
    const sizes: readonly Size[] = [[1440, 1000]];
    return [
      { name: 'docs-run', path: `run/${lossy}`, ready: canvas, sizes },
      { name: 'docs-editor', path: `edit/draft/${id}`, ready: (page) => page.locator('.cm-content').waitFor(), sizes },
      { name: 'docs-compare', path: `compare/${strict},${lossy}`, ready: compared, sizes },
    ];
  },
};

export const SCENES: readonly Scene[] = [everything, states, empty, many, docs];
