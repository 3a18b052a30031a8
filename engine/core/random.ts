// Seeded random streams, one per actor. A stream depends on (seed, name) alone: adding an actor or drawing more in one
// does not shift another. The generator is sfc32 (Chris Doty-Humphrey, PractRand): 96 bits of chaotic state and a
// 32-bit counter (period at least 2^32, 2^127 on average), only additions, shifts and xor of 32 bits, so every engine gives the same.
// Not for cryptography.
//
// nextBelow(n) maps 32 random bits by multiplication, without rejection: for n <= 2^32 some values are more likely than others by
// at most n / 2^32 (one part in 1,024 for the 4 Mi pages of 16 GiB), evenly spread over the range. Above 2^32 it takes 53 bits.
//
// Cost: some 2 ns a number in the fill methods, whose state lives in registers.

import { invariant } from './invariant.ts';

const TWO_POW_32 = 0x1_0000_0000;
const INVERSE_TWO_POW_32 = 1 / TWO_POW_32;
const INVERSE_TWO_POW_53 = 1 / 0x20_0000_0000_0000;
/** Rounds thrown away after seeding, so that similar seeds have nothing in common (PractRand's own number is 12). */
const WARM_UP = 16;

export class RandomStream {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed`: an integer of at most 53 bits. `name`: the actor's, unique in a run. */
  constructor(seed: number, name: string) {
    invariant(Number.isSafeInteger(seed), 'a seed is a safe integer');
    const low = seed | 0;
    const high = Math.floor(seed / TWO_POW_32) | 0;
    this.#a = mixName(name, low ^ 0x9e37_79b9, high);
    this.#b = mixName(name, low ^ 0x85eb_ca6b, high);
    this.#c = mixName(name, low ^ 0xc2b2_ae35, high);
    for (let i = 0; i < WARM_UP; i++) this.nextUint32();
  }

  /** 0 … 2^32 - 1 */
  nextUint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 … n - 1, for 1 <= n <= 2^53. */
  nextBelow(n: number): number {
    invariant(n >= 1, 'a range has at least one value');
    if (n > TWO_POW_32) return Math.floor(this.nextUnit() * n);
    return Math.floor(this.nextUint32() * INVERSE_TWO_POW_32 * n);
  }

  /** [0, 1), 53 bits. */
  nextUnit(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 0x400_0000 + low) * INVERSE_TWO_POW_53;
  }

  /** out[0 … count-1] = 32 random bits each. */
  fillUint32(out: Uint32Array | Float64Array, count: number = out.length): void {
    this.#fill(TWO_POW_32, out, count);
  }

  /** out[0 … count-1] = what `count` calls of nextBelow(n) would return. 1 <= n <= 2^32 */
  fillBelow(n: number, out: Float64Array | Uint32Array, count: number = out.length): void {
    invariant(n >= 1 && n <= TWO_POW_32, 'a filled range has 1 to 2^32 values');
    this.#fill(n, out, count);
  }

  /** out[0 … count-1] = what `count` calls of nextUnit() would return. */
  fillUnit(out: Float64Array, count: number = out.length): void {
    invariant(count <= out.length, 'the numbers fit the array');
    for (let i = 0; i < count; i++) out[i] = this.nextUnit();
  }

  #fill(n: number, out: Float64Array | Uint32Array, count: number): void {
    invariant(count <= out.length, 'the numbers fit the array');
    let a = this.#a;
    let b = this.#b;
    let c = this.#c;
    let counter = this.#counter;
    for (let i = 0; i < count; i++) {
      const sum = (a + b + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      out[i] = Math.floor((sum >>> 0) * INVERSE_TWO_POW_32 * n);
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#counter = counter;
  }
}

/** 32 bits of (name, low, high): MurmurHash3's rounds over the UTF-16 code units. */
function mixName(name: string, low: number, high: number): number {
  let hash = low;
  const add = (value: number): void => {
    let k = Math.imul(value, 0xcc9e_2d51);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, 0x1b87_3593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe654_6b64) | 0;
  };
  add(high);
  for (let i = 0; i < name.length; i++) add(name.charCodeAt(i));
  hash ^= name.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
