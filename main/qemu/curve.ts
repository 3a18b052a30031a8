// How many page writes the guest had made at a time, interpolated between what it reported.

import type { Known } from '../../engine/experiment/result.ts';

interface Knot {
  readonly timeNs: number;
  readonly writes: number;
}

export class WriteCurve {
  readonly #knots: Knot[] = [];
  /** Knots before this one are behind the last rising() call. */
  #from = 0;

  /** Neither falls; what does is left out. */
  add(timeNs: number, writes: number): void {
    const last = this.#knots.at(-1);
    if (last !== undefined && (timeNs <= last.timeNs || writes < last.writes)) return;
    this.#knots.push({ timeNs, writes });
  }

  /** -Infinity before the first report. */
  get lastTimeNs(): number {
    return this.#knots.at(-1)?.timeNs ?? -Infinity;
  }

  at(timeNs: number): Known {
    const after = this.#knots.findIndex((knot) => knot.timeNs >= timeNs);
    return between(this.#knots[after - 1] ?? this.#knots[0], this.#knots[after], timeNs);
  }

  /** Mean rate a second over an interval; intervals must follow one another, which makes it constant time on average. */
  rate(fromNs: number, toNs: number): Known {
    const before = this.#rising(fromNs);
    const after = this.#rising(toNs);
    return before === null || after === null || toNs <= fromNs ? null : ((after - before) / (toNs - fromNs)) * 1e9;
  }

  #rising(timeNs: number): Known {
    const knots = this.#knots;
    while (this.#from + 1 < knots.length && knots[this.#from + 1]!.timeNs < timeNs) this.#from++;
    return between(knots[this.#from], knots[this.#from + 1] ?? knots[this.#from], timeNs);
  }
}

/** null outside the two knots. */
function between(a: Knot | undefined, b: Knot | undefined, timeNs: number): Known {
  if (a === undefined || b === undefined || timeNs < a.timeNs || timeNs > b.timeNs) return null;
  if (b.timeNs === a.timeNs) return a.writes;
  return a.writes + ((b.writes - a.writes) * (timeNs - a.timeNs)) / (b.timeNs - a.timeNs);
}
