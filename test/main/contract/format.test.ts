import { describe, expect, it } from 'vitest';
import {
  exactFigure,
  formatAligned,
  formatCount,
  formatDelta,
  formatFigure,
  formatPlural,
  formatRatio,
} from '../../../main/contract/format.ts';

describe('figures for people', () => {
  it.each([
    [5_312_345, 'ns', '5.31 ms'],
    [850, 'ns', '850 ns'],
    [850_400, 'ns', '850 µs'],
    [125e9, 'ns', '2 min 5 s'],
    [399_507_456, 'bytes', '381 MiB'],
    [1.25e9, 'bytes/s', '10 Gbit/s'],
    [41_234.4, 'pages/s', '41,234 pages/s'],
    [1_250_000, 'pages/s', '1.25M pages/s'],
    [1, 'pages', '1 page'],
    [2048, 'pages', '2,048 pages'],
    [1_234_567, 'count', '1,234,567'],
    [0.6321, 'ratio', '63.2%'],
    [1, 'ratio', '100%'],
    [40, 'percent', '40%'],
    [1.2999, 'factor', '1.3×'],
    [12.34, '1/s', '12.3/s'],
    [null, 'ns', '–'],
    [NaN, 'pages/s', '–'],
    [Infinity, 'pages/s', '∞'],
  ] as const)('%s in %s reads %s', (value, unit, text) => {
    expect(formatFigure(value, unit)).toBe(text);
  });

  it.each([
    [2_000_000, 'ns', '2.00 ms'],
    [2_100_000, 'ns', '2.10 ms'],
    [16e9, 'ns', '16.0 s'],
    [326e6, 'ns', '326 ms'],
    [850, 'ns', '850 ns'],
    [5, 'ns', '5 ns'],
    [0, 'ns', '0 ns'],
    [125e9, 'ns', '2 min 5 s'],
    [1024 ** 3, 'bytes', '1.00 GiB'],
    [1.25e9, 'bytes/s', '10.0 Gbit/s'],
    [3, 'pages', '3 pages'],
    [null, 'ns', '–'],
  ] as const)('in a column, %s in %s reads %s', (value, unit, text) => {
    expect(formatAligned(value, unit)).toBe(text);
  });

  it('keep every digit when copied', () => {
    expect(exactFigure(5_312_345, 'ns')).toBe('5312345 ns');
    expect(exactFigure(0.123456789, 'ratio')).toBe('0.123456789');
    expect(exactFigure(7, 'bytes/s')).toBe('7 B/s');
    expect(exactFigure(null, 'bytes')).toBe('');
  });

  it('count in groups of three, one by its own name', () => {
    expect(formatCount(41200)).toBe('41,200');
    expect(formatPlural(1, 'round')).toBe('1 round');
    expect(formatPlural(0, 'entry', 'entries')).toBe('0 entries');
  });

  it('say a difference with its sign', () => {
    expect(formatDelta(1_200_000, 'ns')).toBe('+1.2 ms');
    expect(formatDelta(-399_507_456, 'bytes')).toBe('−381 MiB');
    expect(formatDelta(0, 'pages')).toBe('±0');
    expect(formatDelta(-0.125, 'ratio')).toBe('−12.5 points');
    expect(formatDelta(null, 'ns')).toBe('–');
  });

  it('say a ratio as a change up to double, as a factor beyond', () => {
    expect(formatRatio(1.052)).toBe('+5.2%');
    expect(formatRatio(0.62)).toBe('−38%');
    expect(formatRatio(1)).toBe('±0%');
    expect(formatRatio(3.4)).toBe('3.4×');
    expect(formatRatio(null)).toBe('–');
    expect(formatRatio(Infinity)).toBe('–');
  });
});
