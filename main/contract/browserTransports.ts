// Transports of a window: a WebSocket to a host on loopback, a MessagePort to the desktop's engine process. Typed by what is
// used of them, because the contract knows neither the DOM nor Node.
import type { Transport, TransportHandlers } from './transport.ts';

export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  send(message: string | ArrayBuffer): void;
  close(): void;
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/** The subprotocol that host and window agree on. */
export const SUBPROTOCOL = 'brownout';
/** What the second subprotocol begins with; the token follows. So it stands in no address that is logged or passed on. */
export const TOKEN_PREFIX = 'token.';
const OPEN = 1;

/** `subprotocols` for a new WebSocket. */
export function subprotocolsFor(token: string): string[] {
  return [SUBPROTOCOL, `${TOKEN_PREFIX}${token}`];
}

/** What is sent before the socket is open waits. */
export function socketTransport(socket: SocketLike): Transport {
  let waiting: (string | ArrayBuffer)[] = [];
  return {
    send(message) {
      if (socket.readyState === OPEN) socket.send(message);
      else waiting.push(message);
    },
    start(handlers: TransportHandlers) {
      let opened = false;
      let closed = false;
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('open', () => {
        opened = true;
        for (const message of waiting) socket.send(message);
        waiting = [];
      });
      socket.addEventListener('message', ({ data }) => {
        if (!closed && (typeof data === 'string' || data instanceof ArrayBuffer)) handlers.message(data);
      });
      socket.addEventListener('close', () => {
        if (closed) return;
        closed = true;
        waiting = [];
        handlers.closed(
          opened
            ? 'the connection to Brownout was lost'
            : 'Brownout does not answer, or does not know the token in this address',
        );
      });
    },
    close() {
      socket.close();
    },
  };
}

export interface PortLike {
  postMessage(message: unknown): void;
  start(): void;
  close(): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: () => void): void;
}

export function portTransport(port: PortLike): Transport {
  let ended: (why: string) => void = () => undefined;
  return {
    send(message) {
      port.postMessage(message);
    },
    start(handlers) {
      let closed = false;
      ended = (why) => {
        if (closed) return;
        closed = true;
        handlers.closed(why);
      };
      port.addEventListener('message', ({ data }) => {
        if (!closed && (typeof data === 'string' || data instanceof ArrayBuffer)) handlers.message(data);
      });
      port.addEventListener('close', () => {
        ended('the engine’s process has ended');
      });
      port.start();
    },
    close() {
      port.close();
      void Promise.resolve().then(() => {
        ended('closed');
      });
    },
  };
}
