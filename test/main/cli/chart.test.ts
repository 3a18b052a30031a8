import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bars, columnPeaks, markLine, type ChartRow } from '../../../main/cli/chart.ts';

const row = (values: readonly number[]): ChartRow => ({
  toNs: Float64Array.from(values, (_, i) => (i + 1) * 10),
  greatest: Float64Array.from(values),
});

describe('a chart of blocks', () => {
  it('shows every peak: the greatest of its columns is the greatest of its values', () => {
    const value = fc.oneof(fc.nat(1000), fc.constant(NaN));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 2, maxLength: 200 }),
        fc.integer({ min: 1, max: 60 }),
        (values, columns) => {
          fc.pre(values.some((one) => !Number.isNaN(one)));
          const peaks = columnPeaks(row(values), 10, values.length * 10, columns);
          const greatest = (list: ArrayLike<number>): number =>
            Math.max(...Array.from(list).filter((one) => !Number.isNaN(one)));
          expect(greatest(peaks)).toBe(greatest(values));
        },
      ),
    );
  });

  it('draws a sample over the time since the one before', () => {
    expect([...columnPeaks(row([1, 2, 3]), 0, 30, 6)]).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('never draws something as nothing, nor nothing as something', () => {
    expect(bars(Float64Array.of(0, 0.001, 500, 1000, NaN), 1000)).toBe(' ▁▄█·');
    expect(bars(Float64Array.of(0, 0), 0)).toBe('  ');
  });

  it('names moments below their columns, and leaves out what has no room', () => {
    expect(markLine([{ timeNs: 50, text: '↑stop' }], 0, 100, 20)).toBe('          ↑stop');
    expect(markLine([{ timeNs: 100, text: '↑stop' }], 0, 100, 20)).toBe('               ↑stop');
    const both = [
      { timeNs: 52, text: '↑resume' },
      { timeNs: 50, text: '↑stop' },
    ];
    expect(markLine(both, 0, 100, 20)).toBe('          ↑stop');
  });
});
