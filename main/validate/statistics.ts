// Of errors and repeats.
import { median } from '../../engine/experiment/stats/quantiles.ts';

/** (max - min) / median: how far repeats lie apart. */
export function relativeSpread(values: readonly number[]): number {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}
