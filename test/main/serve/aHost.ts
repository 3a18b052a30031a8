// A browser host with a window of two files, its core in a real thread, and clients that come as a browser or as somebody else.
import { mkdirSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { socketTransport, subprotocolsFor } from '../../../main/contract/browserTransports.ts';
import { Client } from '../../../main/contract/client.ts';
import type { Redeem } from '../../../main/serve/downloads.ts';
import { CoreThread } from '../../../main/serve/coreThread.ts';
import { BrowserServer } from '../../../main/serve/server.ts';
import { aFolder } from '../aFolder.ts';
import { STAND_IN } from '../service/aService.ts';

export const TOKEN = 'the-right-token';

export interface TestHost {
  readonly server: BrowserServer;
  readonly core: CoreThread;
  readonly storeFile: string;
}

/** A host whose engine never came up: enough for everything that is decided before a message reaches it. */
export async function aBareHost(): Promise<Pick<TestHost, 'server'>> {
  const server = await BrowserServer.start({
    connect: () => undefined,
    folder: aWindowFolder(),
    port: 0,
    token: TOKEN,
  });
  onTestFinished(() => server.close());
  return { server };
}

function aWindowFolder(): string {
  const folder = join(aFolder(), 'window');
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>window</title>');
  writeFileSync(join(folder, 'assets', 'a.js'), 'export {};');
  writeFileSync(join(folder, 'secret.db'), 'not of a type that is served');
  writeFileSync(join(folder, '..', 'outside.txt'), 'outside');
  return folder;
}

export async function aHost(): Promise<TestHost> {
  const folder = aWindowFolder();
  const storeFile = join(folder, '..', 'runs.db');
  const core = await CoreThread.start({
    ...{ storeFile, version: '1.2.3', host: 'browser', qemuAllowed: false, threads: 2 },
    worker: STAND_IN.href,
  });
  const redeem: Redeem = (ticket) => core.redeem(ticket);
  const server = await BrowserServer.start({ connect: () => core.connect(), redeem, folder, port: 0, token: TOKEN });
  onTestFinished(async () => {
    await server.close();
    await core.close();
  });
  return { server, core, storeFile };
}

export function aSocket(
  { server }: Pick<TestHost, 'server'>,
  { token = TOKEN, origin, host }: { token?: string | undefined; origin?: string | null; host?: string } = {},
): WebSocket {
  const own = `127.0.0.1:${server.port}`;
  const socket = new WebSocket(`ws://${own}/`, subprotocolsFor(token), {
    ...(origin === null ? {} : { origin: origin ?? `http://${own}` }),
    ...(host === undefined ? {} : { headers: { Host: host } }),
  });
  onTestFinished(() => {
    socket.terminate();
  });
  return socket;
}

/** `open`, or the status with which the host refused. */
export function outcomeOf(socket: WebSocket): Promise<'open' | number> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      resolve('open');
    });
    socket.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    socket.once('error', reject);
  });
}

export function closeCodeOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => {
    socket.once('close', resolve);
    socket.once('error', () => undefined);
  });
}

export function aWindow(host: TestHost): Client {
  const client = new Client(socketTransport(aSocket(host)));
  onTestFinished(() => {
    client.close();
  });
  return client;
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export function get(
  { server }: Pick<TestHost, 'server'>,
  path: string,
  options: { host?: string; method?: string } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const headers = options.host === undefined ? {} : { Host: options.host };
    const asked = request(
      { host: '127.0.0.1', port: server.port, path, method: options.method ?? 'GET', headers },
      (response) => {
        let body = '';
        response.on('data', (text: Buffer) => (body += text.toString()));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

/** What the server says to these very bytes. */
export function raw({ server }: Pick<TestHost, 'server'>, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.end(bytes));
    let heard = '';
    socket.on('data', (text) => (heard += text.toString()));
    socket.on('close', () => {
      resolve(heard);
    });
    socket.on('error', () => undefined);
  });
}
