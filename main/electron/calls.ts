// The calls of DesktopApi, main process side: who speaks is checked first, then what is said.
import { basename } from 'node:path';
import * as z from 'zod';
import { menuItemSchema, type MenuItem, type OpenedFile, type RecentFile } from '../contract/desktop.ts';
import { ServiceError } from '../contract/errors.ts';
import { endingOf, EXPERIMENT_ENDINGS, IMPORT_ENDINGS, JSON_ENDING, kindByName } from '../contract/fileKinds.ts';
import { MAX_REPLY_CHARS } from '../contract/limits.ts';
import { isReport } from '../export/exportStream.ts';
import { ExportError, writeFileWhole } from '../export/target.ts';
import { ASK, TELL, WANT_PORT, type Answer } from './channels.ts';
import type { CoreProcess } from './coreProcess.ts';
import type { BrowserWindow, IpcMainEvent, IpcMainInvokeEvent, MainElectron } from './electron.ts';
import type { OpenPaths } from './openPaths.ts';
import type { PagePrinter } from './printPage.ts';
import { FileTrouble, suggestedFileName } from './openFiles.ts';
import { documentationAddress } from './origin.ts';
import type { RecentFiles } from './recentFiles.ts';
import type { Windows } from './windows.ts';

export interface CallsOptions {
  readonly electron: Pick<MainElectron, 'app' | 'dialog' | 'ipcMain' | 'MessageChannelMain' | 'shell'>;
  readonly windows: Windows;
  readonly core: Pick<CoreProcess, 'ask' | 'connect'>;
  readonly paths: OpenPaths;
  readonly recent: RecentFiles;
  readonly printer: PagePrinter;
  readonly setMenu: (items: readonly MenuItem[]) => void;
  readonly say: (line: string) => void;
}

const MAX_MENU_ITEMS = 300;
/** Files chosen in one dialog. */
const MAX_OPENED = 20;
const EVERYTHING = {
  name: 'Experiments, bundles, reports and logs',
  extensions: [...EXPERIMENT_ENDINGS, JSON_ENDING, ...IMPORT_ENDINGS],
};
const EXPERIMENTS = { name: 'Experiments', extensions: [...EXPERIMENT_ENDINGS, JSON_ENDING] };
const ALL_FILES = { name: 'All files', extensions: ['*'] };

export function answerCalls(options: CallsOptions): void {
  const { electron, windows, core, paths, recent, printer, setMenu, say } = options;

  const refused = (event: IpcMainEvent | IpcMainInvokeEvent, channel: string): void => {
    say(`refused ${channel} from ${JSON.stringify(event.senderFrame?.url.slice(0, 200) ?? 'nowhere')}`);
  };

  function handle<P extends z.ZodType, R>(
    channel: string,
    params: P,
    answer: (params: z.output<P>, window: BrowserWindow) => R | Promise<R>,
  ): void {
    electron.ipcMain.handle(channel, async (event, ...said: unknown[]): Promise<Answer<R>> => {
      const window = windows.ofFrame(event.senderFrame);
      if (window === undefined) {
        refused(event, channel);
        return { ok: false, message: 'refused' };
      }
      const checked = params.safeParse(said);
      if (!checked.success) {
        say(`a call of ${channel} that is none of ours`);
        return { ok: false, message: `${channel}: ${checked.error.issues[0]?.message ?? 'not understood'}` };
      }
      try {
        return { ok: true, value: await answer(checked.data, window) };
      } catch (error) {
        if (error instanceof FileTrouble || error instanceof ServiceError) return { ok: false, message: error.message };
        say(`${channel}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        return { ok: false, message: 'this did not work; the log tells more' };
      }
    });
  }

  /** Asks where a file shall go; undefined: nowhere. */
  const chosenPlace = async (window: BrowserWindow, title: string, suggested: string): Promise<string | undefined> => {
    const name = suggestedFileName(suggested);
    const ending = endingOf(name);
    const { canceled, filePath } = await electron.dialog.showSaveDialog(window, {
      title,
      defaultPath: name,
      filters: [
        kindByName(name) === 'experiment' ? EXPERIMENTS : { name: ending.toUpperCase(), extensions: [ending] },
        ALL_FILES,
      ].filter(({ extensions }) => extensions[0] !== ''),
      properties: ['createDirectory', 'showOverwriteConfirmation'],
    });
    return canceled || filePath === '' ? undefined : filePath;
  };

  handle(ASK.openFiles, z.tuple([]), async (_params, window): Promise<OpenedFile[]> => {
    const { canceled, filePaths } = await electron.dialog.showOpenDialog(window, {
      title: 'Open an experiment, or import results',
      properties: ['openFile', 'multiSelections'],
      filters: [EVERYTHING, EXPERIMENTS, ALL_FILES],
    });
    return canceled ? [] : Promise.all(filePaths.slice(0, MAX_OPENED).map((path) => paths.open(path)));
  });

  handle(
    ASK.saveFile,
    z.tuple([z.string().max(400), z.string().max(MAX_REPLY_CHARS)]),
    async ([suggested, text], window): Promise<string | null> => {
      const path = await chosenPlace(window, 'Save', suggested);
      if (path === undefined) return null;
      try {
        await writeFileWhole(path, [Buffer.from(text)], { force: true });
      } catch (error) {
        throw error instanceof ExportError ? withoutFolder(error, path) : error;
      }
      if (kindByName(path) === 'experiment') recent.opened(path);
      return basename(path);
    },
  );

  handle(ASK.saveExport, z.tuple([z.string().max(100)]), async ([ticket], window): Promise<string | null> => {
    // Before the dialog, which may be open for longer than a ticket lasts.
    const job = await core.ask('redeem', { ticket });
    if (job === null) throw new FileTrouble('this export was asked for too long ago: export it again');
    const path = await chosenPlace(window, 'Export', job.fileName);
    if (path === undefined) return null;
    try {
      if (isReport(job) && job.of.report.format === 'pdf') {
        const pdf = await printer.print(await core.ask('page', { job }), window);
        await writeFileWhole(path, [pdf], { force: true });
      } else await core.ask('save', { job, path });
    } catch (error) {
      throw error instanceof ServiceError || error instanceof ExportError ? withoutFolder(error, path) : error;
    }
    return basename(path);
  });

  handle(ASK.recentFiles, z.tuple([]), (): RecentFile[] => recent.list());
  handle(ASK.openRecent, z.tuple([z.uuid()]), ([id]): Promise<OpenedFile | null> => {
    const path = recent.path(id);
    return path === undefined ? Promise.resolve(null) : paths.open(path);
  });
  handle(ASK.openDocumentation, z.tuple([z.string().max(2_000)]), async ([address]): Promise<null> => {
    const allowed = documentationAddress(address);
    if (allowed === undefined) throw new FileTrouble('this address is none of the documentation’s');
    await electron.shell.openExternal(allowed);
    return null;
  });
  handle(ASK.setMenu, z.tuple([z.array(menuItemSchema).max(MAX_MENU_ITEMS)]), ([items]): null => {
    setMenu(items);
    return null;
  });

  electron.ipcMain.on(WANT_PORT, (event) => {
    if (windows.ofFrame(event.senderFrame) === undefined) {
      refused(event, WANT_PORT);
      return;
    }
    const { port1, port2 } = new electron.MessageChannelMain();
    core.connect(port1);
    event.senderFrame?.postMessage(TELL.port, null, [port2]);
  });
}

/** The window learns names, never folders. */
function withoutFolder(error: Error, path: string): FileTrouble {
  return new FileTrouble(error.message.replaceAll(path, basename(path)));
}
