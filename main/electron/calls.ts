// The calls of DesktopApi, main process side: who speaks is checked first, then what is said.
import * as z from 'zod';
import { menuItemSchema, type MenuItem, type OpenedFile, type RecentFile } from '../contract/desktop.ts';
import { MAX_EXPERIMENT_CHARS } from '../contract/limits.ts';
import { ASK, TELL, WANT_PORT, type Answer } from './channels.ts';
import type { CoreProcess } from './coreProcess.ts';
import type { BrowserWindow, IpcMainEvent, IpcMainInvokeEvent, MainElectron } from './electron.ts';
import { EXPERIMENT_ENDINGS, FileTrouble, readExperimentFile, saveTextFile, suggestedFileName } from './openFiles.ts';
import { documentationAddress } from './origin.ts';
import type { RecentFiles } from './recentFiles.ts';
import type { Windows } from './windows.ts';

export interface CallsOptions {
  readonly electron: Pick<MainElectron, 'app' | 'dialog' | 'ipcMain' | 'MessageChannelMain' | 'shell'>;
  readonly windows: Windows;
  readonly core: Pick<CoreProcess, 'connect'>;
  readonly recent: RecentFiles;
  readonly setMenu: (items: readonly MenuItem[]) => void;
  readonly say: (line: string) => void;
}

const MAX_MENU_ITEMS = 300;
const EXPERIMENTS = { name: 'Experiments', extensions: [...EXPERIMENT_ENDINGS] };

export function answerCalls(options: CallsOptions): void {
  const { electron, windows, core, recent, setMenu, say } = options;

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
        if (error instanceof FileTrouble) return { ok: false, message: error.message };
        say(`${channel}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        return { ok: false, message: 'this did not work; the log tells more' };
      }
    });
  }

  const opened = (path: string): OpenedFile => {
    const file = readExperimentFile(path);
    recent.opened(path);
    electron.app.addRecentDocument(path);
    return file;
  };

  handle(ASK.openFile, z.tuple([]), async (_params, window): Promise<OpenedFile | null> => {
    const { canceled, filePaths } = await electron.dialog.showOpenDialog(window, {
      title: 'Open an experiment',
      properties: ['openFile'],
      filters: [EXPERIMENTS],
    });
    const [path] = filePaths;
    return canceled || path === undefined ? null : opened(path);
  });

  handle(
    ASK.saveFile,
    z.tuple([z.string().max(400), z.string().max(MAX_EXPERIMENT_CHARS)]),
    async ([suggested, text], window): Promise<string | null> => {
      const { canceled, filePath } = await electron.dialog.showSaveDialog(window, {
        title: 'Save',
        defaultPath: suggestedFileName(suggested),
        filters: [EXPERIMENTS, { name: 'All files', extensions: ['*'] }],
        properties: ['createDirectory', 'showOverwriteConfirmation'],
      });
      if (canceled || filePath === '') return null;
      const name = saveTextFile(filePath, text);
      recent.opened(filePath);
      return name;
    },
  );

  handle(ASK.recentFiles, z.tuple([]), (): RecentFile[] => recent.list());
  handle(ASK.openRecent, z.tuple([z.uuid()]), ([id]): OpenedFile | null => {
    const path = recent.path(id);
    return path === undefined ? null : opened(path);
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
