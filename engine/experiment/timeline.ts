// The timeline of changes: what happens at a time, or at a moment of the migration and some time after it, once or repeatedly.
//
// A moment counts the first time it comes. `event N` is the N-th event of the simulation after the migration began: with it an
// experiment can cancel or fail a migration at every point there is. Changes due at one time happen in the order of the file.

import type { ActorId, Actor, Scheduler } from '../core/scheduler.ts';
import type { Change } from './schema.ts';

interface Due {
  readonly atNs: number;
  readonly index: number;
  /** Repetitions after this one. */
  readonly left: number;
}

export class Timeline implements Actor {
  readonly name = 'changes';
  readonly #changes: readonly Change[];
  readonly #apply: (nowNs: number, change: Change) => void;
  readonly #scheduler: Scheduler;
  readonly #id: ActorId;
  readonly #waiting = new Map<string, number[]>();
  #due: Due[] = [];

  constructor(scheduler: Scheduler, changes: readonly Change[], apply: (nowNs: number, change: Change) => void) {
    this.#changes = changes;
    this.#apply = apply;
    this.#scheduler = scheduler;
    this.#id = scheduler.add(this, Infinity);
    changes.forEach((change, index) => {
      if (change.at !== undefined) this.#push(change.at, index, timesOf(change) - 1);
      else if (change.on !== undefined) this.#waiting.set(change.on, [...(this.#waiting.get(change.on) ?? []), index]);
    });
  }

  /** Whether anything waits for `event N`. */
  get waitsForEvents(): boolean {
    for (const name of this.#waiting.keys()) if (name.startsWith('event ')) return true;
    return false;
  }

  /** Whether a change of this kind is still to come at a time that is known. */
  comes(kind: Change['do']): boolean {
    return this.#due.some(({ index }) => this.#changes[index]!.do === kind);
  }

  moment(nowNs: number, name: string): void {
    const indices = this.#waiting.get(name);
    if (indices === undefined) return;
    this.#waiting.delete(name);
    for (const index of indices) {
      const change = this.#changes[index]!;
      this.#push(nowNs + change.delay, index, timesOf(change) - 1);
    }
  }

  run(nowNs: number): number {
    for (let next = this.#due[0]; next !== undefined && next.atNs <= nowNs; next = this.#due[0]) {
      this.#due.shift();
      const change = this.#changes[next.index]!;
      if (next.left > 0 && 'every' in change && change.every !== undefined) {
        this.#push(next.atNs + change.every, next.index, next.left - 1);
      }
      this.#apply(nowNs, change);
    }
    return this.#due[0]?.atNs ?? Infinity;
  }

  #push(atNs: number, index: number, left: number): void {
    const due = { atNs, index, left };
    const at = this.#due.findIndex((other) => other.atNs > atNs || (other.atNs === atNs && other.index > index));
    this.#due.splice(at < 0 ? this.#due.length : at, 0, due);
    this.#scheduler.wake(this.#id, Math.max(this.#scheduler.nowNs, atNs));
  }
}

const timesOf = (change: Change): number => ('times' in change ? change.times : 1);
