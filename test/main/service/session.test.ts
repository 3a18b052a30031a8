import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readReply, writeRequest, type Reply, type Request } from '../../../main/contract/frames.ts';
import { MAX_REQUEST_CHARS, MAX_SUBSCRIPTIONS, PROTOCOL_VERSION } from '../../../main/contract/limits.ts';
import type { METHODS } from '../../../main/contract/methods.ts';
import { transportPair, type Transport } from '../../../main/contract/transport.ts';
import type { Service } from '../../../main/service/service.ts';
import { serveClient } from '../../../main/service/session.ts';
import { aClient, aService } from './aService.ts';

/** A client that says whatever the test wants. */
class Rude {
  readonly heard: Reply[] = [];
  readonly #end: Transport;
  #wake: () => void = () => undefined;
  hungUp = false;

  constructor(service: Service) {
    const [near, far] = transportPair();
    serveClient(service, far);
    this.#end = near;
    near.start({
      message: (message) => {
        const read = readReply(message as string);
        if (!read.ok) throw new Error(read.why);
        this.heard.push(read.message);
        this.#wake();
      },
      closed: () => {
        this.hungUp = true;
        this.#wake();
      },
    });
  }

  say(message: string | ArrayBuffer | Request): void {
    this.#end.send(typeof message === 'string' || message instanceof ArrayBuffer ? message : writeRequest(message));
  }

  hello(): this {
    this.say({ id: 1, kind: 'hello', payload: { protocol: PROTOCOL_VERSION } });
    return this;
  }

  /** The first message that fits, or undefined once the host has hung up. */
  async hears(fits: (reply: Reply) => boolean): Promise<Reply | undefined> {
    for (;;) {
      const found = this.heard.find(fits);
      if (found !== undefined || this.hungUp) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const call = (id: number, method: string, params: unknown): Request => ({
  id,
  kind: 'call',
  payload: { method, params },
});

describe('a session', () => {
  it('answers nobody who does not say hello first', async () => {
    const rude = new Rude(aService());
    rude.say(call(1, 'app.info', {}));
    expect(await rude.hears(({ kind }) => kind === 'error')).toMatchObject({ id: 1, payload: { kind: 'bad-request' } });
    await rude.hears(() => false);
    expect(rude.hungUp).toBe(true);
  });

  it('does not talk to a client of another version, and says so', async () => {
    const rude = new Rude(aService());
    rude.say({ id: 1, kind: 'hello', payload: { protocol: PROTOCOL_VERSION + 1 } });
    const reply = await rude.hears(() => true);
    expect(reply?.kind === 'error' ? reply.payload.message : '').toContain('another version');
    await rude.hears(() => false);
    expect(rude.hungUp).toBe(true);
  });

  it('survives any text, and hangs up on a client that keeps sending nonsense', async () => {
    const service = aService();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.json()), { minLength: 20, maxLength: 25 }), async (texts) => {
        const rude = new Rude(service).hello();
        for (const text of texts) rude.say(text);
        await rude.hears(() => false);
        expect(rude.hungUp).toBe(true);
        expect(rude.heard.filter(({ kind }) => kind === 'error')).toHaveLength(20);
      }),
      { numRuns: 20 },
    );
    // And others are served as before.
    expect(await aClient(service).call('runs.count', { filter: '' })).toEqual({ count: 0, all: 0 });
  });

  it('refuses what is too large, unknown, or has parameters that the contract does not know', async () => {
    const rude = new Rude(aService()).hello();
    rude.say(' '.repeat(MAX_REQUEST_CHARS + 1));
    expect(await rude.hears(({ kind }) => kind === 'error')).toMatchObject({ id: 0, payload: { kind: 'too-much' } });
    rude.say(call(2, 'runs.drop', {}));
    expect(await rude.hears(({ id }) => id === 2)).toMatchObject({ payload: { kind: 'bad-request' } });
    rude.say(call(3, 'constructor', {}));
    expect(await rude.hears(({ id }) => id === 3)).toMatchObject({ payload: { kind: 'bad-request' } });
    rude.say(call(4, 'runs.count', { filter: '', also: 1 }));
    expect(await rude.hears(({ id }) => id === 4)).toMatchObject({ payload: { kind: 'bad-request' } });
    rude.say(call(5, 'runs.get', { id: '1; DROP TABLE run' }));
    expect(await rude.hears(({ id }) => id === 5)).toMatchObject({ payload: { kind: 'bad-request', path: 'id' } });
    rude.say(new ArrayBuffer(16));
    expect(await rude.hears((reply) => reply.id === 0 && reply !== rude.heard[1])).toMatchObject({ kind: 'error' });
    expect(rude.hungUp).toBe(false);
  });

  it('takes each id once', async () => {
    const rude = new Rude(aService()).hello();
    rude.say(call(5, 'runs.count', { filter: '' }));
    rude.say(call(5, 'runs.count', { filter: '' }));
    expect(await rude.hears(({ kind, id }) => kind === 'error' && id === 0)).toMatchObject({
      payload: { message: 'id 5 was used before' },
    });
  });

