// Results that come into the desktop app and leave it, with the real engine behind a hand-written Electron: only the process
// boundary is not there.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bundle } from '../../../main/bundle/write.ts';
import type { Client } from '../../../main/contract/client.ts';
import type { OpenedFile } from '../../../main/contract/desktop.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { aFolder } from '../aFolder.ts';
import { aChunk, aRun, aSummary } from '../store/aRun.ts';
import { anExperimentFile, later, type TestDesktop } from './aDesktop.ts';
import { aWholeDesktop, type WholeDesktop } from './aWholeDesktop.ts';

const told = ({ fake }: TestDesktop): OpenedFile[] =>
  fake.window.webContents.sent
    .filter(({ channel }) => channel === 'desktop:file')
    .map(({ value }) => value as OpenedFile);

async function untilTold(desktop: TestDesktop, count: number): Promise<OpenedFile[]> {
  while (told(desktop).length < count) await later();
  return told(desktop);
}

function writeBundle(path: string): string {
  const store = new Store(IN_MEMORY);
  const writer = store.begin(aRun('Made elsewhere'));
  writer.samples(aChunk(0, 5_000));
  writer.finish(aSummary(), [], 'abc');
  writeFileSync(path, Buffer.concat([...bundle(store, writer.id)]));
  store.close();
  return path;
}

const runsIn = (client: Client): Promise<{ count: number }> => client.call('runs.count', { filter: '' });

/** As the window does with what it is told. */
async function imported(client: Client, file: OpenedFile): Promise<string[]> {
  if (file.kind !== 'import') throw new Error(`${file.fileName} came as ${file.kind}`);
  return (await client.call('imports.finish', { id: file.id })).runs.map(({ name, already }) => `${name}, ${already}`);
}

