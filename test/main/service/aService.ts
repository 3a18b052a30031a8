// A service over a store of its own, and clients of it in this process.
import { onTestFinished } from 'vitest';
import { Client } from '../../../main/contract/client.ts';
import type { Job } from '../../../main/contract/jobs.ts';
import { transportPair } from '../../../main/contract/transport.ts';
import { Service, type ServiceOptions } from '../../../main/service/service.ts';
import { serveClient } from '../../../main/service/session.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';

/** What test/main/workers/standIn.ts runs: it does what the experiment's name says, whatever else stands there. */
export const STAND_IN = new URL('../workers/standIn.ts', import.meta.url);

export function aService(options: Partial<ServiceOptions> & { readonly file?: string } = {}): Service {
  const { file = IN_MEMORY, ...rest } = options;
  const service = new Service({
    store: new Store(file),
    version: '1.2.3',
    host: 'process',
    worker: STAND_IN,
    threads: 2,
    ...rest,
  });
  onTestFinished(() => service.close());
  return service;
}

export function aClient(service: Service): Client {
  const [near, far] = transportPair();
  serveClient(service, far);
  const client = new Client(near);
  onTestFinished(() => {
    client.close();
  });
  return client;
}

export const anExperiment = (name: string, more = ''): string => `name: ${name}\nguest: {memory: 64MiB}\n${more}`;

/** Resolves with the list of jobs as soon as it is as wished. */
export function jobsUntil(client: Client, wished: (jobs: readonly Job[]) => boolean): Promise<readonly Job[]> {
  return new Promise((resolve, reject) => {
    const subscription = client.subscribe(
      'jobs',
      {},
      {
        item({ jobs }) {
          if (!wished(jobs)) return;
          subscription.close();
          resolve(jobs);
        },
        end(error) {
          reject(new Error(error?.message ?? 'ended'));
        },
      },
    );
  });
}

export async function runToEnd(client: Client, text: string, seed?: number): Promise<Job> {
  const { id } = await client.call('jobs.start', {
    from: { text, fileName: '' },
    ...(seed === undefined ? {} : { seed }),
  });
  const jobs = await jobsUntil(client, (all) => all.some((job) => job.id === id && job.endedMs !== null));
  return jobs.find((job) => job.id === id)!;
}
