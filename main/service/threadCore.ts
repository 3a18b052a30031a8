// The core in a worker thread: entry of main/serve's thread.
import { parentPort, type MessagePort } from 'node:worker_threads';
import { runCore, type FromCore, type ToCore } from './core.ts';
import { threadTransport } from './threadTransport.ts';

const parent = parentPort;
if (parent === null) throw new Error('threadCore runs in a thread');

const receive = runCore((message: FromCore) => {
  parent.postMessage(message);
  // Whatever holds the thread (a pool that ends its threads in its own time) must not hold the host.
  if (message.kind === 'closed') parent.close();
});
parent.on('message', ({ message, port }: { message: ToCore; port?: MessagePort }) => {
  receive({ message, transport: port === undefined ? undefined : threadTransport(port) });
});
