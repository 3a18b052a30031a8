// Names of the messages between preload and main process, and their shapes. The window never sees a name: it has the few calls
// of DesktopApi (main/contract/desktop.ts).

/** Asked by the window, answered by the main process. */
export const ASK = {
  openFiles: 'desktop:open-files',
  saveFile: 'desktop:save-file',
  saveExport: 'desktop:save-export',
  recentFiles: 'desktop:recent-files',
  openRecent: 'desktop:open-recent',
  openDocumentation: 'desktop:open-documentation',
  setMenu: 'desktop:set-menu',
} as const;

/** Told by the window: it wants a port to the engine's process. */
export const WANT_PORT = 'desktop:want-port';

/** Told by the main process. */
export const TELL = { port: 'desktop:port', command: 'desktop:command', file: 'desktop:file' } as const;

/** An answer to ASK. Electron would turn a thrown error into a text of its own. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };
