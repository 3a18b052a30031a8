// What the desktop host uses of Electron's main process. It comes as an argument: tests bring one of their own that records.
import type * as Electron from 'electron';

export type MainElectron = Pick<
  typeof Electron,
  | 'app'
  | 'BrowserWindow'
  | 'crashReporter'
  | 'dialog'
  | 'ipcMain'
  | 'Menu'
  | 'MessageChannelMain'
  | 'nativeTheme'
  | 'protocol'
  | 'screen'
  | 'session'
  | 'shell'
  | 'utilityProcess'
>;

export type {
  BrowserWindow,
  IpcMainEvent,
  IpcMainInvokeEvent,
  MenuItemConstructorOptions,
  MessagePortMain,
  Rectangle,
  Session,
  UtilityProcess,
  WebContents,
  WebPreferences,
  WebFrameMain,
} from 'electron';
