// Prefetching without a prefetch instruction.

/**
 * Loads the words of `entries`, so that they are near when they are needed. JavaScript has no prefetch: what makes the misses
 * overlap is that nothing in the loop waits for a load, and that little else is in it.
 */
export function loadAhead(words: Int32Array, entries: Int32Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i + 3 < entries.length; i += 4) {
    a ^= words[(entries[i]! << 1) >>> 0]!;
    b ^= words[(entries[i + 1]! << 1) >>> 0]!;
    c ^= words[(entries[i + 2]! << 1) >>> 0]!;
    d ^= words[(entries[i + 3]! << 1) >>> 0]!;
  }
  return a ^ b ^ c ^ d;
}
