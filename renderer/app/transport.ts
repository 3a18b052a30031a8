// How this window reaches its host: a MessagePort that the desktop's preload hands over, or a WebSocket to the address it was
// served from.
import { portTransport, socketTransport, subprotocolsFor } from '../../main/contract/browserTransports.ts';
import type { Transport } from '../../main/contract/transport.ts';
import type { DesktopApi } from '../../main/contract/desktop.ts';
import { token } from './token.ts';

declare global {
  interface Window {
    /** Put there by the desktop's preload; not there in a browser. */
    readonly desktop?: DesktopApi;
  }
}

function socket(): Transport {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return socketTransport(new WebSocket(`${scheme}://${location.host}/`, subprotocolsFor(token)));
}

/** The preload posts the port to this window; a window that asks again (after a crash of the engine) gets a new one. */
function port(): Promise<Transport> {
  return new Promise((resolve) => {
    const listen = (event: MessageEvent): void => {
      const [given] = event.ports;
      if (event.source !== window || event.data !== 'brownout:port' || given === undefined) return;
      window.removeEventListener('message', listen);
      resolve(portTransport(given));
    };
    window.addEventListener('message', listen);
    window.postMessage('brownout:want-port', location.origin);
  });
}

export function openTransport(): Promise<Transport> {
  return window.desktop === undefined ? Promise.resolve(socket()) : port();
}
