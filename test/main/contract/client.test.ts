import { describe, expect, it } from 'vitest';
import { encodeBlock, envelopeToBlock } from '../../../main/contract/block.ts';
import { Client } from '../../../main/contract/client.ts';
import { readRequest, writeReply, type Reply, type Request } from '../../../main/contract/frames.ts';
import { transportPair, type Transport } from '../../../main/contract/transport.ts';

/** A host whose answers the test writes. */
class Host {
  readonly heard: Request[] = [];
  readonly client: Client;
  readonly #end: Transport;
  #waiting: (() => void) | undefined;

  constructor() {
    const [near, far] = transportPair();
    this.#end = far;
    far.start({
      message: (text) => {
        const read = readRequest(text as string);
        if (!read.ok) throw new Error(read.why);
        this.heard.push(read.message);
        this.#waiting?.();
      },
      closed: () => undefined,
    });
    this.client = new Client(near);
  }

  say(reply: Reply): void {
    this.#end.send(writeReply(reply));
  }

  sayRaw(message: string | ArrayBuffer): void {
    this.#end.send(message);
  }

  hangUp(): void {
    this.#end.close();
  }

  async next(kind: Request['kind']): Promise<Request> {
    for (;;) {
      const i = this.heard.findIndex((request) => request.kind === kind);
      if (i >= 0) return this.heard.splice(i, 1)[0]!;
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }
}

const anEnvelope = {
  samplesEach: 1,
  firstSample: 0,
  sampleCount: 1,
  fromNs: Float64Array.of(1),
  toNs: Float64Array.of(1),
  columns: [],
};

describe('the client', () => {
  it('resolves a call with the checked result of its own id, in whatever order answers come', async () => {
    const host = new Host();
    const first = host.client.call('runs.count', { filter: '' });
    const second = host.client.call('runs.count', { filter: 'lost > 0' });
    const [a, b] = [await host.next('call'), await host.next('call')];
    host.say({ id: b.id, kind: 'result', payload: { count: 2, all: 9 } });
    host.say({ id: a.id, kind: 'result', payload: { count: 1, all: 9 } });
    expect([await first, await second]).toEqual([
      { count: 1, all: 9 },
      { count: 2, all: 9 },
    ]);
  });

  it('rejects with the host’s error as data', async () => {
    const host = new Host();
    const call = host.client.call('runs.get', { id: 1 });
    const { id } = await host.next('call');
    host.say({ id, kind: 'error', payload: { kind: 'absent', message: 'there is no run 1' } });
    await expect(call).rejects.toMatchObject({ kind: 'absent', data: { message: 'there is no run 1' } });
  });

  it('rejects a result that is not what the contract says', async () => {
    const host = new Host();
    const call = host.client.call('runs.count', { filter: '' });
    const { id } = await host.next('call');
    host.say({ id, kind: 'result', payload: { count: '1' } });
    await expect(call).rejects.toMatchObject({ kind: 'internal' });
  });

  it('takes a binary frame as the result of a call for samples', async () => {
    const host = new Host();
    const call = host.client.call('runs.series', { id: 1, series: ['left'], fromNs: 0, toNs: 1, points: 10 });
    const { id } = await host.next('call');
    host.sayRaw(encodeBlock(id, envelopeToBlock(anEnvelope)));
    expect((await call).fromNs).toEqual(Float64Array.of(1));
  });

  it('gives back one credit for each item and each envelope', async () => {
    const host = new Host();
    const seen: unknown[] = [];
    host.client.subscribe(
      'live',
      { runId: 1, series: [], points: 1, fromEvent: 0 },
      {
        item: () => seen.push('item'),
        envelope: () => seen.push('envelope'),
        end: (error) => seen.push(error),
      },
    );
    const { id } = await host.next('subscribe');
    host.say({ id, kind: 'item', payload: { events: [], skipped: 0 } });
    host.sayRaw(encodeBlock(id, envelopeToBlock(anEnvelope)));
    expect([await host.next('credit'), await host.next('credit')]).toMatchObject([{ id }, { id }]);
    host.say({ id, kind: 'end', payload: null });
    host.hangUp();
    await host.client.closed;
    expect(seen).toEqual(['item', 'envelope', null]);
  });

  it('ends everything that is open as unavailable when the host goes away', async () => {
    const host = new Host();
    const call = host.client.call('app.info', {});
    const ended = new Promise((end) => host.client.subscribe('jobs', {}, { item: () => undefined, end }));
    await host.next('subscribe');
    host.hangUp();
    await expect(call).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await ended).toMatchObject({ kind: 'unavailable' });
    expect(await host.client.closed).toBe('the other end was closed');
    await expect(host.client.call('app.info', {})).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it.each(['not JSON', '{"id":1,"kind":"surprise","payload":null}', new ArrayBuffer(40)])(
    'trusts a host no longer that says what no host says (%o)',
    async (nonsense) => {
      const host = new Host();
      const call = host.client.call('app.info', {});
      host.sayRaw(nonsense);
      await expect(call).rejects.toMatchObject({ kind: 'unavailable' });
    },
  );

  it('drops answers to a subscription that it has closed', async () => {
    const host = new Host();
    const seen: unknown[] = [];
    const subscription = host.client.subscribe('jobs', {}, { item: (item) => seen.push(item) });
    const { id } = await host.next('subscribe');
    subscription.close();
    await host.next('unsubscribe');
    host.say({ id, kind: 'item', payload: { jobs: [] } });
    host.say({ id, kind: 'end', payload: null });
    const call = host.client.call('runs.count', { filter: '' });
    host.say({ id: (await host.next('call')).id, kind: 'result', payload: { count: 0, all: 0 } });
    await call;
    expect(seen).toEqual([]);
  });
});
