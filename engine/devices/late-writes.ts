// Device writes that come after the driver began to unmap: a misbehaving device, or a write that was on its way when the
// completion was read. Each is due at a time of its own; the unmap's owner plays them between its steps.
//
// Kept sorted by time in small arrays: a handful is in flight at once.

import { invariant } from '../core/invariant.ts';

const LATE_MAX = 4096;

export class LateWrites {
  readonly #dueNs = new Float64Array(LATE_MAX);
  readonly #iovas = new Float64Array(LATE_MAX);
  #count = 0;

  /** When the first is translated; Infinity: none. The arrays hold the latest first. */
  get dueNs(): number {
    return this.#count === 0 ? Infinity : this.#dueNs[this.#count - 1]!;
  }

  /** Adds a write; one more than fits is refused, which the caller counts as never issued. */
  add(dueNs: number, iovaPage: number): boolean {
    if (this.#count === LATE_MAX) return false;
    let at = this.#count++;
    while (at > 0 && this.#dueNs[at - 1]! <= dueNs) {
      this.#dueNs[at] = this.#dueNs[at - 1]!;
      this.#iovas[at] = this.#iovas[at - 1]!;
      at--;
    }
    this.#dueNs[at] = dueNs;
    this.#iovas[at] = iovaPage;
    return true;
  }

  /** Takes the first one out and answers its IOVA page. */
  take(): number {
    invariant(this.#count > 0, 'a write is in flight');
    return this.#iovas[--this.#count]!;
  }
}
