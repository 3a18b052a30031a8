// Fifty runs of a million samples side by side, in a real Chromium over the real browser host: how long until all of them are
// drawn, and what the window's process takes at most. Ten settings with five seeds each, four series a run, noise with a spike of
// one sample: nothing that compresses away.
//
// The store is made once: one run through the writer, the others as copies of its rows. Without Chromium the bench fails with that
// reason. Memory is the resident set of the renderer's process, with all that Chromium itself maps into it; Linux alone tells it,
// and the processor's time, which says on a busy machine what the window would take on an idle one.
import Database from 'better-sqlite3';
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import type { Bench } from '../bench/bench.ts';
import { nextLcg } from '../bench/bench.ts';
import type { Store } from '../../main/store/store.ts';
import { anEvent, aRun, aSummary } from '../main/store/aRun.ts';
import { chromiumFile, NO_CHROMIUM, startChromium } from './chromium.ts';
import { Lab } from './labHost.ts';

const RUNS = 50;
const SEEDS = 5;
const SAMPLES = 1_000_000;
const CHUNK = 65_536;
const STEP_NS = 1_000_000;
const MAX_MIB = 500;

const textOf = (setting: number): string => `name: setting ${setting}
guest:
  memory: ${setting + 1}GiB
  workloads: [{ name: all, pattern: uniform, rate: 1000 pages/s, region: { size: 512MiB } }]
`;

function firstRun(store: Store): void {
  const head = aRun().head;
  const series = [
    { id: 'dirty.vcpu', label: 'vCPUs', unit: 'pages/s', kind: 'rate', source: 'vcpus' },
    { id: 'dirty.device.nic0', label: 'nic0', unit: 'pages/s', kind: 'rate', source: 'nic0' },
    { id: 'left', label: 'dirty and not yet sent', unit: 'pages', kind: 'level' },
    { id: 'throughput', label: 'throughput', unit: 'bytes/s', kind: 'rate' },
  ] as const;
  const request = { ...aRun('run 1'), experiment: textOf(0), head: { ...head, samplingNs: STEP_NS, series } };
  const writer = store.begin(request);
  let state = 1;
  for (let first = 0; first < SAMPLES; first += CHUNK) {
    const count = Math.min(CHUNK, SAMPLES - first);
    const columns = series.map(() => new Float64Array(count));
    for (let i = 0; i < count; i++) {
      for (const [c, column] of columns.entries()) {
        state = nextLcg(state);
        column[i] = first + i === 700_001 ? 9e6 : (state >>> 12) * (c + 1);
      }
    }
    const timesNs = Float64Array.from({ length: count }, (_, i) => (first + i + 1) * STEP_NS);
    writer.samples({ firstIndex: first, count, timesNs, columns });
  }
  for (let round = 1; round <= 20; round++) {
    writer.event({ ...anEvent(round * 4e10), detail: { round, pages: 12, why: 'because', final: round === 20 } });
  }
  writer.finish(aSummary({ totalNs: SAMPLES * STEP_NS, simulatedNs: SAMPLES * STEP_NS }), [], 'hash 1');
}

