// A program that does one round of work per line it is sent: our bench or its baseline.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Round } from './bench.ts';

export class RoundProgram {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[], name: string) {
    this.#name = name;
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // A program that died is seen by the missing answer.
    this.#child.stdin!.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    const line = await this.#line();
    if (line !== 'ready') throw new Error(`${this.#name} said ${JSON.stringify(line)} instead of ready`);
  }

  async round(): Promise<Round> {
    this.#child.stdin!.write('\n');
    return JSON.parse(await this.#line()) as Round;
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.stdin!.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await exit;
  }

  async #line(): Promise<string> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`${this.#name} ended without an answer`);
    return line.value;
  }
}
