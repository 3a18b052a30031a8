// Order statistics of repeats. Quantiles interpolate linearly between order statistics: type 7 of Hyndman and Fan, "Sample
// Quantiles in Statistical Packages" (The American Statistician 50, 1996), which is what R and NumPy do by default.

const ascending = (a: number, b: number): number => a - b;

/** A sorted copy. No value may be NaN. */
export const sorted = (values: Iterable<number>): Float64Array => Float64Array.from(values).sort(ascending);

/** Of values in ascending order; NaN where there are none. `probability`: 0 … 1. */
export function quantileSorted(values: ArrayLike<number>, probability: number): number {
  const position = (values.length - 1) * probability;
  const below = Math.floor(position);
  const low = values[below];
  if (low === undefined) return NaN;
  const high = values[below + 1] ?? low;
  return low + (high - low) * (position - below);
}

export const quantile = (values: Iterable<number>, probability: number): number =>
  quantileSorted(sorted(values), probability);

export const median = (values: Iterable<number>): number => quantile(values, 0.5);
