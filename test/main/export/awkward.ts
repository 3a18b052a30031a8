// Runs whose values, names and lengths a format is likely to get wrong, and what was put into them.
import fc from 'fast-check';
import type { RunEvent, RunHead, SeriesInfo } from '../../../engine/experiment/result.ts';
import type { Store } from '../../../main/store/store.ts';
import { aSummary } from '../store/aRun.ts';

export interface Awkward {
  readonly name: string;
  readonly series: readonly SeriesInfo[];
  readonly times: Float64Array;
  readonly columns: readonly Float64Array[];
  readonly events: readonly RunEvent[];
}

/** Doubles as they are likely to be confused: zeros of both signs, the unknown, subnormals, the largest, long fractions. */
export const awkwardDouble = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(0, -0, NaN, 1, 0.1, 1 / 3, 5e-324, -5e-324, 2 ** 53, 1.7976931348623157e308),
  },
  { weight: 2, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.maxSafeInteger() },
);

export const awkwardText = fc.oneof(
  fc.constantFrom(
    '=1+1',
    '@SUM(A1)',
    '+49',
    '-x',
    '\ttab',
    'a,b',
    'say "x"',
    'line\r\nbreak',
    '',
    'ß ∂ 你 🚚',
    '\u202egnp',
  ),
  fc.string({ maxLength: 20 }),
);

const UNITS = ['pages/s', 'pages', 'bytes', 'ratio', 'ns'] as const;

export const awkwardRun: fc.Arbitrary<Awkward> = fc
  .record({
    name: awkwardText,
    ids: fc.array(awkwardText, { maxLength: 4 }),
    rows: fc.nat(40),
    kinds: fc.constantFrom('rate' as const, 'level' as const, 'total' as const),
    gaps: fc.array(fc.nat(5_000_000_000), { minLength: 40, maxLength: 40 }),
    events: fc.array(
      fc.record({
        timeNs: fc.oneof(fc.nat(40), fc.nat(1_000_000_000)),
        durationNs: fc.oneof(fc.constant(0), fc.nat(20), fc.nat(500_000_000)),
        kind: fc.constantFrom('phase' as const, 'round' as const, 'device-state' as const, 'loss' as const),
        text: awkwardText,
        // Mostly none, so that spans of one track meet.
        source: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: awkwardText }),
        detail: fc.dictionary(
          fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
          awkwardDouble,
        ),
      }),
      { maxLength: 30 },
    ),
  })
  .chain(({ name, ids, rows, kinds, gaps, events }) =>
    fc
      .array(fc.array(awkwardDouble, { minLength: rows, maxLength: rows }), {
        minLength: ids.length,
        maxLength: ids.length,
      })
      .map((columns): Awkward => {
        let time = 0;
        return {
          name,
          series: ids.map((id, i) => ({ id, label: `label ${id}`, unit: UNITS[i % UNITS.length]!, kind: kinds })),
          times: Float64Array.from(gaps.slice(0, rows), (gap) => (time += gap)),
          columns: columns.map((column) => Float64Array.from(column)),
          events: events.map(({ source, ...event }) => (source === undefined ? event : { ...event, source })),
        };
      }),
  );

/** In chunks of `piece` samples, each written to the store by itself. */
export function keep(store: Store, { name, series, times, columns, events }: Awkward, piece = 7): number {
  const head: RunHead = {
    source: { kind: 'sim', text: 'simulation' },
    engineVersion: '0.1.0',
    seed: 7,
    samplingNs: 10_000_000,
    series,
  };
  const writer = store.begin({ name, tags: [], experiment: 'name: x\n', fileName: 'x.yaml', head });
  for (let first = 0; first < times.length; first += piece) {
    const cut = (values: Float64Array): Float64Array => values.slice(first, first + piece);
    const timesNs = cut(times);
    writer.samples({ firstIndex: first, count: timesNs.length, timesNs, columns: columns.map(cut) });
    writer.flush();
  }
  for (const event of events) writer.event(event);
  writer.finish(aSummary(), [], 'abc');
  return writer.id;
}

/** The bits of each double; NaN of any kind as one. */
export function bits(values: Iterable<number | null | undefined>): string[] {
  return Array.from(values, (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return 'unknown';
    return new BigUint64Array(Float64Array.of(value).buffer)[0]!.toString(16);
  });
}
