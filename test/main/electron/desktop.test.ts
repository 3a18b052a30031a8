// What the desktop app does with windows, files, menus and the engine's process.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { MenuItem } from '../../../main/contract/desktop.ts';
import { SHOWN } from '../../../main/electron/desktop.ts';
import type { FakeElectron, FakePort } from './anElectron.ts';
import { FakeWindow } from './anElectron.ts';
import { aFolder } from '../aFolder.ts';
import { aBareDesktop, aDesktop, anExperimentFile, later } from './aDesktop.ts';

const kinds = (fake: FakeElectron): string[] =>
  fake.child.received.map(({ message }) => (message as { kind: string }).kind);

/** As the window asks for a port. */
function wantPort(fake: FakeElectron): FakePort {
  const frame = fake.window.webContents.mainFrame;
  fake.ipc.emit('desktop:want-port', { senderFrame: frame });
  const { channel, ports } = frame.posted.at(-1)!;
  expect(channel).toBe('desktop:port');
  return ports[0]!;
}

const A_FILE = { kind: 'experiment', fileName: 'my.yaml', text: 'name: mine\n' };

const files = (window: FakeWindow): unknown[] =>
  window.webContents.sent.filter(({ channel }) => channel === 'desktop:file').map(({ value }) => value);

describe('the engine’s process', () => {
  it('is a utility process with a store, and without what was meant for a shell’s Node', async () => {
    vi.stubEnv('NODE_OPTIONS', '--require evil');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { fake, folder } = await aDesktop();
    expect(fake.children).toHaveLength(1);
    expect(fake.child.module).toBe('/app/core.js');
    expect(Object.keys(fake.child.options['env'] as object).filter((name) => name.startsWith('NODE_'))).toEqual([]);
    expect(fake.child.received[0]?.message).toEqual({
      kind: 'start',
      options: { storeFile: join(folder, 'runs.db'), version: '1.2.3', host: 'desktop', qemuAllowed: false },
    });
  });

  it('gets one end of a channel and the window the other; main is out of the path', async () => {
    const { fake } = await aDesktop();
    fake.child.emit('message', { kind: 'ready', pid: 77 });
    const windowEnd = wantPort(fake);
    expect(kinds(fake)).toEqual(['start', 'client']);
    const coreEnd = fake.child.received[1]!.ports[0]!;
    expect(coreEnd.other).toBe(windowEnd);
  });

  it('is waited for by a window that asks too early', async () => {
    const { fake } = await aDesktop();
    const early = wantPort(fake);
    expect(kinds(fake)).toEqual(['start']);
    fake.child.emit('message', { kind: 'ready', pid: 77 });
    expect(fake.child.received[1]!.ports[0]!.other).toBe(early);
  });

  it('is started again when it breaks, told which one broke, and serves who asked meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const { fake } = await aDesktop();
    fake.child.emit('message', { kind: 'ready', pid: 77 });
    fake.child.emit('exit', 139);
    const waiting = wantPort(fake);
    expect(fake.children).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(fake.children).toHaveLength(2);
    expect(fake.child.received[0]?.message).toMatchObject({ kind: 'start', options: { brokenPid: 77 } });
    fake.child.emit('message', { kind: 'ready', pid: 78 });
    expect(fake.child.received[1]!.ports[0]!.other).toBe(waiting);
    // It keeps breaking: the pauses grow.
    fake.child.emit('exit', 139);
    await vi.advanceTimersByTimeAsync(150);
    expect(fake.children).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(50);
    expect(fake.children).toHaveLength(3);
  });

  it('that cannot open the store ends the app with the reason, and is not tried again', async () => {
    const { fake, told, folder } = await aDesktop();
    fake.child.emit('message', { kind: 'failed', error: { kind: 'store', message: 'the store is damaged' } });
    await later();
    expect(fake.boxes).toEqual([`Brownout cannot open its store: the store is damaged\n\n${join(folder, 'runs.db')}`]);
    expect(fake.app.did).toContain('exit 1');
    expect(told).toEqual(['brownout: the store is damaged']);
    expect(fake.children).toHaveLength(1);
  });

  it('is asked to close before the app ends: jobs under way are kept', async () => {
    const { fake } = await aDesktop();
    fake.child.emit('message', { kind: 'ready', pid: 77 });
    let prevented = 0;
    const quit = (): boolean => fake.app.emit('will-quit', { preventDefault: () => prevented++ });
    quit();
    expect(prevented).toBe(1);
    expect(kinds(fake)).toEqual(['start', 'close']);
    expect(fake.app.did).not.toContain('quit');
    fake.child.emit('message', { kind: 'closed' });
    fake.child.emit('exit', 0);
    await later();
    expect(fake.app.did).toContain('quit');
    quit();
    expect(prevented).toBe(1);
    expect(fake.children).toHaveLength(1);
    // Whoever asks now is turned away.
    const late = wantPort(fake);
    expect(late.other?.closed).toBe(true);
  });

  it('its words go to the log in the user’s folder', async () => {
    const { fake, folder } = await aDesktop();
    fake.child.stderr.emit('data', Buffer.from('something\nbroke \u001b[31mred'));
    const log = readFileSync(join(folder, 'logs', 'brownout.log'), 'utf8');
    expect(log).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z Brownout 1\.2\.3 begins$/mu);
    expect(log).toContain('engine: something broke  [31mred\n');
  });
});

