// Samples on their way to one watcher, gathered while it has no credit: an envelope of at most ENTRIES entries. When they are
// full, neighbours are merged and each entry stands for twice as many samples. No extreme is lost, and memory is bounded,
// however long the watcher sleeps.
import type { SampleChunk } from '../../engine/experiment/result.ts';
import type { Envelope } from '../contract/block.ts';

export const ENTRIES = 1024;

export class GatheringEnvelope {
  readonly #positions: readonly number[];
  readonly #fromNs = new Float64Array(ENTRIES);
  readonly #toNs = new Float64Array(ENTRIES);
  readonly #least: readonly Float64Array[];
  readonly #greatest: readonly Float64Array[];
  #each = 1;
  #entries = 0;
  /** Samples in the last entry. */
  #inLast = 0;
  #firstSample = 0;
  #samples = 0;

  /** `positions`: of the wanted columns among those of the chunks. */
  constructor(positions: readonly number[]) {
    this.#positions = positions;
    this.#least = positions.map(() => new Float64Array(ENTRIES));
    this.#greatest = positions.map(() => new Float64Array(ENTRIES));
  }

  get samples(): number {
    return this.#samples;
  }

  /** Samples `from … count − 1` of the chunk. */
  add(chunk: SampleChunk, from: number): void {
    if (from >= chunk.count) return;
    if (this.#samples === 0) this.#firstSample = chunk.firstIndex + from;
    for (let i = from; i < chunk.count; i++) this.#addSample(chunk, i);
    this.#samples += chunk.count - from;
  }

  #addSample({ timesNs, columns }: SampleChunk, i: number): void {
    if (this.#entries > 0 && this.#inLast < this.#each) {
      const at = this.#entries - 1;
      this.#toNs[at] = timesNs[i]!;
      for (let c = 0; c < this.#positions.length; c++) {
        const value = columns[this.#positions[c]!]![i]!;
        const least = this.#least[c]!;
        const greatest = this.#greatest[c]!;
        if (!(least[at]! <= value) && !Number.isNaN(value)) least[at] = value;
        if (!(greatest[at]! >= value) && !Number.isNaN(value)) greatest[at] = value;
      }
      this.#inLast++;
      return;
    }
    if (this.#entries === ENTRIES) this.#halve();
    const at = this.#entries++;
    this.#fromNs[at] = timesNs[i]!;
    this.#toNs[at] = timesNs[i]!;
    for (let c = 0; c < this.#positions.length; c++) {
      const value = columns[this.#positions[c]!]![i]!;
      this.#least[c]![at] = value;
      this.#greatest[c]![at] = value;
    }
    this.#inLast = 1;
  }

  /** All entries are full when this is called. */
  #halve(): void {
    for (let to = 0; to < ENTRIES / 2; to++) {
      const a = 2 * to;
      this.#fromNs[to] = this.#fromNs[a]!;
      this.#toNs[to] = this.#toNs[a + 1]!;
      for (const values of this.#least) values[to] = lesser(values[a]!, values[a + 1]!);
      for (const values of this.#greatest) values[to] = -lesser(-values[a]!, -values[a + 1]!);
    }
    this.#entries = ENTRIES / 2;
    this.#each *= 2;
    this.#inLast = this.#each;
  }

  /** What was gathered, and begins anew; undefined: nothing. */
  take(): Envelope | undefined {
    if (this.#samples === 0) return undefined;
    const cut = (values: Float64Array): Float64Array => values.slice(0, this.#entries);
    const fromNs = cut(this.#fromNs);
    const envelope: Envelope = {
      samplesEach: this.#each,
      firstSample: this.#firstSample,
      sampleCount: this.#samples,
      fromNs,
      toNs: this.#each === 1 ? fromNs : cut(this.#toNs),
      columns: this.#least.map((least, c) => {
        const cutLeast = cut(least);
        return { least: cutLeast, greatest: this.#each === 1 ? cutLeast : cut(this.#greatest[c]!) };
      }),
    };
    this.#each = 1;
    this.#entries = 0;
    this.#inLast = 0;
    this.#samples = 0;
    return envelope;
  }
}

/** The lesser of two; NaN counts only where there is nothing else. */
function lesser(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return b < a ? b : a;
}
