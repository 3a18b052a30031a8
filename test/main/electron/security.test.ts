// Every protection of the desktop window, each one seen to be on: what is not asked for here may be switched off by a slip.
import { describe, expect, it } from 'vitest';
import { documentationAddress, isOwn, ORIGIN, WINDOW_ADDRESS } from '../../../main/electron/origin.ts';
import { aFrame, FakeSession, type FakeElectron } from './anElectron.ts';
import { aBareDesktop, aDesktop } from './aDesktop.ts';

/** What is answered to a request, and to a check. */
function allowed(
  session: FakeSession,
  permission: string,
  asked = { isMainFrame: true, requestingUrl: WINDOW_ADDRESS },
): boolean[] {
  const answers: boolean[] = [];
  session.permissionRequest!(undefined, permission, (yes) => answers.push(yes), asked);
  return [...answers, session.permissionCheck!(undefined, permission, asked.requestingUrl, asked)];
}

describe('a window', () => {
  it('has no Node, no access to the preload’s world, no webview, no spelling from the network', async () => {
    const { fake } = await aDesktop();
    expect(fake.window.options.webPreferences).toEqual({
      session: fake.session,
      preload: '/app/preload.cjs',
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: false,
    });
    expect(fake.app.did).toContain('enableSandbox');
    expect(fake.session.spellChecker).toBe(false);
    expect(fake.window.webContents.mainFrame.url).toBe('brownout://app/index.html');
  });

  it('has developer tools only where it was not packaged', async () => {
    const { fake } = await aDesktop({}, ({ app }) => (app.isPackaged = false));
    expect(fake.window.options.webPreferences['devTools']).toBe(true);
  });

  it.each(['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview'])(
    'is stopped by us at %s',
    async (event) => {
      const { fake } = await aDesktop();
      for (const url of ['https://evil.example/', 'file:///etc/passwd', 'brownout://evil/', WINDOW_ADDRESS]) {
        let prevented = false;
        fake.window.webContents.emit(event, { url, preventDefault: () => (prevented = true) });
        expect(prevented).toBe(true);
      }
    },
  );

  it('opens no other; an https address of the documentation goes to the user’s browser', async () => {
    const { fake } = await aDesktop();
    const open = fake.window.webContents.openHandler!;
    for (const url of [
      'https://evil.example/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      WINDOW_ADDRESS,
      'nonsense',
    ]) {
      expect(open({ url })).toEqual({ action: 'deny' });
    }
    expect(fake.opened).toEqual([]);
    expect(open({ url: 'https://docs.kernel.org/userspace-api/iommufd.html' })).toEqual({ action: 'deny' });
    expect(fake.opened).toEqual(['https://docs.kernel.org/userspace-api/iommufd.html']);
  });

  it('gets no permission and no device', async () => {
    const { fake } = await aDesktop();
    for (const permission of [
      'media',
      'geolocation',
      'notifications',
      'clipboard-read',
      'openExternal',
      'fullscreen',
      'hid',
    ]) {
      expect(allowed(fake.session, permission)).toEqual([false, false]);
    }
    expect(fake.session.devicePermission!()).toBe(false);
    const streams: object[] = [];
    fake.session.displayMedia!(undefined, (given) => streams.push(given));
    expect(streams).toEqual([{}]);
  });

  it('may put text on the clipboard: itself, and nobody in it', async () => {
    const { fake } = await aDesktop();
    const permission = 'clipboard-sanitized-write';
    expect(allowed(fake.session, permission)).toEqual([true, true]);
    for (const asked of [
      { isMainFrame: false, requestingUrl: WINDOW_ADDRESS },
      { isMainFrame: true, requestingUrl: 'https://evil.example/' },
      { isMainFrame: true, requestingUrl: 'brownout://print/x' },
    ]) {
      expect(allowed(fake.session, permission, asked)).toEqual([false, false]);
    }
  });

  it('and any other session are locked alike', async () => {
    const { fake } = await aDesktop();
    const unforeseen = new FakeSession();
    fake.app.emit('session-created', unforeseen);
    for (const session of [unforeseen, fake.printSession]) {
      expect(allowed(session, 'media')).toEqual([false, false]);
      let answer: { cancel: boolean } | undefined;
      session.beforeRequest!({ url: 'https://evil.example/' }, (given) => (answer = given));
      expect(answer).toEqual({ cancel: true });
    }
  });

  it('cannot be looked into from outside once it is packaged', async () => {
    const { fake } = await aDesktop();
    expect(fake.app.removed).toEqual(['remote-debugging-port', 'remote-debugging-pipe', 'remote-allow-origins']);
    expect((await aDesktop({}, ({ app }) => (app.isPackaged = false))).fake.app.removed).toEqual([]);
  });

  it('reaches nothing but its own scheme', async () => {
    const { fake } = await aDesktop();
    const cancelled = (url: string, of: FakeElectron = fake): boolean => {
      let answer: { cancel: boolean } | undefined;
      of.session.beforeRequest!({ url }, (given) => (answer = given));
      return answer!.cancel;
    };
    for (const url of [WINDOW_ADDRESS, `${ORIGIN}/assets/a.js`, 'data:image/png;base64,AA', `blob:${ORIGIN}/12`]) {
      expect(cancelled(url), url).toBe(false);
    }
    for (const url of [
      ...['https://evil.example/', 'http://127.0.0.1:80/', 'ws://127.0.0.1/', 'file:///etc/passwd', 'ftp://x/'],
      ...['brownout://evil/', 'brownout://app.evil.example/', 'blob:https://evil.example/12', 'devtools://devtools/x'],
    ]) {
      expect(cancelled(url), url).toBe(true);
    }
    const { fake: unpackaged } = await aDesktop({}, ({ app }) => (app.isPackaged = false));
    expect(cancelled('devtools://devtools/x', unpackaged)).toBe(false);
    expect(cancelled('https://evil.example/', unpackaged)).toBe(true);
  });

  it('downloads nothing: what is saved goes through a dialog', async () => {
    const { fake } = await aDesktop();
    const prevented = (url: string): boolean => {
      let was = false;
      fake.session.emit('will-download', { preventDefault: () => (was = true) }, { getURL: () => url });
      return was;
    };
    for (const url of [
      `blob:${ORIGIN}/0-1-2`,
      `${ORIGIN}/index.html`,
      'blob:https://evil.example/1',
      'https://evil.example/x.exe',
      'data:text/html,x',
    ]) {
      expect(prevented(url), url).toBe(true);
    }
  });

  it('comes from a partition of its own, on which the scheme is handled', async () => {
    const { fake } = await aDesktop();
    expect(fake.window.options.webPreferences['session']).toBe(fake.sessions.get('persist:brownout'));
    expect(fake.session.schemeHandler).toBeDefined();
  });
});

