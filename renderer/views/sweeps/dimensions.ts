// What an axis of a sweep's pictures can show: a field that is varied, or a figure that came of it.
import { formatFigure, type FigureUnit } from '../../../main/contract/format.ts';
import type { Better } from '../../../main/contract/pareto.ts';
import type { PointFigure, SweepPoint, SweptField, SweptKind } from '../../../main/contract/sweeps.ts';

export interface Dimension {
  /** Stable, for the address: the field's path or the figure's key. */
  readonly id: string;
  readonly label: string;
  readonly unit: FigureUnit;
  /** Null: neither end is better. */
  readonly better: Better | null;
  readonly isField: boolean;
  /** Null: not known (yet). Of values that are no numbers, their place among them. */
  readonly of: (point: SweepPoint) => number | null;
  readonly text: (point: SweepPoint) => string;
  /** The few values there are, in order; null where a scale is drawn. */
  readonly values: readonly { readonly at: number; readonly text: string }[] | null;
}

interface Figure {
  readonly key: PointFigure;
  readonly label: string;
  readonly unit: FigureUnit;
  readonly better: Better;
}

/** The first two are what a scatter shows first. */
const FIGURES: readonly Figure[] = [
  { key: 'downtimeNs', label: 'Downtime', unit: 'ns', better: 'least' },
  { key: 'bytesTotal', label: 'Bytes sent', unit: 'bytes', better: 'least' },
  { key: 'totalNs', label: 'Total time', unit: 'ns', better: 'least' },
  { key: 'pagesLost', label: 'Pages lost', unit: 'pages', better: 'least' },
  { key: 'pagesResent', label: 'Pages sent again', unit: 'pages', better: 'least' },
  { key: 'pagesNeedless', label: 'Pages sent needlessly', unit: 'pages', better: 'least' },
  { key: 'rounds', label: 'Rounds', unit: 'count', better: 'least' },
  { key: 'guestStallNs', label: 'Guest stalled', unit: 'ns', better: 'least' },
  { key: 'guestSpeed', label: 'Guest speed', unit: 'ratio', better: 'greatest' },
  { key: 'throttleMaxPercent', label: 'Strongest throttling', unit: 'percent', better: 'least' },
];

export const figureDimensions: readonly Dimension[] = FIGURES.map(({ key, label, unit, better }) => ({
  ...{ id: key, label, unit, better, isField: false, values: null },
  of: (point) => point.figures[key] ?? null,
  text: (point) => formatFigure(point.figures[key] ?? null, unit),
}));

const UNITS: Readonly<Record<SweptKind, FigureUnit>> = {
  size: 'bytes',
  pages: 'bytes',
  duration: 'ns',
  cost: 'ns',
  rate: 'bytes/s',
  'page-rate': 'pages/s',
  share: 'ratio',
  percent: 'percent',
  number: 'count',
  integer: 'count',
  switch: 'count',
  choice: 'count',
  text: 'count',
  group: 'count',
};

/** More values than this get a scale instead of a place each. */
const MAX_PLACES = 16;

export function fieldDimensions(fields: readonly SweptField[], points: readonly SweepPoint[]): Dimension[] {
  const named = fields.map(({ name, title, kind }, i): Dimension => {
    const texts = new Map<string, number | null>();
    for (const { written, numbers } of points) texts.set(written[i] ?? '', numbers[i] ?? null);
    const numeric = [...texts.values()].every((number) => number !== null);
    const order = [...texts].sort(([, a], [, b]) => (numeric ? a! - b! : 0)).map(([text]) => text);
    const place = new Map(order.map((text, at) => [text, at]));
    const asPlaces = !numeric || order.length <= MAX_PLACES;
    return {
      ...{ id: name, label: title, unit: UNITS[kind], better: null, isField: true },
      of: asPlaces ? (point) => place.get(point.written[i] ?? '') ?? null : (point) => point.numbers[i] ?? null,
      text: (point) => point.written[i] ?? '',
      values: asPlaces ? order.map((text, at) => ({ at, text })) : null,
    };
  });
  const seeds = [...new Set(points.map(({ seed }) => seed))].sort((a, b) => a - b);
  if (seeds.length < 2) return named;
  const place = new Map(seeds.map((seed, at) => [seed, at]));
  return [
    ...named,
    {
      ...{ id: 'seed', label: 'seed', unit: 'count', better: null, isField: true },
      of: ({ seed }) => (seeds.length <= MAX_PLACES ? (place.get(seed) ?? null) : seed),
      text: ({ seed }) => String(seed),
      values: seeds.length <= MAX_PLACES ? seeds.map((seed, at) => ({ at, text: String(seed) })) : null,
    },
  ];
}

/** Whether a point can be the best of anything: it completed and lost nothing. */
export const isSound = ({ status, outcome, figures }: SweepPoint): boolean =>
  status === 'done' && outcome === 'completed' && figures.pagesLost === 0;

/** Whether a point ended and has no such figure: a migration that did not complete has no downtime. */
export const isWithout = (point: SweepPoint, dimension: Dimension): boolean =>
  point.status === 'done' && dimension.of(point) === null;

/** `bandwidth 1Gbit/s, seed 2: downtime 8 ms`: a point in words. */
export function pointText(point: SweepPoint, dimensions: readonly Dimension[]): string {
  return dimensions.map((dimension) => `${dimension.label} ${dimension.text(point)}`).join(', ');
}
