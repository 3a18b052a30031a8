// The engine's process or thread of a host: store, pool and jobs, away from the host's main thread. A host sends it a port for
// each client; after that it is out of the path of their messages.
//
// Two kinds of parent: a thread's (main/serve) and a utility process's (main/electron). Both say the same things.
import { Service } from './service.ts';
import { serveClient } from './session.ts';
import { contractError } from './errors.ts';
import type { ExportJob } from '../export/exportStream.ts';
import type { ContractError } from '../contract/errors.ts';
import type { AppInfo } from '../contract/app.ts';
import type { Transport } from '../contract/transport.ts';
import { Store } from '../store/store.ts';

export interface CoreOptions {
  readonly storeFile: string;
  readonly version: string;
  readonly host: AppInfo['host'];
  readonly qemuAllowed: boolean;
  readonly threads?: number;
  /** Module that serves a simulation job; for tests. */
  readonly worker?: string;
  /** The process of a core before this one that broke: the runs it was making are marked. */
  readonly brokenPid?: number;
}

export type ToCore =
  | { readonly kind: 'start'; readonly options: CoreOptions }
  | { readonly kind: 'client' }
  | { readonly kind: 'redeem'; readonly ticket: string }
  | { readonly kind: 'close' };

export type FromCore =
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'failed'; readonly error: ContractError }
  /** What the ticket stands for; null: nothing. */
  | { readonly kind: 'redeemed'; readonly ticket: string; readonly job: ExportJob | null }
  | { readonly kind: 'closed' };

/** A parent's message; with `client` comes the transport of a client. */
export interface CoreMessage {
  readonly message: ToCore;
  readonly transport?: Transport | undefined;
}

/** Why a run that was being made when its process broke has ended. */
export const BROKEN = 'the engine’s process broke while it made this run';

export function runCore(tell: (message: FromCore) => void): (received: CoreMessage) => void {
  let service: Service | undefined;
  return ({ message, transport }) => {
    switch (message.kind) {
      case 'start':
        try {
          service = openService(message.options);
          tell({ kind: 'ready', pid: process.pid });
        } catch (error) {
          tell({ kind: 'failed', error: contractError(error) });
        }
        break;
      case 'client':
        if (transport === undefined) break;
        if (service === undefined) transport.close();
        else serveClient(service, transport);
        break;
      case 'redeem': {
        const { ticket } = message;
        tell({ kind: 'redeemed', ticket, job: service?.redeem(ticket) ?? null });
        break;
      }
      case 'close':
        void (service?.close() ?? Promise.resolve()).finally(() => {
          tell({ kind: 'closed' });
        });
        break;
    }
  };
}

function openService({ storeFile, worker, brokenPid, ...options }: CoreOptions): Service {
  const store = new Store(storeFile);
  try {
    if (brokenPid !== undefined) store.markBroken(brokenPid, BROKEN);
    return new Service({ ...options, store, ...(worker === undefined ? {} : { worker: new URL(worker) }) });
  } catch (error) {
    store.close();
    throw error;
  }
}
