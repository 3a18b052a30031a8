// Ranges drawn on axes: a point passes when every figure and field that has a range lies inside it.
import type { SweepPoint } from '../../../main/contract/sweeps.ts';
import type { Dimension } from './dimensions.ts';

/** By dimension; in its values, both ends inclusive. */
export type Brushes = ReadonlyMap<string, readonly [least: number, greatest: number]>;

export function passing(
  points: readonly SweepPoint[],
  dimensions: readonly Dimension[],
  brushes: Brushes,
): SweepPoint[] {
  const ranged = dimensions.flatMap((dimension) => {
    const range = brushes.get(dimension.id);
    return range === undefined ? [] : [{ dimension, range }];
  });
  return points.filter((point) =>
    ranged.every(({ dimension, range: [least, greatest] }) => {
      const value = dimension.of(point);
      return value !== null && value >= least && value <= greatest;
    }),
  );
}

export function withBrush(brushes: Brushes, id: string, range: readonly [number, number] | null): Brushes {
  const changed = new Map(brushes);
  if (range === null) changed.delete(id);
  else changed.set(id, range[0] <= range[1] ? range : [range[1], range[0]]);
  return changed;
}
