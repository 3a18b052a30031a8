import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { MAX_REQUEST_CHARS, PROTOCOL_VERSION } from '../../../main/contract/limits.ts';
import { newToken, sameToken } from '../../../main/serve/token.ts';
import { aBareHost, aHost, aSocket, aWindow, closeCodeOf, get, outcomeOf, raw } from './aHost.ts';

describe('the window’s files', () => {
  it('come with a policy that allows nothing but themselves and this server', async () => {
    const host = await aBareHost();
    const { status, headers, body } = await get(host, '/');
    expect({ status, body }).toEqual({ status: 200, body: '<!doctype html><title>window</title>' });
    const policy = String(headers['content-security-policy']);
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data: blob:",
      "font-src 'self'",
      `connect-src 'self' ws://127.0.0.1:${host.server.port} ws://localhost:${host.server.port}`,
      "worker-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(policy).not.toMatch(/unsafe/u);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      'content-type': 'text/html; charset=utf-8',
    });
    expect((await get(host, '/assets/a.js')).headers['cache-control']).toContain('immutable');
    // A refusal says the same.
    expect((await get(host, '/nothing')).headers['content-security-policy']).toBe(policy);
  });

  it.each([
    '/../outside.txt',
    '/assets/../../outside.txt',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/assets/..%5c..%5coutside.txt',
    '//outside.txt',
    '/secret.db',
    '/assets/',
    '/assets',
    '/index.html/',
    '/\0',
    '/__proto__',
    '/constructor',
  ])('are the only ones: %s is not there', async (path) => {
    const host = await aBareHost();
    const heard = await raw(
      host,
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${host.server.port}\r\nConnection: close\r\n\r\n`,
    );
    expect(heard).toMatch(/^HTTP\/1\.1 40[04] /u);
    expect(heard).not.toContain('outside\n');
  });

  it('are given to nobody who asks under another name, and to no other method', async () => {
    const host = await aBareHost();
    const { port } = host.server;
    for (const name of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1:${port + 1}`,
      `127.0.0.1.evil.example:${port}`,
    ]) {
      expect(await get(host, '/', { host: name })).toMatchObject({ status: 421 });
    }
    expect((await get(host, '/', { host: `localhost:${port}` })).status).toBe(200);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await get(host, '/', { method })).status).toBe(405);
    expect(await get(host, '/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });
});

describe('the contract over a WebSocket', () => {
  it('is offered on loopback alone', async () => {
    const host = await aBareHost();
    const outside = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one?.internal === false && one.family === 'IPv4');
    for (const { address } of outside as { address: string }[]) {
      const code = await new Promise((resolve) => {
        const socket = connect(host.server.port, address);
        socket.on('connect', () => {
          socket.destroy();
          resolve('connected');
        });
        socket.on('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code);
        });
      });
      expect(code).toBe('ECONNREFUSED');
    }
  });

  it('opens to a page of ours that knows the token', async () => {
    const host = await aHost();
    expect(await outcomeOf(aSocket(host))).toBe('open');
    expect(await aWindow(host).call('app.info', {})).toMatchObject({
      version: '1.2.3',
      host: 'browser',
      qemuAllowed: false,
    });
  });

  it.each([
    ['a wrong token', 401, { token: 'the-wrong-token' }],
    ['the beginning of the token', 401, { token: 'the-right' }],
    ['a longer token', 401, { token: 'the-right-token2' }],
    ['another site’s page', 403, { origin: 'https://evil.example' }],
    ['a page on another port', 403, { origin: 'http://127.0.0.1:1' }],
    ['a sandboxed page', 403, { origin: 'null' }],
    ['no origin at all', 403, { origin: null }],
    ['another name for this address', 421, { host: 'evil.example' }],
  ])('refuses %s', async (_who, status, as) => {
    expect(await outcomeOf(aSocket(await aBareHost(), as))).toBe(status);
  });

  it('refuses a page that names another host than its own in both', async () => {
    const host = await aBareHost();
    const { port } = host.server;
    const mixed = aSocket(host, { origin: `http://localhost:${port}`, host: `127.0.0.1:${port}` });
    expect(await outcomeOf(mixed)).toBe(403);
  });

  it('refuses who brings no token, or brings it in the wrong place', async () => {
    const host = await aBareHost();
    const ask = (more: string, path = '/'): Promise<string> =>
      raw(
        host,
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${host.server.port}\r\nOrigin: http://127.0.0.1:${host.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`,
      );
    for (const more of [
      '',
      'Sec-WebSocket-Protocol: brownout\r\n',
      'Sec-WebSocket-Protocol: token.the-right-token\r\n',
      'Sec-WebSocket-Protocol: token.the-right-token, brownout\r\n',
      'Cookie: token=the-right-token\r\n',
    ]) {
      expect(await ask(more)).toMatch(/^HTTP\/1\.1 401 /u);
    }
    expect(await ask('', '/?token=the-right-token')).toMatch(/^HTTP\/1\.1 401 /u);
  });

  it('hangs up on a message that is too large, and serves the others as before', async () => {
    const host = await aHost();
    const other = aWindow(host);
    const socket = aSocket(host);
    await outcomeOf(socket);
    const closed = closeCodeOf(socket);
    socket.send('x'.repeat(3 * MAX_REQUEST_CHARS + 1));
    // 1009: message too big (RFC 6455).
    expect(await closed).toBe(1009);
    expect(await other.call('runs.count', { filter: '' })).toEqual({ count: 0, all: 0 });
  });

  it('hangs up on a flood of messages', async () => {
    const host = await aHost();
    const socket = aSocket(host);
    await outcomeOf(socket);
    const closed = closeCodeOf(socket);
    for (let i = 0; i < 5_000; i++) socket.send('{"id":0}');
    expect(await closed).toBeGreaterThan(1000);
    expect(await aWindow(host).call('runs.count', { filter: '' })).toEqual({ count: 0, all: 0 });
  });

  it('answers a binary or malformed message with an error, and goes on', async () => {
    const host = await aHost();
    const socket = aSocket(host);
    await outcomeOf(socket);
    const heard: string[] = [];
    const three = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        heard.push(data.toString());
        if (heard.length === 3) resolve();
      });
    });
    socket.send(Uint8Array.of(1, 2, 3));
    socket.send('{"id":1,"kind":');
    socket.send(JSON.stringify({ id: 1, kind: 'hello', payload: { protocol: PROTOCOL_VERSION } }));
    await three;
    expect(heard.map((text) => (JSON.parse(text) as { kind: string }).kind)).toEqual(['error', 'error', 'welcome']);
  });
});

describe('a token', () => {
  it('is of 256 bits, new each time, and compared whole', () => {
    const tokens = new Set(Array.from({ length: 100 }, newToken));
    expect(tokens.size).toBe(100);
    for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(sameToken('a', 'a')).toBe(true);
    for (const [a, b] of [
      ['a', 'b'],
      ['', 'a'],
      ['a', 'aa'],
      ['á', 'a'],
    ] as const) {
      expect(sameToken(a, b)).toBe(false);
    }
  });
});
