// The core's thread as the host sees it: started, given clients, closed. Where it breaks, those who are connected are hung up
// on, and whoever connects next finds a new one (after a pause that grows while it keeps breaking).
import { MessageChannel, Worker } from 'node:worker_threads';
import { ServiceError } from '../contract/errors.ts';
import type { Transport } from '../contract/transport.ts';
import type { CoreOptions, FromCore, ToCore } from '../service/core.ts';
import { Asker } from '../service/asks.ts';
import { threadTransport } from '../service/threadTransport.ts';
import type { ExportJob } from '../export/exportStream.ts';
import { Backoff } from '../setup/backoff.ts';

const THREAD = new URL(`../service/threadCore.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

export class CoreThread {
  readonly #options: CoreOptions;
  readonly #backoff: Backoff;
  readonly #asker = new Asker();
  #worker: Worker | undefined;
  #closing: Promise<void> | undefined;
  #broken = false;

  private constructor(options: CoreOptions, backoff: Backoff) {
    this.#options = options;
    this.#backoff = backoff;
  }

  /** Rejects with a ServiceError where the store cannot be used. */
  static async start(options: CoreOptions, backoff: Backoff = new Backoff()): Promise<CoreThread> {
    const core = new CoreThread(options, backoff);
    await core.#begin();
    return core;
  }

  /** A transport to the core for one client; undefined while there is none. */
  connect(): Transport | undefined {
    if (this.#worker === undefined || this.#closing !== undefined) return undefined;
    const { port1, port2 } = new MessageChannel();
    this.#worker.postMessage({ message: { kind: 'client' } satisfies ToCore, port: port2 }, [port2]);
    return threadTransport(port1);
  }

  /** What the ticket of an export stands for, once; undefined: nothing. */
  async redeem(ticket: string): Promise<ExportJob | undefined> {
    const worker = this.#worker;
    if (worker === undefined || this.#closing !== undefined) return undefined;
    const asked = this.#asker.ask('redeem', { ticket }, (message) => {
      worker.postMessage({ message } satisfies { message: ToCore });
    });
    // A core that breaks meanwhile takes its tickets with it.
    return (await asked.catch(() => null)) ?? undefined;
  }

  /** Jobs under way are cancelled and kept; resolves when the thread has ended. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** Ends the thread as a defect would; for tests. */
  async breakNow(): Promise<void> {
    await this.#worker?.terminate();
  }

  #begin(): Promise<void> {
    const worker = new Worker(THREAD, { execArgv: ['--disable-warning=ExperimentalWarning'] });
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromCore) => {
        if (message.kind === 'answer') this.#asker.answered(message);
        else if (message.kind === 'ready') {
          this.#worker = worker;
          this.#backoff.succeeded();
          resolve();
        } else if (message.kind === 'failed') {
          reject(new ServiceError(message.error));
          void worker.terminate();
        }
      });
      // The thread's own end follows.
      worker.on('error', reject);
      worker.on('exit', () => {
        reject(new ServiceError({ kind: 'unavailable', message: 'the engine’s thread ended before it began' }));
        if (this.#worker !== worker) return;
        this.#worker = undefined;
        this.#asker.gone();
        this.#broken = true;
        if (this.#closing === undefined) this.#beginAgain();
      });
      const options = this.#broken ? { ...this.#options, brokenPid: process.pid } : this.#options;
      worker.postMessage({ message: { kind: 'start', options } satisfies ToCore });
    });
  }

  #beginAgain(): void {
    this.#backoff.wait(() => {
      if (this.#closing !== undefined) return;
      this.#begin().catch(() => {
        if (this.#closing === undefined) this.#beginAgain();
      });
    });
  }

  async #end(): Promise<void> {
    this.#backoff.stop();
    const worker = this.#worker;
    if (worker === undefined) return;
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        resolve();
      });
    });
    worker.postMessage({ message: { kind: 'close' } satisfies ToCore });
    await exited;
  }
}
