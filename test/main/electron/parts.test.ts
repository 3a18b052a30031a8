// Parts of the desktop host that are functions of what they are given.
import { describe, expect, it } from 'vitest';
import { exposeDesktop, type PreloadParts, type PreloadWindow } from '../../../main/electron/exposeDesktop.ts';
import type { DesktopApi, OpenedFile } from '../../../main/contract/desktop.ts';
import { shownAccelerator } from '../../../main/electron/menu.ts';
import { mainPortTransport } from '../../../main/electron/mainPortTransport.ts';
import { suggestedFileName } from '../../../main/electron/openFiles.ts';
import { placement } from '../../../main/electron/windowState.ts';
import { FakePort } from './anElectron.ts';

describe('a window that was', () => {
  const main = { x: 0, y: 0, width: 1920, height: 1040 };
  const right = { x: 1920, y: 0, width: 2560, height: 1400 };
  const kept = { x: 2000, y: 100, width: 1600, height: 1000, maximized: false };

  it('on a screen that is still there comes back to it', () => {
    expect(placement(kept, [main, right])).toEqual(kept);
    expect(placement({ ...kept, maximized: true }, [main, right]).maximized).toBe(true);
  });

  it.each([
    ['on a screen that is gone', kept],
    ['above all screens', { ...kept, x: 100, y: -500 }],
    ['below all screens', { ...kept, x: 100, y: 1030 }],
    ['but for a few pixels beside all screens', { ...kept, x: -1500 }],
  ])('%s comes up in the middle of the main one, not larger than it', (_where, state) => {
    expect(placement(state, [main])).toEqual({ width: 1600, height: 1000, maximized: false });
  });

  it('larger than its screen now is made to fit, with its title bar in reach', () => {
    expect(placement({ x: -50, y: -20, width: 4000, height: 3000, maximized: false }, [main])).toEqual({
      x: -50,
      y: 0,
      width: 1920,
      height: 1040,
      maximized: false,
    });
  });

  it('never there before has the usual size, on a small screen a smaller one', () => {
    expect(placement(undefined, [main])).toEqual({ width: 1440, height: 900, maximized: false });
    expect(placement(undefined, [{ x: 0, y: 0, width: 1280, height: 680 }])).toEqual({
      width: 1280,
      height: 680,
      maximized: false,
    });
    expect(placement(undefined, [])).toEqual({ width: 1440, height: 900, maximized: false });
  });
});

it.each([
  ['CmdOrCtrl+K', 'CmdOrCtrl+K', 'CmdOrCtrl+K'],
  ['Ctrl++', 'Ctrl+Plus', 'Ctrl+Plus'],
  ['Shift+F3', 'Shift+F3', undefined],
  ['R', 'R', undefined],
  ['?', '?', undefined],
  ['Space', 'Space', undefined],
  ['', undefined, undefined],
  ['Hyper+K', undefined, undefined],
  ['Ctrl+', undefined, undefined],
  ['Ctrl+Nonsense', undefined, undefined],
])('the menu shows %j as %j, on a Mac as %j', (accelerator, shown, onMac) => {
  expect(shownAccelerator(accelerator, false)).toBe(shown);
  expect(shownAccelerator(accelerator, true)).toBe(onMac);
});

it.each([
  ['my experiment.yaml', 'my experiment.yaml'],
  ['../../etc/passwd', 'etc-passwd'],
  ['a\u0000b\u202Ec.yaml', 'a-b-c.yaml'],
  ['...', 'experiment.yaml'],
  ['', 'experiment.yaml'],
  ['x'.repeat(300), 'x'.repeat(120)],
  [`${'x'.repeat(300)}.brownout`, `${'x'.repeat(111)}.brownout`],
])('the name %j is suggested as %j', (name, suggested) => {
  expect(suggestedFileName(name)).toBe(suggested);
});

interface Preload {
  readonly api: DesktopApi;
  readonly names: string[];
  readonly invoked: unknown[][];
  readonly sent: string[];
  readonly posted: { readonly message: unknown; readonly origin: string; readonly ports: unknown }[];
  readonly window: PreloadWindow;
  tell(channel: string, event: object, value?: unknown): void;
  /** A message posted to the page's window. */
  post(event: { source?: unknown; origin?: string; data: unknown }): void;
}