describe('the scheme', () => {
  it('is registered before the app is ready, as a secure and standard one that gets around no policy', () => {
    const { fake } = aBareDesktop();
    expect(fake.schemes).toEqual([
      {
        scheme: 'brownout',
        privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
      },
    ]);
  });

  it('gives out the window’s files, each with the policy', async () => {
    const { fake } = await aDesktop();
    const answer = fake.session.schemeHandler!({ url: WINDOW_ADDRESS, method: 'GET' });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('<!doctype html><title>window</title>');
    const headers = Object.fromEntries(answer.headers);
    expect(headers['content-security-policy']?.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data: blob:",
      "font-src 'self'",
      "connect-src 'self'",
      "worker-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
    });
    const script = fake.session.schemeHandler!({ url: `${ORIGIN}/assets/a.js?x#y`, method: 'GET' });
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.headers.get('content-security-policy')).toBe(headers['content-security-policy']);
  });

  it.each([
    'brownout://app/../outside.txt',
    'brownout://app/%2e%2e/outside.txt',
    'brownout://app/..%2foutside.txt',
    'brownout://app/assets/..%5c..%5coutside.txt',
    'brownout://app//etc/passwd',
    'brownout://app/secret.db',
    'brownout://app/assets',
    'brownout://app/__proto__',
    'brownout://evil/index.html',
    'brownout://app:1/index.html',
    'brownout://user@app/index.html',
    'file:///etc/passwd',
    'nonsense',
  ])('refuses %s, with the policy', async (url) => {
    const { fake } = await aDesktop();
    const answer = fake.session.schemeHandler!({ url, method: 'GET' });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe('');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('answers GET and HEAD alone', async () => {
    const { fake } = await aDesktop();
    expect(fake.session.schemeHandler!({ url: WINDOW_ADDRESS, method: 'POST' }).status).toBe(405);
    const head = fake.session.schemeHandler!({ url: WINDOW_ADDRESS, method: 'HEAD' });
    expect({ status: head.status, body: await head.text() }).toEqual({ status: 200, body: '' });
  });
});

