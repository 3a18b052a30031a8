// node packedCore.js APP STORE: the packaged engine's process under plain Node, spoken to as Electron's main process would, through a
// parent port and message ports made of Node's own. Runs the first example, saves an export of it, and says how it
// went.
import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel } from 'node:worker_threads';

const [app = '', storeFile = ''] = process.argv.slice(2);
const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`);

/** A MessagePortMain over Node's MessagePort. */
const mainPort = (/** @type {import('node:worker_threads').MessagePort} */ port) => {
  const events = new EventEmitter();
  return Object.assign(events, {
    postMessage: (/** @type {unknown} */ message) => port.postMessage(message),
    start() {
      port.on('message', (data) => events.emit('message', { data, ports: [] }));
      port.on('close', () => events.emit('close'));
    },
    close: () => port.close(),
  });
};

const { port1, port2 } = new MessageChannel();
let id = 0;
const ask = (/** @type {string} */ kind, /** @type {unknown} */ payload) => {
  port1.postMessage(JSON.stringify({ id: ++id, kind, payload }));
};
/** As the main process asks. */
const askHost = (/** @type {string} */ name, /** @type {unknown} */ asked) => {
  parentPort.emit('message', { data: { message: { kind: 'ask', number: 1, name, asked } }, ports: [] });
};
const parentPort = Object.assign(new EventEmitter(), {
  postMessage(/** @type {any} */ message) {
    if (message.kind === 'failed') throw new Error(message.error?.message);
    if (message.kind === 'closed') say('closed');
    if (message.kind === 'answer') {
      const { ok, value, error } = message.answer;
      if (!ok) throw new Error(error.message);
      if (typeof value === 'object') askHost('save', { job: value, path: `${storeFile}.csv` });
      else {
        say(`saved ${statSync(`${storeFile}.csv`).size === value}`);
        parentPort.emit('message', { data: { message: { kind: 'close' } }, ports: [] });
      }
    }
    if (message.kind !== 'ready') return;
    parentPort.emit('message', { data: { message: { kind: 'client' } }, ports: [mainPort(port2)] });
    ask('hello', { protocol: 1 });
    ask('call', { method: 'app.info', params: {} });
    const example = readdirSync(join(app, 'examples')).find((name) => name.startsWith('01'));
    const text = readFileSync(join(app, 'examples', String(example)), 'utf8');
    ask('subscribe', { topic: 'jobs', params: {}, credit: 64 });
    ask('call', { method: 'jobs.start', params: { from: { text, fileName: String(example) } } });
  },
});
port1.on('message', (/** @type {string} */ message) => {
  const { id: of, kind, payload } = JSON.parse(message);
  if (kind === 'error') throw new Error(payload.message);
  if (of === 2) say(`${payload.host} ${payload.store.runs} runs`);
  if (of !== 3 || kind !== 'item') return;
  port1.postMessage(JSON.stringify({ id: 3, kind: 'credit', payload: { add: 1 } }));
  const [job] = payload.jobs;
  if (job === undefined || job.endedMs === null) return;
  say(`${job.state} ${job.outcome} ${job.pagesLost} lost`);
  port1.removeAllListeners('message');
  port1.on('message', (/** @type {string} */ answer) => {
    const { kind: what, payload: given } = JSON.parse(answer);
    if (what === 'error') throw new Error(given.message);
    if (given.ticket !== undefined) askHost('redeem', { ticket: given.ticket });
  });
  ask('call', { method: 'exports.open', params: { ids: [job.runId], format: 'csv' } });
});
Object.assign(process, { parentPort });
await import(pathToFileURL(join(app, 'dist', 'main', 'utilityCore.js')).href);
const options = { storeFile, version: '1', host: 'desktop', qemuAllowed: false };
parentPort.emit('message', { data: { message: { kind: 'start', options } }, ports: [] });
