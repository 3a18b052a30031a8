// One client's connection: reads its messages, checks them against the contract, answers, and feeds its subscriptions as long
// as it has credit. Everything that a client can say wrongly ends in an error message or, where it keeps on, in hanging up.
import { encodeBlock, envelopeToBlock } from '../contract/block.ts';
import type { ContractError } from '../contract/errors.ts';
import { encodeHeat } from '../contract/heatFrame.ts';
import { firstIssue, readRequest, writeReply, type Reply, type Request } from '../contract/frames.ts';
import { MAX_CREDIT, MAX_REPLY_CHARS, MAX_SUBSCRIPTIONS, PROTOCOL_VERSION } from '../contract/limits.ts';
import { BLOCK, HEAT, isMethod, METHODS } from '../contract/methods.ts';
import { isTopic, TOPICS } from '../contract/topics.ts';
import type { Transport } from '../contract/transport.ts';
import { contractError } from './errors.ts';
import type { Feed } from './feed.ts';
import type { Answer } from './handlers.ts';
import type { MethodName } from '../contract/methods.ts';
import type { Service } from './service.ts';

/** A subscription is given something at most so often. */
const PACE_MS = 100;
/** Messages that are none of ours: after so many the client is hung up on. */
const MAX_NONSENSE = 20;

interface Subscription {
  readonly feed: Feed;
  credit: number;
  timer: NodeJS.Timeout | undefined;
  lastMs: number;
}

/** Serves one client until its transport ends. `onEnd` is called once. */
export function serveClient(service: Service, transport: Transport, onEnd: () => void = () => undefined): void {
  new Session(service, transport, onEnd);
}

class Session {
  readonly #service: Service;
  readonly #transport: Transport;
  readonly #subscriptions = new Map<number, Subscription>();
  #greeted = false;
  #lastId = 0;
  #nonsense = 0;
  #ended = false;

  constructor(service: Service, transport: Transport, onEnd: () => void) {
    this.#service = service;
    this.#transport = transport;
    transport.start({
      message: (message) => {
        this.#receive(message);
      },
      closed: () => {
        this.#end();
        onEnd();
      },
    });
  }

  #receive(message: string | ArrayBuffer): void {
    if (this.#ended) return;
    const read =
      typeof message === 'string'
        ? readRequest(message)
        : ({ ok: false, id: 0, kind: 'bad-request', why: 'a binary message; clients send none' } as const);
    if (!read.ok) {
      this.#refuse(read.id, { kind: read.kind, message: read.why });
      return;
    }
    const request = read.message;
    if (!this.#greeted) {
      this.#greet(request);
      return;
    }
    if (request.kind === 'call' || request.kind === 'subscribe') {
      // Ids grow, so that no answer is ever taken for that of an earlier question.
      if (request.id <= this.#lastId) {
        this.#refuse(0, { kind: 'bad-request', message: `id ${request.id} was used before` });
        return;
      }
      this.#lastId = request.id;
    }
    switch (request.kind) {
      case 'hello':
        this.#refuse(0, { kind: 'bad-request', message: 'hello was said before' });
        break;
      case 'call':
        this.#call(request.id, request.payload.method, request.payload.params);
        break;
      case 'subscribe':
        this.#subscribe(request.id, request.payload);
        break;
      case 'credit':
        this.#credit(request.id, request.payload.add);
        break;
      case 'unsubscribe':
        this.#drop(request.id);
        break;
    }
  }