describe('a start', () => {
  it('says so when its window is on the screen', async () => {
    const { fake, told } = await aDesktop();
    expect(fake.window.options['show']).toBe(false);
    expect(told).toEqual([]);
    fake.window.emit('ready-to-show');
    expect(fake.window.did).toEqual(['show']);
    expect(told).toEqual([SHOWN]);
  });

  it('whose own files cannot be loaded says so, and leaves no window that nobody sees', async () => {
    const { fake, told } = await aDesktop({}, (electron) => {
      electron.load = () => Promise.reject(new Error('ERR_FAILED (-2)'));
    });
    await later();
    expect(fake.window.destroyed).toBe(true);
    expect(fake.boxes).toEqual([expect.stringMatching(/^Brownout cannot show its window: .*ERR_FAILED/u)]);
    expect(told).toHaveLength(1);
  });

  it('that fails says so and ends', async () => {
    const { fake, told } = await aDesktop({}, (electron) => {
      electron.displays = [];
    });
    await later();
    expect(fake.app.did).toContain('exit 1');
    expect(fake.boxes).toEqual([expect.stringMatching(/^Brownout cannot begin: /u)]);
    expect(told).toEqual([expect.stringMatching(/^brownout: /u)]);
  });

  it('with the address of a file, as a double click on Linux has it, opens that file alone', async () => {
    const folder = aFolder();
    const path = anExperimentFile(folder, 'my ü.yaml');
    const desktop = await aDesktop({
      words: [
        pathToFileURL(path).href,
        'file://evil.example/share/x.yaml',
        'file:%ZZ.yaml',
        'https://evil.example/x.yaml',
      ],
      workingFolder: folder,
    });
    desktop.fake.window.webContents.emit('did-finish-load');
    expect(files(desktop.fake.window)).toMatchObject([
      { kind: 'experiment', fileName: 'my ü.yaml' },
      { kind: 'refused', fileName: 'x.yaml' },
    ]);
  });

  it('that finds another running hands over its files and ends', () => {
    const { fake, told, folder } = aBareDesktop(
      { words: ['a.yaml', '--flag', 'b.txt', '/c/d.brownout'] },
      ({ app }) => {
        app.hasLock = false;
      },
    );
    expect(fake.app.lockData).toEqual({ files: [join(folder, 'a.yaml'), '/c/d.brownout'] });
    expect(fake.app.did).toEqual(['quit']);
    expect(fake.schemes).toEqual([]);
    expect(told).toEqual(['Brownout is running already: its window was brought to the front.']);
  });

  it('by another start opens its files here, in front', async () => {
    const { fake, folder } = await aDesktop();
    fake.window.webContents.emit('did-finish-load');
    fake.window.minimized = true;
    const path = anExperimentFile(folder);
    fake.app.emit('second-instance', {}, [], '/', { files: [path, 7, '/etc/passwd', `${folder}/gone.yaml`] });
    await later();
    expect(fake.window.did).toEqual(['restore', 'show', 'focus']);
    const message = 'gone.yaml cannot be read (it is not there)';
    expect(files(fake.window)).toEqual([A_FILE, { kind: 'refused', fileName: 'gone.yaml', message }]);
    for (const data of [null, undefined, 'x', { files: 'x' }, {}]) fake.app.emit('second-instance', {}, [], '/', data);
    await later();
    expect(files(fake.window)).toHaveLength(2);
  });

  it('by another before this one is ready is not forgotten', async () => {
    const { fake, folder } = aBareDesktop();
    fake.app.emit('second-instance', {}, [], '/', { files: [anExperimentFile(folder)] });
    fake.app.ready.resolve(undefined);
    await later();
    fake.window.webContents.emit('did-finish-load');
    expect(files(fake.window)).toEqual([A_FILE]);
  });

  it('by a double click on a Mac whose last window was closed opens one', async () => {
    const { fake, folder } = await aDesktop({ platform: 'darwin' });
    const first = fake.window;
    first.destroy();
    fake.app.emit('open-file', { preventDefault: () => undefined }, anExperimentFile(folder));
    await later();
    expect(FakeWindow.all).toHaveLength(2);
    fake.window.webContents.emit('did-finish-load');
    expect([files(first), files(fake.window)]).toEqual([[], [A_FILE]]);
  });

  it('with a file shows it as soon as the window listens', async () => {
    const { fake } = await aDesktop({ words: ['my.yaml'] }, (_fake, folder) => {
      anExperimentFile(folder);
    });
    expect(files(fake.window)).toEqual([]);
    fake.window.webContents.emit('did-finish-load');
    expect(files(fake.window)).toEqual([A_FILE]);
    fake.window.webContents.emit('did-finish-load');
    expect(files(fake.window)).toHaveLength(1);
  });

  it('by a double click on a Mac, before and after it is ready', async () => {
    const desktop = aBareDesktop({ platform: 'darwin' });
    const { fake, folder } = desktop;
    let prevented = 0;
    const open = (path: string): boolean => fake.app.emit('open-file', { preventDefault: () => prevented++ }, path);
    open(anExperimentFile(folder, 'first.yaml'));
    fake.app.ready.resolve(undefined);
    await later();
    fake.window.webContents.emit('did-finish-load');
    open(anExperimentFile(folder, 'second.json', '{"guest": {}}'));
    open('/etc/passwd');
    await later();
    expect(prevented).toBe(3);
    expect(files(fake.window)).toMatchObject([{ fileName: 'first.yaml' }, { fileName: 'second.json' }]);
  });

  it.each([
    ['too large', 'big.yaml', 'x'.repeat(1024 * 1024 + 1), 'has 1048577 bytes'],
    ['no text', 'bytes.yaml', Buffer.from([0xff, 0xfe, 0x00]), 'is no UTF-8 text'],
  ])('with a file that is %s says so', async (_what, name, contents, why) => {
    const { fake } = await aDesktop({ words: [name] }, (_fake, folder) => {
      writeFileSync(join(folder, name), contents);
    });
    fake.window.webContents.emit('did-finish-load');
    expect(files(fake.window)).toEqual([
      { kind: 'refused', fileName: name, message: expect.stringContaining(why) as string },
    ]);
  });
});

