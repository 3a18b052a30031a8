// The client's end of a connection: calls with checked results, subscriptions with credit. The same over every transport.
//
// Theory: ids are given once; an answer that fits no open call is dropped (it was cancelled by close). When the transport
// ends, all that is open ends with `unavailable`: whoever wants to go on makes a new client (see the renderer's reconnecting).
import type * as z from 'zod';
import type { HeatMap } from '../../engine/experiment/result.ts';
import { blockToEnvelope, decodeBlock, type Envelope } from './block.ts';
import { ServiceError, type ContractError } from './errors.ts';
import { firstIssue, readReply, writeRequest, type Reply, type Request } from './frames.ts';
import { kindOfFrame } from './frameHead.ts';
import { decodeHeat } from './heatFrame.ts';
import { PROTOCOL_VERSION } from './limits.ts';
import { BLOCK, HEAT, METHODS, type MethodName, type Params, type Result } from './methods.ts';
import { TOPICS, type TopicItem, type TopicName, type TopicParams } from './topics.ts';
import type { Transport } from './transport.ts';

export type { Result } from './methods.ts';

export interface SubscriptionHandlers<T extends TopicName> {
  item(item: TopicItem<T>): void;
  /** Only of topics that carry samples. */
  envelope?(envelope: Envelope): void;
  /** Only of `live` with `heat`. */
  heat?(map: HeatMap): void;
  /** No more will come. `error` where it did not end by itself; not called after close(). */
  end?(error: ContractError | null): void;
}

export interface Subscription {
  close(): void;
}

interface OpenCall {
  readonly method: MethodName;
  resolve(value: unknown): void;
  reject(error: ServiceError): void;
}

interface OpenSubscription {
  readonly topic: TopicName;
  readonly item: (item: unknown) => void;
  readonly envelope: (envelope: Envelope) => void;
  readonly heat: (map: HeatMap) => void;
  readonly end: (error: ContractError | null) => void;
}

/** Items under way of one subscription at most. */
const CREDIT = 4;

