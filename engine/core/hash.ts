// The hash that says whether two results are the same: SHA-256 over what is put in, in order.
// Every item carries a tag and its length, so that ("ab", "c") and ("a", "bc") differ. Doubles go in as 8 bytes, least
// significant first, whatever the machine; every NaN is the same NaN. -0 and 0 differ: they are different results.

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

const TAG_TEXT = 1;
const TAG_NUMBER = 2;
const TAG_FLOAT64 = 3;
/** Values converted at a time; bounds the scratch space to 32 KiB. */
const BATCH = 4096;

export class ResultHash {
  readonly #sha = sha256.create();
  readonly #scratch = new Uint8Array(BATCH * 8);
  readonly #view = new DataView(this.#scratch.buffer);

  text(text: string): this {
    const bytes = utf8ToBytes(text);
    this.#head(TAG_TEXT, bytes.length);
    this.#sha.update(bytes);
    return this;
  }

  number(value: number): this {
    this.#head(TAG_NUMBER, 1);
    this.#values([value], 0, 1);
    return this;
  }

  /** The first `count` values of a column. */
  float64(column: Float64Array, count: number = column.length): this {
    this.#head(TAG_FLOAT64, count);
    for (let first = 0; first < count; first += BATCH) this.#values(column, first, Math.min(first + BATCH, count));
    return this;
  }

  /** 64 hexadecimal digits. More may be added afterwards. */
  hex(): string {
    return bytesToHex(this.#sha.clone().digest());
  }

  #head(tag: number, length: number): void {
    this.#view.setUint32(0, tag, true);
    this.#view.setFloat64(4, length, true);
    this.#sha.update(this.#scratch.subarray(0, 12));
  }

  #values(values: ArrayLike<number>, first: number, end: number): void {
    const view = this.#view;
    for (let i = first; i < end; i++) {
      const value = values[i]!;
      view.setFloat64((i - first) * 8, value, true);
      // The language leaves NaN's bits open.
      if (value !== value) {
        view.setUint32((i - first) * 8, 0, true);
        view.setUint32((i - first) * 8 + 4, 0x7ff8_0000, true);
      }
    }
    this.#sha.update(this.#scratch.subarray(0, (end - first) * 8));
  }
}
