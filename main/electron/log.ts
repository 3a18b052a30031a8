// The desktop host's log: a file in the user's log folder and nowhere else, kept small by putting it aside when it is full.
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const FULL_BYTES = 1024 * 1024;
const KEPT = 3;
const LINE_CHARS = 4_000;

export class Log {
  readonly #folder: string;
  readonly #clock: () => Date;

  constructor(folder: string, clock: () => Date = () => new Date()) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** Never throws: a log that cannot be written must not stop what it tells of. */
  write(text: string): void {
    // One entry is one line, whatever a name in it holds.
    const line = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, LINE_CHARS);
    try {
      mkdirSync(this.#folder, { recursive: true });
      this.#rotate();
      appendFileSync(this.#file(0), `${this.#clock().toISOString()} ${line}\n`, { mode: 0o600 });
    } catch {
      // See above.
    }
  }

  #file(age: number): string {
    return join(this.#folder, age === 0 ? 'brownout.log' : `brownout.${age}.log`);
  }

  #rotate(): void {
    const size = statSync(this.#file(0), { throwIfNoEntry: false })?.size ?? 0;
    if (size < FULL_BYTES) return;
    rmSync(this.#file(KEPT), { force: true });
    for (let age = KEPT - 1; age >= 0; age--) {
      if (statSync(this.#file(age), { throwIfNoEntry: false }) !== undefined) {
        renameSync(this.#file(age), this.#file(age + 1));
      }
    }
  }
}
