// The name that was probably meant: the one with the fewest changed letters, if they are few.

export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    // `memory` for `guest.memory`: the last part of a path is what people remember.
    const tail = candidate.slice(candidate.lastIndexOf('.') + 1);
    const changes = Math.min(distance(word, candidate), tail === candidate ? Infinity : distance(word, tail) + 1);
    if (changes < fewest) [best, fewest] = [candidate, changes];
  }
  return best;
}

/** Levenshtein's, of two short words. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 8) return Infinity;
  let before = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = before[j - 1]! + (a.charAt(i - 1) === b.charAt(j - 1) ? 0 : 1);
      row.push(Math.min(before[j]! + 1, row[j - 1]! + 1, replaced));
    }
    before = row;
  }
  return before[b.length]!;
}
