// QEMU's big lock, as far as the vIOMMU needs it: requests of the guest are served one at a time, and a dirty sync holds
// the lock for its whole length. Whoever comes meanwhile waits; order of waiting = order of calls.

export class BigLock {
  #freeNs = 0;
  #waitedNs = 0;

  /** When the lock is free again. */
  get freeNs(): number {
    return this.#freeNs;
  }

  /** Time that callers have waited for it. */
  get waitedNs(): number {
    return this.#waitedNs;
  }

  /** Takes the lock at `nowNs` or when it is free; returns when that is. The caller says with `release` how long. */
  take(nowNs: number): number {
    if (this.#freeNs <= nowNs) return nowNs;
    this.#waitedNs += this.#freeNs - nowNs;
    return this.#freeNs;
  }

  release(atNs: number): void {
    if (atNs > this.#freeNs) this.#freeNs = atNs;
  }
}
