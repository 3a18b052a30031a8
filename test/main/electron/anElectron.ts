// Electron's main process as far as the desktop host uses it, written by hand: it does nothing but record what it is told and
// say what a test wants said. What Electron really does with it is its own affair; these tests are about our decisions.
import { EventEmitter } from 'node:events';
import type { MainElectron, WebFrameMain } from '../../../main/electron/electron.ts';

export class FakePort extends EventEmitter {
  readonly sent: unknown[] = [];
  other: FakePort | undefined;
  closed = false;
  started = false;
  postMessage(message: unknown): void {
    this.sent.push(message);
    const { other } = this;
    queueMicrotask(() => other?.emit('message', { data: message, ports: [] }));
  }
  start(): void {
    this.started = true;
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { other } = this;
    queueMicrotask(() => other?.emit('close'));
  }
}

export class FakeChild extends EventEmitter {
  readonly stdout = new EventEmitter();
  readonly stderr = new EventEmitter();
  readonly received: { readonly message: unknown; readonly ports: readonly FakePort[] }[] = [];
  killed = false;
  readonly module: string;
  readonly options: Record<string, unknown>;
  constructor(module: string, options: Record<string, unknown>) {
    super();
    this.module = module;
    this.options = options;
  }
  postMessage({ message }: { message: { kind: string } }, ports: FakePort[]): void {
    this.received.push({ message, ports });
  }
  kill(): boolean {
    this.killed = true;
    queueMicrotask(() => this.emit('exit', 0));
    return true;
  }
}

export interface FakeFrame {
  url: string;
  readonly posted: { readonly channel: string; readonly message: unknown; readonly ports: readonly FakePort[] }[];
  isDestroyed(): boolean;
  postMessage(channel: string, message: unknown, ports: readonly FakePort[]): void;
}

export function aFrame(url: string): FakeFrame {
  const posted: FakeFrame['posted'] = [];
  return {
    url,
    posted,
    isDestroyed: () => false,
    postMessage(channel, message, ports) {
      posted.push({ channel, message, ports });
    },
  };
}

interface Asked {
  readonly isMainFrame: boolean;
  readonly requestingUrl?: string;
}

/** A partition, with what it was told to allow. */
export class FakeSession extends EventEmitter {
  schemeHandler: ((request: { url: string; method: string }) => Response) | undefined;
  permissionRequest:
    ((contents: unknown, permission: string, answer: (yes: boolean) => void, asked: Asked) => void) | undefined;
  permissionCheck: ((contents: unknown, permission: string, origin: string, asked: Asked) => boolean) | undefined;
  devicePermission: (() => boolean) | undefined;
  displayMedia: ((request: unknown, answer: (streams: object) => void) => void) | undefined;
  beforeRequest: ((details: { url: string }, answer: (what: { cancel: boolean }) => void) => void) | undefined;
  spellChecker = true;
  readonly protocol = {
    handle: (_scheme: string, handler: NonNullable<FakeSession['schemeHandler']>): void => {
      this.schemeHandler = handler;
    },
  };
  readonly webRequest = {
    onBeforeRequest: (handler: NonNullable<FakeSession['beforeRequest']>): void => {
      this.beforeRequest = handler;
    },
  };
  setPermissionRequestHandler(handler: NonNullable<FakeSession['permissionRequest']>): void {
    this.permissionRequest = handler;
  }
  setPermissionCheckHandler(handler: NonNullable<FakeSession['permissionCheck']>): void {
    this.permissionCheck = handler;
  }
  setDevicePermissionHandler(handler: () => boolean): void {
    this.devicePermission = handler;
  }
  setDisplayMediaRequestHandler(handler: NonNullable<FakeSession['displayMedia']>): void {
    this.displayMedia = handler;
  }
  setSpellCheckerEnabled(on: boolean): void {
    this.spellChecker = on;
  }
}

