// The engine's process as the main process sees it: a utility process that owns store and simulations. Main starts it, hands it a
// port for each window, and is then out of their way. Where it breaks, a new one is started (after a pause that grows while it
// keeps breaking) and told which one broke, so that runs it was making are marked; windows that ask meanwhile wait.
import type { ContractError } from '../contract/errors.ts';
import { Asker, type AskAnswer, type Asked, type AskMessage, type AskName } from '../service/asks.ts';
import type { CoreOptions, FromCore, ToCore } from '../service/core.ts';
import { Backoff } from '../setup/backoff.ts';
import type { MainElectron, MessagePortMain, UtilityProcess } from './electron.ts';

export interface CoreProcessOptions {
  readonly electron: Pick<MainElectron, 'utilityProcess'>;
  /** The bundled utilityCore.ts. */
  readonly module: string;
  readonly core: CoreOptions;
  readonly say: (line: string) => void;
  /** The store cannot be used: at the first start, nothing will come of it. */
  readonly failed: (error: ContractError) => void;
  readonly backoff?: Backoff;
}

/** A process that was asked to close and does not end by itself. */
const CLOSE_MS = 10_000;
/** Windows that wait for a process at most; there are never so many. */
const MAX_WAITING = 64;

export class CoreProcess {
  readonly #options: CoreProcessOptions;
  readonly #backoff: Backoff;
  readonly #asker = new Asker();
  /** Asked while there is no process that could answer. */
  #unasked: AskMessage[] = [];
  #child: UtilityProcess | undefined;
  #isReady = false;
  #everReady = false;
  /** The user was told why there will be no engine. */
  #refused = false;
  #closing: Promise<void> | undefined;
  #brokenPid: number | undefined;
  #waiting: MessagePortMain[] = [];

  constructor(options: CoreProcessOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff();
    this.#begin();
  }

  /** Gives the process this end of a channel, now or as soon as there is one. */
  connect(port: MessagePortMain): void {
    if (this.#closing !== undefined) port.close();
    else if (this.#isReady) this.#give(port);
    else {
      this.#waiting.push(port);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()?.close();
    }
  }

  /** Waits for a process where there is none yet. Rejects with a ServiceError. */
  ask<N extends AskName>(name: N, asked: Asked<N>): Promise<AskAnswer<N>> {
    const answer = this.#asker.ask(name, asked, (message) => {
      if (this.#isReady) this.#send(message);
      else this.#unasked.push(message);
    });
    // There will be no other process.
    if (this.#refused || (this.#closing !== undefined && this.#child === undefined)) this.#asker.gone();
    return answer;
  }

  /** Jobs under way are cancelled and kept; resolves when the process has ended. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  #begin(): void {
    const { electron, module, core, say } = this.#options;
    const child = electron.utilityProcess.fork(module, [], {
      serviceName: 'Brownout engine',
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nothing that was meant for a shell's Node (NODE_OPTIONS, NODE_PATH) reaches the engine.
      execArgv: [],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_'))),
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        say(`engine: ${text.toString().trim()}`);
      });
    }
    let pid: number | undefined;
    child.on('message', (message: FromCore) => {
      switch (message.kind) {
        case 'ready':
          pid = message.pid;
          this.#isReady = true;
          this.#everReady = true;
          this.#backoff.succeeded();
          for (const port of this.#waiting.splice(0)) this.#give(port);
          for (const ask of this.#unasked.splice(0)) this.#send(ask);
          break;
        case 'answer':
          this.#asker.answered(message);
          break;
        case 'failed':
          say(`the engine cannot begin: ${message.error.message}`);
          if (!this.#everReady) {
            this.#refused = true;
            this.#options.failed(message.error);
          }
          child.kill();
          break;
        case 'closed':
          break;
      }
    });
    child.on('error', (type, location) => {
      say(`the engine’s process broke: ${type} at ${location}`);
    });
    child.once('exit', (code) => {
      this.#child = undefined;
      this.#isReady = false;
      this.#unasked = [];
      this.#asker.gone();
      if (this.#closing !== undefined) return;
      say(`the engine’s process ended with code ${code}`);
      this.#brokenPid = pid ?? this.#brokenPid;
      if (this.#refused) return;
      this.#backoff.wait(() => {
        if (this.#closing === undefined) this.#begin();
      });
    });
    this.#send({
      kind: 'start',
      options: this.#brokenPid === undefined ? core : { ...core, brokenPid: this.#brokenPid },
    });
  }

  #give(port: MessagePortMain): void {
    this.#send({ kind: 'client' }, port);
  }

  #send(message: ToCore, port?: MessagePortMain): void {
    this.#child?.postMessage({ message }, port === undefined ? [] : [port]);
  }

  async #end(): Promise<void> {
    this.#backoff.stop();
    for (const port of this.#waiting.splice(0)) port.close();
    this.#unasked = [];
    const child = this.#child;
    if (child === undefined) {
      this.#asker.gone();
      return;
    }
    await new Promise<void>((resolve) => {
      const impatience = setTimeout(() => child.kill(), CLOSE_MS);
      child.once('exit', () => {
        clearTimeout(impatience);
        resolve();
      });
      this.#send({ kind: 'close' });
    });
  }
}
