import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as units from '../../../engine/core/units.ts';
import { GIB, KIB, MIB, TIB } from '../../../engine/core/units.ts';

describe('a size', () => {
  it.each([
    ['16GiB', 16 * GIB],
    ['4KiB', 4 * KIB],
    ['1.5 MiB', 1.5 * MIB],
    ['2TiB', 2 * TIB],
    ['1.1MB', 1_100_000],
    ['1kB', 1_000],
    ['7B', 7],
    ['0', 0],
    ['0B', 0],
    ['3 pages', 12_288],
    [' 8GB ', 8e9],
  ])('%s is %d bytes', (text, bytes) => {
    expect(units.parseSize(text)).toBe(bytes);
  });

  it.each([
    ['16G', 'write GiB (powers of 1,024) or GB (powers of 1,000)'],
    ['16gb', 'write GiB (powers of 1,024) or GB (powers of 1,000)'],
    ['16gib', 'write GiB'],
    ['4KB', 'write KiB (powers of 1,024) or kB (powers of 1,000)'],
    ['4k', 'write KiB (powers of 1,024) or kB (powers of 1,000)'],
    ['16Gi', 'write GiB'],
    ['12bytes', 'write B'],
    ['12 Pages', 'write pages'],
    ['1Gbit', 'a size is in bytes'],
    ['1GB/s', 'that is a rate'],
    ['16', 'it has no unit; write for example 16GiB'],
    ['', 'it is empty'],
    ['-1MiB', 'it is negative'],
    ['1,000B', 'without separators'],
    ['1e3B', 'without an exponent'],
    ['0x1000', 'decimal digits'],
    ['.5GiB', 'write a number and a unit'],
    ['1.GiB', 'write a number and a unit'],
    ['lots', 'write a number and a unit'],
    ['1 2GiB', 'write a number and a unit'],
    ['0.3B', 'it comes to 0.3 bytes, which is not whole'],
    ['9PiB', 'larger than 2^53'],
    ['5ms', 'is no unit of it'],
  ])('%s is refused: %s', (text, why) => {
    expect(() => units.parseSize(text)).toThrow(units.UnitError);
    expect(() => units.parseSize(text)).toThrow(why);
  });

  it('reads back as it was spelled', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.nat(22), (mantissa, shift) => {
        const bytes = mantissa * 2 ** shift;
        expect(units.parseSize(units.spellSize(bytes))).toBe(bytes);
      }),
    );
    expect([units.spellSize(16 * GIB), units.spellSize(4097), units.spellSize(0)]).toEqual(['16GiB', '4097B', '0B']);
  });

  it('is shown with three digits, in the unit that keeps it short', () => {
    const shown = [0, 1, 1023, 1024, 1536, 1024 * 1023.9, MIB, 15.94 * GIB, 1000 * GIB].map(units.formatSize);
    expect(shown).toEqual(['0B', '1B', '1023B', '1KiB', '1.5KiB', '1MiB', '1MiB', '15.9GiB', '1000GiB']);
  });
});

describe('a number of pages', () => {
  it('is said in pages or as a size that is whole pages', () => {
    expect(units.parsePages('130560 pages')).toBe(130_560);
    expect(units.parsePages('16GiB')).toBe(4 * MIB);
    expect(() => units.parsePages('5000B')).toThrow('the size is no multiple of 4KiB; the nearest is 4KiB');
    expect(() => units.parsePages('5kB')).toThrow('no multiple of 4KiB');
  });
});

describe('a rate', () => {
  it.each([
    ['25Gbit/s', { bytesPerSecond: 3_125_000_000 }],
    ['80MB/s', { bytesPerSecond: 80_000_000 }],
    ['128 MiB/s', { bytesPerSecond: 128 * MIB }],
    ['1bit/s', { bytesPerSecond: 0.125 }],
    ['20000pages/s', { pagesPerSecond: 20_000 }],
    ['0.5 pages/s', { pagesPerSecond: 0.5 }],
    ['0', { bytesPerSecond: 0 }],
  ])('%s is %o', (text, rate) => {
    expect(units.parseRate(text)).toEqual(rate);
  });

  it.each([
    ['25Gb/s', 'write Gbit/s (bits) or GB/s (bytes)'],
    ['25Gbps', 'write Gbit/s (bits) or GB/s (bytes)'],
    ['25Gbits/s', 'write Gbit/s (bits) or GB/s (bytes)'],
    ['25gbit/s', 'write Gbit/s (bits) or GB/s (bytes)'],
    ['80mbps', 'write Mbit/s (bits) or MB/s (bytes)'],
    ['80MB', 'a rate is per second: write MB/s'],
    ['80MB/sec', 'write MB/s'],
    ['80M/s', 'write MiB/s (powers of 1,024) or MB/s (powers of 1,000)'],
    ['100', 'it has no unit'],
    ['100 pages', 'write pages/s'],
    ['-3MB/s', 'it is negative'],
  ])('%s is refused: %s', (text, why) => {
    expect(() => units.parseRate(text)).toThrow(why);
  });

  it('is shown in bytes, in bits or in pages', () => {
    expect(units.formatRate(3.125e9)).toBe('3.13GB/s');
    expect(units.formatRate(3.125e9, { inBits: true })).toBe('25Gbit/s');
    expect([units.formatPageRate(20_000), units.formatPageRate(1_250_000)]).toEqual(['20000 pages/s', '1.25M pages/s']);
  });
});