export class FakeContents extends EventEmitter {
  readonly mainFrame = aFrame('about:blank');
  readonly sent: { readonly channel: string; readonly value: unknown }[] = [];
  reloads = 0;
  openHandler: ((details: { url: string }) => { action: string }) | undefined;
  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.openHandler = handler;
  }
  send(channel: string, value: unknown): void {
    this.sent.push({ channel, value });
  }
  reload(): void {
    this.reloads++;
  }
  forcefullyCrashRenderer(): void {
    this.emit('render-process-gone', {}, { reason: 'killed', exitCode: 9 });
  }
  printToPDF(options: object): Promise<Buffer> {
    return FakeElectron.current!.print(this, options);
  }
}

export class FakeWindow extends EventEmitter {
  static all: FakeWindow[] = [];
  readonly webContents = new FakeContents();
  readonly options: Record<string, unknown> & { readonly webPreferences: Record<string, unknown> };
  readonly did: string[] = [];
  focused = false;
  minimized = false;
  destroyed = false;
  bounds = { x: 10, y: 20, width: 900, height: 700 };
  constructor(options: FakeWindow['options']) {
    super();
    this.options = options;
    FakeWindow.all.push(this);
    FakeElectron.current?.app.emit('web-contents-created', {}, this.webContents);
  }
  loadURL(url: string): Promise<void> {
    this.webContents.mainFrame.url = url;
    return FakeElectron.current!.load(this, url);
  }
  show(): void {
    this.did.push('show');
  }
  focus(): void {
    this.did.push('focus');
  }
  restore(): void {
    this.did.push('restore');
  }
  maximize(): void {
    this.did.push('maximize');
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('closed');
  }
  isFocused(): boolean {
    return this.focused;
  }
  isMinimized(): boolean {
    return this.minimized;
  }
  isMaximized(): boolean {
    return false;
  }
  isDestroyed(): boolean {
    return this.destroyed;
  }
  getNormalBounds(): object {
    return this.bounds;
  }
}

type Handler = (event: { senderFrame: FakeFrame | null }, ...params: unknown[]) => unknown;

class FakeApp extends EventEmitter {
  readonly did: string[] = [];
  readonly switches: string[] = [];
  isPackaged = true;
  hasLock = true;
  lockData: unknown;
  readonly ready: { promise: Promise<undefined>; resolve: (value: undefined) => void };
  readonly removed: string[] = [];
  readonly commandLine = {
    appendSwitch: (name: string): number => this.switches.push(name),
    removeSwitch: (name: string): number => this.removed.push(name),
  };
  readonly folder: string;
  constructor(folder: string) {
    super();
    this.folder = folder;
    let resolve: (value: undefined) => void = () => undefined;
    const promise = new Promise<undefined>((settle) => (resolve = settle));
    this.ready = { promise, resolve };
  }
  requestSingleInstanceLock(data: unknown): boolean {
    this.lockData = data;
    return this.hasLock;
  }
  whenReady(): Promise<undefined> {
    return this.ready.promise;
  }
  enableSandbox(): void {
    this.did.push('enableSandbox');
  }
  quit(): void {
    this.did.push('quit');
  }
  exit(code: number): void {
    this.did.push(`exit ${code}`);
  }
  addRecentDocument(path: string): void {
    this.did.push(`recent ${path}`);
  }
  getPath(name: string): string {
    return `${this.folder}/${name}`;
  }
}

