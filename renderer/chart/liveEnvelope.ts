// A run as it grows: what came before, then pieces as they arrive, in a bounded number of entries. When they are full,
// neighbours become one entry with the lesser of the least and the greater of the greatest: coarser, but no extreme is lost.
import type { Envelope } from '../../main/contract/block.ts';

/** A few for each pixel of the widest screens. */
export const LIVE_ENTRIES = 8192;

export class LiveEnvelope {
  readonly #capacity: number;
  readonly #fromNs: Float64Array;
  readonly #toNs: Float64Array;
  readonly #least: readonly Float64Array[];
  readonly #greatest: readonly Float64Array[];
  #entries = 0;
  #samples = 0;
  #each = 1;

  constructor(series: number, capacity = LIVE_ENTRIES) {
    this.#capacity = capacity;
    this.#fromNs = new Float64Array(capacity);
    this.#toNs = new Float64Array(capacity);
    this.#least = Array.from({ length: series }, () => new Float64Array(capacity));
    this.#greatest = Array.from({ length: series }, () => new Float64Array(capacity));
  }

  get samples(): number {
    return this.#samples;
  }

  /** Time of the last sample; 0 before the first. */
  get endNs(): number {
    return this.#entries === 0 ? 0 : this.#toNs[this.#entries - 1]!;
  }

  /** Must follow in time what was added before, with the same series. */
  add(piece: Envelope): void {
    this.#samples += piece.sampleCount;
    this.#each = Math.max(this.#each, piece.samplesEach);
    for (let i = 0; i < piece.fromNs.length; i++) {
      if (this.#entries === this.#capacity) this.#halve();
      const at = this.#entries++;
      this.#fromNs[at] = piece.fromNs[i]!;
      this.#toNs[at] = piece.toNs[i]!;
      for (let c = 0; c < this.#least.length; c++) {
        this.#least[c]![at] = piece.columns[c]!.least[i]!;
        this.#greatest[c]![at] = piece.columns[c]!.greatest[i]!;
      }
    }
  }

  clear(): void {
    this.#entries = 0;
    this.#samples = 0;
    this.#each = 1;
  }

  /** Views of what is here now; the next `add` may change what they hold. */
  now(): Envelope {
    const cut = (values: Float64Array): Float64Array => values.subarray(0, this.#entries);
    return {
      samplesEach: this.#each,
      firstSample: 0,
      sampleCount: this.#samples,
      fromNs: cut(this.#fromNs),
      toNs: cut(this.#toNs),
      columns: this.#least.map((least, c) => ({ least: cut(least), greatest: cut(this.#greatest[c]!) })),
    };
  }

  #halve(): void {
    const half = Math.ceil(this.#entries / 2);
    for (let to = 0; to < half; to++) {
      const a = 2 * to;
      const b = Math.min(a + 1, this.#entries - 1);
      this.#fromNs[to] = this.#fromNs[a]!;
      this.#toNs[to] = this.#toNs[b]!;
      for (const values of this.#least) values[to] = lesser(values[a]!, values[b]!);
      for (const values of this.#greatest) values[to] = -lesser(-values[a]!, -values[b]!);
    }
    this.#entries = half;
    this.#each *= 2;
  }
}

function lesser(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return b < a ? b : a;
}
