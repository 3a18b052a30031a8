// Pauses between attempts to start something that keeps breaking: short at first, longer each time, short again after it has
// run for a while.

const FIRST_MS = 100;
const LONGEST_MS = 30_000;
/** Something that ran for so long is no longer said to keep breaking. */
const SETTLED_MS = 60_000;

export class Backoff {
  readonly #clock: () => number;
  #nextMs = FIRST_MS;
  #startedMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  succeeded(): void {
    this.#startedMs = this.#clock();
  }

  /** The next pause; what was started and ran long enough makes it short again. */
  pause(): number {
    if (this.#startedMs !== undefined && this.#clock() - this.#startedMs >= SETTLED_MS) this.#nextMs = FIRST_MS;
    this.#startedMs = undefined;
    const pause = this.#nextMs;
    this.#nextMs = Math.min(LONGEST_MS, this.#nextMs * 2);
    return pause;
  }

  /** Calls `again` after the next pause, unless stopped. */
  wait(again: () => void): void {
    this.#timer = setTimeout(again, this.pause());
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
