// Widths of the parts of a blackout: in proportion, but none so small that it cannot be seen and pointed at.

/** Shares that add up to 1, each at least `least` (or all equal, where there is no room for that). */
export function shares(durations: readonly number[], least: number): number[] {
  const count = durations.length;
  if (count === 0) return [];
  if (least * count >= 1) return durations.map(() => 1 / count);
  // Those below the least get it; the others share what is left, which may push further ones below it.
  const small = new Set<number>();
  for (;;) {
    const rest = 1 - least * small.size;
    const sum = durations.reduce((total, one, i) => (small.has(i) ? total : total + one), 0);
    const found = durations.findIndex((one, i) => !small.has(i) && (sum <= 0 || (one / sum) * rest < least));
    if (found < 0) return durations.map((one, i) => (small.has(i) ? least : (one / sum) * rest));
    small.add(found);
    if (small.size === count) return durations.map(() => 1 / count);
  }
}
