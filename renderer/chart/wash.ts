// The two phases behind a chart: a faint amber wash while the guest runs and the migration works, a dark band with its duration
// written in it while the guest stands still.
import { formatFigure } from '../../main/contract/format.ts';
import type { PhaseSpan } from './phases.ts';
import type { Span } from './span.ts';

export interface PhaseColours {
  readonly brownout: string;
  readonly blackout: string;
  readonly onBlackout: string;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** So short a blackout is still seen. */
const LEAST_PX = 2;

export interface WashPlace {
  /** In the canvas's own pixels. */
  readonly box: Box;
  readonly pixelRatio: number;
}

export function paintPhases(
  ctx: CanvasRenderingContext2D,
  phases: readonly PhaseSpan[],
  view: Span,
  { box, pixelRatio }: WashPlace,
  colours: PhaseColours,
): void {
  eachBand(ctx, phases, view, box, ({ kind }, left, right) => {
    const width = Math.max(right - left, kind === 'blackout' ? LEAST_PX * pixelRatio : 0);
    ctx.fillStyle = kind === 'blackout' ? colours.blackout : colours.brownout;
    ctx.fillRect(left, box.top, width, box.height);
  });
}

/** The durations of blackouts, over what was drawn meanwhile; upright where the band is narrow, none where it is a line. */
export function paintDurations(
  ctx: CanvasRenderingContext2D,
  phases: readonly PhaseSpan[],
  view: Span,
  { box, pixelRatio }: WashPlace,
  colours: PhaseColours,
  font: string,
): void {
  // uPlot keeps its own account of the canvas's state.
  ctx.save();
  ctx.font = font.replace(/^[\d.]+px/u, (size) => `${parseFloat(size) * pixelRatio}px`);
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'center';
  eachBand(ctx, phases, view, box, ({ kind, fromNs, toNs }, left, right) => {
    if (kind !== 'blackout') return;
    const text = formatFigure(toNs - fromNs, 'ns');
    const needed = ctx.measureText(text).width + 8 * pixelRatio;
    const upright = right - left < needed;
    if (upright && (right - left < 15 * pixelRatio || box.height < needed)) return;
    ctx.save();
    ctx.translate((left + right) / 2, upright ? box.top + box.height / 2 : box.top + 10 * pixelRatio);
    if (upright) ctx.rotate(-Math.PI / 2);
    ctx.fillStyle = colours.blackout;
    ctx.fillRect(-needed / 2, -7 * pixelRatio, needed, 14 * pixelRatio);
    ctx.fillStyle = colours.onBlackout;
    ctx.fillText(text, 0, 0);
    ctx.restore();
  });
  ctx.restore();
}

function eachBand(
  ctx: CanvasRenderingContext2D,
  phases: readonly PhaseSpan[],
  view: Span,
  box: Box,
  paint: (phase: PhaseSpan, left: number, right: number) => void,
): void {
  const perNs = box.width / Math.max(1e-9, view.toNs - view.fromNs);
  const end = box.left + box.width;
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();
  for (const phase of phases) {
    if (phase.toNs < view.fromNs || phase.fromNs > view.toNs) continue;
    const left = Math.max(box.left, box.left + (phase.fromNs - view.fromNs) * perNs);
    paint(phase, left, Math.min(end, box.left + (phase.toNs - view.fromNs) * perNs));
  }
  ctx.restore();
}
