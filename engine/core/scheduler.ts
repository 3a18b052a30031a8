// Simulated time. Actors (vCPU groups, devices, the migration thread, …) each have at most one wake-up; the scheduler
// runs them in order of (time, order of scheduling). Time is integer nanoseconds and never goes back.
//
// Moving a wake-up puts a second entry into the queue and leaves the first one stale; stale entries are skipped, and
// swept out as soon as they outnumber the actors, so that the queue never holds more than twice the actors (plus a constant).
//
// Bound: at most EVENTS_PER_INSTANT_MAX events may pass without time moving on; two actors that wake each other for
// ever at one instant are a bug, and this is where it shows.

import { EventQueue } from './eventqueue.ts';
import { invariant } from './invariant.ts';
import type { Unit } from './units.ts';

export interface Actor {
  /** Unique in a run; also names the actor's random stream. */
  readonly name: string;
  /** Does what is due at `nowNs`; returns the next wake-up (>= nowNs), or Infinity to be dormant until woken. */
  run(nowNs: number): number;
}

export type ActorId = Unit<number, 'ActorId'>;

/** `idle`: nothing is scheduled. `paused`: maxEvents were run. `until`: nothing more is due up to and including untilNs. */
export type AdvanceResult = 'idle' | 'paused' | 'until';

const DORMANT = -1;
const STALE_FLOOR = 64;
export const EVENTS_PER_INSTANT_MAX = 10_000_000;

export class Scheduler {
  readonly #queue = new EventQueue();
  readonly #actors: Actor[] = [];
  /** Sequence number of the actor's valid entry in the queue, or DORMANT. */
  readonly #entries: number[] = [];
  readonly #wakeNs: number[] = [];
  #nowNs = 0;
  #eventsRun = 0;
  #eventsAtNow = 0;
  readonly #eventsPerInstantMax: number;

  constructor(eventsPerInstantMax: number = EVENTS_PER_INSTANT_MAX) {
    this.#eventsPerInstantMax = eventsPerInstantMax;
  }

  get nowNs(): number {
    return this.#nowNs;
  }

  /** Wake-ups run so far. */
  get eventsRun(): number {
    return this.#eventsRun;
  }

  /** Entries in the queue, stale ones included; for tests of the bound. */
  get pending(): number {
    return this.#queue.size;
  }

  /** `firstNs`: when it runs first; Infinity = when woken. */
  add(actor: Actor, firstNs: number): ActorId {
    const id = this.#actors.length as ActorId;
    this.#actors.push(actor);
    this.#entries.push(DORMANT);
    this.#wakeNs.push(Infinity);
    this.wake(id, firstNs);
    return id;
  }

  /** The actor's next wake-up; Infinity while dormant. */
  wakeUpNs(id: ActorId): number {
    return this.#wakeNs[id]!;
  }

  /** Sets the wake-up, or moves it to an earlier time; a later one is left as it is. */
  wake(id: ActorId, atNs: number): void {
    if (atNs >= this.#wakeNs[id]!) return;
    invariant(atNs >= this.#nowNs, 'a wake-up lies not in the past');
    invariant(Number.isSafeInteger(atNs), 'a wake-up is in whole nanoseconds');
    this.#wakeNs[id] = atNs;
    this.#entries[id] = this.#queue.push(atNs, id);
    if (this.#queue.size > 2 * this.#actors.length + STALE_FLOOR) this.#sweep();
  }

  /** Drops the wake-up: the actor is dormant until woken. */
  sleep(id: ActorId): void {
    this.#wakeNs[id] = Infinity;
    this.#entries[id] = DORMANT;
  }

  /** Runs at most `maxEvents` wake-ups due at or before `untilNs`. How it is sliced changes nothing in the order. */
  advance(maxEvents: number, untilNs: number): AdvanceResult {
    for (let events = 0; ;) {
      const timeNs = this.#queue.peekTimeNs;
      if (timeNs > untilNs || timeNs === Infinity) {
        if (this.#queue.size === 0) return 'idle';
        if (this.#dropStaleFirst()) continue;
        if (untilNs > this.#nowNs) this.#moveTo(untilNs);
        return 'until';
      }
      if (this.#dropStaleFirst()) continue;
      if (events === maxEvents) return 'paused';
      events++;
      this.#runFirst(timeNs);
    }
  }

  #runFirst(timeNs: number): void {
    if (timeNs > this.#nowNs) this.#moveTo(timeNs);
    invariant(
      ++this.#eventsAtNow <= this.#eventsPerInstantMax,
      'time moves on: actors do not wake each other for ever at one instant',
    );
    this.#eventsRun++;
    const id = this.#queue.pop() as ActorId;
    this.#wakeNs[id] = Infinity;
    this.#entries[id] = DORMANT;
    const nextNs = this.#actors[id]!.run(timeNs);
    invariant(nextNs >= timeNs, 'an actor does not ask to run in the past');
    if (nextNs !== Infinity) this.wake(id, nextNs);
  }

  #moveTo(timeNs: number): void {
    this.#nowNs = timeNs;
    this.#eventsAtNow = 0;
  }

  #dropStaleFirst(): boolean {
    if (this.#entries[this.#queue.peekPayload] === this.#queue.peekSequence) return false;
    this.#queue.pop();
    return true;
  }

  #sweep(): void {
    this.#queue.retain((id, sequence) => this.#entries[id] === sequence);
  }
}
