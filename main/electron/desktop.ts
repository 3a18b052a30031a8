// The desktop app, put together. Electron comes as an argument; nothing here runs before it is called.
//
// Main is windows, menus, dialogs: no store, no simulation. A window asks for a port (a MessagePort to the engine's process),
// gets one end and speaks the contract over it; main is out of the path from then on.
import { join } from 'node:path';
import type { MenuItem } from '../contract/desktop.ts';
import { answerCalls } from './calls.ts';
import { CoreProcess } from './coreProcess.ts';
import type { MainElectron } from './electron.ts';
import { lockCommandLine, lockContents, lockSession } from './lockdown.ts';
import { Log } from './log.ts';
import { menuTemplate } from './menu.ts';
import { filesOf, isOpenable } from './openFiles.ts';
import { OpenPaths } from './openPaths.ts';
import { PagePrinter, PRINT_PARTITION } from './printPage.ts';
import { RecentFiles, recentSchema } from './recentFiles.ts';
import { registerScheme, serveScheme } from './scheme.ts';
import { UserFile } from './userFile.ts';
import { Windows } from './windows.ts';
import { windowStateSchema } from './windowState.ts';

export interface DesktopOptions {
  /** Words after the program's (and, unpackaged, the app's folder's) name. */
  readonly words: readonly string[];
  readonly workingFolder: string;
  readonly platform: NodeJS.Platform;
  readonly version: string;
  readonly storeFile: string;
  /** The built window. */
  readonly windowFolder: string;
  readonly preload: string;
  /** A PNG for the window; on Windows and macOS the program's own icon stands there. */
  readonly icon: string;
  /** The bundled entry of the engine's process. */
  readonly coreModule: string;
  readonly qemuAllowed: boolean;
  /** Where SIGINT and SIGTERM arrive. */
  readonly signals: { on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown };
  /** For whoever started us from a shell: one line at a time. */
  readonly tell: (line: string) => void;
}

/** The partition of all windows. */
export const PARTITION = 'persist:brownout';
/** Told on standard output when the first window is on the screen; `npm start` waits for it. */
export const SHOWN = 'Brownout’s window is open.';

