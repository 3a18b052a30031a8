// A transport over a MessagePort between threads. Binary frames are transferred, not copied: whoever sends one must not look
// at it again.
import type { MessagePort } from 'node:worker_threads';
import type { Transport } from '../contract/transport.ts';

export function threadTransport(port: MessagePort): Transport {
  return {
    send(message) {
      if (typeof message === 'string') port.postMessage(message);
      else port.postMessage(message, [message]);
    },
    start(handlers) {
      port.on('message', (message: unknown) => {
        if (typeof message === 'string' || message instanceof ArrayBuffer) handlers.message(message);
      });
      port.once('close', () => {
        handlers.closed('the other end is gone');
      });
    },
    close() {
      port.close();
    },
  };
}
