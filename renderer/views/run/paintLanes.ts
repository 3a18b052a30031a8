// Draws lanes on a canvas: spans as boxes with their labels where these fit, moments as bars as high as the logarithm of how
// many there are.
import type { ChartColours } from '../../chart/chartColours.ts';
import type { PhaseSpan } from '../../chart/phases.ts';
import type { Span } from '../../chart/span.ts';
import { paintPhases } from '../../chart/wash.ts';
import { boxesOf, type LaneBox, type LaneSpan, type LaneTone, type MomentKind } from './lanes.ts';

export const LANE_PX = 20;
const FONT = '"Inter Variable", system-ui, sans-serif';

export interface PaintedLane {
  readonly id: string;
  readonly title: string;
  readonly spans?: readonly LaneSpan[];
  readonly kind?: MomentKind;
  readonly counts?: readonly number[];
}

export interface LanePlace {
  readonly view: Span;
  /** What the counts were made of, in so many stretches: an older view, until the new counts are there. */
  readonly counted: Span;
  readonly points: number;
  readonly phases: readonly PhaseSpan[];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly colours: ChartColours;
}

export function paintLanes(canvas: HTMLCanvasElement, lanes: readonly PaintedLane[], place: LanePlace): void {
  const { widthPx, heightPx, colours, phases, view } = place;
  const ratio = devicePixelRatio;
  canvas.width = Math.round(widthPx * ratio);
  canvas.height = Math.round(heightPx * ratio);
  const ctx = canvas.getContext('2d');
  if (ctx === null) return;
  paintPhases(
    ctx,
    phases,
    view,
    { box: { left: 0, top: 0, width: canvas.width, height: canvas.height }, pixelRatio: ratio },
    colours,
  );
  ctx.scale(ratio, ratio);
  ctx.font = `11px ${FONT}`;
  ctx.textBaseline = 'middle';
  for (const [i, lane] of lanes.entries()) {
    const top = i * LANE_PX;
    if (lane.kind === undefined) {
      for (const box of boxesOf(lane.spans ?? [], view, widthPx))
        paintBox(ctx, box, top, colours, lane.id === 'harvest');
    } else paintCounts(ctx, lane.kind, lane.counts ?? [], top, place);
  }
}

function styleOf(tone: LaneTone, colours: ChartColours): { fill: string; text: string; stroke: string } {
  switch (tone) {
    case 'phase':
    case 'running':
    case 'round':
      return { fill: colours.surface, text: colours.text, stroke: colours.series('--line-strong') };
    case 'harvest':
      return { fill: colours.accent, text: colours.surface, stroke: colours.accent };
    case 'precopy':
    case 'throttle':
      return { fill: colours.brownoutSolid, text: colours.series('--blackout'), stroke: colours.brownoutSolid };
    case 'p2p':
      return { fill: colours.muted, text: colours.surface, stroke: colours.muted };
    case 'stopped':
      return { fill: colours.blackout, text: colours.onBlackout, stroke: colours.series('--line-strong') };
    case 'idle':
      return { fill: colours.sunken, text: colours.muted, stroke: colours.line };
  }
}

function paintBox(
  ctx: CanvasRenderingContext2D,
  { left, right, span, count }: LaneBox,
  top: number,
  colours: ChartColours,
  quiet: boolean,
): void {
  const { fill, text, stroke } = styleOf(span.tone, colours);
  const width = Math.max(right - left, 1.5);
  ctx.globalAlpha = span.tone === 'throttle' ? 0.25 + 0.75 * span.strength : 1;
  ctx.fillStyle = width < 3 ? stroke : fill;
  ctx.fillRect(left, top + 3, width, LANE_PX - 6);
  ctx.globalAlpha = 1;
  if (width >= 3) {
    ctx.strokeStyle = stroke;
    ctx.lineWidth = 1;
    ctx.strokeRect(left + 0.5, top + 3.5, width - 1, LANE_PX - 7);
  }
  if (quiet || count > 1 || width < 12) return;
  // A label that begins before the view is still read at its edge.
  const room = width - 8;
  const label = fitted(ctx, span.label, room);
  if (label === '') return;
  ctx.fillStyle = span.tone === 'throttle' && span.strength < 0.5 ? colours.text : text;
  ctx.fillText(label, left + 5, top + LANE_PX / 2 + 0.5);
}

/** As much of a text as there is room for; none where that says nothing. */
function fitted(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  const short = text.length > 200 ? text.slice(0, 200) : text;
  if (ctx.measureText(short).width <= room) return short;
  let low = 0;
  let high = short.length;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (ctx.measureText(`${short.slice(0, middle)}…`).width <= room) low = middle;
    else high = middle - 1;
  }
  return low >= 3 ? `${short.slice(0, low)}…` : '';
}

const KIND_TOKEN: Readonly<Record<MomentKind, string>> = {
  'map-change': '--series-4',
  split: '--series-3',
  collapse: '--series-5',
  unmap: '--series-6',
  fault: '--series-2',
  loss: '--lost',
  error: '--bad',
  note: '--line-strong',
};

function paintCounts(
  ctx: CanvasRenderingContext2D,
  kind: MomentKind,
  counts: readonly number[],
  top: number,
  { view, counted, points, widthPx, colours }: LanePlace,
): void {
  const greatest = counts.reduce((most, count) => Math.max(most, count), 0);
  if (greatest === 0) return;
  ctx.fillStyle = colours.series(KIND_TOKEN[kind]);
  const perNs = widthPx / Math.max(1e-9, view.toNs - view.fromNs);
  const each = (counted.toNs - counted.fromNs) / points;
  for (const [i, count] of counts.entries()) {
    if (count === 0) continue;
    const left = (counted.fromNs + i * each - view.fromNs) * perNs;
    const width = Math.max(2, each * perNs);
    if (left > widthPx || left + width < 0) continue;
    const share = greatest === 1 ? 0.75 : 0.3 + (0.7 * Math.log(count)) / Math.log(greatest);
    const high = (LANE_PX - 5) * (greatest === 1 ? 0.75 : share);
    ctx.fillRect(left, top + LANE_PX - 2 - high, width, high);
  }
}
