// One scale for a whole axis, so that its ticks are short numbers and its unit is written once.
import type { SeriesInfo } from './runs.ts';

export interface AxisScale {
  /** Values are divided by it. */
  readonly factor: number;
  /** `Gbit/s`, `k pages/s`. */
  readonly unit: string;
}

const steps = (base: number, units: readonly string[]): readonly AxisScale[] =>
  units.map((unit, i) => ({ factor: base ** i, unit }));
const thousands = (unit: string): readonly AxisScale[] =>
  steps(
    1000,
    ['', 'k', 'M', 'G', 'T'].map((prefix) => (unit.startsWith('/') ? `${prefix}${unit}` : `${prefix} ${unit}`.trim())),
  );

/** The smallest first. Bytes per second are said in bits, as links are. */
export const SCALES: Readonly<Record<SeriesInfo['unit'], readonly AxisScale[]>> = {
  ns: [
    { factor: 1, unit: 'ns' },
    { factor: 1e3, unit: 'µs' },
    { factor: 1e6, unit: 'ms' },
    { factor: 1e9, unit: 's' },
  ],
  bytes: steps(1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']),
  'bytes/s': steps(1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']).map(({ factor, unit }) => ({
    factor: factor / 8,
    unit,
  })),
  pages: thousands('pages'),
  'pages/s': thousands('pages/s'),
  '1/s': thousands('/s'),
  ratio: [{ factor: 0.01, unit: '%' }],
  count: thousands(''),
};

/** The largest scale in which the greatest value is at least 1. */
export function axisScale(greatest: number, unit: SeriesInfo['unit']): AxisScale {
  const table = SCALES[unit];
  return table.findLast(({ factor }) => Math.abs(greatest) >= factor) ?? table[0]!;
}
