// The desktop app with the real engine behind a hand-written Electron: only the process boundary is not there.
import { onTestFinished } from 'vitest';
import { Client } from '../../../main/contract/client.ts';
import { mainPortTransport } from '../../../main/electron/mainPortTransport.ts';
import { runCore } from '../../../main/service/core.ts';
import { aDesktop, type TestDesktop } from './aDesktop.ts';
import type { FakeChild, FakePort } from './anElectron.ts';

export interface WholeDesktop extends TestDesktop {
  readonly client: Client;
}

/** The desktop app with a real core where the utility process would be, and a client in the place of its window. */
export async function aWholeDesktop(...args: Parameters<typeof aDesktop>): Promise<WholeDesktop> {
  const desktop = await aDesktop(...args);
  const { fake } = desktop;
  await begin(fake.child);
  const frame = fake.window.webContents.mainFrame;
  fake.ipc.emit('desktop:want-port', { senderFrame: frame });
  const client = new Client(mainPortTransport(asPort(frame.posted.at(-1)!.ports[0]!)));
  fake.window.webContents.emit('did-finish-load');
  return { ...desktop, client };
}

const asPort = (port: FakePort): Parameters<typeof mainPortTransport>[0] => port;

/** Runs the core in this process, from the messages that its process got so far. */
async function begin(child: FakeChild): Promise<void> {
  const receive = runCore((message) => {
    setImmediate(() => child.emit('message', message));
  });
  const give = ({ message, ports }: FakeChild['received'][number]): void => {
    const [port] = ports;
    receive({ message: message as never, transport: port === undefined ? undefined : mainPortTransport(asPort(port)) });
  };
  for (const one of child.received.splice(0)) give(one);
  child.postMessage = ({ message }, ports) => {
    give({ message, ports });
  };
  onTestFinished(async () => {
    const closed = new Promise<void>((resolve) => {
      child.on('message', ({ kind }: { kind: string }) => {
        if (kind === 'closed') resolve();
      });
    });
    receive({ message: { kind: 'close' } });
    await closed;
  });
  await new Promise((resolve) => child.once('message', resolve));
}
