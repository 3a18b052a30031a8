// A transport over Electron's MessagePortMain, the engine process's end of a window's channel. Binary frames are copied, as
// between any two processes.
import type { Transport } from '../contract/transport.ts';
import type { MessagePortMain } from './electron.ts';

export function mainPortTransport(
  port: Pick<MessagePortMain, 'postMessage' | 'start' | 'close' | 'on' | 'once'>,
): Transport {
  return {
    send(message) {
      port.postMessage(message);
    },
    start(handlers) {
      let closed = false;
      port.on('message', ({ data }: { readonly data: unknown }) => {
        if (!closed && (typeof data === 'string' || data instanceof ArrayBuffer)) handlers.message(data);
      });
      port.once('close', () => {
        if (closed) return;
        closed = true;
        handlers.closed('the window is gone');
      });
      port.start();
    },
    close() {
      port.close();
    },
  };
}
