// The least and the greatest of every 16, 256, 4,096 … samples of a column, so that a chart of any stretch of any run reads a
// bounded number of values and still shows every extreme.
//
// Built while samples arrive. A level is a row of pairs [least, greatest]; pair b of level n covers the samples
// [b · 16^n, (b + 1) · 16^n). NaN counts only where there is nothing else. On the time axis, which never falls, a pair is the
// first and the last time. A level exists only when the one below has more than LEVEL_FROM entries: short runs have none.

export const FANOUT = 16;
/** A level is kept when the level below has more entries than this: about what a chart wants to read at once. */
export const LEVEL_FROM = 4096;
const LEVELS = 10;

export interface LevelPart {
  readonly level: number;
  /** Index of the first value (two values a pair). */
  readonly first: number;
  readonly values: Float64Array;
}

class Level {
  /** Pairs that were not taken yet. */
  #pending: number[] = [];
  #taken = 0;
  #least = NaN;
  #greatest = NaN;
  #entries = 0;
  pairs = 0;

  /** Adds one entry of the level below; returns the pair when this completes it. */
  add(least: number, greatest: number): boolean {
    if (this.#entries === 0) {
      this.#least = least;
      this.#greatest = greatest;
    } else {
      if (!(this.#least <= least)) this.#least = Number.isNaN(least) ? this.#least : least;
      if (!(this.#greatest >= greatest)) this.#greatest = Number.isNaN(greatest) ? this.#greatest : greatest;
    }
    this.#entries++;
    return this.#entries === FANOUT;
  }

  get least(): number {
    return this.#least;
  }

  get greatest(): number {
    return this.#greatest;
  }

  get open(): boolean {
    return this.#entries > 0;
  }

  closePair(): void {
    this.#pending.push(this.#least, this.#greatest);
    this.#entries = 0;
    this.pairs++;
  }

  get pendingValues(): number {
    return this.#pending.length;
  }

  take(): { first: number; values: Float64Array } {
    const values = Float64Array.from(this.#pending);
    const first = this.#taken;
    this.#taken += values.length;
    this.#pending = [];
    return { first, values };
  }
}

export class PyramidBuilder {
  readonly #levels: Level[] = [];
  #samples = 0;

  add(values: Float64Array): void {
    this.#samples += values.length;
    for (const value of values) this.#addTo(0, value, value);
  }

  #addTo(index: number, least: number, greatest: number): void {
    let i = index;
    let [low, high] = [least, greatest];
    while (i < LEVELS) {
      const level = (this.#levels[i] ??= new Level());
      if (!level.add(low, high)) return;
      [low, high] = [level.least, level.greatest];
      level.closePair();
      i++;
    }
  }

  /** Parts of at least `atLeast` values that are ready to be kept. */
  takeReady(atLeast: number): LevelPart[] {
    return this.#levels.flatMap((level, i) =>
      level.pendingValues >= atLeast && this.#isWanted(i) ? [{ level: i + 1, ...level.take() }] : [],
    );
  }

  /** Everything that is left, incomplete last pairs included. Nothing may be added afterwards. */
  finish(): LevelPart[] {
    for (let i = 0; i < this.#levels.length; i++) {
      const level = this.#levels[i]!;
      if (!level.open) continue;
      const [low, high] = [level.least, level.greatest];
      level.closePair();
      if (i + 1 < this.#levels.length) this.#levels[i + 1]!.add(low, high);
    }
    return this.#levels.flatMap((level, i) => {
      if (!this.#isWanted(i) || level.pendingValues === 0) return [];
      return [{ level: i + 1, ...level.take() }];
    });
  }

  #isWanted(i: number): boolean {
    return (i === 0 ? this.#samples : this.#levels[i - 1]!.pairs) > LEVEL_FROM;
  }
}
