// The preload's work: puts DesktopApi at `window.desktop` and passes on the port to the engine. The window gets a few named calls
// and never Electron itself.
import type { DesktopApi, OpenedFile } from '../contract/desktop.ts';
import { ASK, TELL, WANT_PORT, type Answer } from './channels.ts';
import type { contextBridge, ipcRenderer } from 'electron';

export interface PreloadParts {
  readonly contextBridge: Pick<typeof contextBridge, 'exposeInMainWorld'>;
  readonly ipcRenderer: Pick<typeof ipcRenderer, 'invoke' | 'on' | 'send'>;
  readonly window: PreloadWindow;
}

/** What is used of the window; the isolated world shares its events with the page. */
export interface PreloadWindow {
  readonly location: { readonly origin: string };
  addEventListener(
    type: 'message',
    listener: (event: { readonly source: unknown; readonly origin: string; readonly data: unknown }) => void,
  ): void;
  postMessage(message: unknown, targetOrigin: string, transfer?: readonly unknown[]): void;
}

/** What page and preload post to the page's own window: see renderer/app/transport.ts. */
export const PAGE = { wantPort: 'brownout:want-port', port: 'brownout:port' } as const;

export function exposeDesktop({ contextBridge, ipcRenderer, window }: PreloadParts): void {
  const ask = async <T>(channel: string, ...params: unknown[]): Promise<T> => {
    const answer = (await ipcRenderer.invoke(channel, ...params)) as Answer<T>;
    if (!answer.ok) throw new Error(answer.message);
    return answer.value;
  };
  const commands = new Listeners<string>();
  const files = new Listeners<OpenedFile>();
  ipcRenderer.on(TELL.command, (_event, id: string) => {
    commands.tell(id);
  });
  ipcRenderer.on(TELL.file, (_event, file: OpenedFile) => {
    files.tell(file);
  });

  ipcRenderer.on(TELL.port, ({ ports }) => {
    window.postMessage(PAGE.port, window.location.origin, ports);
  });
  window.addEventListener('message', ({ source, origin, data }) => {
    if (source === window && origin === window.location.origin && data === PAGE.wantPort) ipcRenderer.send(WANT_PORT);
  });

  const api: DesktopApi = {
    openFiles: () => ask(ASK.openFiles),
    saveFile: (suggestedName, text) => ask(ASK.saveFile, suggestedName, text),
    saveExport: (ticket) => ask(ASK.saveExport, ticket),
    recentFiles: () => ask(ASK.recentFiles),
    openRecent: (id) => ask(ASK.openRecent, id),
    openDocumentation: async (address) => {
      await ask(ASK.openDocumentation, address);
    },
    setMenu: async (items) => {
      await ask(ASK.setMenu, items);
    },
    onCommand: (listener) => commands.add(listener),
    onFile: (listener) => files.add(listener),
  };
  contextBridge.exposeInMainWorld('desktop', api);
}

/** Keeps what comes before anyone listens (a file that was double-clicked arrives before the app has begun). */
class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();
  #waiting: T[] = [];

  tell(value: T): void {
    if (this.#listeners.size === 0) this.#waiting.push(value);
    for (const listener of this.#listeners) listener(value);
  }

  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    for (const value of this.#waiting.splice(0)) listener(value);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