  #greet(request: Request): void {
    const version = this.#service.version;
    if (request.kind === 'hello' && request.payload.protocol === PROTOCOL_VERSION) {
      this.#greeted = true;
      this.#lastId = request.id;
      this.#send({ id: request.id, kind: 'welcome', payload: { protocol: PROTOCOL_VERSION, version } });
      return;
    }
    const message =
      request.kind === 'hello'
        ? `this window belongs to another version of Brownout than the engine (${version}): load it anew`
        : 'the first message must be hello';
    this.#send({ id: request.id, kind: 'error', payload: { kind: 'bad-request', message } });
    this.#hangUp();
  }

  #call(id: number, method: string, params: unknown): void {
    if (!isMethod(method)) {
      this.#refuse(id, { kind: 'bad-request', message: `there is no call ${method}` });
      return;
    }
    const checked = METHODS[method].params.safeParse(params);
    if (!checked.success) {
      const issue = checked.error.issues[0];
      const path = issue?.path.map(String).join('.') ?? '';
      this.#fail(id, { kind: 'bad-request', message: `${method}: ${firstIssue(checked.error)}`, path });
      return;
    }
    try {
      const answer = this.#service.call(method, checked.data as never);
      if (answer instanceof Promise) this.#answerLater(id, method, answer);
      else this.#answer(id, method, answer);
    } catch (error) {
      this.#fail(id, contractError(error));
    }
  }

  #answerLater<M extends MethodName>(id: number, method: M, answer: Promise<Answer<M>>): void {
    answer.then(
      (known) => {
        if (!this.#ended) this.#answer(id, method, known);
      },
      (error: unknown) => {
        if (!this.#ended) this.#fail(id, contractError(error));
      },
    );
  }

  #answer<M extends MethodName>(id: number, method: M, answer: Answer<M>): void {
    const { result } = METHODS[method];
    if (result === BLOCK) this.#transport.send(encodeBlock(id, envelopeToBlock(answer as Answer<'runs.series'>)));
    else if (result === HEAT) this.#transport.send(encodeHeat(id, answer as Answer<'runs.heat'>));
    else this.#send({ id, kind: 'result', payload: answer });
  }

  #subscribe(id: number, { topic, params, credit }: Extract<Request, { kind: 'subscribe' }>['payload']): void {
    if (!isTopic(topic)) {
      this.#refuse(id, { kind: 'bad-request', message: `there is no topic ${topic}` });
      return;
    }
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      this.#fail(id, { kind: 'too-much', message: `at most ${MAX_SUBSCRIPTIONS} subscriptions` });
      return;
    }
    const checked = TOPICS[topic].params.safeParse(params);
    if (!checked.success) {
      this.#fail(id, { kind: 'bad-request', message: `${topic}: ${firstIssue(checked.error)}` });
      return;
    }
    try {
      const feed = this.#service.open(topic, checked.data, () => {
        this.#pump(id);
      });
      this.#subscriptions.set(id, { feed, credit, timer: undefined, lastMs: -Infinity });
    } catch (error) {
      this.#fail(id, contractError(error));
      return;
    }
    this.#pump(id);
  }

  #credit(id: number, add: number): void {
    const subscription = this.#subscriptions.get(id);
    // It may have ended while the credit was on its way.
    if (subscription === undefined) return;
    if (subscription.credit + add > MAX_CREDIT) {
      this.#drop(id);
      this.#fail(id, { kind: 'too-much', message: `credit of at most ${MAX_CREDIT}` });
      return;
    }
    subscription.credit += add;
    this.#pump(id);
  }

  /** Sends what there is, as far as credit reaches: now, or when the pace allows it. */
  #pump(id: number): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined || subscription.credit === 0 || subscription.timer !== undefined) return;
    const wait = subscription.lastMs + PACE_MS - performance.now();
    if (wait > 0) {
      subscription.timer = setTimeout(() => {
        subscription.timer = undefined;
        this.#deliver(id, subscription);
      }, wait);
    } else this.#deliver(id, subscription);
  }

  #deliver(id: number, subscription: Subscription): void {
    const { feed } = subscription;
    try {
      while (subscription.credit > 0 && this.#subscriptions.get(id) === subscription) {
        const next = feed.next();
        if (next === undefined) {
          if (feed.ended) {
            this.#drop(id);
            this.#send({ id, kind: 'end', payload: null });
          }
          return;
        }
        subscription.credit--;
        subscription.lastMs = performance.now();
        if ('envelope' in next) this.#transport.send(encodeBlock(id, envelopeToBlock(next.envelope)));
        else if ('heat' in next) this.#transport.send(encodeHeat(id, next.heat));
        else this.#send({ id, kind: 'item', payload: next.item });
      }
    } catch (error) {
      this.#drop(id);
      this.#fail(id, contractError(error));
    }
  }

  #drop(id: number): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    this.#subscriptions.delete(id);
    clearTimeout(subscription.timer);
    subscription.feed.close();
  }

  /** The answer to something that no client of ours says. */
  #refuse(id: number, error: ContractError): void {
    this.#fail(id, error);
    if (++this.#nonsense >= MAX_NONSENSE) this.#hangUp();
  }

  #fail(id: number, payload: ContractError): void {
    this.#send({ id, kind: 'error', payload });
  }

  #send(reply: Reply): void {
    if (this.#ended) return;
    const text = writeReply(reply);
    if (text.length <= MAX_REPLY_CHARS) this.#transport.send(text);
    else {
      const message = `the answer would have ${text.length} characters`;
      this.#transport.send(writeReply({ id: reply.id, kind: 'error', payload: { kind: 'too-much', message } }));
    }
  }

  #hangUp(): void {
    this.#transport.close();
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const id of [...this.#subscriptions.keys()]) this.#drop(id);
  }
}
