// Stands in for the window until there is one: connects and says so.
import '../main/contract/noEval.ts';
import { socketTransport, subprotocolsFor } from '../main/contract/browserTransports.ts';
import { Client } from '../main/contract/client.ts';

const place = document.querySelector('#app');
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/`;
const client = new Client(socketTransport(new WebSocket(address, subprotocolsFor(token))));
const say = (text: string): void => {
  if (place !== null) place.textContent = text;
};
client.call('app.info', {}).then(
  ({ version, store }) => {
    say(`connected: Brownout ${version}, ${store.runs} runs`);
  },
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
  },
);
