// The event queue: numbers ordered by (time, sequence), so that events at one instant come out in the order they were
// put in. Columns, not objects: a binary heap of times, sequence numbers and payloads in three Float64Arrays.
//
// A popped root stays as a hole; the next push drops its event there and sifts down once ("replace top"), which is
// what an actor that reschedules itself does. Whoever looks at the queue in between closes the hole first.
//
// Grows by doubling; never shrinks. Bound: `capacityMax` events, asserted, since a queue that grows without end is a bug of its user.

import { invariant } from './invariant.ts';

const CAPACITY_FIRST = 64;
const CAPACITY_MAX = 1 << 24;

export class EventQueue {
  #times = new Float64Array(CAPACITY_FIRST);
  #sequences = new Float64Array(CAPACITY_FIRST);
  #payloads = new Float64Array(CAPACITY_FIRST);
  /** Entries in the heap, the hole at the root included. */
  #length = 0;
  #hole = false;
  #nextSequence = 0;
  readonly #capacityMax: number;

  constructor(capacityMax: number = CAPACITY_MAX) {
    this.#capacityMax = capacityMax;
  }

  get size(): number {
    return this.#hole ? this.#length - 1 : this.#length;
  }

  /** The time of the first event; Infinity when there is none. */
  get peekTimeNs(): number {
    if (this.#hole) this.#closeHole();
    return this.#length === 0 ? Infinity : this.#times[0]!;
  }

  /** The sequence number `push` returned for the first event; -1 when there is none. */
  get peekSequence(): number {
    if (this.#hole) this.#closeHole();
    return this.#length === 0 ? -1 : this.#sequences[0]!;
  }

  /** The payload of the first event; -1 when there is none. */
  get peekPayload(): number {
    if (this.#hole) this.#closeHole();
    return this.#length === 0 ? -1 : this.#payloads[0]!;
  }

  /** Returns the event's sequence number. */
  push(timeNs: number, payload: number): number {
    invariant(timeNs < Infinity && timeNs >= 0, 'an event has a finite time');
    const sequence = this.#nextSequence++;
    if (this.#hole) {
      this.#hole = false;
      this.#siftDown(timeNs, sequence, payload);
    } else {
      if (this.#length === this.#times.length) this.#grow();
      this.#siftUp(this.#length++, timeNs, sequence, payload);
    }
    return sequence;
  }

  /** Takes the first event and returns its payload. The queue must not be empty. */
  pop(): number {
    if (this.#hole) this.#closeHole();
    invariant(this.#length > 0, 'an empty queue is not popped');
    this.#hole = true;
    return this.#payloads[0]!;
  }

  /** Drops every event that `keep` refuses. O(size). */
  retain(keep: (payload: number, sequence: number) => boolean): void {
    if (this.#hole) this.#closeHole();
    const times = this.#times;
    const sequences = this.#sequences;
    const payloads = this.#payloads;
    const before = this.#length;
    this.#length = 0;
    for (let i = 0; i < before; i++) {
      const time = times[i]!;
      const sequence = sequences[i]!;
      const payload = payloads[i]!;
      if (keep(payload, sequence)) this.#siftUp(this.#length++, time, sequence, payload);
    }
  }

  clear(): void {
    this.#length = 0;
    this.#hole = false;
  }

  #closeHole(): void {
    this.#hole = false;
    const last = --this.#length;
    if (last > 0) this.#siftDown(this.#times[last]!, this.#sequences[last]!, this.#payloads[last]!);
  }

  #siftUp(hole: number, timeNs: number, sequence: number, payload: number): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const payloads = this.#payloads;
    while (hole > 0) {
      const parent = (hole - 1) >>> 1;
      const parentTime = times[parent]!;
      if (parentTime < timeNs || (parentTime === timeNs && sequences[parent]! < sequence)) break;
      times[hole] = parentTime;
      sequences[hole] = sequences[parent]!;
      payloads[hole] = payloads[parent]!;
      hole = parent;
    }
    times[hole] = timeNs;
    sequences[hole] = sequence;
    payloads[hole] = payload;
  }

  /** Puts an event at the root, below which the heap is in order. */
  #siftDown(timeNs: number, sequence: number, payload: number): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const payloads = this.#payloads;
    const length = this.#length;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= length) break;
      let childTime = times[child]!;
      if (child + 1 < length) {
        const rightTime = times[child + 1]!;
        if (rightTime < childTime || (rightTime === childTime && sequences[child + 1]! < sequences[child]!)) {
          child++;
          childTime = rightTime;
        }
      }
      if (timeNs < childTime || (timeNs === childTime && sequence < sequences[child]!)) break;
      times[hole] = childTime;
      sequences[hole] = sequences[child]!;
      payloads[hole] = payloads[child]!;
      hole = child;
    }
    times[hole] = timeNs;
    sequences[hole] = sequence;
    payloads[hole] = payload;
  }

  #grow(): void {
    invariant(this.#length < this.#capacityMax, 'the event queue stays within its bound');
    this.#times = doubled(this.#times);
    this.#sequences = doubled(this.#sequences);
    this.#payloads = doubled(this.#payloads);
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}
