// What a person waits for in the window, in a real Chromium over the real browser host: first paint, opening a run of a million
// samples, the table of ten thousand runs, and the longest task of the window's thread while simulations run. The baseline of the
// first is an empty page from the same host in the same browser: what Chromium and the machine take by themselves.
//
// Without Chromium they are skipped, with that reason. Goals are those of an idle machine with two cores or more.
import Database from 'better-sqlite3';
import type { Page } from 'playwright-core';
import type { Store } from '../../main/store/store.ts';
import { chromiumFile, NO_CHROMIUM, startChromium } from './chromium.ts';
import { Lab } from './labHost.ts';
import { longText } from './longText.ts';
import { aChunk, anEvent, aRun, aSummary } from '../main/store/aRun.ts';
import type { Bench } from '../bench/bench.ts';

async function aLab(
  fill: (store: Store) => void = () => undefined,
  then: (lab: Lab) => void = () => undefined,
): Promise<Lab> {
  const file = chromiumFile();
  if (file === undefined) throw new Error(NO_CHROMIUM);
  const lab = new Lab(await startChromium(file));
  lab.fill(fill);
  then(lab);
  await lab.host();
  return lab;
}

/** Milliseconds until the first contents were painted, as the browser has it. */
function firstPaint(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => {
          const entry = list.getEntriesByName('first-contentful-paint')[0];
          if (entry !== undefined) resolve(entry.startTime);
        }).observe({ type: 'paint', buffered: true });
      }),
  );
}

/** Goes to an address of the app and resolves with the milliseconds until the frame after `there` found what it looks for. */
function timeTo(page: Page, path: string, there: string): Promise<number> {
  return page.evaluate(
    ([hash, found]) =>
      new Promise<number>((resolve) => {
        const start = performance.now();
        const look = (): void => {
          if (document.querySelector(found ?? '') === null) requestAnimationFrame(look);
          else
            requestAnimationFrame(() => {
              resolve(performance.now() - start);
            });
        };
        location.hash = hash ?? '';
        look();
      }),
    [`/${path}`, there],
  );
}

/** In the window: milliseconds from its beginning to the frame after `there` found what it looks for. */
function sinceBeginning(there: string): Promise<number> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (document.querySelector(there) === null) requestAnimationFrame(look);
      else
        requestAnimationFrame(() => {
          resolve(performance.now());
        });
    };
    look();
  });
}

/** Collects the window's long tasks from now on. */
function watchTasks(page: Page): Promise<void> {
  return page.evaluate(() => {
    const tasks: number[] = [];
    Object.assign(window, { longTasks: tasks });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(duration);
    }).observe({ type: 'longtask' });
  });
}

/** The longest so far; what is shorter than 50 ms is not told by browsers and counts as 50. */
function longestTask(page: Page): Promise<number> {
  return page.evaluate(() => Math.max(50, ...(window as unknown as { longTasks: number[] }).longTasks));
}

const SAMPLES = 1_000_000;
const CHUNK = 65_536;

function aLongRun(store: Store): void {
  const writer = store.begin(aRun('a million samples', 4));
  for (let first = 0; first < SAMPLES; first += CHUNK)
    writer.samples(aChunk(first, Math.min(CHUNK, SAMPLES - first), 4));
  writer.event(anEvent(20_000_000));
  writer.finish(aSummary({ totalNs: SAMPLES * 10_000_000, simulatedNs: SAMPLES * 10_000_000 }), [], 'hash');
}

function oneRun(store: Store): void {
  const writer = store.begin(aRun('run 0'));
  writer.samples(aChunk(0, 200));
  writer.event(anEvent(20_000_000));
  writer.finish(aSummary(), [], 'hash 0');
}

/** Copies of the only run there is; their samples are what the table never reads. */
function tenThousand(lab: Lab): void {
  const db = new Database(lab.storeFile);
  const row = db.prepare('SELECT * FROM run').get() as Record<string, unknown>;
  const columns = Object.keys(row).filter((name) => name !== 'id');
  const insert = db.prepare(
    `INSERT INTO run (${columns.join(', ')}) VALUES (${columns.map((name) => `@${name}`).join(', ')})`,
  );
  const uid = String(row['uid']).slice(0, -6);
  db.transaction(() => {
    for (let i = 1; i < 10_000; i++) {
      insert.run({
        ...row,
        uid: uid + i.toString(16).padStart(6, '0'),
        name: `run ${i}`,
        seed: i,
        downtime_ns: i * 1e5,
      });
    }
  })();
  db.close();
}

/** Long enough to still run when the watching ends. */
const BUSY = (i: number): string => `name: busy ${i}
guest:
  memory: 16GiB
  vcpus: 4
  workloads: [{ name: all, pattern: uniform, rate: 400000 pages/s, region: { size: 12GiB } }]
migration: { bandwidth: 1Gbit/s, downtime_limit: 1ms, timeout: 4 min }
`;
const WATCH_MS = 3_000;

/** A row with a run in it. */
const ROWS = '[role=grid] [role=row] [role=gridcell] a';

