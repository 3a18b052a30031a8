// Scales of the sweep's pictures: from a dimension's values to pixels, with ticks at round values.
import type { Dimension } from './dimensions.ts';
import type { SweepPoint } from '../../../main/contract/sweeps.ts';
import { formatFigure, type FigureUnit } from '../../../main/contract/format.ts';

export interface Scale {
  readonly at: (value: number) => number;
  /** The value at a pixel; of places, between them. */
  readonly back: (pixel: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  readonly isLog: boolean;
}

/** Ratio of the ends from which on a scale is logarithmic. */
const LOG_FROM = 30;

/** `from` is the pixel of the least value. */
export function scaleOf(dimension: Dimension, points: readonly SweepPoint[], from: number, to: number): Scale {
  const { values, unit } = dimension;
  if (values !== null) return places(values, from, to);
  const known = points.flatMap((point) => dimension.of(point) ?? []);
  const least = known.reduce((a, b) => Math.min(a, b), Infinity);
  const greatest = known.reduce((a, b) => Math.max(a, b), -Infinity);
  if (known.length === 0) return linear(0, 1, from, to, unit);
  if (least > 0 && greatest / least >= LOG_FROM) return logarithmic(least, greatest, from, to, unit);
  const spread = greatest - least;
  // Near nothing the axis begins there; a single value stands in the middle.
  if (spread === 0) return linear(Math.min(0, least), least === 0 ? 1 : 2 * Math.max(0, least), from, to, unit);
  return linear(least >= 0 && least < spread ? 0 : least, greatest, from, to, unit);
}

function places(values: NonNullable<Dimension['values']>, from: number, to: number): Scale {
  const step = (to - from) / Math.max(1, values.length);
  return {
    isLog: false,
    at: (value) => from + (value + 0.5) * step,
    back: (pixel) => (pixel - from) / step - 0.5,
    ticks: values.map(({ at, text }) => ({ value: at, text })),
  };
}

function linear(least: number, greatest: number, from: number, to: number, unit: FigureUnit): Scale {
  const isWhole = unit === 'pages' || unit === 'count' || unit === 'percent';
  const ticks = niceTicks(least, greatest, unit === 'bytes' ? 1024 : 1000).filter(
    (v) => !isWhole || Number.isInteger(v),
  );
  const low = Math.min(least, ticks[0] ?? least);
  const high = Math.max(greatest, ticks.at(-1) ?? greatest);
  return {
    isLog: false,
    at: (value) => from + ((value - low) / (high - low)) * (to - from),
    back: (pixel) => low + ((pixel - from) / (to - from)) * (high - low),
    ticks: ticks.map((value) => ({ value, text: formatFigure(value, unit) })),
  };
}

function logarithmic(least: number, greatest: number, from: number, to: number, unit: FigureUnit): Scale {
  const low = Math.log(least) - 0.05;
  const high = Math.log(greatest) + 0.05;
  const ticks: number[] = [];
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(greatest));
  const digits = last - first <= 2 ? [1, 2, 5] : [1];
  for (let power = first; power <= last; power++) {
    for (const digit of digits) {
      const value = digit * 10 ** power;
      if (value >= least && value <= greatest) ticks.push(value);
    }
  }
  return {
    isLog: true,
    at: (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from),
    back: (pixel) => Math.exp(low + ((pixel - from) / (to - from)) * (high - low)),
    ticks: ticks.map((value) => ({ value, text: formatFigure(value, unit) })),
  };
}

/** Four to seven round values that reach from below `least` to above `greatest`; round in powers of two for sizes. */
export function niceTicks(least: number, greatest: number, base: 1000 | 1024): number[] {
  const rough = (greatest - least) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    base === 1024
      ? 2 ** Math.ceil(Math.log2(rough))
      : power * ([1, 2, 5, 10].find((digit) => digit * power >= rough) ?? 10);
  const first = Math.floor(least / step);
  const count = Math.ceil(greatest / step) - first;
  return Array.from({ length: count + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