describe('files', () => {
  it('are opened by dialog and remembered; the window learns names, never folders', async () => {
    const { fake, folder } = await aDesktop();
    const path = anExperimentFile(folder);
    fake.openAnswer = { canceled: false, filePaths: [path] };
    expect(await fake.ask('desktop:open-files', [])).toEqual({ ok: true, value: [A_FILE] });
    expect(fake.app.did).toContain(`recent ${path}`);
    const recent = (await fake.ask('desktop:recent-files', [])) as { value: { id: string; fileName: string }[] };
    expect(recent.value).toEqual([{ id: expect.stringMatching(/^[\da-f-]{36}$/u) as string, fileName: 'my.yaml' }]);
    expect(JSON.stringify(recent)).not.toContain(folder);
    expect(await fake.ask('desktop:open-recent', [recent.value[0]!.id])).toMatchObject({
      ok: true,
      value: { fileName: 'my.yaml' },
    });
    fake.openAnswer = { canceled: true, filePaths: [] };
    expect(await fake.ask('desktop:open-files', [])).toEqual({ ok: true, value: [] });
  });

  it('that are gone are recent no more', async () => {
    const { fake, folder } = await aDesktop({}, (_fake, home) => {
      mkdirSync(join(home, 'userData'));
      const here = anExperimentFile(home, 'here.yaml');
      const kept = [here, join(home, 'gone.yaml')].map((path, i) => ({
        id: `00000000-0000-4000-8000-00000000000${i}`,
        path,
      }));
      writeFileSync(join(home, 'userData', 'recent.json'), JSON.stringify(kept));
    });
    expect(await fake.ask('desktop:recent-files', [])).toMatchObject({ value: [{ fileName: 'here.yaml' }] });
    expect(await fake.ask('desktop:open-recent', ['00000000-0000-4000-8000-000000000001'])).toEqual({
      ok: true,
      value: null,
    });
    writeFileSync(join(folder, 'userData', 'recent.json'), '{"not": "ours"');
    expect(await fake.ask('desktop:recent-files', [])).toEqual({ ok: true, value: [] });
  });

  it('are saved whole or not at all', async () => {
    const { fake, folder } = await aDesktop();
    const path = join(folder, 'saved.yaml');
    fake.saveAnswer = { canceled: false, filePath: path };
    expect(await fake.ask('desktop:save-file', ['../../a<b>:c?.yaml', 'name: ü\n'])).toEqual({
      ok: true,
      value: 'saved.yaml',
    });
    expect(fake.asked[0]).toMatchObject({ defaultPath: 'a-b-c-.yaml' });
    expect(readFileSync(path, 'utf8')).toBe('name: ü\n');
    fake.saveAnswer = { canceled: false, filePath: join(folder, 'nowhere', 'x.yaml') };
    expect(await fake.ask('desktop:save-file', ['x', 'y'])).toEqual({
      ok: false,
      message: 'x.yaml cannot be written: there is no such folder',
    });
    fake.saveAnswer = { canceled: true, filePath: '' };
    expect(await fake.ask('desktop:save-file', ['x', 'y'])).toEqual({ ok: true, value: null });
    expect(readdirSync(folder).filter((name) => name.includes('.part-'))).toEqual([]);
  });
});

