// Points folded into the cells of a heat map: one for each pair of values of two fields, with the median of a figure.
import type { SweepPoint } from '../../../main/contract/sweeps.ts';
import { isWithout, type Dimension } from './dimensions.ts';

export interface Cell {
  readonly column: number;
  readonly row: number;
  /** Null: its points have ended, and none has the figure. */
  readonly value: number | null;
  readonly points: readonly SweepPoint[];
}

export interface Grid {
  /** Values of the field across, in order; and of the one down, from below. */
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  readonly cells: readonly Cell[];
  /** Of the cells' values; NaN where there are none. */
  readonly least: number;
  readonly greatest: number;
}

/** A field of many values (a Latin hypercube) is cut into this many equal parts. */
const PARTS = 12;

export function cellsOf(points: readonly SweepPoint[], x: Dimension, y: Dimension, figure: Dimension): Grid {
  const across = binsOf(points, x);
  const down = binsOf(points, y);
  const folded = new Map<string, { column: number; row: number; points: SweepPoint[]; values: number[] }>();
  for (const point of points) {
    const [column, row, value] = [across.bin(point), down.bin(point), figure.of(point)];
    if (column === null || row === null || (value === null && !isWithout(point, figure))) continue;
    const key = `${column} ${row}`;
    const cell = folded.get(key) ?? { column, row, points: [], values: [] };
    cell.points.push(point);
    if (value !== null) cell.values.push(value);
    folded.set(key, cell);
  }
  const cells = [...folded.values()].map(({ values, ...cell }) => ({
    ...cell,
    value: values.length === 0 ? null : middle(values),
  }));
  const values = cells.flatMap(({ value }) => value ?? []);
  return {
    ...{ columns: across.texts, rows: down.texts, cells },
    least: values.length === 0 ? NaN : Math.min(...values),
    greatest: values.length === 0 ? NaN : Math.max(...values),
  };
}

function binsOf(
  points: readonly SweepPoint[],
  dimension: Dimension,
): { readonly texts: readonly string[]; readonly bin: (point: SweepPoint) => number | null } {
  if (dimension.values !== null) {
    return { texts: dimension.values.map(({ text }) => text), bin: (point) => dimension.of(point) };
  }
  const sorted = points
    .flatMap((point) => {
      const value = dimension.of(point);
      return value === null ? [] : [{ value, text: dimension.text(point) }];
    })
    .sort((a, b) => a.value - b.value);
  // Parts of equally many points, so that a logarithmic range is not one crowded column.
  const starts = Array.from(
    { length: Math.min(PARTS, sorted.length) },
    (_, i) => sorted[Math.floor((i * sorted.length) / Math.min(PARTS, sorted.length))],
  ).flatMap((each) => each ?? []);
  return {
    texts: starts.map(({ text }) => `≥ ${text}`),
    bin: (point) => {
      const value = dimension.of(point);
      return value === null ? null : starts.findLastIndex((start) => start.value <= value);
    },
  };
}

/** The median; of an even number, the mean of the middle two. */
function middle(values: number[]): number {
  values.sort((a, b) => a - b);
  const half = (values.length - 1) / 2;
  return (values[Math.floor(half)]! + values[Math.ceil(half)]!) / 2;
}