describe('a bundle', () => {
  it.each([
    ['as an argument', (folder: string) => ({ words: [writeBundle(join(folder, 'result.brownout'))] })],
    ['by a double click, before the engine is ready', () => ({ platform: 'darwin' as const })],
  ])('opened %s becomes a run; nothing of it passes through the main process', async (how, options) => {
    const folder = aFolder();
    const desktop = await aWholeDesktop(options(folder), ({ app }) => {
      if (how.startsWith('by')) {
        const path = writeBundle(join(folder, 'result.brownout'));
        setImmediate(() => app.emit('open-file', { preventDefault: () => undefined }, path));
      }
    });
    const [file] = await untilTold(desktop, 1);
    expect(file).toEqual({ kind: 'import', fileName: 'result.brownout', id: 1 });
    expect(await imported(desktop.client, file!)).toEqual(['Made elsewhere, no']);
    expect((await runsIn(desktop.client)).count).toBe(1);
    // The user's file is as it was, and among the recent ones.
    expect(readdirSync(folder)).toEqual(['result.brownout']);
    expect(await desktop.fake.ask('desktop:recent-files', [])).toMatchObject({
      value: [{ fileName: 'result.brownout' }],
    });
  });

  it('from another start, and one chosen with an experiment and a broken one in the dialog', async () => {
    const desktop = await aWholeDesktop();
    const { fake, folder, client } = desktop;
    const path = writeBundle(join(folder, 'a.brownout'));
    fake.app.emit('second-instance', {}, [], '/', { files: [path] });
    const [first] = await untilTold(desktop, 1);
    expect(await imported(client, first!)).toEqual(['Made elsewhere, no']);

    const broken = join(folder, 'broken.brownout');
    writeFileSync(broken, readFileSync(path).subarray(0, 900));
    fake.openAnswer = { canceled: false, filePaths: [path, anExperimentFile(folder), broken, join(folder, 'x.png')] };
    const { value } = (await fake.ask('desktop:open-files', [])) as { value: OpenedFile[] };
    expect(value.map(({ kind, fileName }) => `${fileName}: ${kind}`)).toEqual([
      'a.brownout: import',
      'my.yaml: experiment',
      'broken.brownout: import',
      'x.png: refused',
    ]);
    expect(await imported(client, value[0]!)).toEqual(['Made elsewhere, here']);
    await expect(imported(client, value[2]!)).rejects.toThrow(/^broken\.brownout: /u);
    expect((await runsIn(client)).count).toBe(1);
    expect(JSON.stringify(value)).not.toContain(folder);
  });

  it('that a window could write pieces into is none: an offered file stays as it is', async () => {
    const desktop = await aWholeDesktop();
    const path = writeBundle(join(desktop.folder, 'a.brownout'));
    const before = readFileSync(path);
    desktop.fake.app.emit('second-instance', {}, [], '/', { files: [path] });
    await untilTold(desktop, 1);
    const add = desktop.client.call('imports.add', { id: 1, at: 0, base64: '' });
    await expect(add).rejects.toMatchObject({ kind: 'conflict' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

it.each([
  ['{"guest": {"memory": "1GiB"}}', 'experiment'],
  ['{"config": {}, "progress": []}', 'import'],
  ['{"QMP": {}}\n{"return": {}}', 'import'],
])('a JSON file with %s is opened as %s', async (text, kind) => {
  const desktop = await aWholeDesktop();
  desktop.fake.openAnswer = { canceled: false, filePaths: [anExperimentFile(desktop.folder, 'a.json', text)] };
  expect(await desktop.fake.ask('desktop:open-files', [])).toMatchObject({ ok: true, value: [{ kind }] });
});

describe('an export', () => {
  async function withARun(): Promise<WholeDesktop> {
    const desktop = await aWholeDesktop({}, (_fake, folder) => {
      const store = new Store(join(folder, 'runs.db'));
      const writer = store.begin(aRun('One run'));
      writer.samples(aChunk(0, 20_000));
      writer.finish(aSummary(), [], 'abc');
      store.close();
    });
    return desktop;
  }
  const ticketOf = async ({ client }: WholeDesktop): Promise<string> =>
    (await client.call('exports.open', { ids: [1], format: 'csv' })).ticket;

  it('goes where its dialog says, over what is there, and its ticket is worth nothing afterwards', async () => {
    const desktop = await withARun();
    const { fake, folder } = desktop;
    const path = join(folder, 'chosen.csv');
    writeFileSync(path, 'old');
    fake.saveAnswer = { canceled: false, filePath: path };
    const ticket = await ticketOf(desktop);
    expect(await fake.ask('desktop:save-export', [ticket])).toEqual({ ok: true, value: 'chosen.csv' });
    expect(fake.asked.at(-1)).toMatchObject({
      title: 'Export',
      defaultPath: 'run-1-one-run.csv',
      filters: [{ name: 'CSV', extensions: ['csv'] }, { name: 'All files' }],
    });
    expect(parse(readFileSync(path), { record_delimiter: '\r\n' })).toHaveLength(20_001);
    expect(readdirSync(folder).filter((name) => name.includes('.part-'))).toEqual([]);
    expect(await fake.ask('desktop:save-export', [ticket])).toEqual({
      ok: false,
      message: 'this export was asked for too long ago: export it again',
    });
  });

  it('that its user thinks better of is not made', async () => {
    const desktop = await withARun();
    expect(await desktop.fake.ask('desktop:save-export', [await ticketOf(desktop)])).toEqual({ ok: true, value: null });
  });

  it('that cannot be written says why, by its name alone, and leaves what was there', async (context) => {
    const desktop = await withARun();
    const { fake, folder } = desktop;
    fake.saveAnswer = { canceled: false, filePath: join(folder, 'no', 'a.csv') };
    expect(await fake.ask('desktop:save-export', [await ticketOf(desktop)])).toEqual({
      ok: false,
      message: 'a.csv cannot be written: there is no such folder',
    });
    const disk = aFolder();
    let mounted = true;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      mounted = false;
    }
    context.skip(!mounted, 'a small disk cannot be mounted here');
    onTestFinished(() => {
      execFileSync('umount', [disk]);
    });
    writeFileSync(join(disk, 'a.csv'), 'old');
    fake.saveAnswer = { canceled: false, filePath: join(disk, 'a.csv') };
    expect(await fake.ask('desktop:save-export', [await ticketOf(desktop)])).toEqual({
      ok: false,
      message: 'the disk is full: a.csv was not written',
    });
    expect(readdirSync(disk)).toEqual(['a.csv']);
    expect(readFileSync(join(disk, 'a.csv'), 'utf8')).toBe('old');
  });

  it('under way when the engine’s process breaks says so', async () => {
    const desktop = await withARun();
    const { fake, folder } = desktop;
    fake.saveAnswer = { canceled: false, filePath: join(folder, 'a.csv') };
    const saving = fake.ask('desktop:save-export', [await ticketOf(desktop)]) as Promise<unknown>;
    while (fake.asked.length === 0) await later();
    fake.child.emit('exit', 139);
    expect(await saving).toEqual({ ok: false, message: 'the engine’s process ended before it was done' });
  });
});