/** All that belongs to the first run, under other numbers. */
function theOthers(lab: Lab): void {
  const db = new Database(lab.storeFile);
  db.pragma('synchronous = OFF');
  const columnsOf = (table: string): string[] =>
    (db.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
  const copy = (table: string, changed: Readonly<Record<string, string>>, left: string, id: number): void => {
    const columns = columnsOf(table).filter((name) => name !== left);
    const values = columns.map((name) => changed[name] ?? name).join(', ');
    const key = table === 'run' ? 'id' : 'run_id';
    db.prepare(`INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values} FROM ${table} WHERE ${key} = 1`).run({
      id,
    });
  };
  db.transaction(() => {
    for (let id = 2; id <= RUNS; id++) {
      const changed = {
        uid: `substr(uid, 1, 30) || printf('%06d', @id)`,
        name: `'run ' || @id`,
        hash: `'hash ' || @id`,
        seed: '@id',
        text_hash: 'NULL',
        config_id: 'NULL',
        downtime_ns: 'downtime_ns + 1e5 * @id',
      };
      copy('run', { ...changed, id: '@id' }, '', id);
      for (const table of ['run_document', 'series', 'event']) copy(table, { run_id: '@id' }, '', id);
      copy('chunk', { run_id: '@id' }, 'id', id);
      db.prepare('UPDATE run_document SET experiment = ? WHERE run_id = ?').run(
        textOf(Math.floor((id - 1) / SEEDS)),
        id,
      );
    }
  })();
  db.close();
}

interface Taken {
  readonly nowMiB: number;
  readonly peakMiB: number;
  readonly cpuMs: number;
}

/** Of the browser's renderers the largest: the window's. Undefined where the system does not tell. */
async function takenByRenderer(browser: Browser): Promise<Taken | undefined> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const sizes = processInfo.flatMap(({ type, id }) => {
    if (type !== 'renderer') return [];
    try {
      const status = readFileSync(`/proc/${id}/status`, 'utf8');
      const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'mu').exec(status)?.[1]) / 1024;
      const [user = 0, system = 0] = readFileSync(`/proc/${id}/stat`, 'utf8')
        .replace(/^.*\) /u, '')
        .split(' ')
        .slice(11, 13)
        .map(Number);
      return [{ nowMiB: mib('VmRSS'), peakMiB: mib('VmHWM'), cpuMs: (user + system) * 10 }];
    } catch {
      return [];
    }
  });
  return sizes.sort((a, b) => b.peakMiB - a.peakMiB)[0];
}

/** Milliseconds from the address to the frame in which everything asked for is drawn. */
function timeToAll(page: Page, query: string): Promise<number> {
  const hash = `/compare/${Array.from({ length: RUNS }, (_, i) => i + 1).join(',')}${query}`;
  return page.evaluate(
    (address) =>
      new Promise<number>((resolve) => {
        const start = performance.now();
        const look = (): void => {
          const section = document.querySelector('section[aria-label="Over time"]');
          if (section?.getAttribute('aria-busy') !== 'false') requestAnimationFrame(look);
          else
            requestAnimationFrame(() => {
              resolve(performance.now() - start);
            });
        };
        location.hash = address;
        look();
      }),
    hash,
  );
}

async function emptyWindow(page: Page): Promise<void> {
  await page.evaluate(() => {
    location.hash = '/experiments';
  });
  await page.locator('section[aria-label="Over time"]').waitFor({ state: 'detached' });
}

export const benches: readonly Bench[] = [
  {
    name: 'window: a comparison of 50 runs of 1,000,000 samples opens',
    unit: 'ms',
    better: 'lower',
    goal: { max: 2000 },
    rounds: 3,
    warmUp: 1,
    prepare: async () => {
      const file = chromiumFile();
      if (file === undefined) throw new Error(NO_CHROMIUM);
      const browser = await startChromium(file);
      const lab = new Lab(browser);
      lab.fill(firstRun);
      theOthers(lab);
      await lab.host();
      process.once('exit', () => {
        lab.removeStore();
      });
      const page = await lab.open('experiments');
      await page.locator('main h2').first().waitFor();
      return async () => {
        const before = await takenByRenderer(browser);
        const value = await timeToAll(page, '');
        const after = await takenByRenderer(browser);
        await emptyWindow(page);
        const byRoundMs = await timeToAll(page, '?align=round');
        const last = await takenByRenderer(browser);
        await emptyWindow(page);
        if (before === undefined || after === undefined || last === undefined) return { value, extra: { byRoundMs } };
        const { nowMiB: rendererMiB, peakMiB: rendererPeakMiB } = last;
        const isWithinPeak = rendererPeakMiB <= MAX_MIB ? 1 : 0;
        const rendererCpuMs = after.cpuMs - before.cpuMs;
        return { value, extra: { byRoundMs, rendererCpuMs, rendererMiB, rendererPeakMiB, isWithinPeak } };
      };
    },
  },
];