function aPreload(answer: unknown = { ok: true, value: null }): Preload {
  const names: string[] = [];
  const invoked: unknown[][] = [];
  const sent: string[] = [];
  const posted: Preload['posted'] = [];
  const told = new Map<string, (event: object, value: unknown) => void>();
  let onMessage: Parameters<PreloadWindow['addEventListener']>[1] = () => undefined;
  let api: DesktopApi | undefined;
  const window: PreloadWindow = {
    location: { origin: 'brownout://app' },
    addEventListener: (_type, listener) => (onMessage = listener),
    postMessage: (message, origin, ports) => posted.push({ message, origin, ports }),
  };
  exposeDesktop({
    window,
    contextBridge: {
      exposeInMainWorld(name: string, given: DesktopApi) {
        names.push(name);
        api = given;
      },
    },
    ipcRenderer: {
      invoke: (...words: unknown[]) => {
        invoked.push(words);
        return Promise.resolve(answer);
      },
      on: (channel: string, listener: (event: object, value: unknown) => void) => told.set(channel, listener),
      send: (channel: string) => sent.push(channel),
    },
  } as unknown as PreloadParts);
  return {
    ...{ api: api!, names, invoked, sent, posted, window },
    tell: (channel, event, value) => told.get(channel)?.(event, value),
    post: ({ source = window, origin = 'brownout://app', data }) => {
      onMessage({ source, origin, data });
    },
  };
}

describe('the preload', () => {
  it('gives the window a few named calls, and nothing of Electron', () => {
    const { api, names } = aPreload();
    expect(names).toEqual(['desktop']);
    expect(Object.keys(api).sort()).toEqual([
      'onCommand',
      'onFile',
      'openDocumentation',
      'openFiles',
      'openRecent',
      'recentFiles',
      'saveExport',
      'saveFile',
      'setMenu',
    ]);
    expect(Object.values(api).every((call) => typeof call === 'function')).toBe(true);
  });

  it('passes on what a call says, and turns a refusal into an error with the main process’s words', async () => {
    const good = aPreload({ ok: true, value: 'saved.yaml' });
    expect(await good.api.saveFile('name', 'text')).toBe('saved.yaml');
    expect(good.invoked).toEqual([['desktop:save-file', 'name', 'text']]);
    await expect(aPreload({ ok: false, message: 'the disk is full' }).api.openFiles()).rejects.toThrow(
      /^the disk is full$/u,
    );
  });

  it('asks for a port when the page itself does, and posts it to the page alone', () => {
    const preload = aPreload();
    preload.post({ data: 'brownout:want-port', origin: 'https://evil.example' });
    preload.post({ data: 'brownout:want-port', source: {} });
    preload.post({ data: 'brownout:something' });
    expect(preload.sent).toEqual([]);
    preload.post({ data: 'brownout:want-port' });
    expect(preload.sent).toEqual(['desktop:want-port']);
    const ports = [{}];
    preload.tell('desktop:port', { ports });
    expect(preload.posted).toEqual([{ message: 'brownout:port', origin: 'brownout://app', ports }]);
  });

  it('keeps a file that comes before anyone listens, and hides Electron’s event', () => {
    const preload = aPreload();
    const file = { kind: 'experiment', fileName: 'a.yaml', text: 'x' };
    preload.tell('desktop:file', { sender: 'secret' }, file);
    const heard: OpenedFile[] = [];
    const stop = preload.api.onFile((...words) => heard.push(...words));
    expect(heard).toEqual([file]);
    preload.tell('desktop:file', {}, file);
    stop();
    preload.tell('desktop:file', {}, file);
    expect(heard).toEqual([file, file]);
    const commands: string[] = [];
    preload.api.onCommand((id) => commands.push(id));
    preload.tell('desktop:command', {}, 'runs.compare');
    expect(commands).toEqual(['runs.compare']);
  });
});

it('a transport over the desktop’s port carries texts and bytes, nothing else, until it ends, once', async () => {
  const [near, far] = [new FakePort(), new FakePort()];
  near.other = far;
  far.other = near;
  const transport = mainPortTransport(near);
  const heard: unknown[] = [];
  transport.start({ message: (message) => heard.push(message), closed: (why) => heard.push(why) });
  expect(near.started).toBe(true);
  const bytes = new ArrayBuffer(8);
  for (const message of ['text', bytes, { an: 'object' }, 7, null]) far.postMessage(message);
  transport.send('there');
  await Promise.resolve();
  far.close();
  far.emit('close');
  await Promise.resolve();
  near.emit('message', { data: 'late' });
  near.emit('close');
  expect(heard).toEqual(['text', bytes, 'the window is gone']);
  expect(near.sent).toEqual(['there']);
});
