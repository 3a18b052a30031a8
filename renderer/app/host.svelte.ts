// The connection to the host, for the whole window: one client, made anew when it was lost; what the host says of itself; the
// jobs under way; the revision of the list of runs.
//
// Theory: views call `call` and `subscribe`; they never hold a client. A call while disconnected waits for the next connection;
// a subscription is made again on every new connection until it is closed, so a view need not know that the engine restarted.
import { Client, type Result, type Subscription, type SubscriptionHandlers } from '../../main/contract/client.ts';
import { ServiceError } from '../../main/contract/errors.ts';
import type { AppInfo } from '../../main/contract/app.ts';
import type { Job } from '../../main/contract/jobs.ts';
import type { MethodName, Params } from '../../main/contract/methods.ts';
import type { TopicName, TopicParams } from '../../main/contract/topics.ts';
import { openTransport } from './transport.ts';

type State = 'connecting' | 'open' | 'lost';

class Host {
  /** `lost`: the host does not answer; the next try comes by itself. */
  state = $state<State>('connecting');
  /** Why, while it is lost. */
  trouble = $state('');
  /** Tries to connect since it was lost. */
  tries = $state(0);
  info = $state.raw<AppInfo | null>(null);
  jobs = $state.raw<readonly Job[]>([]);
  /** Grows whenever the list of runs changed. */
  runsRevision = $state(0);
}

export const host = new Host();

/** Waits between two tries to connect, in milliseconds. */
const WAITS = [250, 500, 1_000, 2_000, 5_000];

let client: Client | undefined;
let arrival = newArrival();

function newArrival(): { readonly promise: Promise<Client>; readonly resolve: (client: Client) => void } {
  let resolve: (client: Client) => void = () => undefined;
  const promise = new Promise<Client>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

interface Standing {
  start(client: Client): void;
}
const standing = new Set<Standing>();

/** Connects, and again whenever the connection is lost. */
export function connect(): void {
  void openTransport().then(async (transport) => {
    const next = new Client(transport);
    void next.closed.then((why) => {
      if (client === next) {
        client = undefined;
        arrival = newArrival();
      }
      host.state = 'lost';
      host.trouble = why;
      setTimeout(connect, WAITS[Math.min(host.tries++, WAITS.length - 1)]);
    });
    try {
      await next.ready;
      const info = await next.call('app.info', {});
      host.info = info;
    } catch (error) {
      host.trouble = error instanceof Error ? error.message : String(error);
      next.close();
      return;
    }
    client = next;
    host.tries = 0;
    host.state = 'open';
    host.trouble = '';
    arrival.resolve(next);
    for (const one of standing) one.start(next);
  });
}

/** Rejects with a ServiceError. Waits while there is no connection. */
export async function call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
  const present = client ?? (await arrival.promise);
  return present.call(method, params);
}

/** As Client.subscribe; made again after a reconnection (`again` is called first: what came before comes once more). */
export function subscribe<T extends TopicName>(
  topic: T,
  params: TopicParams<T>,
  handlers: SubscriptionHandlers<T> & { again?(): void },
): Subscription {
  let open: Subscription | undefined;
  let started = false;
  const one: Standing = {
    start(present) {
      if (started) handlers.again?.();
      started = true;
      open = present.subscribe(topic, params, {
        ...handlers,
        end(error) {
          // Lost with the connection: it stands, and begins again with the next.
          if (error?.kind === 'unavailable') return;
          standing.delete(one);
          handlers.end?.(error);
        },
      });
    },
  };
  standing.add(one);
  if (client !== undefined) one.start(client);
  return {
    close() {
      standing.delete(one);
      open?.close();
    },
  };
}

/** The number of runs in the store changes with them. Whoever is disconnected meanwhile learns it with the next connection. */
async function refreshInfo(): Promise<void> {
  host.info = (await client?.call('app.info', {}).catch(() => null)) ?? host.info;
}

/** What to tell a person about a failed call. */
export function messageOf(error: unknown): string {
  return error instanceof ServiceError || error instanceof Error ? error.message : String(error);
}

subscribe(
  'jobs',
  {},
  {
    item({ jobs }) {
      host.jobs = jobs;
    },
  },
);
// The first item tells where the revision stands. Whoever asked for the list before it came would ask in vain once more.
let told = false;
subscribe(
  'runs',
  {},
  {
    item() {
      if (told) host.runsRevision++;
      told = true;
      void refreshInfo();
    },
    // Whatever was asked for may have been lost with the connection.
    again() {
      told = true;
    },
  },
);
