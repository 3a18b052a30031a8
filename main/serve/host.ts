// The browser host as a whole: the core in its thread, the window built, the server on loopback.
import { version } from '../setup/version.ts';
import { ensureWindow, WINDOW_FOLDER } from '../setup/window.ts';
import { CoreThread } from './coreThread.ts';
import { BrowserServer } from './server.ts';

export interface HostOptions {
  readonly storeFile: string;
  readonly port: number;
  readonly qemuAllowed: boolean;
  readonly say: (line: string) => void;
}

export interface Host {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects with a ServiceError (the store), or with the system's error (the port). */
export async function startHost({ storeFile, port, qemuAllowed, say }: HostOptions): Promise<Host> {
  // The core starts while the window is built, if it is.
  const starting = CoreThread.start({ storeFile, qemuAllowed, version: version(), host: 'browser' });
  // It may fail before the window is there; told below.
  starting.catch(() => undefined);
  const trouble = await ensureWindow(say).catch((error: unknown) => String(error));
  const core = await starting;
  if (trouble !== undefined) say(trouble);
  try {
    const server = await BrowserServer.start({
      connect: () => core.connect(),
      redeem: (ticket) => core.redeem(ticket),
      folder: WINDOW_FOLDER,
      port,
    });
    return {
      address: server.address,
      port: server.port,
      async close() {
        await server.close();
        await core.close();
      },
    };
  } catch (error) {
    await core.close();
    throw error;
  }
}
