// How this window reaches its host: a MessagePort that the desktop's preload hands over, or a WebSocket to the address it was
// served from. The token comes in the address once; it is kept for this tab alone and taken out of sight.
import { portTransport, socketTransport, subprotocolsFor } from '../../main/contract/browserTransports.ts';
import type { Transport } from '../../main/contract/transport.ts';
import type { DesktopApi } from '../../main/contract/desktop.ts';

declare global {
  interface Window {
    /** Put there by the desktop's preload; not there in a browser. */
    readonly desktop?: DesktopApi;
  }
}

const TOKEN_KEY = 'brownout.token';

/** Reads the token from `#token=…` and leaves the rest of the address as it was. */
function takeToken(): string {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get('token');
  if (given !== null) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, '', `${location.pathname}#/`);
  }
  return sessionStorage.getItem(TOKEN_KEY) ?? '';
}

function socket(): Transport {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return socketTransport(new WebSocket(`${scheme}://${location.host}/`, subprotocolsFor(takeToken())));
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
