// The guest's flush queue: in lazy mode an unmap clears its PTEs, leaves the IOTLB alone and puts the IOVA on a queue.
//
// One queue per CPU (256 entries, flushed after 10 ms) or one for all CPUs (32,768 entries, 1 s). A flush is always of
// the whole domain. An entry notes how many flushes had begun when it was queued; its IOVA may be freed once a flush
// that began later has ended. Frees happen when the same queue is next used, or in the timer for all queues.
// A full queue (a ring keeps one entry open: 255 wait) is flushed on the spot by the CPU that found it so.
// Invariant: an IOVA goes back to the allocator only after a flush that followed its unmap.
// Left out: page-table pages on the queue's free list; a flush that is still running on another CPU (ours is an instant).
// Source: drivers/iommu/dma-iommu.c, queue_iova(), fq_flush_iotlb(), fq_flush_timeout(), fq_ring_free_locked().

import { invariant } from '../core/invariant.ts';
import type { IovaAllocator } from './iova-allocator.ts';

export interface FlushQueueShape {
  readonly entries: number;
  readonly timeoutNs: number;
  readonly perCpu: boolean;
}

/** IOVA_DEFAULT_FQ_SIZE, IOVA_DEFAULT_FQ_TIMEOUT */
export const PER_CPU_QUEUE: FlushQueueShape = { entries: 256, timeoutNs: 10_000_000, perCpu: true };
/** IOVA_SINGLE_FQ_SIZE, IOVA_SINGLE_FQ_TIMEOUT */
export const SHARED_QUEUE: FlushQueueShape = { entries: 32_768, timeoutNs: 1_000_000_000, perCpu: false };

export class FlushQueue {
  readonly shape: FlushQueueShape;
  readonly #allocator: IovaAllocator;
  readonly #queues: number;
  readonly #iovas: Float64Array;
  readonly #pages: Float64Array;
  /** Flushes begun when the entry was queued. */
  readonly #stamps: Float64Array;
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  #flushes = 0;
  #timerNs = Infinity;
  #waiting = 0;

  constructor(shape: FlushQueueShape, allocator: IovaAllocator, cpus: number) {
    invariant(shape.entries >= 2, 'a flush queue has room for an entry: one stays open');
    this.shape = shape;
    this.#allocator = allocator;
    this.#queues = shape.perCpu ? cpus : 1;
    const entries = this.#queues * shape.entries;
    this.#iovas = new Float64Array(entries);
    this.#pages = new Float64Array(entries);
    this.#stamps = new Float64Array(entries);
    this.#heads = new Int32Array(this.#queues);
    this.#tails = new Int32Array(this.#queues);
  }

  /** When the timer fires; Infinity while it is off. */
  get timerNs(): number {
    return this.#timerNs;
  }

  /** IOVAs unmapped whose reuse still waits, freed ones excepted. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether the next `add` on this CPU must flush first. Frees what earlier flushes released, as queue_iova() does. */
  fullFor(cpu: number): boolean {
    const queue = this.shape.perCpu ? cpu : 0;
    this.#freeRing(queue, cpu);
    return this.#after(this.#tails[queue]!) === this.#heads[queue];
  }

  /** The caller has flushed the domain's IOTLB; `cpu`'s ring is freed at once, the others when they are next used. */
  flushed(cpu: number): void {
    this.#flushes++;
    this.#freeRing(this.shape.perCpu ? cpu : 0, cpu);
  }

  /** Queues an IOVA whose PTEs were cleared at `nowNs`; starts the timer if it is off. */
  add(nowNs: number, cpu: number, iovaPage: number, pages: number): void {
    const queue = this.shape.perCpu ? cpu : 0;
    const tail = this.#tails[queue]!;
    invariant(this.#after(tail) !== this.#heads[queue], 'a flush queue that is full is flushed first');
    const at = queue * this.shape.entries + tail;
    this.#iovas[at] = iovaPage;
    this.#pages[at] = pages;
    this.#stamps[at] = this.#flushes;
    this.#tails[queue] = this.#after(tail);
    this.#waiting++;
    if (this.#timerNs === Infinity) this.#timerNs = nowNs + this.shape.timeoutNs;
  }

  /** The timer's work after the caller has flushed: every queue is freed; the timer is off until the next `add`. */
  timerFlushed(cpu: number): void {
    this.#timerNs = Infinity;
    this.#flushes++;
    for (let queue = 0; queue < this.#queues; queue++) this.#freeRing(queue, cpu);
  }

  /** Frees go into the magazines of the CPU that does the freeing. */
  #freeRing(queue: number, cpu: number): void {
    const base = queue * this.shape.entries;
    let head = this.#heads[queue]!;
    const tail = this.#tails[queue]!;
    while (head !== tail && this.#stamps[base + head]! < this.#flushes) {
      this.#allocator.free(cpu, this.#iovas[base + head]!, this.#pages[base + head]!);
      head = this.#after(head);
      this.#waiting--;
    }
    this.#heads[queue] = head;
  }

  #after(index: number): number {
    return index + 1 === this.shape.entries ? 0 : index + 1;
  }
}
