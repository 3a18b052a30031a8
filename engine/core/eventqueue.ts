// The event queue: numbers ordered by (time, sequence), so that events at one instant come out in the order they were
// put in. Columns, not objects: times, sequence numbers and payloads lie in Float64Arrays.
//
// A few events (a simulation has some dozens of actors) live in a binary heap, `near`. When there are more than
// SPILL, the later ones wait unsorted in `far`: a ring of buckets, each one power of two of nanoseconds wide, and beyond the ring
// a list without order. `near` then holds what lies before `#limitNs`, and when it has run empty, the next bucket is
// poured into it. So an event is dropped twice into a list and once into a small heap that fits the cache, instead of into one large heap.
// Whatever the distribution of times, no event moves more than a few times, and the worst case is that of one heap.
//
// A popped root stays as a hole; the next push drops its event there ("replace top"), which is what an actor that
// reschedules itself does. Whoever looks at the queue in between closes the hole first. The hole sinks to a leaf along
// the smaller children, chosen without a branch, and the new event rises from there: fewer surprises for the processor
// than comparing it on the way down.
//
// Measured (M events/s, take and put back, 64 and 4,096 pending): see `npm run bench`, against std::priority_queue.
//
// Grows by doubling; never shrinks. Bound: `capacityMax` events, asserted: a queue that grows without end is a bug of its user.

import { invariant } from './invariant.ts';

const CAPACITY_FIRST = 64;
const CAPACITY_MAX = 1 << 24;
/** Events in the heap from which on it is worth while to keep the later ones apart. */
const SPILL = 256;
/** Buckets of the ring, a power of two. At first half of them cover all events, so that new ones fit as well. */
const BUCKETS = 1024;
const BUCKET_MASK = BUCKETS - 1;
const NONE = -1;

export class EventQueue {
  // The heap. Behind its end stands at least one time more, Infinity, so that a missing right child is never the smaller one.
  #times = new Float64Array(CAPACITY_FIRST).fill(Infinity);
  #sequences = new Float64Array(CAPACITY_FIRST);
  #payloads = new Float64Array(CAPACITY_FIRST);
  /** Entries in the heap, the hole at the root included. */
  #length = 0;
  #hole = false;
  /** Heap size that starts the next spill. */
  #spillAt = SPILL;
  /** The heap holds the events before it; Infinity = all of them. */
  #limitNs = Infinity;

  // The events from #limitNs on: nodes of singly linked lists, allocated from a pool.
  #farTimes = new Float64Array(0);
  #farSequences = new Float64Array(0);
  #farPayloads = new Float64Array(0);
  #farNext = new Int32Array(0);
  #farFree = NONE;
  /** Bucket b holds the times of [b, b+1) * width for b = #bucket + 1 … #bucket + BUCKETS - 1; #limitNs = (#bucket + 1) * width. */
  readonly #ring = new Int32Array(BUCKETS).fill(NONE);
  #ringCount = 0;
  #bucket = 0;
  #widthNs = 1;
  #perWidth = 1;
  /** Events beyond the ring when they were put in. */
  #beyond = NONE;
  #beyondCount = 0;
  #beyondFirstNs = Infinity;

  #nextSequence = 0;
  readonly #capacityMax: number;

  constructor(capacityMax: number = CAPACITY_MAX) {
    this.#capacityMax = capacityMax;
  }

  get size(): number {
    return this.#length - (this.#hole ? 1 : 0) + this.#ringCount + this.#beyondCount;
  }

  /** The time of the first event; Infinity when there is none. */
  get peekTimeNs(): number {
    return this.#settle() ? this.#times[0]! : Infinity;
  }

  /** The sequence number `push` returned for the first event; -1 when there is none. */
  get peekSequence(): number {
    return this.#settle() ? this.#sequences[0]! : -1;
  }

  /** The payload of the first event; -1 when there is none. */
  get peekPayload(): number {
    return this.#settle() ? this.#payloads[0]! : -1;
  }

