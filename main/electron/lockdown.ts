// What no page of the app may do, whoever wrote it: leave for another address, open windows, embed others, ask for the camera,
// reach the network. Electron allows most of it unless told otherwise.
import type { MainElectron, Session, WebContents } from './electron.ts';
import { documentationAddress, isOwn } from './origin.ts';

/** For every contents there will ever be. */
export function lockContents(electron: Pick<MainElectron, 'app' | 'shell'>, say: (line: string) => void): void {
  electron.app.on('web-contents-created', (_event, contents) => {
    lock(contents, electron.shell, say);
  });
}

function lock(contents: WebContents, shell: MainElectron['shell'], say: (line: string) => void): void {
  const refuse = (what: string) => (event: { readonly url?: string; preventDefault(): void }) => {
    event.preventDefault();
    say(`refused ${what}${event.url === undefined ? '' : ` ${printed(event.url)}`}`);
  };
  // The router changes the fragment alone, which is no navigation; a reload is none either.
  contents.on('will-navigate', refuse('to navigate to'));
  contents.on('will-frame-navigate', refuse('to navigate a frame to'));
  contents.on('will-redirect', refuse('to be redirected to'));
  contents.on('will-attach-webview', refuse('a webview'));
  contents.setWindowOpenHandler(({ url }) => {
    const address = documentationAddress(url);
    if (address === undefined) say(`refused to open ${printed(url)}`);
    else void shell.openExternal(address);
    return { action: 'deny' };
  });
}

/** For the partition of the windows. */
export function lockSession(session: Session, { devTools }: { readonly devTools: boolean }): void {
  // The clipboard by a user's own act needs no permission; everything that does is denied.
  session.setPermissionRequestHandler((_contents, _permission, answer) => {
    answer(false);
  });
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler((_request, answer) => {
    answer({});
  });
  session.setSpellCheckerEnabled(false);
  session.webRequest.onBeforeRequest(({ url }, answer) => {
    answer({ cancel: !isLocal(url, devTools) });
  });
  // What is saved goes through a dialog of the main process (calls.ts); nothing else leaves the window as a file.
  session.on('will-download', (event) => {
    event.preventDefault();
  });
}

function isLocal(address: string, devTools: boolean): boolean {
  const protocol = URL.parse(address)?.protocol;
  if (protocol === 'data:') return true;
  if (protocol === 'blob:') return isOwn(address.slice('blob:'.length));
  return isOwn(address) || (devTools && protocol === 'devtools:');
}

function printed(address: string): string {
  return JSON.stringify(address.slice(0, 200));
}