describe('a duration', () => {
  it.each([
    ['300ms', 300_000_000],
    ['1.5s', 1_500_000_000],
    ['2us', 2_000],
    ['2µs', 2_000],
    ['2μs', 2_000],
    ['10ns', 10],
    ['2 min', 120_000_000_000],
    ['1h', 3_600_000_000_000],
    ['0', 0],
  ])('%s is %d ns', (text, ns) => {
    expect(units.parseDuration(text)).toBe(ns);
  });

  it.each([
    ['5m', 'write min (minutes) or ms (milliseconds)'],
    ['3d', 'a day is 24h'],
    ['3sec', 'write s'],
    ['3 seconds', 'write s'],
    ['3 milliseconds', 'write ms'],
    ['3msec', 'write ms'],
    ['3hours', 'write h'],
    ['3minutes', 'write min'],
    ['0.5ns', 'which is not whole'],
    ['300', 'it has no unit'],
    ['-1s', 'it is negative'],
  ])('%s is refused: %s', (text, why) => {
    expect(() => units.parseDuration(text)).toThrow(why);
  });

  it('reads back as it was spelled', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.constantFrom(1, 1_000, 1_000_000), (mantissa, factor) => {
        expect(units.parseDuration(units.spellDuration(mantissa * factor))).toBe(mantissa * factor);
      }),
    );
    expect([units.spellDuration(300e6), units.spellDuration(90e9), units.spellDuration(0)]).toEqual([
      '300ms',
      '90s',
      '0ns',
    ]);
  });

  it('is shown as people say it', () => {
    const shown = [0, 999, 1_000, 300e6, 999.9e6, 1.25e9, 119e9, 120e9, 125e9, 3600e9, 7380e9, Infinity];
    expect(shown.map(units.formatDuration)).toEqual([
      '0ns',
      '999ns',
      '1µs',
      '300ms',
      '1s',
      '1.25s',
      '119s',
      '2min',
      '2min 5s',
      '60min',
      '2h 3min',
      'never',
    ]);
  });
});

describe('a percentage', () => {
  it('is a ratio, at most 100% unless more is allowed', () => {
    expect(units.parsePercentage('60%')).toBe(0.6);
    expect(units.parsePercentage('0.1%')).toBe(0.001);
    expect(units.parsePercentage('150 %', 200)).toBe(1.5);
    expect(() => units.parsePercentage('101%')).toThrow('at most 100%');
    expect(() => units.parsePercentage('0.6')).toThrow('it has no unit');
    expect(() => units.parsePercentage('60 percent')).toThrow('write for example 60%');
    expect(units.formatPercentage(0.6)).toBe('60%');
    expect(units.formatPercentage(0.00125, 3)).toBe('0.125%');
  });
});

it('any text is a quantity or a UnitError, never another failure and never NaN', () => {
  const parsers = [units.parseSize, units.parsePages, units.parseDuration, units.parsePercentage];
  const text = fc.oneof(
    fc.string(),
    fc.tuple(fc.double({ min: 0, noNaN: true }), fc.string({ maxLength: 6 })).map(([n, rest]) => `${n}${rest}`),
    fc
      .tuple(fc.nat(), fc.constantFrom('B', 'GiB', 'ms', '%', 'bit/s', 'pages', 'PB', 'h'))
      .map(([n, rest]) => `${n} ${rest}`),
  );
  fc.assert(
    fc.property(text, fc.constantFrom(...parsers), (input, parser) => {
      try {
        const value: number = parser(input);
        expect(value >= 0 && value <= Number.MAX_SAFE_INTEGER).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(units.UnitError);
      }
    }),
    { numRuns: 2_000 },
  );
});
