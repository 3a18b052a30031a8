// Hot loops over the words of one bitmap chunk (layout: bitmap.ts): free functions of typed arrays and numbers. Each keeps the
// chunk's summary right and says how many bits it changed; counting per chunk and bitmap is the caller's.
// Bounds: bit numbers are 0 … CHUNK_PAGES - 1, ranges lie within the chunk and are not empty.

export const CHUNK_SHIFT = 16;
export const CHUNK_PAGES = 1 << CHUNK_SHIFT;
export const CHUNK_MASK = CHUNK_PAGES - 1;
export const CHUNK_WORDS = CHUNK_PAGES >>> 5;
/** Index of the first summary word within a chunk. */
export const CHUNK_SUMMARY = CHUNK_WORDS;
export const SUMMARY_WORDS = CHUNK_WORDS >>> 5;

/** Set bits of a 32-bit word. */
export function popcount(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Sets bit 0 … 65535 of a chunk and keeps its summary right; returns 1 if it was clear. The caller counts (see noteSet). */
export function setBitInChunk(chunk: Int32Array, bit: number): 0 | 1 {
  const w = bit >>> 5;
  const word = chunk[w]!;
  const mask = 1 << bit;
  if ((word & mask) !== 0) return 0;
  chunk[w] = word | mask;
  if (word === 0) chunk[CHUNK_SUMMARY + (w >>> 5)]! |= 1 << w;
  return 1;
}

/** ORs `bits` into word w of a chunk and keeps its summary right; returns how many bits were clear. */
export function orWordInChunk(chunk: Int32Array, w: number, bits: number): number {
  const word = chunk[w]!;
  const added = bits & ~word;
  if (added === 0) return 0;
  chunk[w] = word | added;
  if (word === 0) chunk[CHUNK_SUMMARY + (w >>> 5)]! |= 1 << w;
  return popcount(added);
}

/** Clears the bits of `bits` in word w of a chunk and keeps its summary right; returns how many were set. */
export function clearWordInChunk(chunk: Int32Array, w: number, bits: number): number {
  const word = chunk[w]!;
  const removed = bits & word;
  if (removed === 0) return 0;
  chunk[w] = word ^ removed;
  if (word === removed) chunk[CHUNK_SUMMARY + (w >>> 5)]! &= ~(1 << w);
  return popcount(removed);
}

/** No run is open (see visitRunsInChunk). */
export const NO_RUN = -1;

export type RunVisitor = (first: number, count: number) => void;

/** Bits first … 31 of a word. */
export const onesFrom = (first: number): number => -1 << first;
/** Bits 0 … last of a word. */
export const onesTo = (last: number): number => -1 >>> (31 - last);

export function setRangeInChunk(chunk: Int32Array, from: number, to: number): number {
  const last = to - 1;
  let newly = 0;
  for (let w = from >>> 5; w <= last >>> 5; w++) {
    let bits = -1;
    if (w === from >>> 5) bits &= onesFrom(from & 31);
    if (w === last >>> 5) bits &= onesTo(last & 31);
    newly += orWordInChunk(chunk, w, bits);
  }
  return newly;
}

export function clearRangeInChunk(chunk: Int32Array, from: number, to: number): number {
  const last = to - 1;
  let cleared = 0;
  for (let w = from >>> 5; w <= last >>> 5; w++) {
    let bits = -1;
    if (w === from >>> 5) bits &= onesFrom(from & 31);
    if (w === last >>> 5) bits &= onesTo(last & 31);
    cleared += clearWordInChunk(chunk, w, bits);
  }
  return cleared;
}

export function countInChunk(chunk: Int32Array, from: number, to: number): number {
  const last = to - 1;
  let count = 0;
  for (let w = from >>> 5; w <= last >>> 5; w++) {
    let bits = chunk[w]!;
    if (w === from >>> 5) bits &= onesFrom(from & 31);
    if (w === last >>> 5) bits &= onesTo(last & 31);
    count += popcount(bits);
  }
  return count;
}

export function nextSetInChunk(chunk: Int32Array, from: number): number {
  const fromWord = from >>> 5;
  const bits = chunk[fromWord]! & onesFrom(from & 31);
  if (bits !== 0) return fromWord * 32 + 31 - Math.clz32(bits & -bits);
  const next = fromWord + 1;
  for (let s = next >>> 5; s < SUMMARY_WORDS; s++) {
    let words = chunk[CHUNK_SUMMARY + s]!;
    if (s === next >>> 5) words &= onesFrom(next & 31);
    if (words === 0) continue;
    const w = s * 32 + 31 - Math.clz32(words & -words);
    const found = chunk[w]!;
    return w * 32 + 31 - Math.clz32(found & -found);
  }
  return -1;
}

export function nextClearInChunk(chunk: Int32Array, from: number): number {
  let clear = ~chunk[from >>> 5]! & onesFrom(from & 31);
  for (let w = from >>> 5; ;) {
    if (clear !== 0) return w * 32 + 31 - Math.clz32(clear & -clear);
    if (++w === CHUNK_WORDS) return -1;
    clear = ~chunk[w]!;
  }
}

/**
 * ORs n words of src from `first` on, shifted up by `shift` bits, into words at … at+n-1 of a chunk; `carry` comes in at
 * the bottom, what is shifted out at the top is the caller's. Returns how many bits were clear, and keeps the summary right.
 *
 * Counting costs next to nothing: full adders sum the new bits of 8 words into columns of ones, twos, fours and eights
 * (Harley and Seal), and only the eights are counted each time.
 */
export function orWordsInChunk(
  chunk: Int32Array,
  at: number,
  src: Int32Array,
  first: number,
  n: number,
  shift: number,
  carry: number,
): number {
  // A shift by 32 would be one by 0: with shift 0 nothing is carried.
  const back = (32 - shift) & 31;
  const carries = shift === 0 ? 0 : -1;
  let inward = carry;
  let ones = 0;
  let twos = 0;
  let fours = 0;
  let newly = 0;
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const s = first + i;
    const d = at + i;
    const s0 = src[s]!;
    const s1 = src[s + 1]!;
    const s2 = src[s + 2]!;
    const s3 = src[s + 3]!;
    const d0 = chunk[d]!;
    const d1 = chunk[d + 1]!;
    const d2 = chunk[d + 2]!;
    const d3 = chunk[d + 3]!;
    const n0 = ((s0 << shift) | inward) & ~d0;
    const n1 = ((s1 << shift) | ((s0 >>> back) & carries)) & ~d1;
    const n2 = ((s2 << shift) | ((s1 >>> back) & carries)) & ~d2;
    const n3 = ((s3 << shift) | ((s2 >>> back) & carries)) & ~d3;
    chunk[d] = d0 | n0;
    chunk[d + 1] = d1 | n1;
    chunk[d + 2] = d2 | n2;
    chunk[d + 3] = d3 | n3;
    let half = ones ^ n0;
    let twosA = (ones & n0) | (half & n1);
    ones = half ^ n1;
    half = ones ^ n2;
    let twosB = (ones & n2) | (half & n3);
    ones = half ^ n3;
    half = twos ^ twosA;
    const foursA = (twos & twosA) | (half & twosB);
    twos = half ^ twosB;
    const s4 = src[s + 4]!;
    const s5 = src[s + 5]!;
    const s6 = src[s + 6]!;
    const s7 = src[s + 7]!;
    const d4 = chunk[d + 4]!;
    const d5 = chunk[d + 5]!;
    const d6 = chunk[d + 6]!;
    const d7 = chunk[d + 7]!;
    const n4 = ((s4 << shift) | ((s3 >>> back) & carries)) & ~d4;
    const n5 = ((s5 << shift) | ((s4 >>> back) & carries)) & ~d5;
    const n6 = ((s6 << shift) | ((s5 >>> back) & carries)) & ~d6;
    const n7 = ((s7 << shift) | ((s6 >>> back) & carries)) & ~d7;
    inward = (s7 >>> back) & carries;
    chunk[d + 4] = d4 | n4;
    chunk[d + 5] = d5 | n5;
    chunk[d + 6] = d6 | n6;
    chunk[d + 7] = d7 | n7;
    half = ones ^ n4;
    twosA = (ones & n4) | (half & n5);
    ones = half ^ n5;
    half = ones ^ n6;
    twosB = (ones & n6) | (half & n7);
    ones = half ^ n7;
    half = twos ^ twosA;
    const foursB = (twos & twosA) | (half & twosB);
    twos = half ^ twosB;
    half = fours ^ foursA;
    newly += popcount((fours & foursA) | (half & foursB)); // eights
    fours = half ^ foursB;
  }
  newly = 8 * newly + 4 * popcount(fours) + 2 * popcount(twos) + popcount(ones);
  for (; i < n; i++) {
    const word = src[first + i]!;
    const old = chunk[at + i]!;
    const added = ((word << shift) | inward) & ~old;
    inward = (word >>> back) & carries;
    chunk[at + i] = old | added;
    newly += popcount(added);
  }
  summarise(chunk, at >>> 5, (at + n - 1) >>> 5);
  return newly;
}

