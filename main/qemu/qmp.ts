// A client of the QEMU Machine Protocol on any byte stream that is connected already.
//
// One JSON document a line in both directions. QEMU greets, the client leaves negotiation mode with
// qmp_capabilities, then commands and answers are matched by `id` and events may come at any time
// (docs/interop/qmp-spec). Every command has a time-out; an answer that comes later is dropped. A line that is no QMP,
// or longer than 16 MiB, ends the connection: nothing after it can be trusted.

import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import * as z from 'zod';
import { QemuError } from './errors.ts';

export interface QmpEvent {
  readonly name: string;
  /** Host wall clock in ms with µs resolution, as QEMU stamped it; NaN where it had no clock. */
  readonly wallMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface QmpVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
  readonly package: string;
}

/** QEMU refused a command. */
export class QmpCommandError extends Error {
  readonly command: string;
  readonly qemuClass: string;
  constructor(command: string, qemuClass: string, description: string) {
    super(`${command}: ${description}`);
    this.name = 'QmpCommandError';
    this.command = command;
    this.qemuClass = qemuClass;
  }
}

export const QMP_LINE_BYTES_MAX = 16 * 2 ** 20;
export const QMP_TIMEOUT_MS = 10_000;

const greetingSchema = z.object({
  QMP: z.object({
    version: z.object({
      qemu: z.object({ major: z.number(), minor: z.number(), micro: z.number() }),
      package: z.string().optional(),
    }),
    capabilities: z.array(z.unknown()).optional(),
  }),
});
const answerSchema = z.object({ return: z.unknown(), id: z.number() });
const refusalSchema = z.object({ error: z.object({ class: z.string(), desc: z.string() }), id: z.number().optional() });
const eventSchema = z.object({
  event: z.string(),
  timestamp: z.object({ seconds: z.number(), microseconds: z.number() }),
  data: z.record(z.string(), z.unknown()).optional(),
});

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class QmpClient {
  readonly version: QmpVersion;
  readonly #stream: Duplex;
  readonly #events = new EventEmitter<{ event: [QmpEvent] }>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed: Promise<Error>;
  #settleClosed!: (why: Error) => void;
  #failure: Error | undefined;
  #nextId = 1;

  /** Waits for the greeting and negotiates. Rejects with `signal`'s reason when that comes first. */
  static async connect(stream: Duplex, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<QmpClient> {
    const timeoutMs = options.timeoutMs ?? QMP_TIMEOUT_MS;
    const lines = new LineSplitter(QMP_LINE_BYTES_MAX);
    const early: string[] = [];
    const version = await new Promise<QmpVersion>((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        stream.off('data', onData).off('error', onError).off('close', onClose);
        options.signal?.removeEventListener('abort', onAbort);
        act();
      };
      const fail = (error: Error): void => {
        finish(() => {
          stream.destroy();
          reject(error);
        });
      };
      const onError = (error: Error): void => {
        fail(new QemuError('failed', `QMP: ${error.message}`, { cause: error }));
      };
      const onClose = (): void => {
        fail(new QemuError('failed', 'QEMU closed the QMP connection before it greeted'));
      };
      const onAbort = (): void => {
        fail(abortReason(options.signal));
      };
      const onData = (chunk: Buffer): void => {
        try {
          early.push(...lines.push(chunk));
          const first = early.shift();
          if (first === undefined) return;
          const greeting = greetingSchema.safeParse(parseLine(first));
          if (!greeting.success) throw new QemuError('failed', `not a QMP greeting: ${excerpt(first)}`);
          const { version: found } = greeting.data.QMP;
          stream.pause();
          finish(() => {
            resolve({ ...found.qemu, package: found.package ?? '' });
          });
        } catch (error) {
          fail(error as Error);
        }
      };
      const timer = setTimeout(() => {
        fail(new QemuError('timed-out', `QEMU did not greet on its monitor within ${timeoutMs} ms`));
      }, timeoutMs);
      stream.on('data', onData).on('error', onError).on('close', onClose);
      options.signal?.addEventListener('abort', onAbort);
      if (options.signal?.aborted === true) onAbort();
    });
    const client = new QmpClient(stream, version, lines, early);
    await client.execute('qmp_capabilities', {}, { timeoutMs, ...(options.signal && { signal: options.signal }) });
    return client;
  }

  private constructor(stream: Duplex, version: QmpVersion, lines: LineSplitter, early: readonly string[]) {
    this.version = version;
    this.#stream = stream;
    this.#closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    for (const line of early) this.#receive(line);
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) this.#receive(line);
      } catch (error) {
        this.#fail(error as Error);
      }
    });
    stream.on('error', (error) => {
      // A process that dies is noticed by whichever comes first: a write that finds nobody, or the end of the stream.
      const gone = ['EPIPE', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '');
      const message = gone ? 'QEMU closed the QMP connection' : `QMP: ${error.message}`;
      this.#fail(new QemuError('failed', message, { cause: error }));
    });
    stream.on('close', () => {
      this.#fail(new QemuError('failed', 'QEMU closed the QMP connection'));
    });
    stream.resume();
  }

  /** Resolves, with the reason, once the connection has ended; never rejects. */
  get closed(): Promise<Error> {
    return this.#closed;
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#events.on('event', listener);
    return () => this.#events.off('event', listener);
  }

  /** The answer of a command as it came; the caller checks its shape. */
  execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (options.signal?.aborted === true) return Promise.reject(abortReason(options.signal));
    const id = this.#nextId++;
    const timeoutMs = options.timeoutMs ?? QMP_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(id);
      };
      const onAbort = (): void => {
        leave();
        reject(abortReason(options.signal));
      };
      const timer = setTimeout(() => {
        leave();
        reject(new QemuError('timed-out', `QEMU did not answer ${command} within ${timeoutMs} ms`));
      }, timeoutMs);
      options.signal?.addEventListener('abort', onAbort);
      this.#waiting.set(id, {
        command,
        timer,
        resolve: (value) => {
          leave();
          resolve(value);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  close(): void {
    this.#fail(new QemuError('failed', 'the QMP connection was closed'));
  }

  #receive(line: string): void {
    const message = parseLine(line);
    const event = eventSchema.safeParse(message);
    if (event.success) {
      const { seconds, microseconds } = event.data.timestamp;
      // QEMU stamps -1 where the host clock failed.
      const wallMs = seconds < 0 ? NaN : seconds * 1000 + microseconds / 1000;
      this.#events.emit('event', { name: event.data.event, wallMs, data: event.data.data ?? {} });
      return;
    }
    const refusal = refusalSchema.safeParse(message);
    if (refusal.success) {
      const { error, id } = refusal.data;
      if (id === undefined) throw new QemuError('failed', `QEMU did not understand us: ${error.desc}`);
      const waiting = this.#waiting.get(id);
      waiting?.reject(new QmpCommandError(waiting.command, error.class, error.desc));
      return;
    }
    const answer = answerSchema.safeParse(message);
    if (!answer.success) throw new QemuError('failed', `not a QMP message: ${excerpt(line)}`);
    this.#waiting.get(answer.data.id)?.resolve(answer.data.return);
  }

  #fail(why: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = why;
    this.#stream.destroy();
    for (const waiting of [...this.#waiting.values()]) waiting.reject(why);
    this.#settleClosed(why);
  }
}

/** Cuts a byte stream into lines; bytes are decoded once a line is whole, so that no character is torn. */
export class LineSplitter {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that `chunk` completes, without their line ends; empty lines are left out. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end));
      const line = Buffer.concat(this.#parts).toString('utf8').trim();
      this.#parts = [];
      this.#held = 0;
      from = end + 1;
      if (line !== '') lines.push(line);
    }
    this.#hold(chunk.subarray(from));
    return lines;
  }

  #hold(part: Buffer): void {
    this.#held += part.length;
    if (this.#held > this.#limit) throw new QemuError('failed', `a line of more than ${this.#limit} bytes`);
    if (part.length > 0) this.#parts.push(part);
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new QemuError('failed', `not a QMP message: ${excerpt(line)}`);
  }
}

const excerpt = (line: string): string => JSON.stringify(line.length > 120 ? `${line.slice(0, 120)}…` : line);

const abortReason = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('cancelled');
