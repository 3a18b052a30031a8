// A report's page as PDF, printed by Electron's own Chromium: in a hidden window that has no script, no preload and a session of its
// own, where one address gives that page and all others nothing. The window is gone afterwards, whatever happened.
import { randomUUID } from 'node:crypto';
import { securityHeaders } from '../serve/headers.ts';
import type { BrowserWindow, MainElectron, Session, WebPreferences } from './electron.ts';
import { LOCKED } from './lockdown.ts';
import { FileTrouble } from './openFiles.ts';
import { isPrinted, PRINT_ORIGIN, SCHEME } from './origin.ts';

/** In memory: nothing of a page is kept. */
export const PRINT_PARTITION = 'brownout-print';
/** A page of fifty runs takes a few seconds. */
const PRINT_MS = 60_000;

export function printPreferences(session: Session): WebPreferences {
  return { ...LOCKED, session, javascript: false, devTools: false };
}

export class PagePrinter {
  readonly #electron: Pick<MainElectron, 'BrowserWindow'>;
  readonly #session: Session;
  readonly #pages = new Map<string, string>();

  constructor(electron: Pick<MainElectron, 'BrowserWindow'>, session: Session) {
    this.#electron = electron;
    this.#session = session;
    session.protocol.handle(SCHEME, (request) => this.#answer(request));
  }

  /** Given up when the window that asked is closed. Rejects with a FileTrouble. */
  async print(page: string, asking: BrowserWindow): Promise<Uint8Array> {
    const address = `${PRINT_ORIGIN}/${randomUUID()}`;
    this.#pages.set(address, page);
    const window = new this.#electron.BrowserWindow({
      show: false,
      focusable: false,
      skipTaskbar: true,
      webPreferences: printPreferences(this.#session),
    });
    let reject: (error: FileTrouble) => void = () => undefined;
    const over = new Promise<never>((_resolve, fail) => (reject = fail));
    const giveUp = (why: string) => (): void => {
      reject(new FileTrouble(`the PDF was not made: ${why}`));
    };
    const asked = giveUp('its window was closed');
    asking.once('closed', asked);
    window.once('closed', asked);
    window.webContents.once('render-process-gone', (_event, { reason }) => {
      giveUp(`the process that prints it ended (${reason})`)();
    });
    const timer = setTimeout(giveUp(`it took longer than ${PRINT_MS / 1000} s`), PRINT_MS);
    try {
      return await Promise.race([printed(window, address), over]);
    } finally {
      clearTimeout(timer);
      asking.removeListener('closed', asked);
      this.#pages.delete(address);
      if (!window.isDestroyed()) window.destroy();
    }
  }

  #answer({ url, method }: Pick<Request, 'url' | 'method'>): Response {
    const page = isPrinted(url) && method === 'GET' ? this.#pages.get(url) : undefined;
    const headers = { ...securityHeaders([]), 'Content-Security-Policy': POLICY, 'Cache-Control': 'no-store' };
    if (page === undefined) return new Response(null, { status: 404, headers });
    return new Response(page, { headers: { ...headers, 'Content-Type': 'text/html; charset=utf-8' } });
  }
}

/** Beside the page's own, which names its styles by their hashes: both must allow what is done. */
const POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  'sandbox',
].join('; ');

async function printed(window: BrowserWindow, address: string): Promise<Uint8Array> {
  try {
    await window.loadURL(address);
    return await window.webContents.printToPDF({
      preferCSSPageSize: true,
      printBackground: true,
      generateTaggedPDF: true,
      generateDocumentOutline: true,
    });
  } catch (error) {
    throw new FileTrouble(`the PDF was not made: ${error instanceof Error ? error.message : String(error)}`);
  }
}