const all: readonly Bench[] = [
  {
    name: 'window: first paint from a warm start',
    unit: 'ms',
    better: 'lower',
    goal: { max: 1000 },
    rounds: 7,
    warmUp: 2,
    prepare: async () => {
      const lab = await aLab();
      const { port } = await lab.host();
      return async () => {
        const page = await lab.open();
        const value = await firstPaint(page);
        await page.close();
        // A picture alone: what the browser takes for any page of this host.
        const bare = await lab.openAddress(`http://127.0.0.1:${port}/mark.svg`);
        const bareMs = await bare.evaluate(() => {
          const [entry] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
          return entry?.loadEventEnd ?? 0;
        });
        await bare.close();
        return { value, extra: { pictureAloneMs: bareMs } };
      };
    },
  },
  {
    name: 'window: a run of 1,000,000 samples per series opens',
    unit: 'ms',
    better: 'lower',
    goal: { max: 1000 },
    rounds: 5,
    warmUp: 1,
    prepare: async () => {
      const lab = await aLab(aLongRun);
      const page = await lab.open('runs');
      await page.locator('[role=grid]').first().waitFor();
      return async () => {
        const value = await timeTo(page, 'run/1', 'main canvas');
        await watchTasks(page);
        for (let i = 0; i < 4; i++) await page.keyboard.press('w');
        for (let i = 0; i < 20; i++) await page.keyboard.press(i % 2 === 0 ? 'd' : 'a');
        const panLongestTaskMs = await longestTask(page);
        await timeTo(page, 'runs', '[role=grid]');
        return { value, extra: { panLongestTaskMs } };
      };
    },
  },
  {
    name: 'window: table of 10,000 runs, first rows',
    unit: 'ms',
    better: 'lower',
    goal: { max: 200 },
    rounds: 7,
    warmUp: 2,
    // From another view, in a window that has not shown the table before; then once more in the same window; then in a window
    // that opens with it.
    prepare: async () => {
      const lab = await aLab(oneRun, tenThousand);
      const client = await lab.client();
      return async () => {
        const page = await lab.open('experiments');
        await page.getByText('NIC tracked by the IOMMU').first().waitFor();
        await page.evaluate(() => new Promise((rest) => requestIdleCallback(rest)));
        const value = await timeTo(page, 'runs', ROWS);
        await timeTo(page, 'experiments', 'main h2');
        await page.evaluate(() => new Promise((rest) => requestIdleCallback(rest)));
        const againMs = await timeTo(page, 'runs', ROWS);
        await page.close();
        const cold = await lab.open('runs');
        const coldMs = await cold.evaluate(sinceBeginning, ROWS);
        await cold.close();
        // What the window waits for when a filter was typed: the first page of what matches, and how many do.
        const start = performance.now();
        await client.call('runs.list', {
          ...{ filter: 'downtime < 300ms and seed > 100', offset: 0, limit: 100, columns: [] },
          sort: { column: 'id', descending: true },
        });
        return { value, extra: { againMs, coldMs, filterMs: performance.now() - start } };
      };
    },
  },
  {
    name: 'window: longest task while one types in 10,000 lines',
    unit: 'ms',
    better: 'lower',
    goal: { max: 100 },
    rounds: 5,
    warmUp: 1,
    prepare: async () => {
      const lab = await aLab();
      const client = await lab.client();
      const draft = { name: 'Long', text: longText(10_000), fileName: 'long.yaml' };
      const { id } = await client.call('drafts.save', { id: null, ...draft });
      const page = await lab.open(`edit/draft/${id}`);
      await page.getByText('No problems').waitFor();
      const rest = (): Promise<unknown> => page.waitForTimeout(3_000);
      return async () => {
        await page.locator('.cm-content').click({ position: { x: 60, y: 60 } });
        await page.keyboard.press('End');
        await rest();
        await watchTasks(page);
        for (let i = 0; i < 20; i++) {
          await page.keyboard.type('#');
          await page.waitForTimeout(50);
        }
        const value = await longestTask(page);
        // Read, checked and drawn anew.
        await rest();
        const afterMs = await longestTask(page);
        await watchTasks(page);
        await page.locator('[id="field-name"]').pressSequentially('er', { delay: 100 });
        await rest();
        return { value, extra: { afterMs, formEditMs: await longestTask(page) } };
      };
    },
  },
  {
    name: 'window: longest task while four simulations run',
    unit: 'ms',
    better: 'lower',
    goal: { max: 100 },
    rounds: 3,
    warmUp: 0,
    prepare: async () => {
      const lab = await aLab();
      const client = await lab.client();
      const page = await lab.open('runs');
      await page.getByText('engine ').first().waitFor();
      return async () => {
        const jobs = await Promise.all(
          [1, 2, 3, 4].map((i) => client.call('jobs.start', { from: { text: BUSY(i), fileName: '' } })),
        );
        await page.waitForFunction(() => document.body.innerText.includes('running'));
        await watchTasks(page);
        await page.waitForTimeout(WATCH_MS);
        const value = await longestTask(page);
        for (const { id } of jobs) await client.call('jobs.cancel', { id });
        await page.waitForFunction(() => !/\d running/u.test(document.body.innerText));
        return { value };
      };
    },
  },
];

export const benches: readonly Bench[] = all.map((bench) => ({
  ...bench,
  skip: () => (chromiumFile() === undefined ? NO_CHROMIUM : undefined),
}));
