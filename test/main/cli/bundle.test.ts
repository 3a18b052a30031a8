import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportScript } from '../../../main/bundle/report.ts';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { aChunk, anEvent, aRun, aSummary } from '../store/aRun.ts';
import { inProcess } from './aTerminal.ts';
import { ROOT } from './brownout.ts';

/** A bundle of a run that no engine made. */
async function aBundleFile(folder: string): Promise<string> {
  const db = join(folder, 'made.db');
  const store = new Store(db);
  const writer = store.begin({ ...aRun('Made elsewhere'), experiment: readFileSync(EXAMPLE, 'utf8') });
  writer.samples(aChunk(0, 50));
  writer.event(anEvent(20_000_000));
  writer.finish(aSummary(), [], 'abc');
  store.close();
  const file = join(folder, 'x.brownout');
  expect((await inProcess(['export', '1', '-f', 'bundle', '-o', file, '--db', db])).code).toBe(0);
  return file;
}

const EXAMPLES = join(ROOT, 'examples');
const EXAMPLE = join(EXAMPLES, '01-nic-tracked-by-the-iommu.yaml');

describe('a bundle on the command line', () => {
  it.each(['01', '06', '09'])('of example %s is run again to the same hash', async (number) => {
    const folder = aFolder();
    const [db, file] = [join(folder, 'runs.db'), join(folder, 'x.brownout')];
    const example = readdirSync(EXAMPLES).find((name) => name.startsWith(number)) ?? '';
    await inProcess(['run', join(EXAMPLES, example), '--db', db, '--seed', '42']);
    await inProcess(['export', '1', '-f', 'bundle', '-o', file, '--db', db]);
    const { hash } = new Store(db).run(1).row;
    const again = await inProcess(['run', file, '--no-save']);
    expect(again.stderr).toBe(`\nThe same result as in the bundle: hash ${hash}\n`);
  });

  it('whose result is another one fails, and says why that may be', async () => {
    const file = await aBundleFile(aFolder());
    const { code, stderr } = await inProcess(['run', file, '--no-save']);
    expect(code).toBe(1);
    expect(stderr).toContain('NOT the result in the bundle');
    expect(stderr).toContain('instead of abc.');
    const other = await inProcess(['run', file, '--no-save', '--seed', '43']);
    expect(other.stderr).toContain('Not compared with the bundle: its seed is 7, this one was 43.');
  });

  it('is shown without being kept', async () => {
    const folder = aFolder();
    const file = await aBundleFile(folder);
    const shown = await inProcess(['show', file]);
    expect(shown.stdout).toContain('Made elsewhere');
    expect(shown.stdout).toContain('x.brownout, ');
    const text = await inProcess(['show', file, '--experiment']);
    expect(text.stdout).toBe(readFileSync(EXAMPLE, 'utf8'));
    expect(readdirSync(folder).filter((name) => name.endsWith('.db'))).toEqual(['made.db']);
  });

  it('is imported once, from the file or from a report that holds it', async () => {
    const folder = aFolder();
    const file = await aBundleFile(folder);
    const db = join(folder, 'runs.db');
    expect((await inProcess(['import', file, '--db', db])).stdout).toMatch(/^run 1: Made elsewhere: /u);
    const report = join(folder, 'report.html');
    writeFileSync(report, `<!doctype html><title>x</title>${reportScript(readFileSync(file))}`);
    const again = await inProcess(['import', report, '--json', '--db', db]);
    expect(JSON.parse(again.stdout)).toEqual([{ id: 1, name: 'Made elsewhere', source: 'bundle', already: 'here' }]);
    await inProcess(['import', report, '--again', '--db', db]);
    const store = new Store(db);
    expect(store.list().map(({ name }) => name)).toEqual(['Made elsewhere', 'Made elsewhere']);
    store.close();
  });

  it('travels in a report: who gets that has the same runs, and makes them again to the same hash', async () => {
    const folder = aFolder();
    const [db, report, other] = [join(folder, 'runs.db'), join(folder, 'r.html'), join(folder, 'other.db')];
    for (const seed of ['1', '2']) await inProcess(['run', EXAMPLE, '--db', db, '--seed', seed]);
    const made = await inProcess(['report', '1', '2', '-o', report, '--db', db]);
    expect(made.code).toBe(0);
    expect(made.stderr).toMatch(/^Written: .*r\.html \(\d+ KiB\)\n$/u);
    expect((await inProcess(['import', report, '--db', other])).code).toBe(0);
    const [here, there] = [new Store(db), new Store(other)];
    for (const id of [1, 2]) {
      const [mine, theirs] = [here.run(id), there.run(id)];
      expect(theirs).toEqual(mine);
      expect(there.samples(id, 1)).toEqual(here.samples(id, 1));
      expect(there.events(id, 0, 1000)).toEqual(here.events(id, 0, 1000));
    }
    here.close();
    there.close();
    const single = join(folder, 'one.html');
    await inProcess(['report', '2', '-o', single, '--db', other]);
    const again = await inProcess(['run', single, '--no-save']);
    expect(again.stderr).toContain('The same result as in the bundle');
  });

  it('too large for the room set apart in a report is left out, and that is said', async () => {
    const folder = aFolder();
    const [db, report] = [join(folder, 'runs.db'), join(folder, 'r.html')];
    await inProcess(['run', EXAMPLE, '--db', db]);
    const made = await inProcess(['report', '1', '-o', report, '--bundles', '1kB', '--db', db]);
    expect(made.stderr).toContain('1 run did not fit into the 1000 B for bundles');
    expect((await inProcess(['import', report, '--db', db])).stderr).toContain('without a run in it');
    const bad = await inProcess(['report', '1', '-o', report, '--bundles', '1GiB', '--db', db]);
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('at most 256 MiB')]);
    expect((await inProcess(['report', '1', '-o', report, '--bundles', 'lots', '--db', db])).code).toBe(2);
  });

  it('keeps nothing of any file when one of them is broken', async () => {
    const folder = aFolder();
    const file = await aBundleFile(folder);
    const broken = join(folder, 'broken.brownout');
    writeFileSync(broken, readFileSync(file).subarray(0, 500));
    const db = join(folder, 'runs.db');
    const { code, stderr } = await inProcess(['import', file, broken, '--db', db]);
    expect(code).toBe(2);
    expect(stderr).toBe('broken.brownout: a ZIP file that is cut off: it has no directory\n');
    expect(readdirSync(folder)).not.toContain('runs.db');
  });
});
