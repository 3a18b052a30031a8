// The engine's process or thread of a host: store, pool and jobs, away from the host's main thread. A host sends it a port for
// each client; after that it is out of the path of their messages.
//
// Two kinds of parent: a thread's (main/serve) and a utility process's (main/electron). Both say the same things.
import { Service } from './service.ts';
import { serveClient } from './session.ts';
import type { AnswerMessage, AskAnswer, AskMessage, AskName } from './asks.ts';
import { contractError } from './errors.ts';
import { ServiceError, type ContractError } from '../contract/errors.ts';
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
  | AskMessage
  | { readonly kind: 'close' };

export type FromCore =
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'failed'; readonly error: ContractError }
  | AnswerMessage
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
      case 'ask': {
        const { number } = message;
        answerOf(service, message).then(
          (value) => {
            tell({ kind: 'answer', number, answer: { ok: true, value } });
          },
          (error: unknown) => {
            tell({ kind: 'answer', number, answer: { ok: false, error: contractError(error) } });
          },
        );
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

/** Async, so that what is thrown at once is told like what is thrown later. */
async function answerOf(service: Service | undefined, ask: AskMessage): Promise<AskAnswer<AskName>> {
  if (service === undefined) throw new ServiceError({ kind: 'unavailable', message: 'there is no engine' });
  switch (ask.name) {
    case 'redeem':
      return service.files.redeem(ask.asked.ticket) ?? null;
    case 'save':
      return service.files.save(ask.asked.job, ask.asked.path);
    case 'page':
      return service.files.page(ask.asked.job);
    case 'offer':
      return service.files.offer(ask.asked.path, ask.asked.fileName);
  }
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
