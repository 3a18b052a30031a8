// What no page of the app may do, whoever wrote it: leave for another address, open windows, embed others, ask for the camera,
// reach the network. Electron allows most of it unless told otherwise.
import type { MainElectron, Session, WebContents, WebPreferences } from './electron.ts';
import { documentationAddress, isOwn, isPrinted } from './origin.ts';

/** What no window may, whatever it shows. Electron's own defaults are named where everything rests on them. */
export const LOCKED: WebPreferences = {
  contextIsolation: true,
  sandbox: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webviewTag: false,
  // A dropped file is the window's to read, never an address to go to.
  navigateOnDragDrop: false,
  // Its dictionaries would be fetched from the network.
  spellcheck: false,
};

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
    else {
      shell.openExternal(address).catch((error: unknown) => {
        say(`${address} cannot be opened: ${String(error)}`);
      });
    }
    return { action: 'deny' };
  });
}

/** Of the packaged app: nobody looks into its windows from outside. (The fuses say the same of Node's inspector.) */
export function lockCommandLine(commandLine: Pick<MainElectron['app']['commandLine'], 'removeSwitch'>): void {
  for (const name of ['remote-debugging-port', 'remote-debugging-pipe', 'remote-allow-origins']) {
    commandLine.removeSwitch(name);
  }
}

/** For every partition. */
export function lockSession(session: Session, { devTools }: { readonly devTools: boolean }): void {
  // To put text on the clipboard Chromium wants a user's act, and then asks here. All else is denied.
  const isAllowed = (permission: string, isMainFrame: boolean, address: string | undefined): boolean =>
    permission === 'clipboard-sanitized-write' && isMainFrame && isOwn(address ?? '');
  session.setPermissionRequestHandler((_contents, permission, answer, { isMainFrame, requestingUrl }) => {
    answer(isAllowed(permission, isMainFrame, requestingUrl));
  });
  session.setPermissionCheckHandler((_contents, permission, origin, { isMainFrame, requestingUrl }) =>
    isAllowed(permission, isMainFrame, requestingUrl ?? origin),
  );
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
  return isOwn(address) || isPrinted(address) || (devTools && protocol === 'devtools:');
}

function printed(address: string): string {
  return JSON.stringify(address.slice(0, 200));
}
