// The browser host: the window's files over HTTP and the contract over a WebSocket, on loopback alone.
//
// Who may talk: only a page that this server gave out (Origin), under the name it was asked for by (Host, which keeps a site
// that points its own name at 127.0.0.1 out), that knows the token. The files themselves are no secret.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { SUBPROTOCOL, TOKEN_PREFIX } from '../contract/browserTransports.ts';
import { MAX_FRAME_BYTES, MAX_REQUEST_CHARS } from '../contract/limits.ts';
import type { Transport } from '../contract/transport.ts';
import { EXPORT_PATH } from '../contract/exports.ts';
import { Downloads, type Redeem } from './downloads.ts';
import { readWindowFile, windowFiles, type WindowFile } from './files.ts';
import { securityHeaders } from './headers.ts';
import { newToken, sameToken } from './token.ts';

export interface ServerOptions {
  /** A transport to the core for one client; undefined while there is none. */
  readonly connect: () => Transport | undefined;
  /** What the ticket of an export stands for, once. */
  readonly redeem?: Redeem;
  /** The built window. */
  readonly folder: string;
  /** 0: any free one. */
  readonly port: number;
  readonly token?: string;
}

const LOOPBACK = '127.0.0.1';
/** Windows at the same time. */
const MAX_CLIENTS = 64;
/** Messages a second that a window may send in the long run, and at once. A window that is used sends some tens. */
const MESSAGES_PER_SECOND = 500;
const MESSAGES_AT_ONCE = 2_000;
/** Bytes that wait for a window that does not read them: then it is hung up on. */
const MAX_BACKLOG_BYTES = 2 * MAX_FRAME_BYTES;
const PING_MS = 20_000;
/** WebSocket close codes: RFC 6455 7.4.1. */
const CLOSE = { goingAway: 1001, policy: 1008, tryAgain: 1013 } as const;

export class BrowserServer {
  /** The window's address, with the token. */
  readonly address: string;
  readonly port: number;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #connect: () => Transport | undefined;
  readonly #files: ReadonlyMap<string, WindowFile>;
  readonly #token: string;
  readonly #downloads: Downloads;
  readonly #ping: NodeJS.Timeout;