  it('sends nothing to a subscriber without credit, and one item for each', async () => {
    const rude = new Rude(aService()).hello();
    rude.say({ id: 2, kind: 'subscribe', payload: { topic: 'jobs', params: {}, credit: 0 } });
    rude.say(call(3, 'runs.count', { filter: '' }));
    await rude.hears(({ id }) => id === 3);
    expect(rude.heard.some(({ id }) => id === 2)).toBe(false);
    rude.say({ id: 2, kind: 'credit', payload: { add: 1 } });
    expect(await rude.hears(({ id }) => id === 2)).toMatchObject({ kind: 'item', payload: { jobs: [] } });
  });

  it('limits subscriptions and credit', async () => {
    const rude = new Rude(aService()).hello();
    for (let i = 0; i <= MAX_SUBSCRIPTIONS; i++) {
      rude.say({ id: 2 + i, kind: 'subscribe', payload: { topic: 'jobs', params: {}, credit: 0 } });
    }
    expect(await rude.hears(({ kind }) => kind === 'error')).toMatchObject({
      id: 2 + MAX_SUBSCRIPTIONS,
      payload: { kind: 'too-much' },
    });
    rude.say({ id: 2, kind: 'credit', payload: { add: 64 } });
    rude.say({ id: 2, kind: 'credit', payload: { add: 64 } });
    expect(await rude.hears(({ kind, id }) => kind === 'error' && id === 2)).toMatchObject({
      payload: { kind: 'too-much' },
    });
  });

  it('has an answer to every call of the contract, of the right shape, in an empty store', async () => {
    const client = aClient(aService());
    const page = { filter: '', offset: 0, limit: 10 };
    const id = 1;
    const params: Record<keyof typeof METHODS, object> = {
      'app.info': {},
      'app.schema': {},
      'settings.get': { key: 'layout' },
      'settings.set': { key: 'layout', value: '{}' },
      'experiments.gallery': {},
      'experiments.check': { text: 'name: x\nguest: {memory: 1GiB}' },
      'experiments.recent': { limit: 5 },
      'drafts.list': {},
      'drafts.save': { id: null, name: 'x', text: '', fileName: '' },
      'drafts.delete': { id },
      'jobs.start': { from: { runId: 1 } },
      'jobs.cancel': { id },
      'jobs.list': {},
      'runs.list': {
        ...page,
        sort: { column: 'created', descending: true },
        columns: ['guest.memory', 'devices.type', 'tag'],
      },
      'runs.count': { filter: 'lost > 0' },
      'runs.columns': {},
      'runs.values': {},
      'runs.groups': { ...page, by: 'config' },
      'runs.get': { id },
      'runs.sparks': { ids: [1] },
      'runs.events': { id, from: 0, limit: 10 },
      'runs.eventBeside': { id, timeNs: 0, by: 1 },
      'runs.eventCounts': { id, fromNs: 0, toNs: 100, points: 10 },
      'runs.series': { id, series: ['left'], fromNs: 0, toNs: 1, points: 10 },
      'runs.heat': { id },
      'runs.losses': { id },
      'runs.statistics': { id, series: ['left'], fromNs: 0, toNs: 1 },
      'runs.delete': { ids: [1] },
      'runs.undelete': { ids: [1] },
      'runs.tag': { ids: [1], add: ['a'], remove: [] },
      'runs.note': { id, note: 'x' },
      'runs.rename': { id, name: 'x' },
      'runs.baseline': {},
      'runs.setBaseline': { id: 1 },
      'sweeps.fields': { text: '' },
      'sweeps.check': { text: '' },
      'sweeps.list': {},
      'sweeps.get': { id: 1 },
      'sweeps.points': { id: 1, from: 0, limit: 1 },
      'sweeps.pause': { id: 1 },
      'sweeps.resume': { id: 1 },
      'sweeps.remove': { id: 1 },
      'sweeps.start': { text: 'name: x\nguest: {memory: 64MiB}\nsweep: {seeds: 2}\n', fileName: '' },
      'exports.open': { ids: [1], format: 'csv' },
      'imports.begin': { fileName: 'x', bytes: 0 },
      'imports.add': { id: 9, at: 0, base64: '' },
      'imports.finish': { id: 9 },
      'imports.cancel': { id },
      'compare.get': { ids: [999], baselineId: null },
      'report.preview': { ids: [999], baselineId: null, title: '', question: '', prose: '', charts: [], tables: [] },
      'report.open': {
        ...{ ids: [999], baselineId: null, title: '', question: '', prose: '', charts: [], tables: [] },
        ...{ format: 'md', bundles: false },
      },
    };
    const wrong: string[] = [];
    for (const [method, given] of Object.entries(params)) {
      try {
        await client.call(method as 'app.info', given as Record<string, never>);
      } catch (error) {
        const { kind } = error as { kind: string };
        // There is no run 1 and no job 1 yet.
        if (kind !== 'absent') wrong.push(`${method}: ${kind} ${(error as Error).message}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
