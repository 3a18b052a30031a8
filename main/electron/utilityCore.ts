// Entry of the engine's utility process: the core, spoken to through the process's parent port.
import type { MessageEvent, ParentPort } from 'electron';
import { runCore, type FromCore, type ToCore } from '../service/core.ts';
import { mainPortTransport } from './mainPortTransport.ts';

/** Electron's types say that it is always there; elsewhere it is not. */
const parentPort = process.parentPort as ParentPort | undefined;
if (parentPort === undefined) throw new Error('utilityCore runs in a utility process');

const receive = runCore((message: FromCore) => {
  parentPort.postMessage(message);
  // Whatever holds the process (a pool that ends its threads in its own time) must not hold the app.
  if (message.kind === 'closed') setImmediate(() => process.exit(0));
});
parentPort.on('message', ({ data, ports }: MessageEvent) => {
  const { message } = data as { readonly message: ToCore };
  const [port] = ports;
  receive({ message, transport: port === undefined ? undefined : mainPortTransport(port) });
});