  private constructor(http: Server, options: ServerOptions) {
    this.#http = http;
    this.#connect = options.connect;
    this.#files = windowFiles(options.folder);
    this.#token = options.token ?? newToken();
    this.#downloads = new Downloads(options.redeem ?? (() => Promise.resolve(undefined)));
    this.port = (http.address() as AddressInfo).port;
    this.address = `http://${LOOPBACK}:${this.port}/#token=${this.#token}`;
    this.#sockets = new WebSocketServer({
      noServer: true,
      // UTF-8 takes at most three bytes for one UTF-16 unit.
      maxPayload: 3 * MAX_REQUEST_CHARS,
      perMessageDeflate: false,
      clientTracking: true,
      handleProtocols: () => SUBPROTOCOL,
    });
    http.on('request', (request, response) => {
      this.#answer(request, response);
    });
    http.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head);
    });
    this.#ping = setInterval(() => {
      this.#dropDead();
    }, PING_MS).unref();
  }

  /** Rejects where the port is taken. */
  static async start(options: ServerOptions): Promise<BrowserServer> {
    const http = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16 * 1024 });
    http.maxConnections = 4 * MAX_CLIENTS;
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject);
      http.listen(options.port, LOOPBACK, () => {
        http.off('error', reject);
        resolve();
      });
    });
    return new BrowserServer(http, options);
  }

  async close(): Promise<void> {
    clearInterval(this.#ping);
    for (const socket of this.#sockets.clients) {
      socket.close(CLOSE.goingAway, 'Brownout was ended');
      // Whoever does not answer the closing is not waited for.
      setTimeout(() => {
        socket.terminate();
      }, 500).unref();
    }
    const closed = new Promise<void>((resolve) => {
      this.#http.close(() => {
        resolve();
      });
    });
    this.#http.closeIdleConnections();
    setTimeout(() => {
      this.#http.closeAllConnections();
    }, 1_000).unref();
    await closed;
  }

  #hosts(): readonly string[] {
    return [`${LOOPBACK}:${this.port}`, `localhost:${this.port}`];
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refuse = (status: number, text: string): void => {
      response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
      response.end(`${text}\n`);
    };
    for (const [name, value] of Object.entries(securityHeaders(this.#hosts().map((host) => `ws://${host}`)))) {
      response.setHeader(name, value);
    }
    if (!this.#hosts().includes(request.headers.host ?? '')) {
      refuse(421, 'This server answers only to its own address.');
      return;
    }
    const path = (request.url ?? '').split(/[?#]/u)[0] ?? '';
    if (path.startsWith(EXPORT_PATH)) {
      void this.#downloads.answer(path.slice(EXPORT_PATH.length), request, response, refuse);
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      refuse(405, 'Only GET and HEAD.');
      return;
    }
    const file = this.#files.get(path);
    if (file === undefined) {
      refuse(404, 'There is no such file.');
      return;
    }
    let contents: Buffer;
    try {
      contents = readWindowFile(file);
    } catch {
      refuse(404, 'The window was built anew: start Brownout again.');
      return;
    }
    response.writeHead(200, {
      'Content-Type': file.type,
      'Content-Length': contents.length,
      'Cache-Control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : contents);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    socket.on('error', () => {
      socket.destroy();
    });
    const hosts = this.#hosts();
    const { host, origin } = request.headers;
    if (!hosts.includes(host ?? '')) refuse('421 Misdirected Request');
    else if (origin !== `http://${host ?? ''}`) refuse('403 Forbidden');
    else if (!sameToken(tokenOf(request), this.#token)) refuse('401 Unauthorized');
    else if (this.#sockets.clients.size >= MAX_CLIENTS) refuse('503 Service Unavailable');
    else {
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        this.#serve(client);
      });
    }
  }

  #serve(client: WebSocket): void {
    const core = this.#connect();
    if (core === undefined) {
      client.close(CLOSE.tryAgain, 'the engine is starting');
      return;
    }
    let allowance = MESSAGES_AT_ONCE;
    let asOf = performance.now();
    client.binaryType = 'arraybuffer';
    alive.add(client);
    client.on('pong', () => alive.add(client));
    client.on('message', (data: ArrayBuffer | Buffer, isBinary) => {
      const now = performance.now();
      allowance = Math.min(MESSAGES_AT_ONCE, allowance + ((now - asOf) / 1000) * MESSAGES_PER_SECOND) - 1;
      asOf = now;
      if (allowance < 0) client.close(CLOSE.policy, 'too many messages');
      else if (isBinary) core.send(new ArrayBuffer(0));
      else core.send(Buffer.from(data as ArrayBuffer).toString('utf8'));
    });
    // What ws finds wrong (a message beyond maxPayload, bytes that are no frame) ends the connection by itself.
    client.on('error', () => undefined);
    client.on('close', () => {
      core.close();
    });
    core.start({
      message(message) {
        if (client.bufferedAmount > MAX_BACKLOG_BYTES) client.terminate();
        else client.send(message);
      },
      closed() {
        client.close(CLOSE.tryAgain, 'the engine has ended');
      },
    });
  }

  #dropDead(): void {
    for (const client of this.#sockets.clients) {
      if (!alive.delete(client)) client.terminate();
      else client.ping();
    }
  }
}

/** Those that have answered since the last ping. */
const alive = new WeakSet<WebSocket>();

/** The second of the subprotocols that a window offers; '' where there is none. */
function tokenOf(request: IncomingMessage): string {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  if (offered[0] !== SUBPROTOCOL) return '';
  return offered[1]?.startsWith(TOKEN_PREFIX) === true ? offered[1].slice(TOKEN_PREFIX.length) : '';
}
