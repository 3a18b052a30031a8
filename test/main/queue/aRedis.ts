// A real Redis on loopback for tests, where redis-server is installed.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { redisAddress, type RedisAddress } from '../../../main/queue/redis.ts';
import { aFolder } from '../aFolder.ts';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
export const WHY_NO_REDIS = 'redis-server is not installed here';

export interface ARedis {
  readonly url: string;
  readonly address: RedisAddress;
  /** Kills it; everything it held is forgotten. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export async function aRedis(): Promise<ARedis> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const folder = aFolder();
  let server: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const ending = server;
    server = undefined;
    if (ending === undefined) return;
    const ended = new Promise((resolve) => ending.once('close', resolve));
    ending.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
    const starting = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'ignore'] });
    server = starting;
    await new Promise<void>((resolve) => {
      starting.stdout.on('data', (text: Buffer) => {
        if (text.toString().includes('Ready to accept connections')) resolve();
      });
    });
  };
  await start();
  onTestFinished(kill);
  return { url, address: redisAddress(url), kill, start };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