export function startDesktop(electron: MainElectron, options: DesktopOptions): void {
  const { app } = electron;
  const mac = options.platform === 'darwin';
  const files = filesOf(options.words, options.workingFolder);
  // A second start hands its files to the first, and is done.
  if (!app.requestSingleInstanceLock({ files })) {
    options.tell('Brownout is running already: its window was brought to the front.');
    app.quit();
    return;
  }
  const devTools = !app.isPackaged;
  app.enableSandbox();
  if (!devTools) lockCommandLine(app.commandLine);
  registerScheme(electron.protocol);
  // Written beside the logs for whoever wants to look; sent nowhere.
  electron.crashReporter.start({ uploadToServer: false, productName: 'Brownout' });
  // What Chromium would do on the network by itself.
  for (const name of [
    'disable-background-networking',
    'disable-component-update',
    'disable-domain-reliability',
    'no-pings',
  ]) {
    app.commandLine.appendSwitch(name);
  }

  const log = new Log(app.getPath('logs'));
  const say = (line: string): void => {
    log.write(line);
  };
  say(`Brownout ${options.version} begins`);
  lockContents(electron, say);
  // Those that nobody made on purpose too.
  app.on('session-created', (session) => {
    lockSession(session, { devTools });
  });

  const waiting: string[] = [...files];
  let openPath = (path: string): void => {
    waiting.push(path);
  };
  // On a Mac files come as events, also before the app is ready.
  app.on('open-file', (event, path) => {
    event.preventDefault();
    if (isOpenable(path)) openPath(path);
  });

  // Another start's files, which may come as early.
  let bringToFront = (): void => undefined;
  app.on('second-instance', (_event, _argv, _folder, data) => {
    bringToFront();
    for (const path of forwardedFiles(data)) openPath(path);
  });

  app.on('window-all-closed', () => {
    if (!mac) app.quit();
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    options.signals.on(signal, () => {
      app.quit();
    });
  }

  const begin = (): void => {
    const session = electron.session.fromPartition(PARTITION);
    serveScheme(session, options.windowFolder);
    const printSession = electron.session.fromPartition(PRINT_PARTITION);
    for (const one of [session, printSession]) lockSession(one, { devTools });
    const user = app.getPath('userData');
    const recent = new RecentFiles(new UserFile(join(user, 'recent.json'), recentSchema));
    const core = new CoreProcess({
      electron,
      module: options.coreModule,
      core: {
        storeFile: options.storeFile,
        version: options.version,
        host: 'desktop',
        qemuAllowed: options.qemuAllowed,
      },
      say,
      failed: (error) => {
        options.tell(`brownout: ${error.message}`);
        electron.dialog.showErrorBox('Brownout cannot open its store', `${error.message}\n\n${options.storeFile}`);
        app.exit(1);
      },
    });
    const windows = new Windows({
      electron,
      session,
      preload: options.preload,
      icon: options.platform === 'linux' ? options.icon : undefined,
      devTools,
      kept: new UserFile(join(user, 'window.json'), windowStateSchema),
      say,
      shown: () => {
        options.tell(SHOWN);
      },
      failed: (why) => {
        options.tell(`brownout: ${why}`);
        electron.dialog.showErrorBox('Brownout cannot show its window', why);
      },
    });
    const setMenu = (items: readonly MenuItem[]): void => {
      const template = menuTemplate(items, {
        mac,
        devTools,
        choose: (id) => {
          windows.sendCommand(id);
        },
        newWindow: () => {
          windows.open();
        },
      });
      electron.Menu.setApplicationMenu(electron.Menu.buildFromTemplate(template));
    };
    setMenu([]);
    const paths = new OpenPaths({ electron, core, recent });
    const printer = new PagePrinter(electron, printSession);
    answerCalls({ electron, windows, core, paths, recent, printer, setMenu, say });

    openPath = (path) => {
      paths.open(path).then(
        (file) => {
          // On a Mac the app goes on without one.
          if (windows.count === 0) windows.open();
          windows.openFile(file);
        },
        (error: unknown) => {
          say(`a file cannot be opened: ${String(error)}`);
        },
      );
    };
    windows.open();
    for (const path of waiting.splice(0)) openPath(path);

    bringToFront = () => {
      if (windows.count === 0) windows.open();
      windows.bringToFront();
    };
    app.on('activate', () => {
      if (windows.count === 0) windows.open();
    });
    app.on('child-process-gone', (_event, { type, reason, exitCode }) => {
      if (reason !== 'clean-exit') say(`a process is gone: ${type}, ${reason}, ${exitCode}`);
    });
    let closed = false;
    app.on('will-quit', (event) => {
      if (closed) return;
      // Jobs under way are cancelled and kept first.
      event.preventDefault();
      void core.close().finally(() => {
        closed = true;
        say('Brownout ends');
        app.quit();
      });
    });
  };
  app
    .whenReady()
    .then(begin)
    .catch((error: unknown) => {
      // Without a window nobody would ever see that it runs.
      const why = error instanceof Error ? error.message : String(error);
      say(`cannot begin: ${error instanceof Error ? (error.stack ?? why) : why}`);
      options.tell(`brownout: ${why}`);
      electron.dialog.showErrorBox('Brownout cannot begin', why);
      app.exit(1);
    });
}

/** What another start sent along: paths, or nothing that we would open. */
function forwardedFiles(data: unknown): string[] {
  if (typeof data !== 'object' || data === null || !('files' in data) || !Array.isArray(data.files)) return [];
  return data.files
    .filter((path: unknown): path is string => typeof path === 'string' && isOpenable(path))
    .slice(0, 20);
}