export class FakeElectron {
  static current: FakeElectron | undefined;
  readonly app: FakeApp;
  readonly schemes: unknown[] = [];
  readonly handlers = new Map<string, Handler>();
  readonly children: FakeChild[] = [];
  readonly opened: string[] = [];
  readonly boxes: string[] = [];
  readonly menus: { label?: string; role?: string; submenu: { label?: string; click?: () => void }[] }[][] = [];
  readonly crash: unknown[] = [];
  openAnswer: { canceled: boolean; filePaths: string[] } = { canceled: true, filePaths: [] };
  saveAnswer: { canceled: boolean; filePath: string } = { canceled: true, filePath: '' };
  boxAnswer = 0;
  readonly asked: Record<string, unknown>[] = [];
  /** By partition. */
  readonly sessions = new Map<string, FakeSession>();
  /** What a window's loading comes to. */
  load: (window: FakeWindow, url: string) => Promise<void> = () => Promise.resolve();
  print: (contents: FakeContents, options: object) => Promise<Buffer> = () => Promise.reject(new Error('no printer'));
  readonly ipc = new EventEmitter();
  readonly signals = new EventEmitter();
  displays = [{ id: 1, workArea: { x: 0, y: 0, width: 1920, height: 1040 } }];

  constructor(folder: string) {
    this.app = new FakeApp(folder);
    FakeElectron.current = this;
    FakeWindow.all = [];
  }

  /** Of the windows. */
  get session(): FakeSession {
    return this.sessions.get('persist:brownout')!;
  }

  get printSession(): FakeSession {
    return this.sessions.get('brownout-print')!;
  }

  get child(): FakeChild {
    return this.children.at(-1)!;
  }

  get window(): FakeWindow {
    return FakeWindow.all.at(-1)!;
  }

  /** As if this frame of the window had asked. */
  ask(
    channel: string,
    params: readonly unknown[],
    frame: FakeFrame | null = this.window.webContents.mainFrame,
  ): unknown {
    return this.handlers.get(channel)?.({ senderFrame: frame }, ...params);
  }

  /** In the shape of Electron's own: what is missing here is not used. */
  get electron(): MainElectron {
    return {
      app: this.app,
      BrowserWindow: FakeWindow,
      crashReporter: { start: (options: unknown) => this.crash.push(options) },
      dialog: {
        showErrorBox: (title: string, text: string) => this.boxes.push(`${title}: ${text}`),
        showOpenDialog: (_window: unknown, options: Record<string, unknown>) => {
          this.asked.push(options);
          return Promise.resolve(this.openAnswer);
        },
        showSaveDialog: (_window: unknown, options: Record<string, unknown>) => {
          this.asked.push(options);
          return Promise.resolve(this.saveAnswer);
        },
        showMessageBox: (_window: unknown, options: Record<string, unknown>) => {
          this.asked.push(options);
          return Promise.resolve({ response: this.boxAnswer });
        },
      },
      ipcMain: {
        handle: (channel: string, handler: Handler) => this.handlers.set(channel, handler),
        on: (channel: string, listener: (event: { senderFrame: FakeFrame | null }) => void) =>
          this.ipc.on(channel, listener),
      },
      Menu: {
        buildFromTemplate: (template: FakeElectron['menus'][number]) => template,
        setApplicationMenu: (menu: FakeElectron['menus'][number]) => this.menus.push(menu),
      },
      MessageChannelMain: class {
        readonly port1 = new FakePort();
        readonly port2 = new FakePort();
        constructor() {
          this.port1.other = this.port2;
          this.port2.other = this.port1;
        }
      },
      nativeTheme: { shouldUseDarkColors: false },
      protocol: { registerSchemesAsPrivileged: (schemes: unknown[]) => this.schemes.push(...schemes) },
      screen: { getPrimaryDisplay: () => this.displays[0], getAllDisplays: () => this.displays },
      session: {
        fromPartition: (partition: string) => {
          const session = this.sessions.get(partition) ?? new FakeSession();
          this.sessions.set(partition, session);
          return session;
        },
      },
      shell: {
        openExternal: (address: string) => {
          this.opened.push(address);
          return Promise.resolve();
        },
      },
      utilityProcess: {
        fork: (module: string, _args: unknown, options: Record<string, unknown>) => {
          const child = new FakeChild(module, options);
          this.children.push(child);
          return child;
        },
      },
    } as unknown as MainElectron;
  }
}

export const asFrame = (frame: FakeFrame): WebFrameMain => frame as unknown as WebFrameMain;
