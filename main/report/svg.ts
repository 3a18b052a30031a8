// A chart as SVG: what a reader without scripts and the PDF see. Least and greatest of each column of pixels, so that no spike is
// missing; presentation attributes and classes only, since the page's policy forbids inline styles.
import { formatDuration } from '../../engine/core/units.ts';
import { axisScale } from '../contract/axisScale.ts';
import { formatFigure } from '../contract/format.ts';
import type { Chart, Line } from './charts.ts';
import { html } from './escape.ts';

const WIDTH = 880;
const HEIGHT = 200;
const LEFT = 104;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;
const MOST_STEPS = 5;
/** Dashes of the identities, as the window has them (a test holds the two together). */
export const DASHES: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [4, 2],
  [12, 4],
  [1, 3],
  [6, 2, 2, 2, 2, 2],
];
export const COLOURS = 8;

export function lookOf(identity: number): { readonly colour: number; readonly dash: readonly number[] } {
  // Lines that belong to no source are neutral.
  if (identity < 0) return { colour: COLOURS, dash: DASHES[(-identity - 1) % DASHES.length]! };
  const round = Math.floor(identity / COLOURS);
  return { colour: (identity % COLOURS) + 1, dash: DASHES[(identity + round) % DASHES.length]! };
}

export interface Extent {
  readonly fromNs: number;
  readonly toNs: number;
  readonly greatest: number;
}

export function extentOf({ lines }: Chart): Extent {
  let [fromNs, toNs, greatest] = [Infinity, -Infinity, 0];
  for (const { timesNs, values } of lines) {
    fromNs = Math.min(fromNs, timesNs[0] ?? Infinity);
    toNs = Math.max(toNs, timesNs.at(-1) ?? -Infinity);
    for (const value of values) if (value > greatest && value < Infinity) greatest = value;
  }
  return { fromNs, toNs: toNs > fromNs ? toNs : fromNs + 1, greatest: greatest > 0 ? greatest : 1 };
}

export function chartSvg(chart: Chart): string {
  const extent = extentOf(chart);
  const ticks = valueTicks(extent.greatest, chart.unit);
  const top = ticks.at(-1)!;
  const x = (timeNs: number): number =>
    LEFT + ((timeNs - extent.fromNs) / (extent.toNs - extent.fromNs)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (Math.min(value, top) / top) * (HEIGHT - TOP - BOTTOM);
  const parts = [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${html(chart.title)}">`,
    ...washes(chart, x),
    ...ticks.map((value) => {
      const at = y(value).toFixed(1);
      const label = formatFigure(value, chart.unit);
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text class="tick" x="${LEFT - 6}" y="${Number(at) + 3.5}" text-anchor="end">${html(label)}</text>`;
    }),
    ...timeTicks(extent).map(
      (at) =>
        `<text class="tick" x="${x(at).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="middle">${html(timeText(at))}</text>`,
    ),
    ...chart.lines.map((line) => path(line, x, y, chart.lines.length)),
    '</svg>',
  ];
  return parts.join('');
}

const timeText = (ns: number): string => (ns === 0 ? '0' : formatDuration(ns).replace(/(\d)(?=[a-zµ])/gu, '$1 '));

function washes({ phases }: Chart, x: (timeNs: number) => number): string[] {
  if (phases === null) return [];
  const { startNs, stopNs, endNs } = phases;
  const rect = (name: string, fromNs: number, toNs: number, least: number): string =>
    `<rect class="${name}" x="${x(fromNs).toFixed(1)}" y="${TOP}" width="${Math.max(least, x(toNs) - x(fromNs)).toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}"/>`;
  return [
    rect('brownout', startNs, stopNs ?? endNs, 0),
    ...(stopNs === null ? [] : [rect('blackout', stopNs, endNs, 1.5)]),
  ];
}

/** At most two points for each column of pixels. */
function path(
  { timesNs, values, identity }: Line,
  x: (t: number) => number,
  y: (v: number) => number,
  of: number,
): string {
  const { colour, dash } = lookOf(identity);
  const perColumn = of > 8 ? 2 : 1;
  const steps: string[] = [];
  let pen = false;
  const point = (at: number, value: number): void => {
    steps.push(`${pen ? 'L' : 'M'}${at.toFixed(1)} ${y(value).toFixed(1)}`);
    pen = true;
  };
  for (let i = 0; i < values.length;) {
    const column = Math.floor(x(timesNs[i]!) / perColumn);
    let [least, greatest, end] = [NaN, NaN, i];
    for (; end < values.length && Math.floor(x(timesNs[end]!) / perColumn) === column; end++) {
      const value = values[end]!;
      if (Number.isNaN(value)) continue;
      if (!(value >= least)) least = value;
      if (!(value <= greatest)) greatest = value;
    }
    const at = x(timesNs[i]!);
    if (Number.isNaN(least)) pen = false;
    else {
      point(at, least);
      if (greatest > least) point(at, greatest);
    }
    i = end;
  }
  const dashes = dash.length === 0 ? '' : ` stroke-dasharray="${dash.join(' ')}"`;
  return `<path class="line s${colour}"${dashes} d="${steps.join('')}"/>`;
}

/** 1, 2, 2.5, 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.999) ?? 10) * power;
}

/** From 0 to the first that is not below the greatest value, in steps that are short numbers in the unit that labels have. */
function valueTicks(greatest: number, unit: Chart['unit']): number[] {
  const { factor } = axisScale(greatest, unit);
  const step = niceCeiling(greatest / factor / MOST_STEPS) * factor;
  const count = Math.max(1, Math.ceil((greatest * 0.999) / step));
  return Array.from({ length: count + 1 }, (_, i) => i * step);
}

function timeTicks({ fromNs, toNs }: Extent): number[] {
  const step = niceCeiling((toNs - fromNs) / 8);
  const first = Math.ceil(fromNs / step);
  const ticks: number[] = [];
  for (let i = first; i * step <= toNs - (toNs - fromNs) * 0.02; i++) ticks.push(i * step);
  return ticks;
}
