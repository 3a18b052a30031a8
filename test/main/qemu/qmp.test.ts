// The QMP client against a scripted server that speaks the protocol over a real stream.
// Message shapes: QEMU docs/interop/qmp-spec.rst.

import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { QmpClient, QmpCommandError, QMP_LINE_BYTES_MAX, type QmpEvent } from '../../../main/qemu/qmp.ts';

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}\r\n';

interface Command {
  readonly execute: string;
  readonly arguments: Record<string, unknown>;
  readonly id: number;
}

/** Two connected ends; what the client sends arrives at `script` one command at a time. */
function serve(script: (command: Command, send: (text: string | Buffer) => void) => void, greeting = GREETING): Duplex {
  const send = (text: string | Buffer): void => {
    if (!toClient.destroyed) toClient.push(Buffer.from(text as string));
  };
  const toClient: Duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      for (const line of chunk.toString('utf8').split('\n').filter(Boolean)) script(JSON.parse(line) as Command, send);
      done();
    },
  });
  setImmediate(() => {
    send(greeting);
  });
  return toClient;
}

const answer = (id: number, value: unknown = {}): string => `${JSON.stringify({ return: value, id })}\r\n`;

describe('QMP client', () => {
  it('negotiates and then matches answers to commands by id, in whatever order they come', async () => {
    const held: string[] = [];
    const stream = serve(({ execute, id }, send) => {
      if (execute === 'qmp_capabilities') send(answer(id));
      else if (execute === 'slow') held.push(answer(id, 'slow'));
      else {
        send(answer(id, 'quick'));
        held.forEach(send);
      }
    });
    const client = await QmpClient.connect(stream);
    expect(client.version).toEqual({ major: 7, minor: 2, micro: 22, package: 'Debian' });
    expect(await Promise.all([client.execute('slow'), client.execute('quick')])).toEqual(['slow', 'quick']);
    client.close();
  });

  it('puts messages together from any pieces, also inside a character', async () => {
    const text = Buffer.from(
      `{"timestamp": {"seconds": 1700000000, "microseconds": 250000}, "event": "STOP", "data": {"why": "größer €"}}\r\n`,
    );
    const stream = serve(({ execute, id }, send) => {
      if (execute === 'go') for (const byte of text) send(Buffer.of(byte));
      send(answer(id));
    });
    const client = await QmpClient.connect(stream);
    const events: QmpEvent[] = [];
    client.onEvent((event) => events.push(event));
    await client.execute('go');
    expect(events).toEqual([{ name: 'STOP', wallMs: 1_700_000_000_250, data: { why: 'größer €' } }]);
    client.close();
  });

  it('hands on what QEMU refuses, with command and class', async () => {
    const stream = serve(({ execute, id }, send) => {
      if (execute === 'qmp_capabilities') send(answer(id));
      else send(`${JSON.stringify({ error: { class: 'GenericError', desc: 'no such thing' }, id })}\r\n`);
    });
    const client = await QmpClient.connect(stream);
    const refused = client.execute('migrate', { uri: 'x' });
    await expect(refused).rejects.toThrow('migrate: no such thing');
    await expect(refused).rejects.toBeInstanceOf(QmpCommandError);
    client.close();
  });

  it('gives up a command after its time-out and drops the late answer', async () => {
    let late: (() => void) | undefined;
    const stream = serve(({ execute, id }, send) => {
      if (execute === 'deaf')
        late = () => {
          send(answer(id, 'late'));
        };
      else send(answer(id, execute));
    });
    const client = await QmpClient.connect(stream);
    await expect(client.execute('deaf', {}, { timeoutMs: 20 })).rejects.toMatchObject({ kind: 'timed-out' });
    late!();
    expect(await client.execute('next')).toBe('next');
    client.close();
  });

  it('gives up a command when it is cancelled', async () => {
    const stream = serve(({ execute, id }, send) => {
      if (execute === 'qmp_capabilities') send(answer(id));
    });
    const client = await QmpClient.connect(stream);
    const controller = new AbortController();
    const pending = client.execute('deaf', {}, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(pending).rejects.toThrow('enough');
    client.close();
  });

  it('fails every waiting command when the connection ends, and every later one', async () => {
    const stream = serve(({ execute, id }, send) => {
      if (execute === 'qmp_capabilities') send(answer(id));
      else stream.destroy();
    });
    const client = await QmpClient.connect(stream);
    await expect(Promise.all([client.execute('a'), client.execute('b')])).rejects.toThrow('closed');
    await expect(client.execute('c')).rejects.toThrow('closed');
    expect((await client.closed).message).toContain('closed');
  });

  it.each([
    ['something that is not JSON', 'HTTP/1.1 400 Bad Request\r\n'],
    ['JSON that is no message', '[1, 2]\r\n'],
    ['an answer without an id', '{"return": {}}\r\n'],
  ])('ends the connection at %s', async (_what, text) => {
    const stream = serve(({ execute, id }, send) => {
      send(execute === 'qmp_capabilities' ? answer(id) : text);
    });
    const client = await QmpClient.connect(stream);
    await expect(client.execute('go')).rejects.toThrow('not a QMP message');
    expect(stream.destroyed).toBe(true);
  });

  it('ends the connection at a line without end instead of keeping it', async () => {
    const stream = serve(({ execute, id }, send) => {
      if (execute === 'qmp_capabilities') send(answer(id));
      else for (let sent = 0; sent <= QMP_LINE_BYTES_MAX; sent += 2 ** 20) send(Buffer.alloc(2 ** 20, 'x'));
    });
    const client = await QmpClient.connect(stream);
    await expect(client.execute('go')).rejects.toThrow('a line of more than');
  });

  it('refuses a greeting that is none, a silent server and a server that hangs up', async () => {
    await expect(QmpClient.connect(serve(() => undefined, '{"hello": 1}\r\n'))).rejects.toThrow('not a QMP greeting');
    const silent = serve(() => undefined, '');
    await expect(QmpClient.connect(silent, { timeoutMs: 30 })).rejects.toMatchObject({ kind: 'timed-out' });
    expect(silent.destroyed).toBe(true);
    const gone = serve(() => undefined, '');
    setImmediate(() => gone.destroy());
    await expect(QmpClient.connect(gone)).rejects.toThrow('before it greeted');
  });
});