export class Client {
  /** Settles when the host has answered `hello`: with its version, or with the reason why it will not talk. */
  readonly ready: Promise<{ readonly version: string }>;
  /** Resolves when the connection has ended, with a sentence for a person. */
  readonly closed: Promise<string>;
  readonly #transport: Transport;
  readonly #calls = new Map<number, OpenCall>();
  readonly #subscriptions = new Map<number, OpenSubscription>();
  #welcome: { resolve(info: { readonly version: string }): void; reject(error: ServiceError): void };
  #ended: string | undefined;
  #lastId = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#welcome = { resolve: () => undefined, reject: () => undefined };
    this.ready = new Promise((resolve, reject) => {
      this.#welcome = { resolve, reject };
    });
    // Whoever does not ask must not be troubled by an unhandled rejection: every call fails with the same reason.
    this.ready.catch(() => undefined);
    this.closed = new Promise((resolve) => {
      transport.start({
        message: (message) => {
          this.#receive(message);
        },
        closed: (why) => {
          this.#end({ kind: 'unavailable', message: why });
          resolve(why);
        },
      });
    });
    this.#send({ id: this.#nextId(), kind: 'hello', payload: { protocol: PROTOCOL_VERSION } });
  }

  /** Rejects with a ServiceError, never with anything else. */
  call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(new ServiceError({ kind: 'unavailable', message: this.#ended }));
        return;
      }
      const id = this.#nextId();
      this.#calls.set(id, { method, resolve: resolve, reject });
      this.#send({ id, kind: 'call', payload: { method, params } });
    });
  }

  /** Handlers are called in order; credit is given back after each, so a slow handler slows the host, not the memory. */
  subscribe<T extends TopicName>(topic: T, params: TopicParams<T>, handlers: SubscriptionHandlers<T>): Subscription {
    const id = this.#nextId();
    const end = (error: ContractError | null): void => {
      this.#subscriptions.delete(id);
      handlers.end?.(error);
    };
    if (this.#ended !== undefined) {
      const message = this.#ended;
      void Promise.resolve().then(() => {
        end({ kind: 'unavailable', message });
      });
      return { close: () => undefined };
    }
    this.#subscriptions.set(id, {
      topic,
      item: (item) => {
        handlers.item(item as TopicItem<T>);
      },
      envelope: (envelope) => handlers.envelope?.(envelope),
      heat: (map) => handlers.heat?.(map),
      end,
    });
    this.#send({ id, kind: 'subscribe', payload: { topic, params, credit: CREDIT } });
    return {
      close: () => {
        if (this.#subscriptions.delete(id)) this.#send({ id, kind: 'unsubscribe', payload: null });
      },
    };
  }

  close(): void {
    this.#end({ kind: 'unavailable', message: 'the connection was closed' });
    this.#transport.close();
  }

  #nextId(): number {
    return ++this.#lastId;
  }

  #send(request: Request): void {
    if (this.#ended === undefined) this.#transport.send(writeRequest(request));
  }

  #receive(message: string | ArrayBuffer): void {
    if (typeof message !== 'string') {
      this.#receiveBlock(message);
      return;
    }
    const read = readReply(message);
    if (read.ok) this.#receiveReply(read.message);
    else this.#distrust(read.why);
  }

  #receiveReply(reply: Reply): void {
    switch (reply.kind) {
      case 'welcome':
        this.#welcome.resolve({ version: reply.payload.version });
        break;
      case 'result': {
        const call = this.#take(reply.id);
        if (call === undefined) return;
        const schema: z.ZodType | string = METHODS[call.method].result;
        const result = typeof schema === 'string' ? undefined : schema.safeParse(reply.payload);
        if (result?.success === true) call.resolve(result.data);
        else call.reject(misunderstood(call.method, result?.error));
        break;
      }
      case 'error':
        this.#receiveError(reply.id, reply.payload);
        break;
      case 'item': {
        const subscription = this.#subscriptions.get(reply.id);
        if (subscription === undefined) return;
        const schema: z.ZodType = TOPICS[subscription.topic].item;
        const item = schema.safeParse(reply.payload);
        if (!item.success) {
          this.#subscriptions.delete(reply.id);
          this.#send({ id: reply.id, kind: 'unsubscribe', payload: null });
          subscription.end(misunderstood(subscription.topic, item.error).data);
          return;
        }
        subscription.item(item.data);
        this.#giveBack(reply.id);
        break;
      }
      case 'end':
        this.#subscriptions.get(reply.id)?.end(null);
        break;
    }
  }

  #receiveError(id: number, data: ContractError): void {
    const call = this.#take(id);
    if (call !== undefined) call.reject(new ServiceError(data));
    else if (this.#subscriptions.has(id)) this.#subscriptions.get(id)?.end(data);
    // Id 0: the host could not make out what it was asked; id 1: it will not talk to us. Nothing can go on then.
    else if (id <= 1) this.#end(data);
  }

  #receiveBlock(frame: ArrayBuffer): void {
    let read: { readonly id: number } & ({ readonly envelope: Envelope } | { readonly heat: HeatMap });
    try {
      if (kindOfFrame(frame) === 'heat') {
        const { id, map } = decodeHeat(frame);
        read = { id, heat: map };
      } else {
        const { id, block } = decodeBlock(frame);
        read = { id, envelope: blockToEnvelope(block) };
      }
    } catch (error) {
      this.#distrust(error instanceof Error ? error.message : String(error));
      return;
    }
    const call = this.#take(read.id);
    if (call !== undefined) {
      const { result } = METHODS[call.method];
      if ('envelope' in read && result === BLOCK) call.resolve(read.envelope);
      else if ('heat' in read && result === HEAT) call.resolve(read.heat);
      else call.reject(misunderstood(call.method));
      return;
    }
    const subscription = this.#subscriptions.get(read.id);
    if (subscription === undefined) return;
    if ('envelope' in read) subscription.envelope(read.envelope);
    else subscription.heat(read.heat);
    this.#giveBack(read.id);
  }

  #giveBack(id: number): void {
    if (this.#subscriptions.has(id)) this.#send({ id, kind: 'credit', payload: { add: 1 } });
  }

  #take(id: number): OpenCall | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  /** The host says what no host of ours says: nothing more from it can be believed. */
  #distrust(why: string): void {
    this.#end({ kind: 'unavailable', message: `the host cannot be understood: ${why}` });
    this.#transport.close();
  }

  #end(error: ContractError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error.message;
    const thrown = new ServiceError(error);
    this.#welcome.reject(thrown);
    const calls = [...this.#calls.values()];
    const subscriptions = [...this.#subscriptions.values()];
    this.#calls.clear();
    this.#subscriptions.clear();
    for (const call of calls) call.reject(thrown);
    for (const subscription of subscriptions) subscription.end(error);
  }
}

function misunderstood(what: string, error?: z.ZodError): ServiceError {
  const why = error === undefined ? 'the wrong kind of answer' : firstIssue(error);
  return new ServiceError({ kind: 'internal', message: `the answer to ${what} cannot be understood: ${why}` });
}