describe('who may call the main process', () => {
  it.each([
    ['a frame at another address', () => aFrame('https://evil.example/')],
    ['a frame whose address begins like ours', () => aFrame('brownout://app.evil.example/')],
    ['a frame of ours that is in no window', () => aFrame(WINDOW_ADDRESS)],
    ['a frame that is gone', () => null],
  ])('not %s', async (_who, frame) => {
    const { fake } = await aDesktop();
    fake.openAnswer = { canceled: false, filePaths: ['/etc/passwd'] };
    for (const [channel] of fake.handlers) {
      expect(await fake.ask(channel, [], frame())).toEqual({ ok: false, message: 'refused' });
    }
    expect(fake.asked).toEqual([]);
    fake.ipc.emit('desktop:want-port', { senderFrame: frame() });
    expect(fake.child.received.map(({ message }) => (message as { kind: string }).kind)).toEqual(['start']);
  });

  it('not our window either while it shows something else', async () => {
    const { fake } = await aDesktop();
    const frame = fake.window.webContents.mainFrame;
    frame.url = 'https://evil.example/';
    expect(await fake.ask('desktop:recent-files', [])).toEqual({ ok: false, message: 'refused' });
    frame.url = `${WINDOW_ADDRESS}#/run/3`;
    expect(await fake.ask('desktop:recent-files', [])).toEqual({ ok: true, value: [] });
  });

  it.each([
    ['desktop:save-file', ['name']],
    ['desktop:save-file', ['name', 'x'.repeat(32 * 1024 * 1024 + 1)]],
    ['desktop:save-export', ['x'.repeat(101)]],
    ['desktop:save-export', ['ticket', '/etc/passwd']],
    ['desktop:save-file', [{ toString: 'x' }, 'text']],
    ['desktop:open-recent', ['../../etc/passwd']],
    ['desktop:open-files', ['/etc/passwd']],
    ['desktop:open-documentation', [7]],
    ['desktop:set-menu', [[{ id: 'A B', title: '', menu: 'File', accelerator: '', enabled: true }]]],
    [
      'desktop:set-menu',
      [
        Array.from({ length: 301 }, (_, i) => ({
          id: `a${i}`,
          title: '',
          menu: 'File',
          accelerator: '',
          enabled: true,
        })),
      ],
    ],
  ])('%s refuses what is none of ours', async (channel, params) => {
    const { fake } = await aDesktop();
    const menus = fake.menus.length;
    expect(await fake.ask(channel, params)).toMatchObject({ ok: false });
    expect(fake.asked).toEqual([]);
    expect(fake.menus).toHaveLength(menus);
  });
});

it.each([
  ['brownout://app/', true],
  ['brownout://app/index.html#/run/3', true],
  ['BROWNOUT://app/', true],
  ['brownout://app.evil.example/', false],
  ['brownout://app@evil.example/', false],
  ['brownout://x:y@app/', false],
  ['https://app/', false],
  ['brownout:app', false],
  ['', false],
])('%s is our own: %s', (address, own) => {
  expect(isOwn(address)).toBe(own);
});

it.each([
  ['https://docs.kernel.org/x?y#z', 'https://docs.kernel.org/x?y#z'],
  ['http://docs.kernel.org/x', undefined],
  ['https://docs.kernel.org.evil.example/', undefined],
  ['https://docs.kernel.org@evil.example/', undefined],
  ['https://user:word@docs.kernel.org/', undefined],
  ['https://docs.kernel.org:8443/', undefined],
  ['https://evil.example/https://docs.kernel.org/', undefined],
  ['file:///usr/bin/xterm', undefined],
])('%s as an address of the documentation: %s', (address, opened) => {
  expect(documentationAddress(address)).toBe(opened);
});

it('crash reports stay on this machine', () => {
  expect(aBareDesktop().fake.crash).toEqual([{ uploadToServer: false, productName: 'Brownout' }]);
});
