// The Pareto front of two figures: points that no other point beats in one figure without losing in the other. Equal points are
// on it together. Points of which a figure is not known are never on it.

export interface FrontPoint {
  readonly x: number | null;
  readonly y: number | null;
}

/** Which end of a figure is the better one. */
export type Better = 'least' | 'greatest';

/** Indices of the points on the front, in the order of x from the better end. n log n. */
export function paretoFront(
  points: readonly FrontPoint[],
  betterX: Better = 'least',
  betterY: Better = 'least',
): number[] {
  const signX = betterX === 'least' ? 1 : -1;
  const signY = betterY === 'least' ? 1 : -1;
  const known = points.flatMap(({ x, y }, index) =>
    x === null || y === null || Number.isNaN(x) || Number.isNaN(y) ? [] : [{ x: signX * x, y: signY * y, index }],
  );
  known.sort((a, b) => a.x - b.x || a.y - b.y || a.index - b.index);
  const front: number[] = [];
  let best = Infinity;
  let last: { readonly x: number; readonly y: number } | undefined;
  for (const point of known) {
    if (point.y < best || (last !== undefined && point.x === last.x && point.y === last.y)) {
      front.push(point.index);
      best = point.y;
      last = point;
    }
  }
  return front;
}
