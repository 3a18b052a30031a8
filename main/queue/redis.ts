// Connections to Redis. One that is lost comes back by itself, with growing pauses; until then commands wait. What a person is
// told: once when Redis cannot be reached, and once when it is there again, never with the password.
import { Redis } from 'ioredis';

/** The address is none, or Redis refuses us: trying again would not help. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
}

const MAX_PAUSE_MS = 10_000;

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls: boolean;
  /** For messages: without the password. */
  readonly shown: string;
}

/** `redis://[user[:password]@]host[:port][/database]`; rediss:// with TLS. */
export function redisAddress(text: string): RedisAddress {
  const example = 'for example redis://127.0.0.1:6379';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'redis:' && url.protocol !== 'rediss:')) {
    throw new QueueError(`--queue needs the address of a Redis, ${example}`);
  }
  const database = /^\/?(\d{0,4})$/u.exec(url.pathname)?.[1];
  if (url.hostname === '' || database === undefined || url.search !== '' || url.hash !== '') {
    throw new QueueError(`this address of a Redis has parts that mean nothing here; ${example}`);
  }
  const host = url.hostname.replace(/^\[|\]$/gu, '');
  const port = url.port === '' ? 6379 : Number(url.port);
  return {
    ...{ host, port, db: Number(database), tls: url.protocol === 'rediss:' },
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    shown: `${url.hostname}:${port}${database === '' || database === '0' ? '' : `/${database}`}`,
  };
}

export function connect(address: RedisAddress): Redis {
  const { host, port, username, password, db, tls } = address;
  return new Redis({
    ...{ host, port, db },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    // Commands wait for the connection instead of failing after a while.
    maxRetriesPerRequest: null,
    connectTimeout: MAX_PAUSE_MS,
    retryStrategy: (times) => Math.min(MAX_PAUSE_MS, 100 * 1.6 ** Math.min(times, 20)),
  });
}

/** Tells when Redis is gone and when it is back. Returns what ends it. */
export function watchConnection(redis: Redis, { shown }: RedisAddress, say: (line: string) => void): () => void {
  let away = false;
  let reason = '';
  const onError = (error: Error & { readonly code?: string }): void => {
    reason = error.code ?? error.message;
  };
  const onClose = (): void => {
    if (away) return;
    away = true;
    say(`Redis at ${shown} cannot be reached${reason === '' ? '' : ` (${reason})`}; trying again. Nothing is lost.`);
  };
  const onReady = (): void => {
    if (away) say(`Redis at ${shown} is there again.`);
    away = false;
  };
  redis.on('error', onError);
  redis.on('close', onClose);
  redis.on('ready', onReady);
  return () => {
    redis.off('close', onClose);
    redis.off('ready', onReady);
  };
}

/** Resolves when Redis answers; throws a QueueError where it refuses us, and where `signal` is aborted before. */
export async function untilReady(redis: Redis, { shown }: RedisAddress, signal: AbortSignal): Promise<void> {
  const refused = new Promise<never>((_, reject) => {
    redis.on('error', (error: Error) => {
      if (/^(WRONGPASS|NOAUTH|ERR AUTH|ERR invalid password|ERR DB index|NOPERM)/u.test(error.message)) {
        reject(new QueueError(`Redis at ${shown} refuses: ${error.message}`));
      }
    });
  });
  refused.catch(() => undefined);
  try {
    await Promise.race([redis.ping(), refused, aborted(signal)]);
  } catch (error) {
    if (error instanceof QueueError) throw error;
    throw new QueueError(`Redis at ${shown} refuses: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Rejects when the signal is aborted; never resolves. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => {
      reject(new QueueError('interrupted'));
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