/** Makes the summary words from … to right, except those that say that no word is 0 (bits were only added). */
function summarise(chunk: Int32Array, from: number, to: number): void {
  for (let s = from; s <= to; s++) {
    if (chunk[CHUNK_SUMMARY + s] === -1) continue;
    let summary = 0;
    for (let w = 0; w < 32; w++) if (chunk[s * 32 + w] !== 0) summary |= 1 << w;
    chunk[CHUNK_SUMMARY + s] = summary;
  }
}

/**
 * Visits the set bits from … to-1 of a chunk as runs of pages; bit 0 is page `chunkFirst`. `open` is the first page of a
 * run that ends just before the chunk (`from` is then 0), or NO_RUN; what is returned is the same for `to`. `take` clears
 * what is visited (words and summary; the caller counts).
 */
export function visitRunsInChunk(
  chunk: Int32Array,
  from: number,
  to: number,
  chunkFirst: number,
  open: number,
  visit: RunVisitor,
  take: boolean,
): number {
  const last = to - 1;
  const fromWord = from >>> 5;
  const lastWord = last >>> 5;
  /** The page after the open run. */
  let openEnd = chunkFirst + from;
  for (let s = fromWord >>> 5; s <= lastWord >>> 5; s++) {
    const summary = chunk[CHUNK_SUMMARY + s]!;
    if (summary === 0) continue;
    let words = summary;
    if (s === fromWord >>> 5) words &= onesFrom(fromWord & 31);
    if (s === lastWord >>> 5) words &= onesTo(lastWord & 31);
    let left = summary ^ words;
    while (words !== 0) {
      const lowestWord = words & -words;
      words ^= lowestWord;
      const w = s * 32 + 31 - Math.clz32(lowestWord);
      const all = chunk[w]!;
      let bits = all;
      if (w === fromWord) bits &= onesFrom(from & 31);
      if (w === lastWord) bits &= onesTo(last & 31);
      if (take) {
        chunk[w] = all ^ bits;
        if (all !== bits) left |= lowestWord;
      }
      const wordFirst = chunkFirst + w * 32;
      if (open !== NO_RUN) {
        if (openEnd === wordFirst && (bits & 1) !== 0) {
          if (bits === -1) {
            openEnd += 32;
            continue;
          }
          // The run goes on into this word and ends before its first clear bit.
          const next = (bits + 1) | 0;
          visit(open, wordFirst + 31 - Math.clz32(~bits & next) - open);
          bits &= next;
        } else {
          visit(open, openEnd - open);
        }
        open = NO_RUN;
      }
      while (bits !== 0) {
        const lowest = bits & -bits;
        const next = (bits + lowest) | 0; // carries through the lowest run
        const first = 31 - Math.clz32(lowest);
        const after = ~bits & next; // the clear bit behind it; 0 when the run reaches bit 31
        if (after === 0) {
          open = wordFirst + first;
          openEnd = wordFirst + 32;
          break;
        }
        visit(wordFirst + first, 31 - Math.clz32(after) - first);
        bits &= next;
      }
    }
    if (take) chunk[CHUNK_SUMMARY + s] = left;
  }
  if (open !== NO_RUN && openEnd !== chunkFirst + to) {
    visit(open, openEnd - open);
    return NO_RUN;
  }
  return open;
}
