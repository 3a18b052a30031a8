// The app's windows: made with every protection on, put where the last one was, shown when they have something to show.
import { isOwn, WINDOW_ADDRESS } from './origin.ts';
import { TELL } from './channels.ts';
import { LOCKED } from './lockdown.ts';
import type { BrowserWindow, MainElectron, Session, WebFrameMain, WebPreferences } from './electron.ts';
import type { OpenedFile } from '../contract/desktop.ts';
import type { UserFile } from './userFile.ts';
import { LEAST, placement, type WindowState } from './windowState.ts';

export interface WindowsOptions {
  readonly electron: Pick<MainElectron, 'BrowserWindow' | 'screen' | 'dialog' | 'nativeTheme'>;
  readonly session: Session;
  readonly preload: string;
  readonly icon: string | undefined;
  readonly devTools: boolean;
  readonly kept: UserFile<WindowState>;
  readonly say: (line: string) => void;
  /** A window is on the screen. */
  readonly shown: () => void;
  /** A window has nothing to show, and is closed. */
  readonly failed: (why: string) => void;
}

export function webPreferences(session: Session, preload: string, devTools: boolean): WebPreferences {
  return { ...LOCKED, session, preload, devTools };
}

/** Background until the first picture: that of the theme (renderer/style/tokens.css). */
const BACKGROUND = { light: '#faf9f7', dark: '#1a1816' } as const;

export class Windows {
  readonly #options: WindowsOptions;
  readonly #windows: BrowserWindow[] = [];
  #waitingFiles: OpenedFile[] = [];
  /** Those whose page has loaded and can be told something. */
  readonly #loaded = new WeakSet<BrowserWindow>();

  constructor(options: WindowsOptions) {
    this.#options = options;
  }

  open(): BrowserWindow {
    const { electron, session, preload, icon, devTools, kept, say } = this.#options;
    const areas = [
      electron.screen.getPrimaryDisplay(),
      ...electron.screen.getAllDisplays().filter(({ id }) => id !== electron.screen.getPrimaryDisplay().id),
    ].map(({ workArea }) => workArea);
    const { maximized, ...bounds } = placement(kept.read(), areas);
    const another = this.#windows.length > 0;
    const window = new electron.BrowserWindow({
      // A second one must not hide the first: the system finds its place.
      ...(another ? { width: bounds.width, height: bounds.height } : bounds),
      minWidth: LEAST.width,
      minHeight: LEAST.height,
      show: false,
      title: 'Brownout',
      ...(icon === undefined ? {} : { icon }),
      backgroundColor: electron.nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
      webPreferences: webPreferences(session, preload, devTools),
    });
    this.#windows.push(window);
    let isShown = false;
    window.once('ready-to-show', () => {
      isShown = true;
      if (maximized && !another) window.maximize();
      window.show();
      this.#options.shown();
    });
    window.webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
      if (isMainFrame && !isSameDocument) this.#loaded.delete(window);
    });
    window.webContents.on('did-finish-load', () => {
      this.#loaded.add(window);
      for (const file of this.#waitingFiles.splice(0)) window.webContents.send(TELL.file, file);
    });
    window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
      this.#loaded.delete(window);
      if (reason === 'clean-exit') return;
      say(`a window's process is gone: ${reason}, ${exitCode}`);
      void this.#offerReload(window, reason);
    });
    window.on('unresponsive', () => {
      say('a window does not answer');
      void this.#offerEnd(window);
    });
    window.on('close', () => {
      kept.write({ ...window.getNormalBounds(), maximized: window.isMaximized() });
    });
    window.once('closed', () => {
      this.#windows.splice(this.#windows.indexOf(window), 1);
    });
    window.loadURL(WINDOW_ADDRESS).catch((error: unknown) => {
      say(`the window cannot be loaded: ${String(error)}`);
      // One that is loaded anew meanwhile is none of this.
      if (isShown || window.isDestroyed()) return;
      this.#options.failed(`its own files cannot be loaded (${String(error)}): install Brownout again`);
      window.destroy();
    });
    return window;
  }

  get count(): number {
    return this.#windows.length;
  }

  /** The one in front, else the one opened last. */
  get front(): BrowserWindow | undefined {
    return this.#windows.find((window) => window.isFocused()) ?? this.#windows.at(-1);
  }

  /** To the window in front; before there is one that listens, to the first that does. */
  openFile(file: OpenedFile): void {
    const { front } = this;
    if (front !== undefined && this.#loaded.has(front)) front.webContents.send(TELL.file, file);
    else this.#waitingFiles.push(file);
  }

  sendCommand(id: string): void {
    this.front?.webContents.send(TELL.command, id);
  }

  bringToFront(): void {
    const { front } = this;
    if (front === undefined) return;
    if (front.isMinimized()) front.restore();
    front.show();
    front.focus();
  }

  /** The window whose main frame this is, at our own address; undefined: nobody of ours speaks. */
  ofFrame(frame: WebFrameMain | null): BrowserWindow | undefined {
    if (frame === null || frame.isDestroyed() || !isOwn(frame.url)) return undefined;
    return this.#windows.find((window) => !window.isDestroyed() && window.webContents.mainFrame === frame);
  }

  async #offerEnd(window: BrowserWindow): Promise<void> {
    const { response } = await this.#options.electron.dialog.showMessageBox(window, {
      type: 'warning',
      title: 'Brownout',
      message: 'This window does not answer.',
      detail: 'Simulations go on, and kept runs are safe, whatever you choose.',
      buttons: ['Wait', 'End the window’s process'],
      defaultId: 0,
      cancelId: 0,
    });
    if (!window.isDestroyed() && response === 1) window.webContents.forcefullyCrashRenderer();
  }

  async #offerReload(window: BrowserWindow, reason: string): Promise<void> {
    const { response } = await this.#options.electron.dialog.showMessageBox(window, {
      type: 'error',
      title: 'Brownout',
      message: 'This window’s process has ended.',
      detail: `Reason: ${reason}. Simulations go on, and kept runs are safe. Loading the window anew brings the view back.`,
      buttons: ['Load the window anew', 'Close the window'],
      defaultId: 0,
      cancelId: 0,
    });
    if (window.isDestroyed()) return;
    if (response === 0) window.webContents.reload();
    else window.destroy();
  }
}