const item = (id: string, menu: MenuItem['menu'], accelerator = ''): MenuItem => ({
  id,
  title: `Do ${id} & more`,
  menu,
  accelerator,
  enabled: true,
});

describe('the menu', () => {
  it('is made of the window’s commands; choosing one tells the window in front', async () => {
    const { fake } = await aDesktop();
    expect(
      await fake.ask('desktop:set-menu', [
        [item('runs.compare', 'View', 'CmdOrCtrl+K'), item('job.start', 'Run', 'R')],
      ]),
    ).toEqual({
      ok: true,
      value: null,
    });
    const menu = fake.menus.at(-1)!;
    expect(menu.map(({ label, role }) => label ?? role)).toEqual(['&File', '&Edit', '&View', '&Run']);
    const view = menu[2]!.submenu;
    expect(view[0]).toMatchObject({
      label: 'Do runs.compare && more',
      accelerator: 'CmdOrCtrl+K',
      registerAccelerator: false,
    });
    menu[3]!.submenu[0]!.click!();
    expect(fake.window.webContents.sent).toEqual([{ channel: 'desktop:command', value: 'job.start' }]);
  });

  it('has developer tools only where the app was not packaged', async () => {
    const roles = (fake: FakeElectron): string => JSON.stringify(fake.menus.at(-1));
    expect(roles((await aDesktop()).fake)).not.toContain('toggleDevTools');
    expect(roles((await aDesktop({}, ({ app }) => (app.isPackaged = false))).fake)).toContain('toggleDevTools');
  });

  it('opens further windows, each as well protected', async () => {
    const { fake } = await aDesktop();
    const first = fake.window;
    fake.menus.at(-1)![0]!.submenu.find(({ label }) => label === 'New Window')!.click!();
    expect(FakeWindow.all).toHaveLength(2);
    expect(fake.window.options.webPreferences).toEqual(first.options.webPreferences);
    expect(fake.window.webContents.openHandler!({ url: 'https://evil.example' })).toEqual({ action: 'deny' });
  });
});

describe('a window', () => {
  it('whose process is gone can be loaded anew, or closed', async () => {
    const { fake } = await aDesktop();
    const { window } = fake;
    window.webContents.emit('render-process-gone', {}, { reason: 'oom', exitCode: 5 });
    await later();
    expect(fake.asked[0]).toMatchObject({ buttons: ['Load the window anew', 'Close the window'] });
    expect(window.webContents.reloads).toBe(1);
    fake.boxAnswer = 1;
    window.webContents.emit('render-process-gone', {}, { reason: 'crashed', exitCode: 5 });
    await later();
    expect(window.destroyed).toBe(true);
    window.webContents.emit('render-process-gone', {}, { reason: 'clean-exit', exitCode: 0 });
    await later();
    expect(fake.asked).toHaveLength(2);
  });

  it('that does not answer can be ended, and then loaded anew', async () => {
    const { fake } = await aDesktop();
    const { window } = fake;
    window.emit('unresponsive');
    await later();
    expect(fake.asked).toHaveLength(1);
    expect(window.webContents.reloads).toBe(0);
    fake.boxAnswer = 1;
    window.emit('unresponsive');
    await later();
    expect(fake.asked[2]).toMatchObject({ buttons: ['Load the window anew', 'Close the window'] });
  });

  it('that is being loaded anew gets a file only when it listens again', async () => {
    const { fake, folder } = await aDesktop();
    const { webContents } = fake.window;
    webContents.emit('did-finish-load');
    webContents.emit('did-start-navigation', { isMainFrame: true, isSameDocument: true });
    fake.app.emit('second-instance', {}, [], '/', { files: [anExperimentFile(folder)] });
    await later();
    expect(files(fake.window)).toEqual([A_FILE]);
    webContents.emit('did-start-navigation', { isMainFrame: true, isSameDocument: false });
    fake.app.emit('second-instance', {}, [], '/', { files: [anExperimentFile(folder)] });
    await later();
    expect(files(fake.window)).toHaveLength(1);
    webContents.emit('did-finish-load');
    expect(files(fake.window)).toHaveLength(2);
  });

  it('carries the app’s icon where the system takes it from the window', async () => {
    expect((await aDesktop()).fake.window.options['icon']).toBe('/app/icon.png');
    expect((await aDesktop({ platform: 'darwin' })).fake.window.options).not.toHaveProperty('icon');
  });

  it('comes back where it was', async () => {
    const { fake, folder } = await aDesktop();
    fake.window.emit('close');
    expect(JSON.parse(readFileSync(join(folder, 'userData', 'window.json'), 'utf8'))).toEqual({
      x: 10,
      y: 20,
      width: 900,
      height: 700,
      maximized: false,
    });
    fake.menus.at(-1)![0]!.submenu.find(({ label }) => label === 'New Window')!.click!();
    // A further one must not hide the first.
    expect(fake.window.options).toMatchObject({ width: 900, height: 700 });
    expect(fake.window.options).not.toHaveProperty('x');
  });

  it('is the last one to close: the app ends, but for a Mac', async () => {
    for (const [platform, ends] of [
      ['linux', true],
      ['win32', true],
      ['darwin', false],
    ] as const) {
      const { fake } = await aDesktop({ platform });
      fake.app.emit('window-all-closed');
      expect(fake.app.did.includes('quit')).toBe(ends);
    }
  });
});

it.each(['SIGINT', 'SIGTERM'])('%s ends the app as its menu does', async (signal) => {
  const { fake } = await aDesktop();
  fake.signals.emit(signal);
  expect(fake.app.did).toContain('quit');
});

it('the log is put aside when it is full, and three old ones are kept', async () => {
  const { fake, folder } = await aDesktop();
  const logs = join(folder, 'logs');
  for (let i = 0; i < 6; i++) {
    writeFileSync(join(logs, 'brownout.log'), 'x'.repeat(1024 * 1024));
    fake.child.stderr.emit('data', Buffer.from(`line ${i}`));
  }
  expect(readdirSync(logs).sort()).toEqual(['brownout.1.log', 'brownout.2.log', 'brownout.3.log', 'brownout.log']);
  expect(readFileSync(join(logs, 'brownout.log'), 'utf8')).toMatch(/line 5\n$/u);
  expect(existsSync(join(logs, 'brownout.4.log'))).toBe(false);
});