  /** Returns the event's sequence number. */
  push(timeNs: number, payload: number): number {
    invariant(timeNs < Infinity && timeNs >= 0, 'an event has a finite time');
    const sequence = this.#nextSequence++;
    if (timeNs >= this.#limitNs) this.#putFar(timeNs, sequence, payload);
    else if (this.#hole) {
      this.#hole = false;
      this.#replaceTop(timeNs, sequence, payload);
    } else this.#putNear(timeNs, sequence, payload);
    return sequence;
  }

  /** Takes the first event and returns its payload. The queue must not be empty. */
  pop(): number {
    invariant(this.#settle(), 'an empty queue is not popped');
    this.#hole = true;
    return this.#payloads[0]!;
  }

  /** Drops every event that `keep` refuses. O(size). */
  retain(keep: (payload: number, sequence: number) => boolean): void {
    if (this.#hole) this.#closeHole();
    this.#spill();
    let node = this.#beyond;
    this.#forgetBeyond();
    while (node !== NONE) {
      const next = this.#farNext[node]!;
      if (keep(this.#farPayloads[node]!, this.#farSequences[node]!)) this.#linkBeyond(node);
      else this.#freeNode(node);
      node = next;
    }
  }

  clear(): void {
    this.retain(() => false);
  }

  /** Closes the hole and fills the heap, so that its root is the first event; false when there is none. */
  #settle(): boolean {
    if (this.#hole) this.#closeHole();
    if (this.#length > 0) return true;
    if (this.#ringCount + this.#beyondCount === 0) return false;
    this.#refill();
    return true;
  }

  // ---- near: the heap

  #putNear(timeNs: number, sequence: number, payload: number): void {
    if (this.#length >= this.#spillAt) {
      this.#spill();
      this.#putFar(timeNs, sequence, payload);
      return;
    }
    if (this.#length + 1 === this.#times.length) {
      this.#checkBound();
      this.#times = longer(this.#times, this.#times.length * 2).fill(Infinity, this.#length);
      this.#sequences = longer(this.#sequences, this.#sequences.length * 2);
      this.#payloads = longer(this.#payloads, this.#payloads.length * 2);
    }
    siftUp(this.#times, this.#sequences, this.#payloads, this.#length++, timeNs, sequence, payload);
  }

  #replaceTop(timeNs: number, sequence: number, payload: number): void {
    const leaf = sinkHole(this.#times, this.#sequences, this.#payloads, this.#length);
    siftUp(this.#times, this.#sequences, this.#payloads, leaf, timeNs, sequence, payload);
  }

  #closeHole(): void {
    this.#hole = false;
    const last = --this.#length;
    const timeNs = this.#times[last]!;
    this.#times[last] = Infinity;
    if (last > 0) this.#replaceTop(timeNs, this.#sequences[last]!, this.#payloads[last]!);
  }

  // ---- far: the ring of buckets and the list beyond it

  #putFar(timeNs: number, sequence: number, payload: number): void {
    if (this.#farFree === NONE) this.#growFar();
    const node = this.#farFree;
    this.#farFree = this.#farNext[node]!;
    this.#farTimes[node] = timeNs;
    this.#farSequences[node] = sequence;
    this.#farPayloads[node] = payload;
    this.#link(node, timeNs);
  }

  #link(node: number, timeNs: number): void {
    const ahead = Math.floor(timeNs * this.#perWidth) - this.#bucket;
    if (ahead < BUCKETS) {
      const slot = (this.#bucket + ahead) & BUCKET_MASK;
      this.#farNext[node] = this.#ring[slot]!;
      this.#ring[slot] = node;
      this.#ringCount++;
    } else this.#linkBeyond(node);
  }

  #linkBeyond(node: number): void {
    this.#farNext[node] = this.#beyond;
    this.#beyond = node;
    this.#beyondCount++;
    this.#beyondFirstNs = Math.min(this.#beyondFirstNs, this.#farTimes[node]!);
  }

  #forgetBeyond(): void {
    this.#beyond = NONE;
    this.#beyondCount = 0;
    this.#beyondFirstNs = Infinity;
  }

  #freeNode(node: number): void {
    this.#farNext[node] = this.#farFree;
    this.#farFree = node;
  }

  /** Pours the next bucket that is not empty into the empty heap. There are far events. */
  #refill(): void {
    if (this.#ringCount === 0) this.#layRing();
    for (;;) {
      // What lay beyond the ring comes into its reach, at most once per turn.
      if (this.#beyondFirstNs < this.#limitNs) this.#pullBeyond();
      const slot = this.#bucket & BUCKET_MASK;
      const node = this.#ring[slot]!;
      if (node !== NONE) {
        this.#ring[slot] = NONE;
        this.#pour(node);
        return;
      }
      this.#bucket++;
      this.#limitNs = (this.#bucket + 1) * this.#widthNs;
    }
  }

  #pour(first: number): void {
    this.#spillAt = Infinity;
    for (let node = first; node !== NONE;) {
      this.#putNear(this.#farTimes[node]!, this.#farSequences[node]!, this.#farPayloads[node]!);
      const next = this.#farNext[node]!;
      this.#freeNode(node);
      node = next;
      this.#ringCount--;
    }
    this.#spillAt = Math.max(SPILL, 2 * this.#length);
    // The last of few: back to a plain heap.
    if (this.#ringCount + this.#beyondCount === 0) this.#limitNs = Infinity;
  }

  /** The ring is empty: gives it the width at which half of it covers everything beyond. */
  #layRing(): void {
    let lastNs = 0;
    for (let node = this.#beyond; node !== NONE; node = this.#farNext[node]!) {
      lastNs = Math.max(lastNs, this.#farTimes[node]!);
    }
    // A power of two, so that times * perWidth is exact and a bucket's edges are where #limitNs says.
    const spread = (lastNs - this.#beyondFirstNs) / (BUCKETS / 2);
    this.#widthNs = 1;
    while (this.#widthNs < spread) this.#widthNs *= 2;
    this.#perWidth = 1 / this.#widthNs;
    this.#bucket = Math.floor(this.#beyondFirstNs * this.#perWidth);
    this.#limitNs = (this.#bucket + 1) * this.#widthNs;
  }

  #pullBeyond(): void {
    let node = this.#beyond;
    this.#forgetBeyond();
    while (node !== NONE) {
      const next = this.#farNext[node]!;
      this.#link(node, this.#farTimes[node]!);
      node = next;
    }
  }

  /** Moves everything beyond the ring and the heap's limit to the front: the next look lays the ring anew. */
  #spill(): void {
    for (let i = 0; i < this.#length; i++) {
      if (this.#farFree === NONE) this.#growFar();
      const node = this.#farFree;
      this.#farFree = this.#farNext[node]!;
      this.#farTimes[node] = this.#times[i]!;
      this.#farSequences[node] = this.#sequences[i]!;
      this.#farPayloads[node] = this.#payloads[i]!;
      this.#linkBeyond(node);
    }
    this.#times.fill(Infinity, 0, this.#length);
    this.#length = 0;
    for (let slot = 0; slot < BUCKETS; slot++) {
      for (let node = this.#ring[slot]!; node !== NONE;) {
        const next = this.#farNext[node]!;
        this.#linkBeyond(node);
        node = next;
      }
      this.#ring[slot] = NONE;
    }
    this.#ringCount = 0;
    // Until the ring is laid, every push goes beyond it.
    this.#limitNs = 0;
    this.#bucket = -BUCKETS;
  }

  #growFar(): void {
    this.#checkBound();
    const before = this.#farNext.length;
    const capacity = Math.max(2 * SPILL, before * 2);
    this.#farTimes = longer(this.#farTimes, capacity);
    this.#farSequences = longer(this.#farSequences, capacity);
    this.#farPayloads = longer(this.#farPayloads, capacity);
    const next = new Int32Array(capacity);
    next.set(this.#farNext);
    for (let node = before; node < capacity; node++) next[node] = node + 1 < capacity ? node + 1 : this.#farFree;
    this.#farNext = next;
    this.#farFree = before;
  }

  #checkBound(): void {
    invariant(this.size < this.#capacityMax, 'the event queue stays within its bound');
  }
}

/** Sinks a hole from the root to a leaf, the smaller child rising each time; returns the leaf. */
function sinkHole(times: Float64Array, sequences: Float64Array, payloads: Float64Array, length: number): number {
  let hole = 0;
  for (let child = 1; child < length; child = 2 * hole + 1) {
    const left = times[child]!;
    const right = times[child + 1]!;
    if (left === right) child += +(sequences[child + 1]! < sequences[child]!);
    else child += +(right < left); // no branch: which child is smaller cannot be foreseen
    times[hole] = times[child]!;
    sequences[hole] = sequences[child]!;
    payloads[hole] = payloads[child]!;
    hole = child;
  }
  return hole;
}

/** Puts an event where the hole is, or where it belongs on the way to the root. */
function siftUp(
  times: Float64Array,
  sequences: Float64Array,
  payloads: Float64Array,
  from: number,
  timeNs: number,
  sequence: number,
  payload: number,
): void {
  let hole = from;
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

function longer(column: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const copy = new Float64Array(length);
  copy.set(column);
  return copy;
}
